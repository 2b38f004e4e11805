"""Compose files into one project: their variables, ``extends``, merging, ``include``, profiles."""

from __future__ import annotations

import os
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from allup.compose import envfiles
from allup.compose.canonical import as_fields, canonical_service
from allup.compose.interpolation import interpolated
from allup.compose.merging import merge_fields, merge_services, without_resets
from allup.compose.source import (
    RESET,
    Fields,
    Items,
    Node,
    Text,
    boolean,
    fields,
    known_keys,
    read,
    refuse,
    text,
    texts,
)
from allup.errors import InputError, did_you_mean
from allup.yamlfiles import read_text

DEFAULT_FILES = ("compose.yaml", "compose.yml", "docker-compose.yaml", "docker-compose.yml")
OVERRIDE_FILES = (
    *("compose.override.yaml", "compose.override.yml"),
    *("docker-compose.override.yaml", "docker-compose.override.yml"),
)
_SECTIONS = ("services", "volumes", "networks", "configs", "secrets")
_TOP_LEVEL = (*_SECTIONS, "name", "version", "include", "models")


@dataclass(frozen=True)
class Project:
    """One merged project: its sections by name, the services that a profile leaves out, and what was odd.

    *files* are the compose files in the order they were merged; *folder* is the first one's.
    """

    name: str
    folder: Path
    files: tuple[Path, ...]
    services: Mapping[str, Fields]
    disabled: Mapping[str, Fields]
    sections: Mapping[str, Mapping[str, Fields]]
    variables: Mapping[str, str]
    warnings: tuple[str, ...]


def find_files(here: Path, environ: Mapping[str, str]) -> tuple[Path, ...]:
    """The files when none is named: COMPOSE_FILE, else the compose file of the folder *here* with its
    override. Raises InputError when there is none."""
    listed = environ.get("COMPOSE_FILE")
    if listed:
        separator = environ.get("COMPOSE_PATH_SEPARATOR") or os.pathsep
        return tuple(here / one for one in listed.split(separator) if one)
    found = [here / name for name in DEFAULT_FILES if (here / name).is_file()]
    if not found:
        raise InputError(
            "no compose file",
            f"{here} has none of {', '.join(DEFAULT_FILES)}",
            next_step="Name one: inv compose.convert FILE",
        )
    over = [here / name for name in OVERRIDE_FILES if (here / name).is_file()]
    return (found[0], *over[:1])


def project_name(text: str) -> str:
    """A folder's name as a project's: lower case, only letters, digits, ``-`` and ``_``."""
    return re.sub(r"^[_-]+", "", re.sub(r"[^a-z0-9_-]", "", text.lower()))


def load_project(
    files: Sequence[Path],
    *,
    environ: Mapping[str, str],
    profiles: Collection[str] = (),
    env_files: Sequence[Path] = (),
    name: str = "",
) -> Project:
    """Reads and merges *files*, the later over the earlier.

    *profiles* switch services on, besides COMPOSE_PROFILES (``*``: all); *env_files* stand for ``.env``.
    Raises InputError with file and line for whatever is wrong.
    """
    if not files:
        raise InputError("compose", "no file is given")
    folder = files[0].absolute().parent
    loader = _Loader(environ, list(env_files))
    model = loader.model([one.absolute() for one in files], folder)
    asked = {*profiles, *_split(loader.variables.get("COMPOSE_PROFILES", ""))}
    services, disabled = _by_profile(model.services, asked)
    _check_references(model, services, disabled)
    found = name or loader.variables.get("COMPOSE_PROJECT_NAME") or model.name or folder.name
    return Project(
        project_name(found),
        folder,
        tuple(one.absolute() for one in files),
        services,
        disabled,
        {section: model.sections[section] for section in _SECTIONS[1:]},
        loader.variables,
        tuple(dict.fromkeys(loader.warnings)),
    )


def _split(listed: str) -> list[str]:
    return [one.strip() for one in listed.split(",") if one.strip()]


@dataclass
class _Model:
    name: str = ""
    services: dict[str, Fields] = field(default_factory=dict)
    sections: dict[str, dict[str, Fields]] = field(default_factory=lambda: {s: {} for s in _SECTIONS[1:]})


class _Loader:
    """Loads one model; an included one has a loader of its own."""

    def __init__(
        self, environ: Mapping[str, str], env_files: list[Path], open_: tuple[Path, ...] = ()
    ) -> None:
        self._environ = environ
        self._env_files = env_files
        self._open = open_
        self._trees: dict[tuple[Path, Path], Fields] = {}
        self.variables: dict[str, str] = {}
        self.warnings: list[str] = []

    def model(self, files: Sequence[Path], folder: Path) -> _Model:
        self.variables = {**self._dotenv(folder), **self._environ}
        model = _Model()
        included: list[_Model] = []
        for path in files:
            tree = self._tree(path, folder)
            self._top_level(tree)
            model.name = text(name, "name") if (name := tree.get("name")) is not None else model.name
            for service, node in self._services(tree).items():
                if node.tag == RESET:
                    model.services.pop(service, None)
                    continue
                own = self._extended(service, node, ())
                before = model.services.get(service)
                model.services[service] = merge_services(before, own) if before else own
            for section in _SECTIONS[1:]:
                self._section(model, section, tree)
            included += list(self._included(tree, path))
        for other in included:
            self._take_in(model, other)
        model.services = {name: without_resets(node) for name, node in model.services.items()}
        return model

    # Files

    def _dotenv(self, folder: Path) -> dict[str, str]:
        files = self._env_files or [
            folder / one for one in _split(self._environ.get("COMPOSE_ENV_FILES", ""))
        ]
        given = bool(files)
        found: dict[str, str] = {}
        for file in files or [folder / ".env"]:
            if given or file.is_file():
                said = read_text(file, label=label_of(file))
                found |= envfiles.parse(said, label_of(file), {**found, **self._environ})
        return found

    def _tree(self, path: Path, folder: Path) -> Fields:
        key = (path, folder)
        if key not in self._trees:
            raw = read(path, folder, label_of(path))

            def unset(name: str, node: Text) -> None:
                self.warnings.append(f"{node.place}: the variable {name} is not set, so it is an empty text")

            tree = interpolated(raw, self.variables, unset)
            assert isinstance(tree, Fields)
            self._trees[key] = tree
        return self._trees[key]

    def _top_level(self, tree: Fields) -> None:
        if tree.get("services") is None and all(not key.startswith("x-") for key in tree.entries):
            old = next((v for v in tree.entries.values() if isinstance(v, Fields) and v.get("image")), None)
            if old is not None:
                refuse(
                    tree.place,
                    "this is the format of 2014, in which services stand at the top",
                    next_step="Put them under services:",
                )
        known_keys(tree, _TOP_LEVEL, "a compose file")
        if tree.get("version") is not None:
            self.warnings.append(f"{tree.where('version')}: version is obsolete and ignored")

    def _services(self, tree: Fields) -> dict[str, Fields]:
        section = fields(tree.get("services"), "services")
        found: dict[str, Fields] = {}
        for name, node in (section.entries if section else {}).items():
            if name.startswith("x-"):
                continue
            assert section is not None
            if not re.fullmatch(r"[a-zA-Z0-9._-]+", name):
                refuse(section.where(name), f"{name!r} cannot be a service's name")
            if node.tag == RESET:
                found[name] = Fields({}, node.place, RESET)
                continue
            service = fields(node, f"service {name!r}")
            if service is None:
                refuse(section.where(name), f"service {name!r} says nothing: neither image nor build")
            found[name] = replace(canonical_service(service, name), place=section.where(name))
        return found

    def _section(self, model: _Model, section: str, tree: Fields) -> None:
        for name, node in _named(tree, section):
            before = model.sections[section].get(name)
            model.sections[section][name] = merge_fields(before, node) if before else node

    # extends

    def _extended(self, name: str, service: Fields, seen: tuple[tuple[Path, str], ...]) -> Fields:
        node = service.get("extends")
        if node is None:
            return service
        rest = Fields(
            {k: v for k, v in service.entries.items() if k != "extends"},
            service.place,
            service.tag,
            service.lines,
        )
        place = service.where("extends")
        if isinstance(node, Text):
            base_name, file = node.text, None
        else:
            found = fields(node, "extends")
            assert found is not None
            known_keys(found, ("service", "file"), "extends")
            said = found.get("service")
            if said is None:
                refuse(place, "extends names no service")
            base_name = text(said, "service of extends")
            file = text(f, "file of extends") if (f := found.get("file")) is not None else None
        source = place.source
        path = (source.folder / file).resolve() if file else source.path
        here = (path, base_name)
        if here in seen:
            refuse(place, f"service {name!r} extends itself: " + " → ".join(n for _, n in (*seen, here)))
        if file and not path.is_file():
            refuse(place, f"extends the file {file}, which is not there")
        tree = self._tree(path, path.parent if file else source.folder)
        services = self._services(tree)
        if base_name not in services:
            refuse(
                place,
                f"service {name!r} extends {base_name!r}, which is not in {label_of(path)}"
                f"{did_you_mean(base_name, services)}",
            )
        base = self._extended(base_name, services[base_name], (*seen, here))
        return merge_services(base, rest)

    # include

    def _included(self, tree: Fields, path: Path) -> Iterator[_Model]:
        node = tree.get("include")
        if node is None:
            return
        if not isinstance(node, Items):
            refuse(node.place, "include has to be a list")
        for item in node.items:
            if isinstance(item, Text):
                paths, folder, env_files = [item], None, []
            else:
                found = fields(item, "an item of include")
                assert found is not None
                known_keys(found, ("path", "project_directory", "env_file"), "include")
                paths = texts(found.get("path"), "path of include")
                folder = f if isinstance(f := found.get("project_directory"), Text) else None
                env_files = texts(found.get("env_file"), "env_file of include")
            base = item.place.source.folder
            files = [(base / one.text).resolve() for one in paths]
            for one, file in zip(paths, files, strict=True):
                if not file.is_file():
                    refuse(one.place, f"includes {one.text}, which is not there")
                if file in (*self._open, path):
                    refuse(one.place, f"{one.text} is included by itself")
            if not files:
                refuse(item.place, "an item of include names no path")
            where = (base / folder.text).resolve() if folder else files[0].parent
            own = [(base / one.text).resolve() for one in env_files]
            loader = _Loader({**self._environ, **self.variables}, own, (*self._open, path))
            yield loader.model(files, where)
            self.warnings += loader.warnings

    def _take_in(self, model: _Model, other: _Model) -> None:
        groups = [(model.services, other.services, "service")]
        groups += [(model.sections[s], other.sections[s], s[:-1]) for s in _SECTIONS[1:]]
        for ours, theirs, what in groups:
            for name, node in theirs.items():
                if name in ours and ours[name].entries != node.entries:
                    refuse(
                        ours[name].place,
                        f"{what} {name!r} is also in the included {node.place}",
                        next_step="Rename one of them; include does not merge",
                    )
                ours.setdefault(name, node)


def label_of(path: Path) -> str:
    """How messages call a file: relative to where the command runs, when it is below."""
    here = Path.cwd()
    return path.relative_to(here).as_posix() if path.is_relative_to(here) else str(path)


def _named(tree: Fields, section: str) -> Iterator[tuple[str, Fields]]:
    found = fields(tree.get(section), section)
    for name, node in (found.entries if found else {}).items():
        if name.startswith("x-"):
            continue
        entry = fields(node, f"{section[:-1]} {name!r}")
        if entry is None:
            entry = Fields({}, found.where(name) if found else node.place)
        for key in ("labels", "driver_opts"):
            if (value := entry.get(key)) is not None:
                entry = entry.replaced(**{key: as_fields(value, f"{key} of {section[:-1]} {name!r}", "=")})
        yield name, entry


# Profiles and what is named


def _by_profile(
    services: Mapping[str, Fields], asked: Collection[str]
) -> tuple[dict[str, Fields], dict[str, Fields]]:
    on: dict[str, Fields] = {}
    off: dict[str, Fields] = {}
    for name, service in services.items():
        named = {one.text for one in texts(service.get("profiles"), f"profiles of {name!r}")}
        wanted = not named or "*" in asked or named & set(asked)
        (on if wanted else off)[name] = service
    return on, off


def _check_references(model: _Model, on: Mapping[str, Fields], off: Mapping[str, Fields]) -> None:
    for name, service in on.items():
        depends = service.get("depends_on")
        for other, how in (depends.entries if isinstance(depends, Fields) else {}).items():
            assert isinstance(depends, Fields)
            required = boolean(how.get("required") if isinstance(how, Fields) else None, "required", True)
            if other in off and required:
                refuse(
                    depends.where(other),
                    f"service {name!r} depends on {other!r}, which its profiles leave out",
                    next_step="Switch one of its profiles on with --profile, or write required: false",
                )
            if other not in on and other not in off and required:
                refuse(
                    depends.where(other),
                    f"service {name!r} depends on {other!r}, which is not there{did_you_mean(other, on)}",
                )
        for key in ("secrets", "configs"):
            _check_items(name, service, key, "source", model.sections[key])
        _check_volumes(name, service, model.sections["volumes"])
        networks = service.get("networks")
        for other in networks.entries if isinstance(networks, Fields) else {}:
            if other not in model.sections["networks"] and other != "default":
                assert isinstance(networks, Fields)
                refuse(networks.where(other), f"service {name!r} is in the undeclared network {other!r}")
        if service.get("image") is None and service.get("build") is None and not service.get("provider"):
            refuse(service.place, f"service {name!r} has neither image nor build")


def _check_items(name: str, service: Fields, key: str, field_: str, known: Mapping[str, Node]) -> None:
    items = service.get(key)
    for item in items.items if isinstance(items, Items) else ():
        source = item.get(field_) if isinstance(item, Fields) else None
        if source is None:
            refuse(item.place, f"an item of {key} of service {name!r} names no {field_}")
        if (said := text(source, field_)) not in known:
            refuse(
                item.place,
                f"service {name!r} uses the {key[:-1]} {said!r}, which the file does not declare"
                f"{did_you_mean(said, known)}",
                next_step=f"Declare it under {key}: at the top level",
            )


def _check_volumes(name: str, service: Fields, known: Mapping[str, Node]) -> None:
    items = service.get("volumes")
    for item in items.items if isinstance(items, Items) else ():
        if not isinstance(item, Fields):
            continue
        kind, source = item.get("type"), item.get("source")
        if kind is None or text(kind, "type") != "volume" or source is None:
            continue
        if (said := text(source, "source")) not in known:
            refuse(
                item.place,
                f"service {name!r} mounts the volume {said!r}, which the file does not declare"
                f"{did_you_mean(said, known)}",
                next_step="Declare it under volumes: at the top level; a path begins with ./ or /",
            )
