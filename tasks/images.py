"""inv images.*: build, tag, push, load, list; the pull Secret; a local registry; is every image there?"""

from __future__ import annotations

from invoke.collection import Collection
from invoke.context import Context
from invoke.tasks import task

from tasks.edge import edge
from tasks.optional import OptionalArgument

_NAME = "an image described under images/; without it, the one of the Dockerfile"
_ENGINE = "docker or buildah (default: docker where its daemon answers, else buildah)"
_IMAGE = "name of the image (variable: DOCKER_IMAGE, or IMG and TAG)"


@task(
    klass=OptionalArgument,
    auto_shortflags=False,
    positional=["name"],
    iterable=["build_arg"],
    help={
        "name": _NAME,
        "image": _IMAGE,
        "context": "folder with the Dockerfile (default: this one)",
        "dockerfile": "its name there (default: Dockerfile; variable: DOCKERFILE)",
        "build-arg": "NAME=VALUE, or NAME to take it from the environment (PYTHON is one, if it is set)",
        "engine": _ENGINE,
        "into": "build straight into the daemon of minikube, or minikube:PROFILE",
        "anew": "build even when nothing has changed",
    },
)
@edge
def build(
    c: Context,
    name: str = "",
    image: str | None = None,
    context: str | None = None,
    dockerfile: str | None = None,
    build_arg: list[str] | None = None,
    engine: str | None = None,
    into: str | None = None,
    anew: bool = False,
) -> None:
    """Build an image, unless nothing it is made of has changed.

    One under images/ is made of Debian's and PyPI's packages, without Docker.

    Example: inv images.build dask
    """
    from tasks import imaging

    if name:
        imaging.build_own(name, anew)
        return
    asked = imaging.asked(image, context, dockerfile, build_arg or [], anew)
    imaging.build_asked(asked, engine or "", into or "")


@task(auto_shortflags=False, help={"source": "the image", "target": "its other name", "engine": _ENGINE})
@edge
def tag(c: Context, source: str, target: str, engine: str | None = None) -> None:
    """Give an image another name.

    Example: inv images.tag arl_img:latest localhost:5000/arl_img:1
    """
    from tasks import imaging

    imaging.tag(source, target, engine or "")


@task(
    klass=OptionalArgument,
    auto_shortflags=False,
    positional=["name"],
    help={
        "name": _NAME,
        "image": _IMAGE,
        "repository": "prefix: a registry, with a path (variable: DOCKER_REPO)",
        "user": "log in as (variable: DOCKER_USER); the password is DOCKER_PASSWORD",
        "insecure": "the registry speaks plain HTTP (buildah; docker asks its daemon's settings)",
        "engine": _ENGINE,
    },
)
@edge
def push(
    c: Context,
    name: str = "",
    image: str | None = None,
    repository: str | None = None,
    user: str | None = None,
    insecure: bool = False,
    engine: str | None = None,
) -> None:
    """Push an image to a registry, under the prefix --repository.

    Example: inv images.push --image arl_img:latest --repository localhost:5000/
    """
    from tasks import imaging

    imaging.push_task(name, image, repository, user, insecure, engine or "")


@task(
    klass=OptionalArgument,
    auto_shortflags=False,
    positional=["name"],
    help={
        "name": _NAME,
        "image": _IMAGE,
        "into": "sandbox[:NAME] (default), kind[:CLUSTER], minikube[:PROFILE], docker-desktop, docker",
        "engine": _ENGINE,
        "anew": "load even what is there",
    },
)
@edge
def load(
    c: Context,
    name: str = "",
    image: str | None = None,
    into: str = "sandbox",
    engine: str | None = None,
    anew: bool = False,
) -> None:
    """Put an image where pods find it without a registry: into the nodes of a local cluster.

    Prints the name that manifests are to use, with the pull policy IfNotPresent.

    Example: inv images.load dask --into kind:arl
    """
    from tasks import imaging

    imaging.load(name, image, into, engine or "", anew)


@task(name="list", auto_shortflags=False, help={"engine": _ENGINE})
@edge
def list_(c: Context, engine: str | None = None) -> None:
    """List the images described here, whether they are made, and those of the engine, if one is there.

    Example: inv images.list
    """
    from tasks import imaging

    imaging.list_images(engine or "")


@task(
    auto_shortflags=False,
    help={
        "name": "the Secret's name (default: arlregcred)",
        "server": "the registry (variable: DOCKER_SERVER; default: Docker Hub)",
        "user": "who logs in (variable: DOCKER_USER); the password is DOCKER_PASSWORD",
        "email": "e-mail there (variable: DOCKER_EMAIL)",
        "docker-config": "take the log-in from this docker config instead",
        "context": "the cluster: a context of the kubeconfig",
        "kubeconfig": "the kubeconfig that has the context (default: KUBECONFIG, ~/.kube/config)",
        "namespace": "where to (default: arl)",
    },
)
@edge
def secret(
    c: Context,
    name: str = "arlregcred",
    server: str | None = None,
    user: str | None = None,
    email: str | None = None,
    docker_config: str | None = None,
    context: str | None = None,
    kubeconfig: str | None = None,
    namespace: str = "arl",
) -> None:
    """Make a pull Secret of a log-in; the password never stands on a command line.

    Example: inv images.secret --server registry.example.org --user me --namespace arl
    """
    from tasks import imaging

    where = {"context": context, "kubeconfig": kubeconfig}
    imaging.secret(name, server, user, email, docker_config, where, namespace)


@task(auto_shortflags=False, help={"port": "its port on this machine (default: 5000)", "engine": _ENGINE})
@edge
def registry_up(c: Context, port: str | None = None, engine: str | None = None) -> None:
    """Start a registry on this machine, unless it runs: in Docker, else Debian's docker-registry.

    Example: inv images.registry-up --port 5001
    """
    from tasks import imaging

    imaging.registry_up(port, engine or "")


@task(auto_shortflags=False, help={"purge": "forget its images too"})
@edge
def registry_down(c: Context, purge: bool = False) -> None:
    """Stop our registry; its images stay, unless --purge.

    Example: inv images.registry-down
    """
    from tasks import imaging

    imaging.registry_down(purge)


@task(
    auto_shortflags=False,
    help={
        "platform": "the folder under k8s/ (default: arl)",
        "json": "print JSON",
        "check": "leave with 5 unless every image is there",
    },
)
@edge
def check(c: Context, platform: str = "arl", json: bool = False, check: bool = False) -> None:
    """Ask each registry whether it has the images of a platform, as its settings are now.

    Example: inv images.check --platform rstudio
    """
    from tasks import imaging

    imaging.check(c, platform, json, check)


ns = Collection("images")
for _task in (build, tag, push, load, list_, secret, registry_up, registry_down, check):
    ns.add_task(_task)
