"""What does not go: each fault alone and in pairs, named within the budget; what force does about it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import combinations
from pathlib import Path
from random import Random
from typing import Any

import pytest
import yaml

from allup import Children, Component
from allup.daily.forcing import Force, ForcePlan
from allup.errors import InputError
from allup.model import labels
from allup.run.progress import Action, ObjectDone, Phase, Progress, RunFinished
from allup.run.session import Session
from allup.sandbox import Sandboxes, SandboxStatus
from allup.sandbox.clock import SystemClock
from allup.sandbox.names import APISERVER
from allup.sandbox.processes import end, recorded
from tests.cluster.platforms_for_tests import (
    HELD,
    Instance,
    Told,
    claim,
    config,
    definition,
    deployment,
    eventually,
    job,
    obj,
    pod_spec,
    service,
    unique_name,
)
from tests.counting import Tried

pytestmark = pytest.mark.cluster

BUDGET = 2.0
"""Seconds that a down is given here, as ``--timeout``."""
AFTER = 5.0
"""What it may take beyond that to find out what holds the rest."""
NOWHERE = "node-that-is-gone"
DEAD = "v1.dead.example"


@dataclass(frozen=True)
class Own:
    """A sandbox of this module's own: its API server is stopped, and an APIService of it is dead."""

    sandboxes: Sandboxes
    status: SandboxStatus

    def stop_api_server(self) -> None:
        """Kills it, as if its machine had gone."""
        running = recorded(self.status.kubeconfig.parent / "processes")
        end([running[APISERVER]], clock=SystemClock(), outright=(APISERVER,))

    def start_api_server(self) -> None:
        """Starts what is missing."""
        self.sandboxes.up(self.status.name)


@pytest.fixture(scope="module")
def own(sandbox_environ: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Own]:
    folder = tmp_path_factory.mktemp("stuck")
    sandboxes = Sandboxes(folder, {**sandbox_environ, "XDG_STATE_HOME": str(folder / "state")})
    try:
        yield Own(sandboxes, sandboxes.up("stuck"))
    finally:
        sandboxes.delete("stuck")


@dataclass
class Scene:
    """Five components that do not need each other, and what is wrong with them."""

    instance: Instance
    parts: tuple[Component, ...] = ()
    purge: bool = False
    session: Session | None = None
    undo: list[Callable[[], object]] = field(default_factory=list)

    def down(self, **options: Any) -> Told:
        options = {"timeout": BUDGET, "purge": self.purge, "session": self.session, **options}
        return self.instance.down(*self.parts, **options)


def finalizer(scene: Scene) -> str:
    """A finalizer that nobody serves."""
    scene.instance.patch("ConfigMap/held", {"metadata": {"finalizers": [HELD]}}, manager="their-tool")
    return f"finalizer {HELD}, which their-tool put there"


def claim_in_use(scene: Scene) -> str:
    """A pod of somebody else's uses the claim."""
    volume = {"name": "data", "persistentVolumeClaim": {"claimName": "data"}}
    node = scene.instance.outside.objects.list(scene.instance.outside.discovery.of_kind("Node")[0])[0]
    spec = pod_spec("theirs", volumes=[volume], nodeName=node["metadata"]["name"])
    scene.instance.create(obj("Pod", "theirs", spec=spec))
    scene.purge = True
    return f"is used by Pod/{scene.instance.namespace}/theirs"


def lost_node(scene: Scene) -> str:
    """The pod of a component is on a node that is gone (it was put there when the scene was set)."""
    eventually(lambda: len(scene.instance.pods()) > 1, "the pods to be there")
    return f"its node {NOWHERE} is gone"


def dead_api_service(scene: Scene) -> str:
    """The namespace cannot be emptied, since an API does not answer."""
    group = DEAD.partition(".")[2]
    spec = {
        "group": group,
        "version": "v1",
        "groupPriorityMinimum": 1000,
        "versionPriority": 1,
        "insecureSkipTLSVerify": True,
        "service": {"name": "nobody", "namespace": "default", "port": 443},
    }
    scene.instance.create(obj("APIService", DEAD, "apiregistration.k8s.io/v1", spec=spec))
    scene.undo.append(lambda: scene.instance.delete(f"APIService/{DEAD}"))
    available = lambda: scene.instance.get(f"APIService/{DEAD}").get("status", {}).get("conditions")  # noqa: E731
    eventually(available, "the APIService to be looked at")
    scene.purge = True
    return f"APIService {DEAD} does not answer"


def forbidden_list(scene: Scene) -> str:
    """We may do everything but list Services."""
    instance = scene.instance
    user = f"limited-{instance.name}"
    rules = [
        {
            "apiGroups": [resource.group],
            "resources": [resource.plural],
            "verbs": ["*"] if resource.kind != "Service" else ["get", "delete", "patch", "create"],
        }
        for resource in instance.outside.discovery.listable()
    ]
    rbac = "rbac.authorization.k8s.io"
    role = {"apiGroup": rbac, "kind": "ClusterRole", "name": user}
    subjects = [{"apiGroup": rbac, "kind": "User", "name": user}]
    instance.create(obj("ClusterRole", user, f"{rbac}/v1", rules=rules))
    instance.create(obj("ClusterRoleBinding", user, f"{rbac}/v1", roleRef=role, subjects=subjects))
    known = yaml.safe_load(instance.kubeconfig.read_text())
    for entry in known["users"]:
        entry["user"] |= {"as": user, "as-groups": ["system:authenticated"]}
    limited = instance.folder / f"{user}.kubeconfig"
    limited.write_text(yaml.safe_dump(known))
    scene.session = instance.session(limited)
    return "whether services of ours are left is not known"


FAULTS: dict[str, Callable[[Scene], str]] = {
    fault.__name__: fault for fault in (finalizer, claim_in_use, lost_node, dead_api_service, forbidden_list)
}
PAIRS = list(combinations(FAULTS, 2))


@pytest.fixture
def scenes(own: Own, tmp_path: Path) -> Iterator[Callable[[Sequence[str]], Scene]]:
    """Sets a scene for faults that are still to come, once what the one before did is undone."""
    made: list[Scene] = []

    def clear() -> None:
        while made:
            one = made.pop()
            for undo in one.undo:
                undo()
            one.instance.discard()

    def scene(faults: Sequence[str]) -> Scene:
        clear()  # a dead API is the whole cluster's
        instance = Instance(own.status.kubeconfig, own.status.context, unique_name(), tmp_path)
        spec: dict[str, Any] = {"nodeName": NOWHERE} if "lost_node" in faults else {}
        parts = (
            instance.part("held", config("held")),
            instance.part("data", claim("data")),
            instance.part("web", deployment("web", **spec)),
            instance.part("front", service("front", selector={"app": "nobody"})),
            instance.part("fine", deployment("fine"), config("fine")),
        )
        made.append(Scene(instance, parts))
        assert instance.up(*parts, wait=False).outcome == "done"
        return made[-1]

    try:
        yield scene
    finally:
        clear()


def everything_said(told: Told) -> str:
    found = [
        f"{finding.ref} {finding.message}"
        for result in told.finished.components
        for finding in result.findings
    ]
    return "\n".join([*found, told.notes])


def try_faults(scene: Scene, faults: Sequence[str]) -> None:
    """A down with those faults ends stuck, within its budget, and names them all."""
    words = [FAULTS[fault](scene) for fault in faults]
    told = scene.down()
    assert told.outcome == "stuck"
    assert told.finished.seconds < BUDGET + AFTER
    for word in words:
        assert word in everything_said(told), f"{word!r} is not in:\n{everything_said(told)}"
    assert told["fine"].phase is Phase.GONE
    assert told["fine"].verdict == "clean"
    assert "stuck" in [result.verdict for result in told.finished.components]


@pytest.mark.parametrize("fault", FAULTS)
def test_what_is_stuck_is_named_within_the_budget(
    scenes: Callable[[Sequence[str]], Scene], fault: str, tried: Tried
) -> None:
    try_faults(scenes([fault]), [fault])
    tried.add("faults of a down, alone", of=1)


def test_some_pairs_of_what_is_stuck_are_both_named_within_the_budget(
    scenes: Callable[[Sequence[str]], Scene], chance: Random, tried: Tried
) -> None:
    for pair in chance.sample(PAIRS, 2):
        try_faults(scenes(pair), pair)
    tried.add("pairs of faults of a down", 2, of=len(PAIRS))


@pytest.mark.sweep
@pytest.mark.parametrize("pair", PAIRS, ids=" and ".join)
def test_any_pair_of_what_is_stuck_is_named_within_the_budget(
    scenes: Callable[[Sequence[str]], Scene], pair: Sequence[str], tried: Tried
) -> None:
    try_faults(scenes(pair), pair)
    tried.add("pairs of faults of a down", of=1)


def test_a_down_goes_on_when_the_api_server_restarts_in_the_middle(
    own: Own, scenes: Callable[[Sequence[str]], Scene]
) -> None:
    scene = scenes([])
    scene.instance.wait(*scene.parts)
    restarts: list[threading.Thread] = []

    def heard(progress: Progress) -> None:
        if isinstance(progress, ObjectDone) and progress.action is Action.DELETED and not restarts:
            restarts.append(threading.Thread(target=own.start_api_server))
            own.stop_api_server()
            restarts[0].start()

    told = scene.down(heard=heard, timeout=60)
    restarts[0].join()
    assert told.outcome == "done"
    assert scene.instance.pods() == {}
    for gone in ("ConfigMap/held", "Deployment/web", "Service/front"):
        assert scene.instance.find(gone) is None


def test_objects_whose_kind_has_vanished_are_gone(instance: Instance) -> None:
    plural = f"gadgets-{instance.name}"
    crd = definition(plural, f"Gadget{instance.name.replace('-', '')}")
    thing = obj(crd["spec"]["names"]["kind"], "one", "tests.example/v1", spec={})
    parts = (instance.part("kind", crd), instance.part("thing", thing, config("beside"), after=["kind"]))
    assert instance.up(*parts).outcome == "done"
    instance.delete(f"CustomResourceDefinition/{plural}.tests.example")
    told = instance.down(*parts)
    assert (told.outcome, told.phases) == ("done", {"thing": Phase.GONE, "kind": Phase.GONE})
    assert instance.find("ConfigMap/beside") is None


def test_a_watch_of_a_kind_that_is_deleted_on_the_way_does_not_end_the_down(
    instance: Instance, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("allup.cluster.watch.GIVE_UP_AFTER", 0.1)
    crd = definition(f"gears-{instance.name}", f"Gear{instance.name.replace('-', '')}")
    thing = obj(crd["spec"]["names"]["kind"], "one", "tests.example/v1", spec={})
    part = instance.part("kind", crd, thing, config("held"))
    assert instance.up(part).outcome == "done"
    instance.patch("ConfigMap/held", {"metadata": {"finalizers": [HELD]}})
    told = instance.down(part, timeout=3)
    assert (told.outcome, told.phases) == ("stuck", {"kind": Phase.STUCK})
    [finding] = told["kind"].findings
    assert finding.ref.name == "held"


def test_what_no_component_claims_is_named_at_the_end(instance: Instance) -> None:
    instance.create_namespace()
    part = instance.part("base", config("base"))
    instance.up(part)
    ours = labels.standard_labels("small", instance.name, "base")
    del ours[labels.COMPONENT]
    instance.create(config("stray"), labels=ours)
    instance.create(service("lost", selector={"app": "nobody"}), labels={**ours, labels.COMPONENT: "once"})
    told = instance.down(part)
    assert told.outcome == "done"
    [warning] = told.finished.warnings
    assert f"ConfigMap/{instance.namespace}/stray (inv small.orphans" in warning
    purged = instance.down(part, purge=True)
    [warning] = purged.finished.warnings
    for stray in ("ConfigMap/{0}/stray", "Service/{0}/lost"):
        assert stray.format(instance.namespace) in warning


# Force


def forced(
    scene: Scene, agree: Callable[[ForcePlan], None] = lambda _: None, **options: Any
) -> tuple[RunFinished, list[ForcePlan], list[str]]:
    """A down with --force: how it ended, the plans that were shown, the sentences."""
    plans: list[ForcePlan] = []
    said: list[str] = []

    def shown(plan: ForcePlan) -> None:
        plans.append(plan)
        agree(plan)

    instance = scene.instance
    force = Force(instance.platform(*scene.parts), lock_timeout=5, agree=shown, tell=said.append)
    finished = force.down(lambda session: scene.down(session=session, **options).finished, instance.session)
    return finished, plans, said


def test_force_takes_off_what_nobody_serves_and_deletes_a_pod_without_its_node(
    scenes: Callable[[Sequence[str]], Scene],
) -> None:
    scene = scenes(["lost_node"])
    finalizer(scene)
    lost_node(scene)
    finished, [plan], said = forced(scene)
    assert finished.outcome == "done"
    assert {step.ref.kind: step.finalizers for step in plan.steps} == {"ConfigMap": (HELD,), "Pod": ()}
    assert {step.component for step in plan.steps} == {"held", "web"}
    assert all(step.lost for step in plan.steps)
    assert len(said) == 2
    assert scene.instance.find("ConfigMap/held") is None
    assert scene.instance.items("Pod") == []


def test_force_leaves_what_is_not_ours_alone(scenes: Callable[[Sequence[str]], Scene]) -> None:
    scene = scenes([])
    claim_in_use(scene)
    scene.instance.create(config("theirs"), finalizers=[HELD])
    finished, [plan], _ = forced(scene)
    assert finished.outcome == "stuck"
    assert plan.steps == ()
    assert {(refused.ref.kind, refused.why) for refused in plan.refused} >= {("Pod", "it is not ours")}
    assert scene.instance.find("Pod/theirs") is not None
    assert not scene.instance.get("ConfigMap/theirs")["metadata"].get("deletionTimestamp")


def test_force_leaves_what_has_changed_since_it_was_shown_alone(
    scenes: Callable[[Sequence[str]], Scene],
) -> None:
    scene = scenes([])
    finalizer(scene)

    def change(plan: ForcePlan) -> None:
        scene.instance.patch("ConfigMap/held", {"metadata": {"annotations": {"changed": "since"}}})

    finished, plans, said = forced(scene, change)
    assert finished.outcome == "stuck"
    assert "has changed or gone since it was looked at" in said[0]
    assert [len(plan.steps) for plan in plans] == [1, 0]
    assert scene.instance.get("ConfigMap/held")["metadata"]["finalizers"] == [HELD]


def test_force_that_is_not_agreed_to_writes_nothing(scenes: Callable[[Sequence[str]], Scene]) -> None:
    scene = scenes([])
    finalizer(scene)

    def no(plan: ForcePlan) -> None:
        raise InputError("nothing was done", "you did not say yes")

    with pytest.raises(InputError):
        forced(scene, no)
    assert scene.instance.get("ConfigMap/held")["metadata"]["finalizers"] == [HELD]


def test_a_child_that_does_not_go_is_named_and_forced(instance: Instance) -> None:
    part = instance.part("app", deployment("app"), children=[Children("Job", "made-by=app")])
    instance.up(part)
    instance.create(job("session", fault="never-ready"), labels={"made-by": "app"}, finalizers=[HELD])
    scene = Scene(instance, (part,))
    told = scene.down()
    assert told.outcome == "stuck"
    assert f"Job/{instance.namespace}/session" in everything_said(told)
    finished, [plan], _ = forced(scene)
    assert finished.outcome == "done"
    assert plan.steps[0].component == "app"
    assert instance.find("Job/session") is None
