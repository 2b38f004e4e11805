"""Makes an image of our own, without Docker: Debian's packages by mmdebstrap, PyPI's by pip on this machine.

Sources are this machine's own apt sources and pip settings; none is named here. Everything is cached by what
it is made of, so a description that did not change costs nothing.
"""

from __future__ import annotations

import json
import os
import platform
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, cast

from allup.errors import AllupError
from allup.images import layers, oci
from allup.images.commands import Command, must, which
from allup.images.description import Description
from allup.images.layers import MOMENT, Layer, Link
from allup.images.references import Reference
from allup.sandbox.paths import cache_home

MACHINES = {"x86_64": "amd64", "aarch64": "arm64"}
_NOT_WANTED = ("/usr/share/doc/*", "/usr/share/man/*", "/usr/share/info/*", "/usr/share/locale/*")
# Packages that are not set up need the links of a merged /usr beforehand, and leave no list of what they are.
_MERGED = (
    'cd "$1" && for d in bin lib lib64 sbin; do mkdir -p usr/$d && ln -s usr/$d $d || exit; done; '
    "mkdir -p run var && ln -s ../run var/run"
)
_LISTED = (
    'cd "$1" && mkdir -p var/lib/dpkg/status.d && for deb in var/cache/apt/archives/*.deb; '
    'do dpkg-deb -f "$deb" >"var/lib/dpkg/status.d/$(dpkg-deb -f "$deb" Package)" || exit; done'
)
_UNPACKED = ("--variant=extract", f"--setup-hook={_MERGED}", f"--extract-hook={_LISTED}")
_PYTHON = re.compile(rb"^Package: python(3\.\d+)-minimal\n(?:.+\n)*?Version: (\d+\.\d+\.\d+)", re.MULTILINE)


@dataclass(frozen=True)
class Made:
    """An image in the cache. *digest* is what a node knows it by; *by_content* its name that says what it is
    made of; *fresh* that it was made just now."""

    reference: Reference
    by_content: Reference
    file: Path
    digest: str
    content: str
    fresh: bool


@dataclass(frozen=True)
class Machine:
    """What images made here are for."""

    suite: str
    architecture: str
    sources: tuple[str, ...]


def this_machine(root: Path = Path("/")) -> Machine:
    """Raises AllupError on a machine without apt, or of an architecture that is not known."""
    release = dict(_assignments(root / "etc/os-release"))
    found = [root / "etc/apt/sources.list", *sorted((root / "etc/apt/sources.list.d").glob("*"))]
    sources = tuple(str(file) for file in found if file.suffix in (".list", ".sources") and _says_deb(file))
    suite, machine = release.get("VERSION_CODENAME", ""), MACHINES.get(platform.machine(), "")
    if not sources or not suite:
        raise AllupError(
            "own images",
            "are made of Debian packages with this machine's apt sources, and it has none",
            next_step="Make them on a Debian, or use an image of a registry",
        )
    if not machine:
        raise AllupError("own images", f"are not known for machines of the kind {platform.machine()}")
    return Machine(suite, machine, sources)


def make(
    description: Description,
    environ: Mapping[str, str],
    *,
    say: Callable[[str], None],
    machine: Machine | None = None,
    anew: bool = False,
) -> Made:
    """The image, from the cache when it is there. *say* is told what takes long.

    Raises AllupError when mmdebstrap or pip is missing or fails. *anew* does not look into the cache.
    """
    machine = machine or this_machine()
    content = description.key(machine.suite, machine.architecture)
    cache = cache_home(environ) / "images"
    file = cache / f"{description.name}-{content[:16]}.tar"
    facts = file.with_suffix(".json")
    before = None if anew else cached(description, environ, machine)
    if before is not None:
        return before
    cache.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=cache, prefix=".making-") as scratch:
        folder = Path(scratch)
        base, python = _base(description, machine, cache, environ, say, anew)
        parts = [base]
        if description.requirements:
            say(f"{description.name}: Python packages, by pip")
            parts.append(_python_layer(description, python, folder, environ))
        own: dict[str, Path | bytes | Link] = {
            **description.files,
            **{path: Link(target) for path, target in description.links.items()},
        }
        if own or description.folders:
            parts.append(layers.of_tree(own, description.folders, folder / "files.tar"))
        say(f"{description.name}: writing {file}")
        runs = oci.Runs(
            entrypoint=description.entrypoint,
            command=description.command,
            folder=description.folder,
            user=description.user,
            environment={
                "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
                **description.environment,
            },
            signal=description.signal,
        )
        image = folder / "image.tar"
        digest = oci.write(
            image,
            parts,
            runs,
            names=(description.reference, description.content_name(content)),
            content=content,
            machine=machine.architecture,
        )
        _forget(cache, description.name)
        image.replace(file)
        facts.write_text(json.dumps({"digest": digest, "reference": str(description.reference)}) + "\n")
    by_content = description.content_name(content)
    return Made(description.reference, by_content, file, digest, content, fresh=True)


def cached(description: Description, environ: Mapping[str, str], machine: Machine) -> Made | None:
    """The image as it is in the cache, None when it is not, or is of another description."""
    content = description.key(machine.suite, machine.architecture)
    file = cache_home(environ) / "images" / f"{description.name}-{content[:16]}.tar"
    facts = file.with_suffix(".json")
    if not (file.is_file() and facts.is_file()):
        return None
    digest = json.loads(facts.read_text())["digest"]
    return Made(description.reference, description.content_name(content), file, digest, content, fresh=False)


# ── Debian ───────────────────────────────────────────────────────────────────────────────────────────


def mmdebstrap(description: Description, machine: Machine) -> Command:
    """The command that writes the root as a tar to standard output."""
    return Command(
        (
            "mmdebstrap",
            *(_UNPACKED if description.unpacked else ("--variant=minbase",)),
            "--quiet",
            "--dpkgopt=force-unsafe-io",  # the root is a tar in the end, so no file of it needs to be synced
            *((f"--include={','.join(sorted(description.debian))}",) if description.debian else ()),
            *(f"--dpkgopt=path-exclude={pattern}" for pattern in (*_NOT_WANTED, *description.without)),
            machine.suite,
            "-",
            *machine.sources,
        ),
        environ={"SOURCE_DATE_EPOCH": str(MOMENT), "LC_ALL": "C.UTF-8"},
    )


def _base(
    description: Description,
    machine: Machine,
    cache: Path,
    environ: Mapping[str, str],
    say: Callable[[str], None],
    anew: bool,
) -> tuple[Layer, str]:
    """The layer of Debian packages, which images share, and the version of Python in it, if any."""
    key = description.base_key(machine.suite, machine.architecture)
    file = cache / f"base-{key[:16]}.tar"
    facts = file.with_suffix(".json")
    if not anew and file.is_file() and facts.is_file():
        return layers.hashed_file(file), json.loads(facts.read_text())["python"]
    say(f"{description.name}: Debian packages, by mmdebstrap")
    with tempfile.TemporaryDirectory(dir=cache, prefix=".base-") as scratch:
        written = Path(scratch) / "base.tar"
        with _output(mmdebstrap(description, machine), environ, f"image {description.name}") as stream:
            layer, installed = layers.of_root(stream, written)
        written.replace(file)
    found = _PYTHON.search(installed)
    python = found[2].decode() if found else ""
    facts.write_text(json.dumps({"python": python}) + "\n")
    return Layer(file, layer.digest, layer.size), python


@contextmanager
def _output(command: Command, environ: Mapping[str, str], what: str) -> Iterator[BinaryIO]:
    """What a command prints, as a stream; raises AllupError when it fails, with its last words."""
    path = which(command.argv[0], environ)
    merged = {**environ, **{k: v for k, v in command.environ.items() if v is not None}}
    with (
        tempfile.TemporaryFile() as complaints,
        subprocess.Popen(
            [path, *command.argv[1:]],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=complaints,
            env=merged,
        ) as process,
    ):
        failure: Exception | None = None
        try:
            yield cast("BinaryIO", process.stdout)
        except (
            tarfile.TarError,
            OSError,
            EOFError,
        ) as error:  # a tar that is cut off: what the command says is the cause
            failure = error
        except BaseException:  # Ctrl-C, or this run is ended: nobody reads on
            process.terminate()
            raise
        finally:
            assert process.stdout is not None
            process.stdout.close()
        if process.wait():
            complaints.seek(0)
            said = complaints.read().decode(errors="replace").strip().splitlines()
            last = " ".join(said[-3:])[-600:]
            raise AllupError(what, f"{command.argv[0]} failed ({process.returncode})", evidence=last)
        if failure is not None:
            raise failure


# ── PyPI ─────────────────────────────────────────────────────────────────────────────────────────────


def pip(requirements: Path, target: Path, python: str) -> Command:
    """The command that puts the packages of a lock into *target*, for that version of Python."""
    return Command(
        (
            sys.executable,
            *("-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-input"),
            *("--target", str(target), "--python-version", python, "--implementation", "cp"),
            *("--only-binary=:all:", "--no-deps", "--no-compile", "--require-hashes"),
            *("-r", str(requirements)),
        )
    )


def _python_layer(description: Description, python: str, folder: Path, environ: Mapping[str, str]) -> Layer:
    if not python:
        raise AllupError(
            f"image {description.name}", "takes Python packages, and its Debian packages bring no python3"
        )
    requirements, target = folder / "requirements.txt", folder / "python"
    requirements.write_text(description.requirements)
    must(pip(requirements, target, python), environ, f"image {description.name}")
    minor = python.rpartition(".")[0]
    packages = f"/usr/local/lib/python{minor}/dist-packages"
    _compile(target, packages, minor)
    return layers.of_tree(dict(_placed(target, packages)), {}, folder / "python.tar")


def _placed(target: Path, packages: str) -> Iterator[tuple[str, Path | bytes]]:
    """Where each file of pip's target belongs in the root: Debian's python3 looks in *packages* by itself."""
    for file in sorted(target.rglob("*")):
        if file.is_dir() and not file.is_symlink():
            continue
        path = file.relative_to(target)
        if path.parts[0] == "bin":
            yield f"/usr/local/bin/{path.name}", _script(file)
        elif path.parts[0] in ("share", "etc"):
            yield f"/usr/local/{path.as_posix()}", file
        else:
            yield f"{packages}/{path.as_posix()}", file


def _script(file: Path) -> Path:
    """A program of a package, with the image's Python in its first line instead of this machine's."""
    text = file.read_bytes()
    first, newline, rest = text.partition(b"\n")
    if first == b"#!/bin/sh" and rest.startswith(b"'''exec' "):  # pip's way round a long path
        rest = rest.split(b"\n", 2)[2]
        file.write_bytes(b"#!/usr/bin/python3\n" + rest)
    elif first.startswith(b"#!") and b"python" in first:
        file.write_bytes(b"#!/usr/bin/python3" + newline + rest)
    file.chmod(0o755)
    return file


def _compile(target: Path, packages: str, minor: str) -> None:
    """Bytecode that does not depend on times, when this Python is of the same version as the image's."""
    if f"{sys.version_info.major}.{sys.version_info.minor}" != minor:
        return
    subprocess.run(
        [
            *(sys.executable, "-m", "compileall", "-q", "-j", "0", "--invalidation-mode", "unchecked-hash"),
            *("-s", str(target), "-p", packages, str(target)),
        ],
        capture_output=True,
        check=False,  # packages carry files that are not for this version; they stay as they are
        env={**os.environ, "PYTHONDONTWRITEBYTECODE": "", "PYTHONHASHSEED": "0"},
    )


def _forget(cache: Path, name: str) -> None:
    """Removes what the cache holds of earlier descriptions of the image."""
    for old in cache.glob(f"{name}-{'[0-9a-f]' * 16}.*"):
        old.unlink(missing_ok=True)


def _assignments(file: Path) -> Iterator[tuple[str, str]]:
    try:
        lines = file.read_text(encoding="utf-8").splitlines()
    except OSError:
        return
    for line in lines:
        name, equals, value = line.partition("=")
        if equals:
            yield name.strip(), value.strip().strip("\"'")


def _says_deb(file: Path) -> bool:
    try:
        text = file.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return False
    return re.search(r"^(deb\s|Types:.*\bdeb\b)", text, re.MULTILINE) is not None


def clean(environ: Mapping[str, str]) -> None:
    """Empties the cache of images."""
    shutil.rmtree(cache_home(environ) / "images", ignore_errors=True)
