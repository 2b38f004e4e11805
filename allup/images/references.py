"""Names of images: ``registry/repository:tag@digest``, read and written as every engine reads them."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

from allup.errors import InputError

DOCKER_HUB = "docker.io"
_PART = r"[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*"
_REPOSITORY = re.compile(rf"{_PART}(?:/{_PART})*")
_TAG = re.compile(r"\w[\w.-]{0,127}", re.ASCII)
_DIGEST = re.compile(r"[a-z0-9]+(?:[.+_-][a-z0-9]+)*:[0-9a-fA-F]{32,}")


@dataclass(frozen=True)
class Reference:
    """*registry* is ``""`` for a name that says none; *tag* is ``""`` for one that says none."""

    repository: str
    tag: str = ""
    registry: str = ""
    digest: str = ""

    @classmethod
    def parse(cls, text: str) -> Reference:
        """Reads a name; raises InputError when it is none.

        The first part is a registry when it has a dot or a colon, or is ``localhost`` (the rule of the
        reference grammar that Docker and containerd share).
        """
        rest, _, digest = text.strip().partition("@")
        first, slash, remainder = rest.partition("/")
        registry = ""
        if slash and ("." in first or ":" in first or first == "localhost"):
            registry, rest = first, remainder
        name, colon, tag = rest.partition(":")
        if not _REPOSITORY.fullmatch(name) or (colon and not _TAG.fullmatch(tag)):
            capitals = "A repository has no capital letters" if name != name.lower() else ""
            raise InputError(f"image {text!r}", "is not the name of an image", evidence=capitals)
        if digest and not _DIGEST.fullmatch(digest):
            raise InputError(f"image {text!r}", f"{digest!r} is not a digest")
        return cls(name, tag, registry, digest)

    def __str__(self) -> str:
        at = f"{self.registry}/" if self.registry else ""
        return (
            at
            + self.repository
            + (f":{self.tag}" if self.tag else "")
            + (f"@{self.digest}" if self.digest else "")
        )

    @property
    def full(self) -> str:
        """With the registry, ``library/`` and ``latest`` that are meant when they are not said."""
        registry = self.registry or DOCKER_HUB
        repository = self.repository
        if registry == DOCKER_HUB and "/" not in repository:
            repository = f"library/{repository}"
        tag = self.tag or ("" if self.digest else "latest")
        return str(Reference(repository, tag, registry, self.digest))

    def under(self, prefix: str) -> Reference:
        """Behind *prefix*, such as ``localhost:5000/team``: it may end with ``/`` or not. One that names a
        registry already stays as it is, and so does any under ``""``."""
        if not prefix.strip("/") or self.registry:
            return self
        placed = Reference.parse(f"{prefix.strip().rstrip('/')}/{self.repository}")
        return replace(placed, tag=self.tag, digest=self.digest)
