"""inv cluster.*: clusters of every provider, and which one is meant."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from invoke.collection import Collection
from invoke.context import Context
from invoke.tasks import task

from tasks.cluster_views import VIEWS, WHICH
from tasks.edge import edge
from tasks.optional import OptionalArgument

CHECKOUT = Path(__file__).resolve().parent.parent


@task(
    auto_shortflags=False,
    iterable=["insecure_registry"],
    help={
        **WHICH,
        "nodes": "how many; sandbox: simulated (default: 2), or real for one that runs containers",
        "workers": "how many nodes run containers, 1 to 4 (sandbox, with --nodes real; default: 1)",
        "driver": "minikube's driver, such as docker or kvm2",
        "cpus": "CPUs of a node (minikube)",
        "memory": "memory of a node, such as 8g (minikube)",
        "addons": "addons to enable, between commas (minikube)",
        "mount": "SOURCE:TARGET, a folder that its nodes shall see (minikube, kind; when it is made)",
        "kubernetes-version": "such as v1.34.0 (minikube, kind)",
        "container-runtime": "docker, containerd or cri-o (minikube; default: docker)",
        "cni": "network plugin (minikube); false for none (kind too)",
        "insecure-registry": "a registry without TLS; may be repeated (minikube)",
    },
)
@edge
def up(
    c: Context,
    provider: str | None = None,
    name: str | None = None,
    profile: str | None = None,
    nodes: str | None = None,
    workers: str | None = None,
    driver: str | None = None,
    cpus: str | None = None,
    memory: str | None = None,
    addons: str | None = None,
    mount: str | None = None,
    kubernetes_version: str | None = None,
    container_runtime: str | None = None,
    cni: str | None = None,
    insecure_registry: list[str] | None = None,
) -> None:
    """Bring a cluster up: by default the sandbox, a real control plane with simulated nodes, no Docker.

    What runs already is left alone, what was stopped or died is started again. The sandbox's tools are built
    the first time, which takes minutes. What stands behind -- goes to the provider's own create or start.

    Example: inv cluster.up --provider minikube --profile dev --cpus 4 --memory 8g --addons ingress
    """
    from allup.providers.interface import Wanted
    from tasks import providing
    from tasks.preparing import names
    from tasks.remainder import remainder

    wanted = Wanted(
        driver=driver,
        cpus=cpus,
        memory=memory,
        nodes=nodes,
        workers=workers,
        addons=names(addons),
        mount=mount,
        kubernetes_version=kubernetes_version,
        container_runtime=container_runtime,
        cni=cni,
        insecure_registries=tuple(insecure_registry or ()),
        more=remainder(),
    )
    providing.up(providing.chosen(provider, name, profile), wanted)


@task(auto_shortflags=False, help=WHICH)
@edge
def down(
    c: Context, provider: str | None = None, name: str | None = None, profile: str | None = None
) -> None:
    """Stop a cluster and keep what is in it; inv cluster.up brings it back.

    Example: inv cluster.down
    """
    from tasks import providing

    providing.down(providing.chosen(provider, name, profile))


@task(auto_shortflags=False, help={**WHICH, "yes": "do not ask (a sandbox never asks)"})
@edge
def delete(
    c: Context,
    provider: str | None = None,
    name: str | None = None,
    profile: str | None = None,
    yes: bool = False,
) -> None:
    """Stop a cluster and destroy everything in it.

    Example: inv cluster.delete --name try
    """
    from tasks import providing

    providing.delete(providing.chosen(provider, name, profile), yes)


@task(
    klass=OptionalArgument,
    auto_shortflags=False,
    positional=["context"],
    help={
        "context": "a context of the kubeconfig, or a sandbox",
        "kubeconfig": "the kubeconfig that has it (default: KUBECONFIG, ~/.kube/config)",
        "forget": "no cluster is chosen any more",
        **WHICH,
    },
)
@edge
def use(
    c: Context,
    context: str = "",
    kubeconfig: str | None = None,
    forget: bool = False,
    provider: str | None = None,
    name: str | None = None,
    profile: str | None = None,
) -> None:
    """Choose the cluster that every task of this checkout goes to, until another is chosen.

    Its fingerprint is stored with it: another cluster of the same name is refused.

    Example: inv cluster.use allup-sandbox
    """
    from allup.errors import InputError
    from tasks import where

    if forget:
        where.choice_file().unlink(missing_ok=True)
        _say("No cluster is chosen.")
        return
    if name and (provider, profile, context) == (None, None, ""):
        context, name = name, None  # what --name alone has always meant here
    if (provider, name, profile) != (None, None, None):
        if context:
            raise InputError("cluster.use", f"either {context!r} or a provider's cluster, not both")
        from tasks import providing

        chosen = providing.choose(providing.chosen(provider, name, profile))
    elif context:
        known = {s.name: s.context for s in where.sandboxes()}
        given = {"context": known.get(context, context), "kubeconfig": kubeconfig}
        chosen = where.choose(where.target(given, where.allowed()))
    else:
        raise InputError(
            "cluster.use", "which one?", next_step="Name a context; inv cluster.list lists clusters"
        )
    _say(f"{chosen.context} is the cluster of this checkout now.")
    if not chosen.fingerprint:
        _say("It has no fingerprint: another cluster of that name would not be noticed.")
    elif chosen.fingerprint.startswith("ca:"):
        _say("Its kube-system may not be read, so it is known by its certificate authority.")


@task(
    auto_shortflags=False,
    help={
        "context": "the cluster: a context of the kubeconfig",
        "kubeconfig": "the kubeconfig that has the context (default: KUBECONFIG, ~/.kube/config)",
        "admin": "a login with every right instead of one that reads; asks, off the sandbox",
        "token": "print the token to standard output alone, instead of writing it to a file",
        "background": "go on in the background",
        "port": "the port on this machine (default: 4466)",
        "own": "install ours even where another dashboard is",
        "down": "remove the dashboard, its accounts and so every token",
        "yes": "do not ask",
    },
)
@edge
def dashboard(
    c: Context,
    context: str | None = None,
    kubeconfig: str | None = None,
    admin: bool = False,
    token: bool = False,
    background: bool = False,
    port: str | None = None,
    own: bool = False,
    down: bool = False,
    yes: bool = False,
) -> None:
    """Open a dashboard of the cluster, with a login: the one that is there, else Headlamp, installed now.

    The login reads, but no Secrets and no RBAC, for 8 hours. Until Ctrl-C, or in the background.

    Example: inv cluster.dashboard --context staging
    """
    from tasks import dashboard as body

    where = {"context": context, "kubeconfig": kubeconfig}
    if down:
        body.remove(c, where)
        return
    number = _number("--port", port)
    asked = body.Asked(admin, token, background, body.PORT if number is None else number, own, yes)
    body.show(c, where, asked)


@task(auto_shortflags=False, help={"nodes": "real: what a real node runs too"})
@edge
def build(c: Context, nodes: str | None = None) -> None:
    """Build the tools of the sandbox now; inv cluster.up would do it when needed.

    Example: inv cluster.build
    """
    from allup.errors import InputError
    from allup.sandbox import build_tools
    from tasks import providing

    if nodes not in (None, "real"):
        raise InputError("--nodes", f"{nodes!r} changes nothing that is built; only real does")
    if nodes:
        from allup.sandbox.node import requirements

        requirements.check(os.environ)
    with providing.progress() as progress:
        build_tools(os.environ, real=nodes == "real", progress=progress)
    _say("The tools of the sandbox are built.")


@task(
    auto_shortflags=False,
    help={
        "context": "the cluster: a context of the kubeconfig (default: the one that is chosen)",
        "kubeconfig": "the kubeconfig that has the context (default: KUBECONFIG, ~/.kube/config)",
        "platform": "may we do what this platform needs? A folder of k8s/, or the name before its tasks",
        "json": "print JSON",
        "check": "leave with 5 when something will not work",
    },
)
@edge
def doctor(
    c: Context,
    context: str | None = None,
    kubeconfig: str | None = None,
    platform: str | None = None,
    json: bool = False,
    check: bool = False,
) -> None:
    """Look for what stands in a task's way, here, on the way to the cluster, and in it; changes nothing.

    Example: inv cluster.doctor --platform k8s
    """
    from tasks import doctoring

    given = {"context": context, "kubeconfig": kubeconfig}
    doctoring.examine(c, given, platform, as_json=json, strict=check)


def _number(flag: str, given: str | None) -> int | None:
    from allup.errors import InputError

    if given is None:
        return None
    if given.isascii() and given.isdigit():
        return int(given)
    raise InputError(flag, f"{given!r} is not a whole number")


def _say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


ns = Collection("cluster")
for member in (up, down, delete, *VIEWS, use, dashboard, build, doctor):
    ns.add_task(member)
