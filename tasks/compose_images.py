"""Images that compose files build: built by an engine, then pushed, or loaded where the nodes find them."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from allup.compose.building import ImageBuild
from allup.errors import InputError
from allup.images.engines import Engine
from allup.images.references import Reference
from tasks import image_settings, imaging, where, withheld
from tasks.output import tell
from tasks.verb import Call

if TYPE_CHECKING:
    from allup.sandbox import Sandboxes

_STDERR = 2


@dataclass(frozen=True)
class _Destination:
    """Under a *prefix* in a registry, or into the nodes of a local cluster; *nowhere* says why not at all."""

    prefix: str = ""
    kind: str = ""
    which: str = ""
    nowhere: str = ""


def delivered(call: Call, builds: Sequence[ImageBuild], *, dry: bool = False) -> Mapping[str, str]:
    """Builds each image, unless it is made of the same as before, and brings it to the nodes: the name it
    has there, by service.

    The tag is of the content. So another content is another name, which rolls exactly the pods that must,
    and no node takes an old image for the new one. With *dry* the names are told and nothing is built.
    Raises AllupError when there is no engine, or it is not clear how the nodes get images.
    """
    if not builds:
        return {}
    to = _destination(call)
    if to.nowhere:
        tell(to.nowhere)
        return {}
    if dry:
        return {one.service: str(_name(one).under(to.prefix)) for one in builds}
    said = image_settings.environ()
    engine = imaging.engine(str(call.given.get("engine") or ""), said)
    images = {one.service: _build(engine, one) for one in builds}
    if not to.prefix:
        for image in dict.fromkeys(images.values()):
            _load(engine, image, to)
        return {service: str(image) for service, image in images.items()}
    registry = Reference("any").under(to.prefix).registry
    with imaging.login_file(registry, said.get("DOCKER_USER", "")) as authfile:
        return {service: str(_push(engine, image, to.prefix, authfile)) for service, image in images.items()}


def _destination(call: Call) -> _Destination:
    prefix, into = call.given.get("repository"), call.given.get("into")
    if prefix and into:
        raise InputError("--into", "is given beside --repository", next_step="Give one of them")
    if into:
        return _Destination("", *imaging.loader(into))
    prefix = image_settings.environ().get("DOCKER_REPO", "") if prefix is None else prefix
    if prefix:
        return _Destination(prefix)
    meant = where.target(call.given, where.allowed())
    if not meant.sandbox:
        raise InputError(
            f"context {meant.context}",
            "does not say how its nodes get the images that are built here",
            next_step="Give --repository PREFIX (DOCKER_REPO), or --into kind:NAME, minikube:NAME or docker; "
            "compose.up --no-build leaves them out",
        )
    if not _sandboxes().status(meant.sandbox).real:
        return _Destination(nowhere=f"Sandbox {meant.sandbox} simulates its nodes, so no image is built.")
    return _Destination("", "sandbox", meant.sandbox)


def _build(engine: Engine, one: ImageBuild) -> Reference:
    """The built image under the name of its content."""
    named = _name(one)
    with _asked(one) as (asked, environ):
        built = imaging.build(engine, asked, environ, told=tell, output=_STDERR)
    imaging.name_too(engine, built, named)
    return named


def _name(one: ImageBuild) -> Reference:
    """The image's name, with the tag of what it is, or would be, made of."""
    with _asked(one) as (asked, environ):
        content = imaging.content_of(asked, environ)
    return replace(Reference.parse(one.image), tag=f"content-{content[:16]}", digest="")


@contextmanager
def _asked(one: ImageBuild) -> Iterator[tuple[imaging.Asked, Mapping[str, str]]]:
    """What an engine is asked for, and with which environment: a value of an argument may be a token."""
    if one.remote:
        raise InputError(
            f"service {one.service}",
            f"is built from {one.context}, and images are built of folders on this machine",
            next_step="Check it out and name the folder, or give the service an image",
        )
    outside = withheld.environ()
    values = {name: outside.get(name) if value is None else value for name, value in one.arguments.items()}
    environ = {**os.environ, **{name: value for name, value in values.items() if value is not None}}
    with _dockerfile(one) as dockerfile:
        without_values = dict.fromkeys(one.arguments)
        yield (
            imaging.Asked(
                one.image, one.context, dockerfile, without_values, target=one.target, pull=one.pull
            ),
            environ,
        )


@contextmanager
def _dockerfile(one: ImageBuild) -> Iterator[str]:
    if not one.inline:
        file = Path(one.context) / (one.dockerfile or "Dockerfile")
        if not file.is_file():
            raise InputError(f"service {one.service}", f"is built by {file}, which is not there")
        yield str(file)
        return
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "Dockerfile"
        file.write_text(one.inline, encoding="utf-8")
        yield str(file)


def _push(engine: Engine, image: Reference, prefix: str, authfile: str) -> Reference:
    return imaging.push(engine, image, prefix, os.environ, authfile=authfile, told=tell, output=_STDERR)


def _load(engine: Engine, image: Reference, to: _Destination) -> None:
    if to.kind == "sandbox" and image.full in _sandboxes().images(to.which or "sandbox"):
        tell(f"sandbox {to.which or 'sandbox'} has {image} already")
        return
    imaging.load_built(engine, image, to.kind, to.which)


def _sandboxes() -> Sandboxes:
    from allup.sandbox import Sandboxes
    from tasks.checkout import CHECKOUT

    return Sandboxes(CHECKOUT, os.environ)
