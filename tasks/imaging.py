"""What inv images.* does."""

from __future__ import annotations

import os
import signal
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from invoke.context import Context

from allup import commands
from allup.errors import AllupError, Differences, InputError
from allup.images import contexts, description, engines, making, registries
from allup.images.engines import Build, Engine
from allup.images.references import Reference
from allup.providers.choosing import DESKTOP, KIND, MINIKUBE, SANDBOX
from allup.report.tables import table
from tasks import withheld
from tasks.checkout import CHECKOUT
from tasks.output import SCHEMA, say, say_json, tell

if TYPE_CHECKING:
    from allup.loading import LoadedPlatform

FOLDER = CHECKOUT / "images"
_DEFAULT = "arl_img"


@dataclass(frozen=True)
class Asked:
    """What is built of a Dockerfile."""

    image: str
    context: str = "."
    dockerfile: str = "Dockerfile"
    arguments: Mapping[str, str | None] = field(default_factory=dict)
    anew: bool = False


# ── which image, which engine ────────────────────────────────────────────────────────────────────────


def image_name(given: str | None, environ: Mapping[str, str]) -> str:
    """The image that is meant: the flag, DOCKER_IMAGE, or IMG:TAG."""
    made = f"{environ.get('IMG') or _DEFAULT}:{environ.get('TAG') or 'latest'}"
    return given or environ.get("DOCKER_IMAGE") or made


def asked(
    image: str | None,
    context: str | None,
    dockerfile: str | None,
    build_args: Sequence[str],
    anew: bool,
    environ: Mapping[str, str] = os.environ,
) -> Asked:
    """What the flags and the old variables ask for; raises InputError for an argument without a name."""
    arguments: dict[str, str | None] = {"PYTHON": environ["PYTHON"]} if environ.get("PYTHON") else {}
    for word in build_args:
        name, equals, value = word.partition("=")
        if not name:
            raise InputError("--build-arg", f"{word!r} has no name")
        if not equals and name not in environ:
            raise InputError("--build-arg", f"{name} is neither given nor in the environment")
        arguments[name] = value if equals else None
    return Asked(
        image_name(image, environ),
        context or ".",
        dockerfile or environ.get("DOCKERFILE") or "Dockerfile",
        arguments,
        anew,
    )


def engine(name: str, environ: Mapping[str, str]) -> Engine:
    """The engine of that name; without one Docker where its daemon answers, else buildah.

    Raises AllupError, with both reasons, when neither can be used.
    """
    if name:
        return engines.named(name, environ)
    docker = engines.named("docker", environ)
    try:
        ended = commands.run(docker.answers(), environ)
        if ended.code == 0:
            return docker
        why = ended.last_words or "its daemon does not answer"
    except AllupError:
        why = "is not installed"
    buildah = engines.named("buildah", environ)
    try:
        commands.which(buildah.program, environ)
    except AllupError:
        raise AllupError(
            "no engine for images",
            f"docker: {why}; buildah: is not installed",
            next_step="Start Docker, or apt-get install -y buildah; inv images.build NAME needs neither",
        ) from None
    return buildah


# ── build, tag, push ─────────────────────────────────────────────────────────────────────────────────


def build_own(name: str, anew: bool) -> None:
    """Makes an image described under images/."""
    made = making.make(description.read(FOLDER, name), os.environ, say=tell, anew=anew)
    say(f"{made.reference} is {'made' if made.fresh else 'unchanged'}: {made.file}")


def build_asked(asked: Asked, engine_name: str, into: str) -> None:
    """Builds of a Dockerfile, here or in minikube's daemon."""
    found = engine(engine_name, os.environ) if not into else _inside(into)
    build(found, asked, os.environ)


def _inside(into: str) -> Engine:
    kind, _, profile = into.partition(":")
    if kind != "minikube":
        raise InputError(
            "--into", f"{into!r} has no daemon to build in", next_step="Build here, then inv images.load"
        )
    from tasks.providing import providers

    environ = providers().named(MINIKUBE, profile or None).docker_environment()
    return Engine("docker", os.environ.get("DOCKER") or "docker", environ)


def build(engine: Engine, asked: Asked, environ: Mapping[str, str]) -> Reference:
    """The image of a Dockerfile, built unless it is there and made of the same."""
    context = Path(asked.context).expanduser()
    dockerfile = Path(asked.dockerfile)
    if not dockerfile.is_absolute() and not dockerfile.is_file():
        dockerfile = context / asked.dockerfile
    reference = Reference.parse(asked.image)
    values = {name: environ.get(name) if v is None else v for name, v in asked.arguments.items()}
    content = contexts.content_key(context, dockerfile, values)
    if not asked.anew:
        there = commands.run(engine.content(reference), environ)
        if there.code == 0 and there.out.strip() == content:
            say(f"{reference} is unchanged.")
            return reference
    wanted = Build(
        reference=reference,
        context=str(context),
        dockerfile=str(dockerfile),
        arguments=asked.arguments,
        content=content,
    )
    commands.shown(engine.build(wanted), environ, f"image {reference}")
    say(f"{reference} is built.")
    return reference


def tag(source: str, target: str, engine_name: str) -> None:
    """Gives an image another name."""
    found = engine(engine_name, os.environ)
    names = Reference.parse(source), Reference.parse(target)
    commands.must(found.tag(*names), os.environ, f"image {source}")
    say(f"{source} is also {target}.")


def push_task(
    name: str, image: str | None, repository: str | None, user: str | None, insecure: bool, engine_name: str
) -> None:
    """Pushes, after a log-in when a password is given."""
    found = engine(engine_name, os.environ)
    reference = _own(name, found) if name else Reference.parse(image_name(image, os.environ))
    prefix = os.environ.get("DOCKER_REPO", "") if repository is None else repository
    if not prefix and not reference.registry:
        raise InputError(
            f"image {reference}",
            "names no registry, and no prefix is given",
            next_step="Give --repository (DOCKER_REPO), such as localhost:5000/",
        )
    environ = dict(os.environ)
    environ.pop("DOCKER_PASSWORD", None)
    password = _password()
    target = reference.under(prefix)
    user = user or environ.get("DOCKER_USER")
    with tempfile.TemporaryDirectory() as folder:
        authfile = ""
        if password and user:
            authfile = _private_config(Path(folder), target.registry, user, password)
        push(found, reference, prefix, environ, authfile=authfile, insecure=insecure)


def push(
    engine: Engine,
    reference: Reference,
    prefix: str,
    environ: Mapping[str, str],
    *,
    authfile: str = "",
    insecure: bool = False,
) -> Reference:
    """Tags *reference* under *prefix* and pushes it; returns the name it has there."""
    target = reference.under(prefix)
    if target != reference:
        commands.must(engine.tag(reference, target), environ, f"image {reference}")
    plain = insecure or registries.local(target.registry)
    commands.shown(engine.push(target, authfile=authfile, insecure=plain), environ, f"image {target}")
    say(f"{target} is pushed.")
    return target


def _password() -> str:
    """What DOCKER_PASSWORD says; no child process inherits it."""
    password = withheld.environ().get("DOCKER_PASSWORD", "")
    os.environ.pop("DOCKER_PASSWORD", None)
    return password


def _private_config(folder: Path, server: str, user: str, password: str) -> str:
    """A docker config with the log-in that only this user may read; gone with its folder."""
    from allup.registrylogin import of_password

    file = folder / "config.json"
    handle = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "w") as stream:
        stream.write(of_password(server, user, password, "", "the log-in"))
    return str(file)


def _own(name: str, engine: Engine) -> Reference:
    """An image of images/, in the engine's store."""
    made = making.make(description.read(FOLDER, name), os.environ, say=tell)
    _into_engine(engine, made, anew=False)
    return made.reference


# ── load ─────────────────────────────────────────────────────────────────────────────────────────────


def load(name: str, image: str | None, into: str, engine_name: str, anew: bool) -> None:
    """Puts an image into a cluster's nodes; prints the name it has there to standard output."""
    kind, _, which = into.partition(":")
    if kind not in _LOADERS:
        raise InputError("--into", f"{into!r} is not known", evidence=f"It is one of {', '.join(_LOADERS)}")
    if name:
        made = making.make(description.read(FOLDER, name), os.environ, say=tell)
        _LOADERS[kind](made, which, anew)
        say(str(made.reference))
        return
    reference = Reference.parse(image_name(image, os.environ))
    found = engine(engine_name, os.environ)
    if kind == "docker" and found.kind == "docker":
        say(str(reference))
        return
    ended = commands.run(found.content(reference), os.environ)
    if ended.code:
        raise InputError(
            f"image {reference}", f"is not there ({found.kind})", next_step="Build it: inv images.build"
        )
    with tempfile.TemporaryDirectory() as folder:
        archive = Path(folder) / "image.tar"
        commands.must(found.save(reference, str(archive)), os.environ, f"image {reference}")
        plain = making.Made(reference, reference, archive, "", ended.out.strip(), fresh=True)
        _LOADERS[kind](plain, which, True)
    say(str(reference))


def _into_nodes(kind: str, made: making.Made, name: str, anew: bool) -> None:
    """Into the nodes of a provider's cluster; a sandbox is spared what it has."""
    from allup.providers.sandbox import Sandbox
    from tasks.providing import providers

    cluster = providers().named(kind, name or None)
    there = f"{cluster.kind} {cluster.name} has {made.reference}"
    if isinstance(cluster, Sandbox) and not anew and cluster.has(made.by_content.full, made.reference.full):
        tell(f"{there} already")
        return
    cluster.load(made.file, made.reference.full)
    tell(f"{there} now")


def _into_docker(made: making.Made, name: str, anew: bool) -> None:
    _into_engine(engines.named("docker", os.environ), made, anew)


def _into_engine(engine: Engine, made: making.Made, anew: bool) -> None:
    there = commands.run(engine.content(made.reference), os.environ)
    if not anew and there.code == 0 and there.out.strip() == made.content:
        tell(f"{engine.kind} has {made.reference} already")
        return
    commands.must(engine.load(str(made.file)), os.environ, f"image {made.reference}")


_LOADERS: Mapping[str, Callable[[making.Made, str, bool], None]] = {
    **{kind: partial(_into_nodes, kind) for kind in (SANDBOX, KIND, MINIKUBE, DESKTOP)},
    "docker": _into_docker,
}


# ── list, secret, check ──────────────────────────────────────────────────────────────────────────────


def list_images(engine_name: str) -> None:
    """Our own, then the engine's."""
    rows: list[tuple[object, ...]] = []
    for name in description.described(FOLDER):
        described = description.read(FOLDER, name)
        try:
            made = making.cached(described, os.environ, making.this_machine())
        except AllupError as error:
            made, state = None, error.fact
        else:
            state = "made" if made else f"not made: inv images.build {name}"
        size = f"{made.file.stat().st_size / 1e6:.0f} MB" if made else ""
        rows.append((name, described.reference, size, state))
    try:
        found = engine(engine_name, os.environ)
        listed = commands.must(found.list(), os.environ, found.kind).out
        for line in listed.splitlines():
            image, _, size = line.strip().partition(" ")
            rows.append((found.kind, image, size.strip(), ""))
    except AllupError as error:
        tell(f"warning: {error}")
    say(table(("FROM", "IMAGE", "SIZE", "STATE"), rows) if rows else "No images.")


def secret(
    name: str,
    server: str | None,
    user: str | None,
    email: str | None,
    docker_config: str | None,
    given: Mapping[str, Any],
    namespace: str,
) -> None:
    """A pull Secret in a namespace that is there."""
    import base64

    from allup import registrylogin
    from allup.model import labels
    from allup.redaction import Redactor
    from allup.refs import ObjectRef
    from tasks import where

    server = os.environ.get("DOCKER_SERVER", "") if server is None else server
    if docker_config:
        file = Path(docker_config).expanduser()
        if not file.is_file():
            raise InputError("--docker-config", f"there is no file {docker_config}")
        text = registrylogin.from_docker_config(file.read_text(encoding="utf-8"), docker_config, server)
    else:
        password = _password()
        user = user or os.environ.get("DOCKER_USER", "")
        if not password:
            raise InputError(
                f"Secret {name}", "has no password", next_step="Set DOCKER_PASSWORD, or give --docker-config"
            )
        mail = email or os.environ.get("DOCKER_EMAIL", "")
        text = registrylogin.of_password(server, user, password, mail, f"Secret {name}")
    redactor = Redactor()
    redactor.add(text)
    session = where.open_target(where.target(given, where.allowed()), redactor)
    ref = ObjectRef("", "Secret", namespace, name)
    found = session.objects.get(ref)
    if found is not None and (found["metadata"].get("labels") or {}).get(labels.MANAGED_BY) != labels.TOOL:
        raise InputError(str(ref), "exists and is not ours", next_step="Choose another --name")
    body = {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": name, "namespace": namespace, "labels": {labels.MANAGED_BY: labels.TOOL}},
        "type": "kubernetes.io/dockerconfigjson",
        "data": {".dockerconfigjson": base64.b64encode(text.encode()).decode()},
    }
    written = session.objects.apply(body, known=found).written
    session.stop.set()
    say(f"{ref} is {written.value if hasattr(written, 'value') else written}.")


def check(c: Context, name: str, as_json: bool, strict: bool) -> None:
    """Every image of a platform, and what its registry says."""
    from tasks.materials import prepared

    wanted = images_of(prepared(c, name).loaded)
    config = Path(os.environ.get("DOCKER_CONFIG") or "~/.docker").expanduser() / "config.json"
    logins = registries.logins_of(config)
    found = [registries.presence(Reference.parse(image), logins) for image in wanted]
    if as_json:
        entries = [{"image": str(f.reference), "there": f.there, "said": f.said} for f in found]
        say_json({"schema": SCHEMA, "type": "images", "images": entries})
    else:
        words = {True: "yes", False: "no", None: "unknown"}
        say(table(("IMAGE", "THERE", ""), [(f.reference, words[f.there], f.said) for f in found]))
    missing = [str(f.reference) for f in found if not f.there]
    if strict and missing:
        raise Differences(f"platform {name}", f"{len(missing)} images are not known to be there")


def images_of(loaded: LoadedPlatform) -> Sequence[str]:
    """Every image the manifests of a loaded platform name, with its values put in."""
    from tasks.materials import bodies

    return tuple(dict.fromkeys(image for body in bodies(loaded) for image in _images(body)))


def _images(body: Any) -> Sequence[str]:
    if isinstance(body, Mapping):
        own = [str(body["image"])] if isinstance(body.get("image"), str) and "name" in body else []
        return [*own, *(image for inner in body.values() for image in _images(inner))]
    if isinstance(body, list):
        return [image for inner in body for image in _images(inner)]
    return []


# ── a registry on this machine ───────────────────────────────────────────────────────────────────────


def registry_up(port_text: str | None, engine_name: str) -> None:
    """Starts it, in Docker or as Debian's docker-registry; waits until it answers."""
    from tasks.preparing import whole_number

    port = whole_number("--port", port_text, registries.PORT)
    if registries.answers(port):
        say(f"A registry answers on localhost:{port}.")
        return
    found = None
    try:
        found = engine(engine_name, os.environ)
    except AllupError:
        pass
    if found is not None and found.kind == "docker":
        _registry_in_docker(found, port)
    else:
        _registry_process(port)
    give_up, pause = time.monotonic() + 30, threading.Event()
    while not registries.answers(port):
        if time.monotonic() > give_up:
            raise AllupError("the registry", f"does not answer on port {port}", evidence=_registry_log())
        pause.wait(0.2)
    say(f"The registry answers on localhost:{port}. Push with --repository localhost:{port}/")
    tell("Nodes of kind and minikube do not reach it as localhost: inv images.load brings them images.")


def _registry_in_docker(engine: Engine, port: int) -> None:
    there = commands.run(replace_argv(engine, "container", "inspect", registries.CONTAINER), os.environ)
    if there.code == 0:
        registries.refuse_foreign(there.out)
        commands.must(replace_argv(engine, "start", registries.CONTAINER), os.environ, "the registry")
        return
    commands.must(registries.in_docker(engine.program, port), os.environ, "the registry")


def replace_argv(engine: Engine, *words: str) -> commands.Command:
    """Any other command of the engine."""
    return commands.Command((engine.program, *words), environ=engine.environ)


def _registry_folder() -> Path:
    from allup.sandbox.paths import state_home

    return state_home(os.environ) / "registry"


def _registry_log() -> str:
    try:
        lines = (_registry_folder() / "log").read_text(errors="replace").splitlines()
    except OSError:
        return ""
    return " ".join(lines[-2:])[-400:]


def _registry_process(port: int) -> None:
    from allup.identity import Holder, boot_id, process_start

    program = commands.which("docker-registry", os.environ)
    folder = _registry_folder()
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.json").write_text(registries.configuration(folder, port))
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            [program, "serve", str(folder / "config.json")],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    here = Holder.current()
    holder = Holder(here.host, boot_id(), process.pid, process_start(process.pid) or "")
    (folder / "process").write_text(str(holder))


def registry_down(purge: bool) -> None:
    """Stops what registry_up started, and nothing else."""
    import shutil

    from allup.identity import Holder

    stopped = False
    folder = _registry_folder()
    if (folder / "process").is_file():
        holder = Holder.parse((folder / "process").read_text().strip())
        if holder is not None and not holder.surely_dead(Holder.current()):
            os.kill(holder.pid, signal.SIGTERM)
            stopped = True
        (folder / "process").unlink()
    if purge:
        shutil.rmtree(folder, ignore_errors=True)
    try:
        found = engine("", os.environ)
    except AllupError:
        found = None
    if found is not None and found.kind == "docker":
        there = commands.run(replace_argv(found, "container", "inspect", registries.CONTAINER), os.environ)
        if there.code == 0:
            registries.refuse_foreign(there.out)
            commands.must(
                replace_argv(found, "rm", "--force", registries.CONTAINER), os.environ, "the registry"
            )
            if purge:
                commands.run(replace_argv(found, "volume", "rm", registries.CONTAINER), os.environ)
            stopped = True
    say("The registry is stopped." if stopped else "No registry of ours runs.")
