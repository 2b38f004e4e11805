"""Does the credential plugin of a kubeconfig's user really work? It is run as kubectl would run it.

The client library only logs a plugin that fails and goes on as anonymous, so its answers are judged here
(ExecCredential, ``client.authentication.k8s.io/v1`` and ``v1beta1``).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from allup.commands import Command, Ended
from allup.fields import items, section, text
from allup.providers.tools import install_hint
from allup.sandbox.doctor import Finding

NAME = "credentials"
_VERSIONS = ("client.authentication.k8s.io/v1", "client.authentication.k8s.io/v1beta1")
_PATIENCE = 30.0
_LOGINS = {
    "gke-gcloud-auth-plugin": "gcloud auth login",
    "gcloud": "gcloud auth login",
    "aws": "aws sso login, or aws configure",
    "aws-iam-authenticator": "aws sso login, or aws configure",
    "kubelogin": "kubelogin convert-kubeconfig, az login",
}


@dataclass(frozen=True)
class Plugin:
    """The ``exec`` of a user: *folder* is where its kubeconfig is, *cluster* what it says of the server."""

    spec: Mapping[str, Any]
    folder: Path
    cluster: Mapping[str, Any]

    @property
    def program(self) -> str:
        """What it is called in the kubeconfig."""
        return text(self.spec, "command")

    @property
    def version(self) -> str:
        """The apiVersion that it is to answer in."""
        return text(self.spec, "apiVersion")

    def command(self) -> Command:
        """What runs it, without a terminal. A relative path with a slash is relative to the kubeconfig."""
        program = self.program
        if "/" in program and not program.startswith("/"):
            program = str(self.folder / program)
        spec: dict[str, Any] = {"interactive": False}
        if self.spec.get("provideClusterInfo"):
            told = ("server", "certificate-authority-data", "tls-server-name", "insecure-skip-tls-verify")
            spec["cluster"] = {key: self.cluster[key] for key in told if key in self.cluster}
        info = {"kind": "ExecCredential", "apiVersion": self.version, "spec": spec}
        environ = {text(entry, "name"): text(entry, "value") for entry in items(self.spec, "env")}
        words = tuple(str(word) for word in self.spec.get("args") or ())
        return Command(
            (program, *words),
            environ={**environ, "KUBERNETES_EXEC_INFO": json.dumps(info)},
            patience=_PATIENCE,
        )


def missing(plugin: Plugin, platform: str) -> Finding:
    """There is no such program."""
    name = Path(plugin.program).name
    hint = " ".join(text(plugin.spec, "installHint").split())[:300]
    remedy = hint or install_hint(name, platform)
    return Finding(NAME, "fail", f"the credential plugin {plugin.program} is not on this machine", remedy)


def judge(plugin: Plugin, ended: Ended, now: datetime) -> Finding:
    """What the plugin's answer is good for. Its standard output holds a token and is shown nowhere."""
    name = Path(plugin.program).name
    login = _LOGINS.get(name, "Run it by hand, or renew your login")
    if plugin.version not in _VERSIONS:
        fact = f"{name} is to answer as {plugin.version or 'nothing'}, which kubectl does not take any more"
        return Finding(NAME, "fail", fact, "Write the kubeconfig anew with the cloud's own tool")
    if ended.code:
        said = " ".join(ended.err.split())[-300:]
        return Finding(NAME, "fail", f"{name} failed ({ended.code}): {said or 'it said nothing'}", login)
    try:
        answer = json.loads(ended.out)
    except ValueError:
        return Finding(
            NAME, "fail", f"{name} did not answer with JSON", "Run it by hand to see what it prints"
        )
    if not isinstance(answer, Mapping) or answer.get("kind") != "ExecCredential":
        return Finding(NAME, "fail", f"{name} did not answer with an ExecCredential", "Install a newer one")
    if answer.get("apiVersion") != plugin.version:
        fact = f"{name} answers as {answer.get('apiVersion')}, the kubeconfig asks for {plugin.version}"
        return Finding(NAME, "fail", fact, "Write the kubeconfig anew with the cloud's own tool")
    status = section(answer, "status")
    certificate = status.get("clientCertificateData") and status.get("clientKeyData")
    if not status.get("token") and not certificate:
        return Finding(NAME, "fail", f"{name} gave neither a token nor a certificate", login)
    ends = _moment(text(status, "expirationTimestamp"))
    if ends is not None and ends <= now:
        return Finding(
            NAME, "fail", f"{name} gave credentials that ended at {ends:%Y-%m-%d %H:%M} UTC", login
        )
    what = "a token" if status.get("token") else "a certificate"
    until = f" until {ends:%H:%M} UTC" if ends is not None else ""
    if plugin.version == _VERSIONS[0] and not plugin.spec.get("interactiveMode"):
        fact = f"{name} gives {what}, but kubectl refuses this kubeconfig: it names no interactiveMode"
        return Finding(NAME, "warn", fact, "Add interactiveMode: IfAvailable to the user's exec")
    return Finding(NAME, "ok", f"{name} gives {what}{until}")


def _moment(written: str) -> datetime | None:
    try:
        return datetime.fromisoformat(written)
    except ValueError:
        return None
