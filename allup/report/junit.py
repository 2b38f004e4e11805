"""A JUnit XML file of a run: a test case for each component and each check.

The dialect is the common one of CI servers (testsuites, testsuite, properties, testcase with failure, error
or skipped); there is no standard for it.
"""

from __future__ import annotations

import os
import tempfile
import xml.etree.ElementTree as ET
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from allup.errors import InputError
from allup.report.part import Part
from allup.report.state import BROKEN, ComponentView, RunView
from allup.report.summary import Problem, in_full, problems
from allup.report.text import plain
from allup.run.progress import Action, CheckDone, CheckOutcome, Phase, Progress


class JUnitReport(Part):
    """Writes *path* when it is closed, whole or not at all. *wall* is the time of day, with a zone.

    Raises InputError at once when *path* cannot be a file there; its folder is made if need be.
    """

    def __init__(self, path: Path, *, wall: Callable[[], datetime]) -> None:
        self._path = _writable(path)
        self._wall = wall
        self._began = wall()
        self._view = RunView()
        self._last = 0.0

    def __call__(self, progress: Progress) -> None:
        """Remembers it."""
        self._view.fold(progress)
        self._last = progress.at

    def close(self, error: str = "") -> None:
        """Writes the file; *error* becomes a test case of its own when the run has no end."""
        tree = ET.ElementTree(suites(self._view, self._began, last=self._last, error=error))
        ET.indent(tree)
        handle, name = tempfile.mkstemp(dir=self._path.parent, prefix=f".{self._path.name}.")
        try:
            with os.fdopen(handle, "wb") as stream:
                tree.write(stream, encoding="utf-8", xml_declaration=True)
            os.chmod(name, 0o644)
            os.replace(name, self._path)
        except BaseException:
            os.unlink(name)
            raise


def suites(view: RunView, began: datetime, *, last: float = 0.0, error: str = "") -> ET.Element:
    """The whole document for a run; *last* is the time of its last progress, for one without an end."""
    seconds = view.finished.seconds if view.finished else view.since_start(last)
    suite = ET.Element("testsuite", name=plain(f"{view.title} {view.verb}".strip()))
    suite.set("timestamp", began.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z"))
    _properties(suite, view)
    told = {problem.component: problem for problem in problems(view)}
    for component in view.components.values():
        _component_case(suite, view, component, told.get(component.name))
        for check in component.checks:
            _check_case(suite, view, component.name, check)
    if error and not view.finished:
        case = ET.SubElement(
            suite, "testcase", classname=_classname(view), name="run", time=_seconds(seconds)
        )
        _outcome(case, "error", message=error, kind="", text=error)
    document = ET.Element("testsuites")
    for element in (document, suite):
        element.set("tests", str(len(suite.findall("testcase"))))
        for outcome, attribute in (("failure", "failures"), ("error", "errors"), ("skipped", "skipped")):
            element.set(attribute, str(len(suite.findall(f"testcase/{outcome}"))))
        element.set("time", _seconds(seconds))
    document.append(suite)
    return document


def _properties(suite: ET.Element, view: RunView) -> None:
    known = {
        "platform": view.platform,
        "instance": view.instance,
        "namespace": view.namespace,
        "context": view.context,
        "outcome": view.outcome,
        **{f"objects.{action}": str(view.objects(action)) for action in Action if view.objects(action)},
    }
    if view.finished:
        known["requests"] = str(view.finished.requests)
    properties = ET.SubElement(suite, "properties")
    for name, value in known.items():
        ET.SubElement(properties, "property", name=name, value=plain(value))


def _component_case(
    suite: ET.Element, view: RunView, component: ComponentView, problem: Problem | None
) -> None:
    elapsed = component.elapsed(component.ended) if component.ended is not None else 0.0
    case = ET.SubElement(suite, "testcase", classname=_classname(view), name=plain(component.name))
    case.set("time", _seconds(elapsed or 0.0))
    why = component.message or component.phase
    if component.phase in BROKEN:
        kind = component.findings[0].cause if component.findings else component.phase
        _outcome(case, "failure", message=why, kind=kind, text=in_full(problem) if problem else why)
    elif component.phase in (Phase.SKIPPED, Phase.DISABLED):
        _outcome(case, "skipped", message=why)
    elif component.phase is Phase.PENDING:
        _outcome(case, "skipped", message="not started")
    elif component.moving:
        message = f"left half done while {component.phase}"
        _outcome(case, "error", message=message, kind=component.phase, text=component.message)


def _check_case(suite: ET.Element, view: RunView, component: str, check: CheckDone) -> None:
    classname = plain(f"{_classname(view)}.{component}")
    case = ET.SubElement(suite, "testcase", classname=classname, name=plain(check.check), time=_seconds(0.0))
    if check.outcome is CheckOutcome.FAILED:
        _outcome(case, "failure", message=check.detail or "failed", kind="check-failed", text=check.detail)
    elif check.outcome is CheckOutcome.SKIPPED:
        _outcome(case, "skipped", message=check.detail or "skipped")


def _outcome(case: ET.Element, tag: str, *, message: str, kind: str = "", text: str = "") -> None:
    element = ET.SubElement(case, tag, message=plain(message))
    if kind:
        element.set("type", plain(kind))
    element.text = plain(text) or None


def _classname(view: RunView) -> str:
    return plain(view.instance or view.title)


def _seconds(seconds: float) -> str:
    return f"{seconds:.3f}"


def _writable(path: Path) -> Path:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(
            f"--junit {path}",
            f"its folder cannot be made: {error.strerror}",
            next_step="Name a file that can be written",
        ) from error
    if path.is_dir() or not os.access(path.parent, os.W_OK):
        fact = "is a folder" if path.is_dir() else "its folder cannot be written to"
        raise InputError(f"--junit {path}", fact, next_step="Name a file that can be written")
    return path
