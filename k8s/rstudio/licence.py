"""What ``license-manager status`` says, in words."""

from __future__ import annotations

import re
from collections.abc import Mapping

from allup import Reading

MANAGER = "/usr/lib/rstudio-server/bin/license-manager"
SOON = 30
"""Days: a licence that ends within them is said to end soon."""

_HEADING = re.compile(r"-{2,}\s*(?P<title>[^-].*?)\s*-{2,}")
_FIELD = re.compile(r"(?P<name>[A-Z][A-Za-z-]*): *(?P<value>.*)")
_HIDDEN = ("Product-Key",)


def read_status(output: str) -> Reading:
    """Whether a licence is in force, how long, and what it allows.

    The output has a section each for a licence file, a local (activated) licence and a floating one, with
    lines ``Name: value``; older releases print the local one without a heading. Whichever is activated
    counts, else an evaluation that has days left. A product key is never repeated.
    """
    sections = _sections(output)
    if not any("Status" in fields for fields in sections.values()):
        said = next((line.strip() for line in reversed(output.splitlines()) if line.strip()), "nothing")
        return Reading(good=False, sentence=f"license-manager gives no status; it says: {said}")
    title, fields = _in_force(sections)
    facts = tuple(
        (name, "(not shown)" if name in _HIDDEN and value else value) for name, value in fields.items()
    )
    status, days = fields.get("Status", "unknown"), _days(fields)
    what = f"The {title}" if title else "The licence"
    if status == "Activated" and days != 0:
        left = f", {days} days left" if days is not None else ""
        soon = ". Renew it soon" if days is not None and days <= SOON else ""
        return Reading(good=True, sentence=f"{what} is activated{left}{soon}.", facts=facts)
    if status == "Evaluation" and days != 0:
        left = f", {days} days left" if days is not None else ""
        return Reading(good=True, sentence=f"This is an evaluation{left}: no licence is active.", facts=facts)
    return Reading(good=False, sentence=f"{what} is not in force: {status.lower()}.", facts=facts)


def _sections(output: str) -> dict[str, dict[str, str]]:
    sections: dict[str, dict[str, str]] = {}
    title = ""
    for line in output.splitlines():
        if heading := _HEADING.fullmatch(line.strip()):
            title = re.sub(r"\s*status$", "", heading["title"].lower()).replace("license", "licence")
        elif field := _FIELD.fullmatch(line.strip()):
            sections.setdefault(title, {})[field["name"]] = field["value"].strip()
    return sections


def _in_force(sections: Mapping[str, Mapping[str, str]]) -> tuple[str, Mapping[str, str]]:
    for wanted in ("Activated", "Evaluation"):
        for title, fields in sections.items():
            if fields.get("Status") == wanted and _days(fields) != 0:
                return title, fields
    return next((title, fields) for title, fields in sections.items() if "Status" in fields)


def _days(fields: Mapping[str, str]) -> int | None:
    days = fields.get("Days-Left", "")
    return int(days) if days.lstrip("-").isdigit() else None
