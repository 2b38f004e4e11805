"""Secrets when things go wrong: whatever quotes them, nothing of ours tells them."""

from __future__ import annotations

import base64
import traceback
from pathlib import Path
from typing import Any

import pytest
from invoke.exceptions import Exit

from allup import Provided, Secret
from allup.errors import AllupError
from tasks.edge import edge, masked_by
from tests.cluster.faultproxy import hostile_cases as hostile
from tests.cluster.faultproxy.credentials import kubeconfig_to
from tests.cluster.faultproxy.hostile_cases import Ground, Hostile
from tests.cluster.faultproxy.proxy import FaultProxy, proxied
from tests.cluster.platforms_for_tests import Told, config, deployment
from tests.counting import Tried

pytestmark = pytest.mark.cluster

GIVEN = "canary-5f3a9c/given=value"
TOKEN = "canary-71bb02-of-the-token"


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Waits that are minutes long are seconds here."""
    hostile.become_impatient(monkeypatch)


def secretive(instance: Hostile, **more: Any) -> list[Any]:
    """A platform with a secret that was given and one that is made, and a pod that uses them."""
    instance.environ["THE_TOKEN"] = GIVEN
    n = instance.name
    web = deployment(f"web-{n}", **more)
    web["spec"]["template"]["spec"]["containers"][0]["envFrom"] = [{"secretRef": {"name": f"given-{n}"}}]
    return [
        instance.part("base", config(f"base-{n}", key="a"), config(f"extra-{n}", key="a")),
        instance.part("given", secrets=[Secret(f"given-{n}", {"token": Provided(env="THE_TOKEN")})]),
        instance.part("web", web, after=["base", "given"]),
    ]


def canaries() -> list[str]:
    """What must not be told, in the forms that it takes."""
    forms = [GIVEN, TOKEN, base64.b64encode(GIVEN.encode()).decode(), GIVEN.replace("/", "%2F")]
    return [*forms, GIVEN[:12], GIVEN[-9:], base64.b64encode(GIVEN.encode()).decode()[:16]]


def through(ground: Ground, instance: Hostile, proxy: FaultProxy) -> None:
    """Runs go through the proxy from now on."""
    file = instance.folder / "kubeconfig"
    instance.door = kubeconfig_to(proxy.port, ground.identity, file, {"token": TOKEN})


POINTS = [
    "apply secrets #1",
    "apply secrets every",
    "apply deployments #1",
    "apply deployments every",
    "create leases #1",
    "list pods every",
    "watch every",
    "write every",
    "delete configmaps every",
    "any #9+",
]


QUOTING = ["quote", "quote-400", "quote-page", "quote-long", "garbage"]


def assert_nothing_told(point: str, fault: str, ground: Ground, folder: Path) -> None:
    """One up through a proxy that quotes: report, error, traceback and bundle are searched."""
    instance = ground.instance()
    parts = secretive(instance)
    if "delete" in point:
        instance.up(*parts)
        parts[0] = instance.part("base", config(f"base-{instance.name}", key="a"))
    with proxied(ground.upstream, ground.identity, [f"{point} {fault}"], quotes=[GIVEN]) as proxy:
        through(ground, instance, proxy)
        try:
            text = said(instance.up(*parts, timeout=hostile.RUN, bundle=folder))
        except AllupError as error:
            masked = instance.redactor.mask("".join(traceback.format_exception(error)))
            text = f"{error} {error.args} {getattr(error, 'details', '')} {masked}"
        text += "".join(file.read_text() for file in folder.rglob("*") if file.is_file())
        assert proxy.rules.hits or "watch" in point, point
    for canary in canaries():
        assert canary not in text, (point, text[max(0, text.find(canary) - 300) :][:600])


@pytest.mark.parametrize("fault", QUOTING)
def test_errors_that_quote_a_secret_do_not_make_us_tell_it(
    fault: str, ground: Ground, tried: Tried, tmp_path: Path
) -> None:
    points = tried.chance(f"quoting {fault}").sample(POINTS, 2)
    for point in points:
        assert_nothing_told(point, fault, ground, tmp_path / point.replace(" ", "-"))
    tried.add("answers that quote secrets", len(points), of=len(POINTS))


@pytest.mark.sweep
@pytest.mark.parametrize("fault", QUOTING)
@pytest.mark.parametrize("point", POINTS)
def test_an_error_at_any_point_that_quotes_a_secret_does_not_make_us_tell_it(
    point: str, fault: str, ground: Ground, tried: Tried, tmp_path: Path
) -> None:
    assert_nothing_told(point, fault, ground, tmp_path / "bundle")
    tried.add("answers that quote secrets", 1, of=1)


def said(told: Told) -> str:
    """Everything that a run reported."""
    return "\n".join(map(repr, told.progress)) + repr(told.finished) + told.notes


def test_a_traceback_that_quotes_a_secret_is_masked_at_the_edge(
    ground: Ground, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("ALLUP_DEBUG", "1")
    instance = ground.instance()
    parts = secretive(instance)

    @edge
    def body() -> None:
        session = instance.session()
        masked_by(session.redactor.mask)
        instance.up(*parts, session=session, timeout=hostile.RUN)

    # Garbage in place of a status line: the library's own error quotes it, and so does its traceback.
    with proxied(ground.upstream, ground.identity, ["create leases every garbage"], quotes=[GIVEN]) as proxy:
        through(ground, instance, proxy)
        with pytest.raises(Exit) as left:
            body()
    err = capsys.readouterr().err
    assert "SSH-2.0" in err
    for canary in canaries():
        assert canary not in err + str(left.value.message)


def test_events_and_conditions_that_quote_a_secret_are_told_without_it(ground: Ground) -> None:
    instance = ground.instance()
    assert instance.up(*secretive(instance)).outcome == "done"
    event = {
        "apiVersion": "v1",
        "kind": "Event",
        "metadata": {"name": f"told-{instance.name}"},
        "involvedObject": {
            "kind": "Deployment",
            "apiVersion": "apps/v1",
            "name": f"other-{instance.name}",
            "namespace": instance.namespace,
        },
        "reason": "FailedCreate",
        "type": "Warning",
        "message": f"webhook says no to {GIVEN}",
        "lastTimestamp": "2999-01-01T00:00:00Z",
    }
    instance.create(event)
    *others, _ = secretive(instance)
    paused = deployment(f"other-{instance.name}")
    paused["spec"]["paused"] = True
    told = instance.up(*others, instance.part("web", paused, after=["base", "given"]), timeout=3.0)
    assert told.outcome == "failed"
    assert "webhook says no" in said(told)
    for canary in canaries():
        assert canary not in said(told)
