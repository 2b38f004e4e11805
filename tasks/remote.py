"""inv remote.*: a Minikube on another host, usable as if it were here."""

from __future__ import annotations

from invoke.collection import Collection
from invoke.context import Context
from invoke.tasks import task

from tasks.edge import edge
from tasks.optional import OptionalArgument

_NAME = "a remote's name or host; not needed when there is one only"
_OF_START = "when the profile has to be started:"


@task(
    auto_shortflags=False,
    positional=["host"],
    iterable=["node_port"],
    help={
        "host": "[USER@]HOST[:PORT], or an alias of ssh's configuration",
        "profile": "minikube's profile there (default: minikube)",
        "name": "what to call it (default: the host's name, and the profile's)",
        "node-port": "PORT or LOCAL:PORT: a port of the node; may be given several times",
        "api-port": "local port of the API server (default: any free one)",
        "docker": "the node's Docker daemon (default: auto): auto, tls, socket (of the host), open (2375, no "
        "authentication at all) or none",
        "docker-port": "local port of the Docker daemon (default: any free one)",
        "role": "the token's ClusterRole (default: cluster-admin)",
        "token-life": "how long a token counts; it is renewed before (default: 1h)",
        "mount": "/SOURCE:/TARGET: a folder of the host that nodes see; for hostPath volumes",
        "driver": f"{_OF_START} its driver",
        "cpus": f"{_OF_START} how many",
        "memory": f"{_OF_START} such as 8g",
        "addons": f"{_OF_START} names with commas",
        "kubernetes-version": f"{_OF_START} such as v1.34.0",
        "container-runtime": f"{_OF_START} docker, containerd or cri-o (default: docker)",
        "minikube": "minikube's path on the host, if it is not on the PATH",
        "ssh-config": "an ssh configuration instead of your own",
        "host-key": "accept the host's key if it has this fingerprint (SHA256:…)",
    },
)
@edge
def up(
    c: Context,
    host: str,
    profile: str = "minikube",
    name: str | None = None,
    node_port: list[str] | None = None,
    api_port: str | None = None,
    docker: str | None = None,
    docker_port: str | None = None,
    role: str | None = None,
    token_life: str | None = None,
    mount: str | None = None,
    driver: str | None = None,
    cpus: str | None = None,
    memory: str | None = None,
    addons: str | None = None,
    kubernetes_version: str | None = None,
    container_runtime: str | None = None,
    minikube: str | None = None,
    ssh_config: str | None = None,
    host_key: str | None = None,
) -> None:
    """Make a Minikube on another host usable as if it were here: tunnels, a token, a kubeconfig.

    A profile that does not run is started; words behind -- are handed to minikube start. The tunnels stay
    when this ends and come back after the link dropped. Once it is up, what is not said is as it was before.

    Example: inv remote.up ada@big.example.org --node-port 32767
    """
    from allup.providers.interface import Wanted
    from tasks import remoting
    from tasks.remainder import remainder

    wanted = Wanted(
        driver=driver,
        cpus=cpus,
        memory=memory,
        addons=tuple(filter(None, (addons or "").split(","))),
        kubernetes_version=kubernetes_version,
        container_runtime=container_runtime or "docker",
        more=remainder(),
    )
    words = remoting.UpWords(
        host, profile, name, node_port or [], api_port, docker, docker_port, role, token_life, mount
    )
    remoting.up(words, wanted, minikube or "", ssh_config or "", host_key or "")


@task(
    klass=OptionalArgument,
    auto_shortflags=False,
    positional=["name"],
    help={
        "name": _NAME,
        "keep-running": "leave the profile running even if remote.up started it",
        "forget": "do not remember what could not be taken back because the host is away",
    },
)
@edge
def down(c: Context, name: str = "", keep_running: bool = False, forget: bool = False) -> None:
    """Take a remote back: mounts, account, token, tunnels, files; stop the profile if up started it.

    Example: inv remote.down big
    """
    from tasks import remoting

    remoting.down(name, keep_running, forget)


@task(
    klass=OptionalArgument,
    auto_shortflags=False,
    positional=["name"],
    help={"name": _NAME, "json": "print JSON", "check": "leave with 5 unless everything is good"},
)
@edge
def status(c: Context, name: str = "", json: bool = False, check: bool = False) -> None:
    """Ask each tunnel end to end whether it is good, and show link, token and mounts.

    Example: inv remote.status
    """
    from tasks import remoting

    remoting.status(name, json, check)


@task(name="list", auto_shortflags=False, help={"json": "print JSON"})
@edge
def list_(c: Context, json: bool = False) -> None:
    """List the remotes of this checkout.

    Example: inv remote.list
    """
    from tasks import remoting

    remoting.list_all(json)


@task(
    klass=OptionalArgument,
    auto_shortflags=False,
    positional=["name"],
    help={"name": _NAME, "json": "print JSON", "unset": "take the variables away again"},
)
@edge
def docker_env(c: Context, name: str = "", json: bool = False, unset: bool = False) -> None:
    """Print what leads docker to the node's daemon, for a shell's eval.

    Example: inv remote.docker-env far
    """
    from tasks import remoting

    remoting.docker_env(name, json, unset)


@task(klass=OptionalArgument, auto_shortflags=False, positional=["name"], help={"name": _NAME})
@edge
def run(c: Context, name: str = "") -> None:
    """Run a command on the host: what stands behind --. Leaves with its exit code.

    Example: inv remote.run big -- minikube profile list
    """
    from tasks import remoting

    remoting.run(name)


@task(
    auto_shortflags=False,
    positional=["source", "target"],
    help={
        "source": "a folder of the host",
        "target": "where to see it here: an empty folder, or one to be made",
        "remote": _NAME,
        "read-only": "nothing can be changed here",
        "others": "other users may look in too, root and containers among them",
    },
)
@edge
def mount(
    c: Context,
    source: str,
    target: str,
    remote: str | None = None,
    read_only: bool = False,
    others: bool = False,
) -> None:
    """See a folder of the host here, through sshfs; a dead mount in its place is recovered.

    Example: inv remote.mount /home/ada/reana/sources ~/reana
    """
    from tasks import remoting

    remoting.mount(remote or "", source, target, read_only, others)


@task(
    klass=OptionalArgument,
    auto_shortflags=False,
    positional=["target"],
    help={"target": "the folder here; without it, every one of the remote", "remote": _NAME},
)
@edge
def unmount(c: Context, target: str = "", remote: str | None = None) -> None:
    """Unmount a folder of the host, a dead one too.

    Example: inv remote.unmount ~/reana
    """
    from tasks import remoting

    remoting.unmount(remote or "", target)


ns = Collection("remote")
for _task in (up, down, status, list_, docker_env, run, mount, unmount):
    ns.add_task(_task)
