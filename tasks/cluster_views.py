"""inv cluster.*: what a cluster is asked without being changed, and what is lent to a shell."""

from __future__ import annotations

from invoke.context import Context
from invoke.tasks import task

from tasks.edge import edge
from tasks.output import say

_PROVIDER = "sandbox, kind, minikube, docker-desktop or existing (default: sandbox)"
_NAME = "which one (default: the provider's own default; of existing: the context)"
_PROFILE = "which minikube profile (default: minikube)"
WHICH = {"provider": _PROVIDER, "name": _NAME, "profile": _PROFILE}
_JSON = "print JSON"


@task(auto_shortflags=False, help={**WHICH, "json": _JSON})
@edge
def status(
    c: Context,
    provider: str | None = None,
    name: str | None = None,
    profile: str | None = None,
    json: bool = False,
) -> None:
    """Show a cluster: its nodes or processes, address and files.

    Example: inv cluster.status
    """
    from tasks import providing

    providing.status(providing.chosen(provider, name, profile), json)


@task(name="list", auto_shortflags=False, help={"provider": "of this one only", "json": _JSON})
@edge
def list_(c: Context, provider: str | None = None, json: bool = False) -> None:
    """List the sandboxes of this checkout and the clusters of kind and minikube, where those are installed.

    Example: inv cluster.list
    """
    from tasks import providing

    providing.listed(provider, json)


@task(auto_shortflags=False, help={**WHICH, "lines": "how many of each (default: 60)"})
@edge
def logs(
    c: Context,
    provider: str | None = None,
    name: str | None = None,
    profile: str | None = None,
    lines: str | None = None,
) -> None:
    """Print the last lines that a cluster's control plane and nodes wrote.

    Example: inv cluster.logs --lines 20
    """
    from tasks import providing
    from tasks.preparing import whole_number

    providing.logs(providing.chosen(provider, name, profile), whole_number("--lines", lines, 60))


@task(auto_shortflags=False, help=WHICH)
@edge
def kubeconfig(
    c: Context, provider: str | None = None, name: str | None = None, profile: str | None = None
) -> None:
    """Print the path of a cluster's kubeconfig and nothing else; without a flag, of the chosen cluster.

    Example: export KUBECONFIG=$(inv cluster.kubeconfig)
    """
    if (provider, name, profile) == (None, None, None):
        from tasks import where

        say(where.target({}, where.allowed()).kubeconfig)
        return
    from tasks import providing

    say(str(providing.chosen(provider, name, profile).kubeconfig()))


@task(auto_shortflags=False, help=WHICH)
@edge
def address(
    c: Context, provider: str | None = None, name: str | None = None, profile: str | None = None
) -> None:
    """Print the address at which this machine reaches a node, and nothing else.

    Example: curl http://$(inv cluster.address --provider minikube):30080
    """
    from tasks import providing

    say(providing.chosen(provider, name, profile).address())


@task(auto_shortflags=False, help={**WHICH, "enable": "enable these, between commas"})
@edge
def addons(
    c: Context,
    provider: str | None = None,
    name: str | None = None,
    profile: str | None = None,
    enable: str | None = None,
) -> None:
    """List a minikube profile's addons, or enable some.

    Example: inv cluster.addons --profile dev --enable ingress,metrics-server
    """
    from tasks import providing
    from tasks.preparing import names

    providing.addons(providing.chosen(provider, name, profile), names(enable))


@task(auto_shortflags=False, help={**WHICH, "unset": "print what takes the variables away again"})
@edge
def docker_env(
    c: Context,
    provider: str | None = None,
    name: str | None = None,
    profile: str | None = None,
    unset: bool = False,
) -> None:
    """Print what leads docker to the engine in a cluster's node, for eval.

    Example: eval $(inv cluster.docker-env --profile dev)
    """
    from tasks import providing

    providing.docker_env(providing.chosen(provider, name, profile), unset)


@task(
    auto_shortflags=False,
    positional=["source", "target"],
    help={"source": "a folder of this machine", "target": "where its nodes shall see it", **WHICH},
)
@edge
def mount(
    c: Context,
    source: str,
    target: str,
    provider: str | None = None,
    name: str | None = None,
    profile: str | None = None,
) -> None:
    """Show a folder of this machine to a cluster's nodes, until Ctrl-C.

    A mount that is there for good is faster: cluster.up --mount, when the cluster is made.

    Example: inv cluster.mount --profile dev ~/reana/sources /code
    """
    from tasks import providing

    providing.mount(providing.chosen(provider, name, profile), source, target)


VIEWS = (status, list_, logs, kubeconfig, address, addons, docker_env, mount)
