"""verify: the cluster against what the platform is made for."""

from __future__ import annotations

from pathlib import Path

from allup.errors import AllupError, InputError, did_you_mean
from allup.model.extras import Verify
from allup.report.tables import table
from allup.verifying import TEMPLATES, Compared, backend, images
from tasks.looking import look, offline
from tasks.output import SCHEMA, say, say_json
from tasks.preparing import Prepared, prepare
from tasks.verb import Call

_PARTS = ("backend", "components")


def verify(call: Call) -> None:
    """Version and context of the server, images of all containers; exit code 1 when something is not so."""
    prepared = prepare(call).as_last_up()
    part = str(call.given.get("part") or "")
    if part not in ("", *_PARTS):
        raise InputError(
            f"verify {part!r}",
            f"is nothing it compares{did_you_mean(part, _PARTS)}",
            next_step="There are backend and components",
        )
    task = next(t for t in prepared.platform.tasks if t.name == call.verb.name and isinstance(t, Verify))
    session, mask = prepared.session, prepared.redactor.mask
    compared: list[Compared] = []
    if part != "components":
        kubeconfig = Path(prepared.target.kubeconfig).expanduser().absolute()
        compared += backend(
            task, version=session.server_version, context=session.context, kubeconfig=str(kubeconfig)
        )
    if part != "backend":
        compared += _images(prepared)
    session.stop.set()
    wrong = [one for one in compared if not one.same and one.matters]
    if call.given.get("json"):
        entries = [{**vars(one), "verdict": one.verdict} for one in compared]
        say_json({"schema": SCHEMA, "type": "verify", "good": not wrong, "compared": entries})
    else:
        rows = [(one.what, mask(one.wanted), mask(one.found), one.verdict) for one in compared]
        say(table(("WHAT", "WANTED", "FOUND", ""), rows) if rows else "Nothing says what is wanted.")
    if wrong:
        first = wrong[0]
        raise AllupError(
            f"{prepared.platform.collection}.{task.name}",
            f"{len(wrong)} of {len(compared)} are not what they should be",
            evidence=mask(f"{first.what} is {first.found}, and {first.wanted} is wanted"),
            next_step=_way_out(prepared, task, first),
        )


def _images(prepared: Prepared) -> list[Compared]:
    sight = look(prepared)
    wanted = [desired.body for _, desired in offline(prepared) if desired.ref.kind in TEMPLATES]
    live = [obj for kind in TEMPLATES for obj in sight.in_full(kind=kind)]
    return list(images(wanted, live))


def _way_out(prepared: Prepared, task: Verify, first: Compared) -> str:
    if first.what == "Kubernetes":
        return f"{task.version_from} wants it" if task.version_from else ""
    if first.what == "kubeconfig":
        return f"Give --kubeconfig {first.wanted}"
    if first.what == "context":
        return f"Give --context {first.wanted}, or choose it: inv cluster.use {first.wanted}"
    return f"inv {prepared.platform.collection}.all-up"
