"""Images that a project builds itself: what its ``build:`` sections ask of an engine.

Source: the Compose Build Specification. What an engine of ours is not told is named, not dropped.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from allup.compose.findings import Taking
from allup.compose.source import Place, Text, refuse


@dataclass(frozen=True)
class ImageBuild:
    """What *image* of a service is built of. *context* is a folder here, or an address that only an engine
    understands; *dockerfile* is relative to it, and *inline* stands for one. An argument that is None comes
    from the environment. *untold* are the keys that no engine is told, with their places."""

    service: str
    image: str
    context: str
    dockerfile: str = ""
    inline: str = ""
    arguments: Mapping[str, str | None] = field(default_factory=dict)
    target: str = ""
    pull: bool = False
    untold: tuple[tuple[str, Place], ...] = ()

    @property
    def remote(self) -> bool:
        """Whether the context is somewhere else."""
        return _elsewhere(self.context)


def read(service: str, image: str, build: Taking) -> ImageBuild:
    """What the section *build* asks for; raises InputError, with its place, when it contradicts itself."""
    context = build.text("context", ".")
    dockerfile, inline = build.text("dockerfile"), build.text("dockerfile_inline")
    if dockerfile and inline:
        refuse(build.where("dockerfile_inline"), f"{build.what} has both dockerfile and dockerfile_inline")
    arguments = {k: None if v.null else v.text for k, v in build.mapping("args").items()}
    target, pull = build.text("target"), build.boolean("pull")
    build.take("tags")  # pods are given a name that is of the content
    return ImageBuild(
        service=service,
        image=image,
        context=context if _elsewhere(context) else _folder(build, context),
        dockerfile=dockerfile,
        inline=inline,
        arguments=arguments,
        target=target,
        pull=pull,
        untold=tuple(build.rest()),
    )


def _elsewhere(context: str) -> bool:
    return "://" in context or context.startswith("git@")


def _folder(build: Taking, context: str) -> str:
    written = build.node.get("context")
    place = written.place if isinstance(written, Text) else build.node.place
    return str((place.source.folder / Path(context).expanduser()).resolve())
