"""The bodies of compose.*."""

from __future__ import annotations

import importlib.util
import os
import shutil
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from allup import InputError, Platform
from allup.compose import envfiles, folder
from allup.compose.conversion import convert as converted
from allup.compose.findings import Finding, Grade
from allup.compose.made import VOLUMES_AS, Options
from allup.compose.naming import dns_label
from allup.compose.printing import texts
from allup.compose.project import DEFAULT_FILES, Project, find_files, label_of, load_project
from allup.errors import did_you_mean
from allup.model.settings import PlatformSettings
from allup.yamlfiles import read_text
from tasks import compose_images, withheld
from tasks.checkout import CHECKOUT
from tasks.output import SCHEMA, say, say_json, tell
from tasks.platform_folder import PlatformFolder
from tasks.preparing import names, whole_number
from tasks.verb import Call

if TYPE_CHECKING:
    from allup.compose.made import Making

_TAKEN = ("cluster", "compose", "images", "remote")


def convert(call: Call) -> None:
    """Writes the platform's folder and tells what did not come over as it was."""
    project = _project(call)
    name = _name(call, project)
    out = Path(call.given["out"]).absolute() if call.given.get("out") else CHECKOUT / "k8s" / name
    if out.parent == CHECKOUT / "k8s":
        _refuse_taken(out.name)
    making = _converted(call, project, out, out.name)
    if call.given.get("build"):
        making = _converted(call, project, out, out.name, compose_images.delivered(call, making.builds))
    files = texts(making)
    changed = folder.write(
        out,
        files,
        sources=tuple(os.path.relpath(path, out) for path in project.files),
        force=bool(call.given.get("overwrite")),
    )
    if call.given.get("json"):
        say_json(
            {
                "schema": SCHEMA,
                "type": "compose",
                "platform": making.name,
                "folder": str(out),
                "files": sorted(files),
                "changed": sorted(changed),
                "components": [part.name for part in making.parts.values()],
                "findings": [finding.as_json() for finding in making.findings],
                "warnings": list(project.warnings),
            }
        )
        return
    _tell_warnings(project)
    where = label_of(out)
    say(
        f"{where}: {len(files)} files for {len(making.parts)} components, "
        f"{f'{len(changed)} of them new or changed' if changed else 'nothing changed'}."
    )
    _say_findings(list(making.findings))
    if out.parent == CHECKOUT / "k8s":
        say(f"Next: inv {making.name}.plan, then inv {making.name}.all-up.")


def render(call: Call) -> None:
    """The manifests, to standard output."""
    from tasks.looking import render as rendered

    project = _project(call)
    _tell_warnings(project)
    rendered(replace(call, platform=_kept(call, project).folder))


def up(call: Call) -> None:
    """Converts into our own files, and brings that up."""
    from tasks.running import up as bring_up

    project = _project(call)
    _tell_warnings(project)
    dry = call.given.get("dry_run") or call.context.config.run.dry
    kept = _kept(call, project, build=not call.given.get("no_build"), dry=bool(dry))
    for finding in kept.findings:
        if finding.grade is not Grade.CHANGED:
            tell(f"{_said(finding)}{f' {finding.next_step}.' if finding.next_step else ''}")
    if any(finding.grade is Grade.CHANGED for finding in kept.findings):
        tell("More is in another way than in Compose: inv compose.convert lists it.")
    bring_up(replace(call, platform=kept.folder))


def down(call: Call) -> None:
    """Takes it down; what the cluster remembers is enough."""
    from tasks.running import down as take_down

    found = _brought_up(call)
    take_down(replace(call, platform=found))
    if call.given.get("purge") and found.folder.is_dir():
        shutil.rmtree(found.folder)


def status(call: Call) -> None:
    """A table of what was brought up."""
    from tasks.looking import status as shown

    shown(replace(call, platform=_brought_up(call)))


def why(call: Call) -> None:
    """What is not right."""
    from tasks.looking import why as shown

    shown(replace(call, platform=_brought_up(call)))


# From a command line to a project


def _project(call: Call) -> Project:
    here = Path.cwd()
    environ = withheld.environ()
    dotenv = here / ".env"
    if dotenv.is_file() and not call.words:
        said = envfiles.parse(read_text(dotenv, label=".env"), ".env", environ)
        environ = {**{k: v for k, v in said.items() if k.startswith("COMPOSE_")}, **environ}
    files = [here / word for word in call.words] or list(find_files(here, environ))
    for file in files:
        if file.is_dir():
            raise InputError(
                label_of(file),
                "is a folder, not a compose file",
                next_step=f"Name its file, such as {label_of(file)}/{DEFAULT_FILES[0]}",
            )
    return load_project(
        files,
        environ=environ,
        profiles=names(call.given.get("profile")),
        env_files=[here / one for one in names(call.given.get("env_file"))],
        name=call.given.get("project") or "",
    )


def _name(call: Call, project: Project) -> str:
    name = dns_label(project.name, longest=40)
    if not project.name:
        raise InputError(
            "compose", "the project has no name that could be one", next_step="Give it one with --project"
        )
    return name


def _refuse_taken(name: str) -> None:
    there = CHECKOUT / "k8s" / name
    by_hand = there.is_dir() and not (there / folder.RECORD).is_file()
    if name in _TAKEN or by_hand:
        raise InputError(
            f"project {name!r}",
            "has the name of a platform that is there already" if by_hand else "has the name of other tasks",
            next_step="Choose another with --project",
        )


def _converted(
    call: Call, project: Project, out: Path, name: str, images: Mapping[str, str] | None = None
) -> Making:
    volumes = call.given.get("volumes") or VOLUMES_AS[0]
    by_lower = {one.lower(): one for one in VOLUMES_AS}
    if volumes.lower() not in by_lower:
        raise InputError(
            "--volumes",
            f"{volumes!r} is none of {', '.join(VOLUMES_AS)}{did_you_mean(volumes, VOLUMES_AS)}",
        )
    asked = call.given.get("replicas")
    replicas = whole_number("--replicas", asked, 1) if asked is not None else None
    return converted(project, Options(out, replicas, by_lower[volumes.lower()], images or {}), name=name)


# Our own copy of a platform


@dataclass(frozen=True)
class _Kept:
    folder: PlatformFolder
    findings: Sequence[Finding]


def _state() -> Path:
    from allup.sandbox.paths import checkout_key, state_home

    return state_home(os.environ) / checkout_key(CHECKOUT) / "compose"


def _kept(call: Call, project: Project, *, build: bool = False, dry: bool = False) -> _Kept:
    """Writes the platform among our own files and loads it from there; *build* brings its images, or with
    *dry* only their names."""
    name = _name(call, project)
    _refuse_taken(name)
    where = _state() / name
    making = _converted(call, project, where, name)
    if build:
        images = compose_images.delivered(call, making.builds, dry=dry)
        making = _converted(call, project, where, name, images)
    folder.write(where, texts(making), sources=tuple(str(path) for path in project.files), force=True)
    return _Kept(_loaded(where), list(making.findings))


def _loaded(where: Path) -> PlatformFolder:
    name = f"allup_compose_{where.name.replace('-', '_')}"
    spec = importlib.util.spec_from_file_location(name, where / "platform.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # dataclasses look their module up
    sys.dont_write_bytecode, before = True, sys.dont_write_bytecode
    try:
        spec.loader.exec_module(module)
    finally:
        sys.dont_write_bytecode = before
    found = PlatformFolder("compose", where, module.Settings, module.platform)
    withheld.declare(found.with_defaults())
    withheld.take()
    return found


def _brought_up(call: Call) -> PlatformFolder:
    """The platform of an earlier compose.up: the one that is named, that of the compose files, or the only
    one. Without our own files of it the cluster's inventory is enough."""
    name = _wanted(call)
    _refuse_taken(name)
    where = _state() / name
    if (where / "platform.py").is_file():
        return _loaded(where)

    def nothing(settings: PlatformSettings) -> Platform:
        return Platform(name, [])

    return PlatformFolder("compose", where, PlatformSettings, nothing)


def _wanted(call: Call) -> str:
    if call.given.get("project"):
        return dns_label(str(call.given["project"]), longest=40)
    here = Path.cwd()
    if call.words or os.environ.get("COMPOSE_FILE") or any((here / one).is_file() for one in DEFAULT_FILES):
        return _name(call, _project(call))
    known = sorted(one.name for one in _state().iterdir()) if _state().is_dir() else []
    if len(known) == 1:
        return known[0]
    raise InputError(
        "compose",
        f"which project: {', '.join(known)}" if known else "nothing was brought up from here",
        next_step="Name it with --project, or name its compose file",
    )


# What is told


def _tell_warnings(project: Project) -> None:
    for warning in project.warnings:
        tell(f"warning: {warning}")


def _said(finding: Finding) -> str:
    subject = ": ".join(part for part in (finding.service, finding.key) if part)
    return f"{finding.grade}: {subject}: {finding.reason}."


def _say_findings(findings: Sequence[Finding]) -> None:
    titles: Mapping[Grade, str] = {
        Grade.TO_DO: "To do before an up:",
        Grade.LEFT_OUT: "Not carried over:",
        Grade.CHANGED: "Carried over in another way:",
    }
    for grade, title in titles.items():
        of_it = [finding for finding in findings if finding.grade is grade]
        if of_it:
            say(f"\n{title}")
        for f in of_it:
            subject = ": ".join(part for part in (f.where, f.service, f.key) if part)
            say(f"  {subject}: {f.reason}.{f' {f.next_step}.' if f.next_step else ''}")
    if findings:
        say("")
