"""Verbs that lead to other tools: env, kubectl."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
from pathlib import Path

from invoke.exceptions import Exit

from allup import AllupError, InputError
from tasks.output import say
from tasks.preparing import Prepared, prepare
from tasks.remainder import remainder
from tasks.verb import Call


def env(call: Call) -> None:
    """Exports for a shell, to be evaluated by it."""
    prepared = prepare(call)
    from tasks import exporting

    own = exports(_kubeconfig(prepared), prepared.target.context, prepared.platform.namespace)
    say("\n".join((own, *exporting.lines(prepared))))


def exports(kubeconfig: str, context: str, namespace: str) -> str:
    """Lines for a POSIX shell: KUBECONFIG, ALLUP_CONTEXT, ALLUP_NAMESPACE, and kubectl for them as ``kr``.

    kubectl takes a list of kubeconfigs in its variable only, never in its flag.
    """
    flags = ["--context", context, "--namespace", namespace]
    command = ["kubectl", "--kubeconfig", kubeconfig, *flags]
    if os.pathsep in kubeconfig:
        command = ["env", f"KUBECONFIG={kubeconfig}", "kubectl", *flags]
    return "\n".join(
        (
            f"export KUBECONFIG={shlex.quote(kubeconfig)}",
            f"export ALLUP_CONTEXT={shlex.quote(context)}",
            f"export ALLUP_NAMESPACE={shlex.quote(namespace)}",
            f"alias kr={shlex.quote(shlex.join(command))}",
        )
    )


def kubectl(call: Call) -> None:
    """kubectl, on the cluster and in the namespace that are meant."""
    words = remainder()
    if not words:
        raise InputError(
            "kubectl", "what shall it do?", next_step=f"inv {call.platform.collection}.kubectl -- get pods"
        )
    prepared = prepare(call)
    found = shutil.which("kubectl")
    if found is None:
        raise AllupError(
            "kubectl", "is not on this machine's PATH", next_step="Install it; nothing else here needs it"
        )
    session = prepared.session  # another cluster of the same name is refused here
    session.stop.set()
    flags = ["--context", prepared.target.context, "--namespace", prepared.platform.namespace]
    ended = subprocess.run(
        [found, *flags, *words], env={**os.environ, "KUBECONFIG": _kubeconfig(prepared)}, check=False
    )
    if ended.returncode:
        raise Exit(code=ended.returncode if ended.returncode > 0 else 128 - ended.returncode)


def _kubeconfig(prepared: Prepared) -> str:
    parts = prepared.target.kubeconfig.split(os.pathsep)
    return os.pathsep.join(str(Path(part).expanduser().absolute()) for part in parts if part)
