"""Docker and buildah: the command for each thing that is done with an image. Nothing is run here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from allup.commands import Command
from allup.errors import InputError, did_you_mean
from allup.images.oci import CONTENT
from allup.images.references import Reference

ENGINES = ("docker", "buildah")


@dataclass(frozen=True, kw_only=True)
class Build:
    """What is built: *content* is put on the image as a label, so that the next build can be spared.

    A build argument whose value is None is taken from the environment and stands in no argv.
    """

    reference: Reference
    context: str
    dockerfile: str = "Dockerfile"
    arguments: Mapping[str, str | None] = field(default_factory=dict)
    content: str = ""
    pull: bool = False


@dataclass(frozen=True)
class Engine:
    """One engine. *program* is what it is called here (``podman`` answers to docker's words too); *environ*
    leads it somewhere else: into minikube's daemon."""

    kind: Literal["docker", "buildah"]
    program: str
    environ: Mapping[str, str | None] = field(default_factory=dict)

    def build(self, build: Build) -> Command:
        """Builds an image and labels it with its content."""
        words = ("build",) if self.kind == "docker" else ("build", "--format", "docker", "--layers")
        return self._command(
            *words,
            *("-t", str(build.reference), "-f", build.dockerfile),
            *(("--label", f"{CONTENT}={build.content}") if build.content else ()),
            *(("--pull",) if build.pull else ()),
            *(
                word
                for name, value in sorted(build.arguments.items())
                for word in ("--build-arg", name if value is None else f"{name}={value}")
            ),
            build.context,
        )

    def tag(self, source: Reference, target: Reference) -> Command:
        """Gives an image another name."""
        return self._command("tag", str(source), str(target))

    def push(self, reference: Reference, *, authfile: str = "", insecure: bool = False) -> Command:
        """Pushes it. *authfile* is a docker config with the log-in, where the engine's own is not to be used:
        for docker its folder counts. *insecure* is for buildah: docker asks its daemon's settings."""
        if self.kind == "docker":
            config = ("--config", authfile.rpartition("/")[0]) if authfile else ()
            return self._command(*config, "push", str(reference))
        return self._command(
            "push",
            *(("--authfile", authfile) if authfile else ()),
            *(("--tls-verify=false",) if insecure else ()),
            str(reference),
        )

    def login(self, server: str, user: str, password: str) -> Command:
        """Logs in; the password goes in by standard input."""
        argv = ("login", "--username", user, "--password-stdin", *((server,) if server else ()))
        return Command((self.program, *argv), stdin=password, environ=self.environ)

    def content(self, reference: Reference) -> Command:
        """Prints the label of what the image was made of; fails when there is no such image."""
        if self.kind == "docker":
            shown = f'{{{{index .Config.Labels "{CONTENT}"}}}}'
            return self._command("image", "inspect", "--format", shown, str(reference))
        shown = f'{{{{index .OCIv1.Config.Labels "{CONTENT}"}}}}'
        return self._command("inspect", "--type", "image", "--format", shown, str(reference))

    def load(self, archive: str) -> Command:
        """Takes an image from a tar."""
        if self.kind == "docker":
            return self._command("load", "--quiet", "--input", archive)
        return self._command("pull", "--quiet", f"docker-archive:{archive}")

    def save(self, reference: Reference, archive: str) -> Command:
        """Writes an image to a tar, which must not be there."""
        if self.kind == "docker":
            return self._command("save", "--output", archive, str(reference))
        return self._command("push", "--quiet", str(reference), f"docker-archive:{archive}:{reference}")

    def list(self) -> Command:
        """Prints a name and a size per image."""
        if self.kind == "docker":
            return self._command("image", "ls", "--format", "{{.Repository}}:{{.Tag}} {{.Size}}")
        return self._command("images", "--noheading", "--format", "{{.Name}}:{{.Tag}} {{.Size}}")

    def answers(self) -> Command:
        """Ends with 0 when the engine can be used."""
        if self.kind == "docker":
            return self._command("version", "--format", "{{.Server.Version}}")
        return self._command("version")

    def _command(self, *words: str) -> Command:
        return Command((self.program, *words), environ=self.environ)


def named(name: str, environ: Mapping[str, str]) -> Engine:
    """The engine *name*; raises InputError for one that is not known.

    Without root buildah's own defaults hold; as root in a container without overlay and namespaces
    (``STORAGE_DRIVER``, ``BUILDAH_ISOLATION``) what the environment says is left to it.
    """
    if name == "buildah":
        return Engine("buildah", "buildah", {"BUILDAH_LAYERS": "true"})
    if name == "docker":
        return Engine("docker", environ.get("DOCKER") or "docker")
    raise InputError("--engine", f"{name!r} is not known{did_you_mean(name, ENGINES)}")


def run_words(
    program: str,
    image: str,
    command: Sequence[str],
    *,
    mounts: Sequence[str] = (),
    network: str = "",
    name: str = "",
    terminal: bool = False,
) -> Command:
    """A container that is removed when it ends."""
    return Command(
        (
            *(program, "run", "--rm"),
            *(("-i", "-t") if terminal else ()),
            *(("--name", name) if name else ()),
            *(("--network", network) if network else ()),
            *(word for mount in mounts for word in ("-v", mount)),
            image,
            *command,
        )
    )
