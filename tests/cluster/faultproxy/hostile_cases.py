"""Every verb, every fault, at several points: one case is one run of the engine through the proxy.

Whatever the proxy does, a run must give the right result or an honest error: one paragraph, a documented exit
code, in time; never a false success; nothing done twice; and the same run again, without faults, converges.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from allup import Component, Password, Secret
from allup.cluster import streams
from allup.cluster.requests import Timeouts
from allup.daily.rollout import RESTARTED_AT, Change, Rollout, restarts, scaling
from allup.daily.rotation import plan_rotation, write_rotation
from allup.errors import AllupError, ApiError
from allup.model import labels
from allup.redaction import Redactor
from allup.run.options import RunOptions
from allup.run.orphans import labelled
from allup.run.progress import Phase
from allup.run.session import Session, open_session
from allup.run.workers import Pool
from allup.sandbox import SandboxStatus
from tests.cluster.faultproxy.credentials import Identity, Upstream, kubeconfig_to
from tests.cluster.faultproxy.proxy import FaultProxy, Seen, proxied
from tests.cluster.faultproxy.rules import OF_WATCHES, REFUSED, UNANSWERED
from tests.cluster.platforms_for_tests import (
    Instance,
    Recorder,
    Told,
    claim,
    config,
    deployment,
    service,
    unique_name,
)

TIMEOUTS = Timeouts(connect=2.0, answer=0.6, watch=2.0)
PATIENCE = 1.2
RUN = 6.0
LIMIT = 15.0
"""Seconds: what a run is allowed, and what no run may ever take."""

_QUOTES = ("quote", "quote-400", "quote-page", "quote-long")  # see test_hostile_secrets
ONCE_OR_MORE = [f for f in (*UNANSWERED, *REFUSED) if f not in _QUOTES]
ON_WATCHES = [*OF_WATCHES, "reset", "frozen", "429", "500", "503", "504", "page", "403", "401", "lost"]


def become_impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Makes the waits short that are no argument of a session."""
    monkeypatch.setattr("allup.cluster.watch.GIVE_UP_AFTER", 2.0)
    monkeypatch.setattr("allup.cluster.watch.POLL_INTERVAL", 0.1)
    monkeypatch.setattr("allup.cluster.lease._PATIENCE", 1.0)


@dataclass(frozen=True)
class Case:
    """One run: *rule* is a line of the proxy's language."""

    verb: str
    rule: str

    @property
    def fault(self) -> str:
        """The last word of the rule."""
        return self.rule.split()[-1]

    def __str__(self) -> str:
        return f"{self.verb}: {self.rule}"


@dataclass
class Hostile(Instance):
    """An instance in a namespace that it may share, reached through a proxy while ``door`` is set."""

    shared: str = ""
    door: Path | None = None
    redactor: Redactor = field(default_factory=Redactor)
    lent: Session | None = None

    def __post_init__(self) -> None:
        self.outside = self.lent or self.session()
        self.namespace = self.shared or self.name

    def session(self, kubeconfig: Path | None = None, context: str = "") -> Session:
        """Through the door, with little patience."""
        if self.door is None:
            return super().session(kubeconfig, context)
        self.redactor = Redactor()
        return open_session(
            str(self.door),
            "proxied",
            redactor=self.redactor,
            sandbox=True,
            timeouts=TIMEOUTS,
            patience=PATIENCE,
        )

    def named(self, short: str) -> str:
        """``Kind/name`` of one of its objects: names are its own, the namespace may be shared."""
        return f"{short}-{self.name}"

    def parts(self, variant: str = "a") -> list[Component]:
        """A small platform; variant b has another text and one object less."""
        n = self.name
        more = [config(f"extra-{n}", key="a")] if variant == "a" else []
        return [
            self.part("data", claim(f"data-{n}")),
            self.part(
                "base",
                config(f"base-{n}", key=variant),
                *more,
                secrets=[Secret(f"key-{n}", {"password": Password(length=24)})],
            ),
            self.part("web", deployment(f"web-{n}"), service(f"web-{n}"), after=["base", "data"]),
        ]

    def password(self) -> str:
        """The generated password as it is in the cluster, encoded."""
        return str(self.get(self.named("Secret/key"))["data"]["password"])


# Verbs: each returns what is compared with the answer without faults, or the run it was


def up(instance: Hostile) -> Told:
    return instance.up(*instance.parts(), timeout=RUN, lock_timeout=1.0)


def change(instance: Hostile) -> Told:
    return instance.up(*instance.parts("b"), timeout=RUN, lock_timeout=1.0)


def down(instance: Hostile) -> Told:
    return instance.down(*instance.parts(), timeout=RUN, lock_timeout=1.0)


def purge(instance: Hostile) -> Told:
    return instance.down(*instance.parts(), timeout=RUN, lock_timeout=1.0, purge=True)


def plan(instance: Hostile) -> Any:
    made = instance.plan(*instance.parts("b"))
    return [(str(e.ref), e.action, [d.path for d in e.differences]) for e in made.entries]


def status(instance: Hostile) -> Any:
    return [(s.name, s.state, s.message) for s in instance.sight(*instance.parts()).components()]


def wait(instance: Hostile) -> Told:
    return instance.wait(*instance.parts(), timeout=RUN)


def orphans(instance: Hostile) -> Any:
    found = labelled(instance.session(), instance.namespace, instance.name, Pool(4))
    kinds = ("ConfigMap", "Secret", "Deployment", "Service", "Pod", "ReplicaSet", "PersistentVolumeClaim")
    return sorted(f"{o['kind']}/{o['metadata']['name']}" for o in found if o.get("kind") in kinds)


def logs(instance: Hostile) -> Any:
    session = instance.session()
    [pod] = [name for name in instance.pods() if instance.name in name]
    try:
        return streams.logs(session.api, instance.namespace, pod)
    except ApiError as error:
        if error.status != 400 or "fault proxy" in error.fact:
            raise
        return error.fact.partition(" for ")[0]  # a simulated node has no log, and says so


def _roll(instance: Hostile, verb: str, changes: Callable[[Session], tuple[Change, ...]]) -> Told:
    recorder, session = Recorder(), instance.session()
    platform = instance.platform(*instance.parts())
    options = RunOptions(timeout=RUN, lock_timeout=1.0)
    run = Rollout(session, platform, "web", verb, changes(session), options, recorder)
    return Told(run.run(), recorder.progress)


def restart(instance: Hostile) -> Told:
    stamp = unique_name()

    def changes(_: Session) -> tuple[Change, ...]:
        return restarts(instance.sight(*instance.parts()), "web", stamp)

    told = _roll(instance, "restart", changes)
    live = instance.get(instance.named("Deployment/web"))
    annotations = live["spec"]["template"]["metadata"].get("annotations") or {}
    if told.outcome == "done":
        assert annotations.get(RESTARTED_AT) == stamp, "said to be restarted, and is not"
    return told


def scale(instance: Hostile) -> Told:
    now = int(instance.get(instance.named("Deployment/web"))["spec"]["replicas"])
    wanted = 2 if now == 1 else 1

    def changes(_: Session) -> tuple[Change, ...]:
        return (scaling(instance.sight(*instance.parts()), "web", wanted)[0],)

    told = _roll(instance, "scale", changes)
    if told.outcome == "done":
        live = instance.get(instance.named("Deployment/web"))
        assert live["spec"]["replicas"] == live["status"]["readyReplicas"] == wanted
    return told


def rotate(instance: Hostile) -> Any:
    before = instance.password()
    session = instance.session()
    loaded = instance.load(instance.parts())
    rotation = plan_rotation(session, loaded, f"key-{instance.name}", instance.given())
    write_rotation(session, loaded, rotation, 1.0)
    assert instance.password() != before, "said to be rotated, and is not"
    return "rotated"


Verb = Callable[[Hostile], Any]
VERBS: dict[str, Verb] = {
    "up": up,
    "first-up": up,
    "again": up,
    "change": change,
    "down": down,
    "purge": purge,
    "plan": plan,
    "status": status,
    "wait": wait,
    "logs": logs,
    "orphans": orphans,
    "restart": restart,
    "scale": scale,
    "rotate": rotate,
}
_ANYWHERE = ["any #1", "any #3", "any #6+", "any every"]
POINTS: dict[str, list[str]] = {
    "up": [
        *_ANYWHERE,
        *("create leases #1", "create secrets #1", "create secrets every", "apply secrets #1"),
        *("apply persistentvolumeclaims #1", "apply deployments #1", "list pods #1", "write #4+"),
    ],
    "first-up": ["create namespaces #1", "create namespaces every"],
    "again": ["any #5", "any #9+", "apply configmaps #2", "update leases #1", "write every"],
    "change": ["any #7", "any #12+", "delete configmaps #1", "delete configmaps every", "write #2+"],
    "down": [
        *_ANYWHERE,
        *("delete deployments #1", "delete deployments every", "list pods #1", "update leases #2"),
        *("write #2+", "apply configmaps #1"),
    ],
    "purge": [
        *("any #5", "delete persistentvolumeclaims #1", "delete secrets #1", "delete secrets every"),
        *("delete leases #1", "get secrets #1", "write #3+"),
    ],
    "plan": [*_ANYWHERE, "apply deployments #1", "apply every", "list configmaps #1"],
    "status": [*_ANYWHERE, "list deployments #1", "list pods every"],
    "wait": ["any #3", "list pods #1", "get every"],
    "logs": ["any #3", "log #1", "log every"],
    "orphans": ["list #7", "list secrets #1", "list every"],
    "restart": ["any #5", "any #12+", "patch deployments #1", "patch deployments every"],
    "scale": ["any #7", "apply deployments #1", "apply deployments every", "update leases #1"],
    "rotate": ["any #4", "apply secrets #1", "apply secrets every", "write #2+"],
}
_WATCHING = ("up", "down", "restart")
_WATCH_POINTS = ("watch #1", "watch every")


def all_cases(verb: str = "") -> Sequence[Case]:
    """The whole matrix, or that of one verb."""
    cases = []
    for each in [verb] if verb else POINTS:
        cases += [Case(each, f"{point} {fault}") for fault in ONCE_OR_MORE for point in POINTS[each]]
        if each in _WATCHING:
            cases += [Case(each, f"{point} {fault}") for fault in ON_WATCHES for point in _WATCH_POINTS]
    # What we may not list is left out by orphans: it says of what we may read what nobody claims.
    return [case for case in cases if (case.verb, case.fault) != ("orphans", "403")]


# One case


@dataclass
class Ground:
    """Where cases run: one sandbox, namespaces shared by many of them, one instance that stays up."""

    sandbox: SandboxStatus
    folder: Path
    upstream: Upstream
    identity: Identity
    shared: str = ""
    standing: Hostile | None = None
    answers: dict[str, Any] = field(default_factory=dict)
    counted: Counter[str] = field(default_factory=Counter)
    outside: Session | None = None

    def new_namespace(self) -> None:
        """Begins another shared namespace; the one before is deleted, without waiting for it."""
        self.close()
        self.shared = unique_name()
        self.standing = None
        self.answers = {}
        self.instance().create_namespace()

    def close(self) -> None:
        """Deletes the namespace, without waiting."""
        if self.shared:
            self.instance(self.shared, own=True).discard()

    def instance(self, name: str = "", *, own: bool = False) -> Hostile:
        """A new instance, in the shared namespace or in one of its *own*."""
        name = name or unique_name()
        folder = self.folder / name
        folder.mkdir(exist_ok=True)
        shared = "" if own else self.shared
        made = Hostile(
            self.sandbox.kubeconfig, self.sandbox.context, name, folder, shared=shared, lent=self.outside
        )
        self.outside = made.outside  # the clean way in is the same for all of them
        return made

    def brought_up(self) -> Hostile:
        """An instance that is up, for cases that take it down."""
        made = self.instance()
        assert up(made).outcome == "done"
        return made

    def standing_one(self) -> Hostile:
        """The instance that stays up; cases leave it as they found it."""
        if self.standing is None:
            self.standing = self.brought_up()
        return self.standing

    def for_verb(self, verb: str) -> Hostile:
        """An instance in the state that the verb expects."""
        if verb == "up":
            return self.instance()
        if verb == "first-up":
            return self.instance(own=True)
        return self.brought_up() if verb in ("down", "purge") else self.standing_one()

    def expected(self, verb: str) -> Any:
        """What a verb that only looks says without faults."""
        if verb not in self.answers:
            self.answers[verb] = VERBS[verb](self.standing_one())
        return self.answers[verb]


_LOOKING = ("plan", "status", "orphans", "logs")


def try_out(ground: Ground, case: Case) -> None:
    """Runs one case; fails with everything the proxy saw."""
    instance = ground.for_verb(case.verb)
    expected = ground.expected(case.verb) if case.verb in _LOOKING else None
    before = None if case.verb in ("up", "first-up") else instance.password()
    clock = time.monotonic
    with proxied(ground.upstream, ground.identity, [case.rule]) as proxy:
        instance.door = kubeconfig_to(
            proxy.port, ground.identity, instance.folder / "kubeconfig", {"token": "canary-of-the-token"}
        )
        began = clock()
        result, error = None, None
        try:
            result = VERBS[case.verb](instance)
        except AllupError as raised:
            error = raised
        finally:
            instance.door = None
        seconds = clock() - began
        try:
            assert seconds < LIMIT, f"took {seconds:.1f} s"
            assert_nothing_twice(case.verb, proxy.executed)
            if error is not None:
                assert_honest(error)
            elif case.verb in _LOOKING:
                assert result == expected
            elif isinstance(result, Told) and result.outcome != "done":
                assert_told(result)
            else:
                assert_right(instance, case.verb)
            repair(ground, instance, case.verb, before, proxy)
        except AssertionError as wrong:
            told = str(error) if error else repr(result.finished if isinstance(result, Told) else result)
            raise AssertionError(f"{case}\n{wrong}\n{told}\n{proxy.told()}") from wrong
    outcome = "error" if error else result.outcome if isinstance(result, Told) else "done"
    if not proxy.rules.hits:
        ground.counted["never came to their point"] += 1
    else:
        ground.counted["right result" if outcome == "done" else "honest error"] += 1


def assert_honest(error: AllupError) -> None:
    """One paragraph that says something, and a documented exit code."""
    text = str(error)
    assert error.exit_code in (1, 2, 3, 4), text
    assert_paragraph(text)


def assert_paragraph(text: str) -> None:
    """Words for people."""
    assert len(text) > 20, text
    assert "\n\n" not in text, text
    for sign in ("Traceback", "fault in allup", " object at 0x", "KeyError", "TypeError", "<html"):
        assert sign not in text, text


def assert_told(told: Told) -> None:
    """A run that did not succeed says of each component what was wrong with it."""
    assert told.outcome in ("failed", "stuck"), told.outcome
    wrong = [r for r in told.finished.components if r.phase in (Phase.FAILED, Phase.STUCK)]
    said = [r.message for r in wrong] + [told.notes]
    assert any(said), "nothing is said"
    for text in said:
        if text:
            assert_paragraph(text)


def assert_nothing_twice(verb: str, executed: Sequence[Seen]) -> None:
    """No object made twice, no generated Secret changed, no second restart; a plan writes nothing."""
    if verb in (*_LOOKING, "wait"):
        assert not executed, f"wrote {executed[0]}"
    made = Counter(
        (s.asked.resource, s.asked.namespace, s.asked.name) for s in executed if s.status == 201 and s.obj
    )
    assert all(times == 1 for times in made.values()), f"made twice: {made}"
    secrets: dict[str, list[Any]] = {}
    stamps = set()
    for seen in executed:
        if seen.asked.resource == "secrets" and seen.obj and seen.obj.get("kind") == "Secret":
            values = secrets.setdefault(seen.asked.name, [])
            if seen.obj.get("data") not in values:
                values.append(seen.obj.get("data"))
        if seen.asked.verb == "patch" and seen.asked.resource == "deployments" and seen.obj:
            template = seen.obj["spec"]["template"]["metadata"]
            stamps.add((template.get("annotations") or {}).get(RESTARTED_AT))
    assert all(len(values) == 1 for values in secrets.values()), f"changed: {list(secrets)}"
    assert len(stamps) <= 1, f"restarted {len(stamps)} times"


def assert_right(instance: Hostile, verb: str) -> None:
    """What a run that says "done" has to have done."""
    if verb in ("down", "purge"):
        kept = {f"ConfigMap/allup-{instance.name}", f"Lease/allup-{instance.name}"}
        if verb == "down":
            kept |= {f"Secret/allup-{instance.name}", instance.named("Secret/key")}
            kept |= {instance.named("PersistentVolumeClaim/data")}
        assert instance.left() <= kept, instance.left() - kept
        return
    variant = "b" if verb == "change" else "a"
    assert instance.get(instance.named("ConfigMap/base"))["data"] == {"key": variant} or verb not in (
        *("up", "first-up", "again", "change"),
    )
    assert (instance.find(instance.named("ConfigMap/extra")) is None) == (verb == "change")
    assert len(instance.password()) == 32
    for short in ("Service/web", "PersistentVolumeClaim/data"):
        instance.get(instance.named(short))
    live = instance.get(instance.named("Deployment/web"))
    assert live["status"]["observedGeneration"] == live["metadata"]["generation"]
    assert live["status"].get("readyReplicas") == live["spec"]["replicas"], live["status"]


def repair(ground: Ground, instance: Hostile, verb: str, before: str | None, proxy: FaultProxy) -> None:
    """The same again without faults: it converges, and the generated password is what it was."""
    if verb in (*_LOOKING, "wait"):
        return
    first = next(
        (
            s.obj["data"]["password"]
            for s in proxy.executed
            if s.obj and s.asked.name == f"key-{instance.name}" and s.asked.verb == "apply"
        ),
        None,
    )
    if verb == "rotate":
        before = first or before
    if verb in ("down", "purge"):
        told = down(instance) if verb == "down" else purge(instance)
        assert told.outcome == "done", f"again: {told.finished}"
        assert_right(instance, verb)
    else:
        told = up(instance)
        assert told.outcome == "done", f"again: {told.finished}"
        assert_right(instance, "up")
    if verb != "purge":
        assert instance.password() == (before or first or instance.password()), "the password has changed"
    lease = instance.find(f"Lease/{labels.inventory_name(instance.name)}")
    assert lease is None or not lease["spec"].get("holderIdentity"), "the lock is held"
    if verb == "first-up":
        instance.discard()
