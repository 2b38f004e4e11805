"""Workloads and Jobs: their counts, their newest pods, and nothing about old ones."""

from __future__ import annotations

from typing import Any

import pytest

from allup.diagnosis.admission import creation_refused
from allup.readiness import Cause, NoNeighbours, Readiness, State, judge
from allup.refs import ObjectRef
from tests.unit.judgement.judgement_objects import (
    IMAGE,
    NOW,
    Beside,
    Json,
    condition,
    crashed,
    ended,
    gone_soon,
    pod,
    running,
    thing,
    waiting,
)

READY, NOT_YET, FAILED = State.READY, State.NOT_YET, State.FAILED
REVISION = "deployment.kubernetes.io/revision"
QUOTA = (
    'pods "web-5d9c-x7k2p" is forbidden: exceeded quota: small, requested: pods=1, used: pods=2, '
    "limited: pods=2"
)
MISSING_IMAGE = waiting("ErrImagePull", "rpc error: code = NotFound desc = x: not found")


def deployment(
    want: int | None = 3,
    *,
    total: int = 0,
    updated: int = 0,
    ready: int = 0,
    available: int | None = None,
    conditions: tuple[Json, ...] = (),
    revision: str = "1",
    generation: int = 1,
    observed: int = 1,
    **spec: Any,
) -> Json:
    status = {
        "observedGeneration": observed,
        "replicas": total,
        "updatedReplicas": updated,
        "readyReplicas": ready,
        "availableReplicas": ready if available is None else available,
        "conditions": list(conditions),
    }
    return thing(
        "apps/v1",
        "Deployment",
        metadata={"generation": generation, "annotations": {REVISION: revision}},
        spec={**({} if want is None else {"replicas": want}), **spec},
        # Go leaves out every count that is zero
        status={key: value for key, value in status.items() if value or key == "conditions"},
    )


def replica_set(name: str, revision: str, *conditions: Json) -> Json:
    return thing(
        "apps/v1",
        "ReplicaSet",
        name,
        metadata={"annotations": {REVISION: revision}},
        spec={"replicas": 1},
        status={"observedGeneration": 1, "conditions": list(conditions)},
    )


def stateful_set(
    want: int = 3,
    *,
    total: int = 3,
    ready: int = 3,
    available: int | None = None,
    updated: int = 3,
    strategy: Json | None = None,
    **spec: Any,
) -> Json:
    return thing(
        "apps/v1",
        "StatefulSet",
        "db",
        spec={"replicas": want, "updateStrategy": strategy or {"type": "RollingUpdate"}, **spec},
        status={
            "observedGeneration": 1,
            "replicas": total,
            "readyReplicas": ready,
            "availableReplicas": ready if available is None else available,
            "updatedReplicas": updated,
            "updateRevision": "db-new",
            "currentRevision": "db-old",
        },
    )


def daemon_set(want: int = 2, *, updated: int = 2, ready: int = 2, current: int = 2, **spec: Any) -> Json:
    return thing(
        "apps/v1",
        "DaemonSet",
        "agent",
        metadata={"annotations": {"deprecated.daemonset.template.generation": "2"}},
        spec={"updateStrategy": {"type": "RollingUpdate"}, **spec},
        status={
            "observedGeneration": 1,
            "desiredNumberScheduled": want,
            "currentNumberScheduled": current,
            "updatedNumberScheduled": updated,
            "numberReady": ready,
            "numberAvailable": ready,
        },
    )


def job(*conditions: Json, spec: Json | None = None, **status: Any) -> Json:
    return thing(
        "batch/v1",
        "Job",
        "migrate",
        spec={"completions": 1, "parallelism": 1, **(spec or {})},
        status={"conditions": list(conditions), **status},
    )


PARTITION = {"type": "RollingUpdate", "rollingUpdate": {"partition": 2}}

COUNTS: dict[str, tuple[Json, State, str, str]] = {
    "Deployment: rolled out": (
        deployment(total=3, updated=3, ready=3),
        READY,
        "3/3 pods ready",
        "",
    ),
    "Deployment: replicas defaults to one": (
        deployment(None, total=1, updated=1, ready=1),
        READY,
        "1/1 pods ready",
        "",
    ),
    "Deployment: just created": (
        thing("apps/v1", "Deployment", spec={"replicas": 1}, status={}),
        NOT_YET,
        "waits for its controller",
        "",
    ),
    "Deployment: all ready, but of the generation before": (
        deployment(total=3, updated=3, ready=3, generation=5, observed=4),
        NOT_YET,
        "waits for its controller",
        "",
    ),
    "Deployment: a failure of the generation before does not count": (
        deployment(
            conditions=(condition("Progressing", "False", "ProgressDeadlineExceeded"),),
            generation=5,
            observed=4,
        ),
        NOT_YET,
        "waits for its controller",
        "",
    ),
    "Deployment: first pods come": (deployment(total=3, updated=3, ready=1), NOT_YET, "1/3 pods ready", ""),
    "Deployment: pods not created yet": (deployment(total=1, updated=1), NOT_YET, "0/3 pods ready", ""),
    "Deployment: rolling": (
        deployment(total=4, updated=1, ready=3),
        NOT_YET,
        "rollout: 1 of 3 pods updated",
        "",
    ),
    "Deployment: the old pods still serve": (
        deployment(total=4, updated=3, ready=4),
        NOT_YET,
        "rollout: 1 pod of the old revision still to go",
        "",
    ),
    "Deployment: ready, not available yet": (
        deployment(total=3, updated=3, ready=3, available=1, minReadySeconds=20),
        NOT_YET,
        "3/3 pods ready, not yet for 20 s",
        "",
    ),
    "Deployment: scaled to zero": (deployment(0), READY, "scaled to 0", ""),
    "Deployment: scaled to zero, pods still there": (
        deployment(0, total=2, ready=2),
        NOT_YET,
        "rollout: 2 pods of the old revision still to go",
        "",
    ),
    "Deployment: paused halfway": (
        deployment(total=3, updated=1, ready=3, paused=True),
        NOT_YET,
        "rollout: 1 of 3 pods updated: the rollout is paused",
        "paused",
    ),
    "Deployment: paused with nothing left to do": (
        deployment(total=3, updated=3, ready=3, paused=True),
        READY,
        "3/3 pods ready",
        "",
    ),
    "Deployment: given up by Kubernetes": (
        deployment(
            total=3,
            updated=3,
            conditions=(condition("Progressing", "False", "ProgressDeadlineExceeded"),),
            progressDeadlineSeconds=120,
        ),
        FAILED,
        "0/3 pods ready: no progress for 120 s",
        "progress-deadline",
    ),
    "Deployment: a quota in the way": (
        deployment(conditions=(condition("ReplicaFailure", "True", "FailedCreate", QUOTA),)),
        FAILED,
        "0/3 pods ready: quota small exceeded: requested: pods=1, used: pods=2, limited: pods=2",
        "quota",
    ),
    "Deployment: a quota may heal while old pods leave": (
        deployment(
            total=3,
            updated=1,
            ready=3,
            conditions=(condition("ReplicaFailure", "True", "FailedCreate", QUOTA),),
        ),
        NOT_YET,
        (
            "rollout: 1 of 3 pods updated: quota small exceeded: requested: pods=1, used: pods=2, "
            "limited: pods=2"
        ),
        "quota",
    ),
    "ReplicaSet: complete": (
        thing(
            "apps/v1",
            "ReplicaSet",
            spec={"replicas": 2},
            status={
                "observedGeneration": 1,
                "replicas": 2,
                "readyReplicas": 2,
                "availableReplicas": 2,
            },
        ),
        READY,
        "2/2 pods ready",
        "",
    ),
    "ReplicaSet: too many": (
        thing(
            "apps/v1",
            "ReplicaSet",
            spec={"replicas": 1},
            status={
                "observedGeneration": 1,
                "replicas": 2,
                "readyReplicas": 2,
                "availableReplicas": 2,
            },
        ),
        NOT_YET,
        "1 pod too many still to go",
        "",
    ),
    "StatefulSet: complete": (stateful_set(), READY, "3/3 pods ready", ""),
    "StatefulSet: coming up one by one": (
        stateful_set(total=1, ready=0, updated=1),
        NOT_YET,
        "0/3 pods ready",
        "",
    ),
    "StatefulSet: all ready, two of the old revision": (
        stateful_set(updated=1),
        NOT_YET,
        "rollout: 1 of 3 pods updated",
        "",
    ),
    "StatefulSet: a partition leaves the lower ones old": (
        stateful_set(updated=1, strategy=PARTITION),
        READY,
        "3/3 pods ready",
        "",
    ),
    "StatefulSet: a partition still wants the upper ones": (
        stateful_set(updated=0, strategy=PARTITION),
        NOT_YET,
        "rollout: 0 of 1 pods updated",
        "",
    ),
    "StatefulSet: OnDelete keeps old pods": (
        stateful_set(updated=1, strategy={"type": "OnDelete"}),
        READY,
        "3/3 pods ready, 2 pods of an older revision until deleted",
        "",
    ),
    "StatefulSet: scaling down": (stateful_set(1, updated=3), NOT_YET, "2 pods too many still to go", ""),
    "StatefulSet: scaled to zero": (stateful_set(0, total=0, ready=0, updated=0), READY, "scaled to 0", ""),
    "StatefulSet: minReadySeconds": (
        stateful_set(available=2, minReadySeconds=10),
        NOT_YET,
        "3/3 pods ready, not yet for 10 s",
        "",
    ),
    "DaemonSet: on every node": (daemon_set(), READY, "2/2 pods ready", ""),
    "DaemonSet: no node wants it": (
        daemon_set(0, updated=0, ready=0, current=0),
        READY,
        "no node wants a pod of it",
        "",
    ),
    "DaemonSet: rolling": (daemon_set(updated=1), NOT_YET, "rollout: 1 of 2 pods updated", ""),
    "DaemonSet: coming up": (daemon_set(ready=1), NOT_YET, "1/2 pods ready", ""),
    "DaemonSet: OnDelete keeps old pods": (
        daemon_set(updated=1, updateStrategy={"type": "OnDelete"}),
        READY,
        "2/2 pods ready, 1 pod of an older revision until deleted",
        "",
    ),
    "Job: started is not finished": (job(active=1), NOT_YET, "0/1 finished, 1 running", ""),
    "Job: not even started": (job(), NOT_YET, "0/1 finished", ""),
    "Job: complete": (job(condition("Complete"), succeeded=1), READY, "completed", ""),
    "Job: failed": (
        job(
            condition(
                "Failed", "True", "BackoffLimitExceeded", "Job has reached the specified backoff limit"
            ),
            failed=7,
        ),
        FAILED,
        "failed after 7 tries: BackoffLimitExceeded: Job has reached the specified backoff limit",
        "backoff-limit",
    ),
    "Job: about to fail": (
        job(condition("FailureTarget", "True", "PodFailurePolicy", "exit code 3"), failed=1, active=1),
        FAILED,
        "failed after 1 try: PodFailurePolicy: exit code 3",
        "job-failed",
    ),
    "Job: out of time": (
        job(condition("Failed", "True", "DeadlineExceeded", "Job was active longer")),
        FAILED,
        "ran longer than activeDeadlineSeconds",
        "active-deadline",
    ),
    "Job: suspended": (
        job(condition("Suspended"), spec={"suspend": True}),
        NOT_YET,
        "is suspended",
        "paused",
    ),
    "Job: another try": (
        job(active=1, failed=2),
        NOT_YET,
        "0/1 finished, 1 running: 2 tries failed",
        "job-retrying",
    ),
    "CronJob: ready by being there": (thing("batch/v1", "CronJob", spec={"suspend": False}), READY, "", ""),
}


@pytest.mark.parametrize(("obj", "state", "message", "cause"), COUNTS.values(), ids=COUNTS)
def test_a_workload_is_judged_by_its_counts(obj: Json, state: State, message: str, cause: str) -> None:
    found = judge(obj, NoNeighbours(), NOW)
    assert (found.state, found.message, found.cause) == (state, message, cause)
    assert found.hopeless is (state is FAILED)


def _rollout(new: tuple[Json, ...], old: tuple[Json, ...] = (), *conditions: Json) -> Readiness:
    """A Deployment in its revision 2 with those pods."""
    obj = deployment(2, total=2, updated=1, ready=1, revision="2", conditions=conditions)
    beside = Beside(
        owns={
            "uid-web": [replica_set("web-old", "1"), replica_set("web-new", "2")],
            "uid-web-old": list(old),
            "uid-web-new": list(new),
        }
    )
    return judge(obj, beside, NOW)


def test_a_deployment_takes_over_the_cause_of_its_newest_pods() -> None:
    found = _rollout(new=(pod("web-new-1", MISSING_IMAGE),))
    assert found == Readiness(
        FAILED,
        f"rollout: 1 of 2 pods updated: image {IMAGE} not found",
        Cause.IMAGE_NOT_FOUND,
        hopeless=True,
        culprit=ObjectRef("", "Pod", "demo", "web-new-1"),
    )


def test_a_broken_old_revision_does_not_fail_the_rollout_that_repairs_it() -> None:
    found = _rollout(new=(pod("web-new-1", running(2)),), old=(pod("web-old-1", MISSING_IMAGE),))
    assert found == Readiness(NOT_YET, "rollout: 1 of 2 pods updated")


def test_a_refused_pod_of_an_old_revision_does_not_fail_the_rollout() -> None:
    found = _rollout((), (), condition("ReplicaFailure", "True", "FailedCreate", QUOTA))
    assert found.state is NOT_YET
    assert found.cause == ""


def test_without_its_newest_replica_set_in_sight_a_deployment_blames_no_pod() -> None:
    obj = deployment(2, total=2, updated=0, ready=1, revision="2")
    beside = Beside(
        owns={"uid-web": [replica_set("web-old", "1")], "uid-web-old": [pod("web-old-1", MISSING_IMAGE)]}
    )
    assert judge(obj, beside, NOW) == Readiness(NOT_YET, "rollout: 0 of 2 pods updated")


def test_a_refusal_that_may_be_about_an_old_revision_is_not_hopeless() -> None:
    failure = condition("ReplicaFailure", "True", "FailedCreate", QUOTA)
    found = judge(deployment(conditions=(failure,), revision="2"), NoNeighbours(), NOW)
    assert (found.state, found.cause, found.hopeless) == (NOT_YET, "quota", False)


def test_the_newest_replica_set_is_the_culprit_when_its_pods_are_refused() -> None:
    refusal = (
        'pods "web-5d9c-x7k2p" is forbidden: violates PodSecurity "restricted:latest": runAsNonRoot != true'
    )
    newest = replica_set("web-1", "1", condition("ReplicaFailure", "True", "FailedCreate", refusal))
    found = judge(deployment(1), Beside(owns={"uid-web": [newest]}), NOW)
    assert (found.state, found.cause) == (FAILED, "pod-security")
    assert found.culprit == ObjectRef("apps", "ReplicaSet", "demo", "web-1")
    assert (
        found.message
        == '0/1 pods ready: pods are refused: violates PodSecurity "restricted:latest": runAsNonRoot != true'
    )


def test_the_worst_pod_speaks_for_the_workload() -> None:
    found = _rollout(
        new=(
            pod("web-new-1", running(3)),
            pod("web-new-2", crashed(1, 2), phase="Running"),
            pod("web-new-3", MISSING_IMAGE),
        )
    )
    assert found.culprit == ObjectRef("", "Pod", "demo", "web-new-3")


def test_pods_that_leave_or_were_replaced_do_not_count() -> None:
    evicted = pod("web-new-1", crashed(137, 1), phase="Failed", reason="Evicted")
    leaving = gone_soon(pod("web-new-2", MISSING_IMAGE))
    assert _rollout(new=(evicted, leaving, pod("web-new-3", running(2)))).cause == ""


def test_a_failed_pod_of_a_workload_is_a_cause_but_not_hopeless() -> None:
    found = _rollout(new=(pod("web-new-1", phase="Failed", reason="Evicted", message="low on memory"),))
    assert (found.state, found.cause, found.hopeless) == (NOT_YET, "evicted", False)


STUCK = condition("Progressing", "False", "ProgressDeadlineExceeded")


def test_a_deployment_given_up_says_what_its_pod_says() -> None:
    found = _rollout((pod("web-new-1", crashed(1, 9), phase="Running"),), (), STUCK)
    assert (found.state, found.cause) == (FAILED, "crash-loop")
    assert found.message == (
        "rollout: 1 of 2 pods updated: no progress for 600 s, crash loop: exit code 1, restarted 9 times"
    )
    assert found.culprit == ObjectRef("", "Pod", "demo", "web-new-1")


def test_a_deployment_given_up_whose_pods_start_again_is_not_failed() -> None:
    found = _rollout((pod("web-new-1", running(3)),), (), STUCK)
    assert (found.state, found.cause, found.hopeless) == (NOT_YET, "progress-deadline", False)


def _db(name: str, revision: str, *statuses: Json) -> Json:
    return pod(name, *statuses, labels={"controller-revision-hash": revision})


def test_a_stateful_set_takes_over_the_cause_of_its_newest_pods() -> None:
    beside = Beside(owns={"uid-db": [_db("db-2", "db-new", MISSING_IMAGE)]})
    found = judge(stateful_set(ready=2, updated=1), beside, NOW)
    assert (found.state, found.cause) == (FAILED, "image-not-found")


def test_an_old_pod_that_blocks_an_ordered_rollout_is_named_and_not_hopeless() -> None:
    beside = Beside(owns={"uid-db": [_db("db-2", "db-old", MISSING_IMAGE)]})
    found = judge(stateful_set(ready=2, updated=0), beside, NOW)
    assert (found.state, found.cause, found.hopeless) == (NOT_YET, "old-revision", False)
    assert found.culprit == ObjectRef("", "Pod", "demo", "db-2")
    assert found.message == (
        f"rollout: 0 of 3 pods updated: blocked by a pod of the old revision: image {IMAGE} not found"
    )


def test_an_old_pod_blocks_no_parallel_rollout() -> None:
    beside = Beside(owns={"uid-db": [_db("db-2", "db-old", MISSING_IMAGE)]})
    found = judge(stateful_set(ready=2, updated=0, podManagementPolicy="Parallel"), beside, NOW)
    assert found == Readiness(NOT_YET, "rollout: 0 of 3 pods updated")


def test_a_daemon_set_looks_at_the_pods_of_its_template_generation_only() -> None:
    old = pod("agent-1", MISSING_IMAGE, labels={"pod-template-generation": "1"})
    new = pod("agent-2", crashed(1, 1), phase="Running", labels={"pod-template-generation": "2"})
    obj = daemon_set(updated=1, ready=0)
    assert judge(obj, Beside(owns={"uid-agent": [old]}), NOW).cause == ""
    found = judge(obj, Beside(owns={"uid-agent": [old, new]}), NOW)
    assert (found.cause, found.hopeless) == ("crash-loop", False)


def test_a_daemon_set_without_a_template_generation_looks_at_the_newest_pods() -> None:
    old = pod("agent-1", MISSING_IMAGE, labels={"pod-template-generation": "1"})
    new = pod("agent-2", crashed(1, 1), phase="Running", labels={"pod-template-generation": "2"})
    obj = daemon_set(updated=1, ready=0)
    del obj["metadata"]["annotations"]
    assert judge(obj, Beside(owns={"uid-agent": [old, new]}), NOW).cause == "crash-loop"


def test_a_job_that_has_failed_before_tells_its_tries_and_its_pod() -> None:
    spec = {"restartPolicy": "OnFailure"}
    beside = Beside(owns={"uid-migrate": [pod("migrate-2", crashed(1, 1), spec=spec, owner="Job")]})
    found = judge(job(active=1, failed=1), beside, NOW)
    assert (found.cause, found.message) == (
        "job-retrying",
        "0/1 finished, 1 running: 1 try failed, crash loop: exit code 1, restarted once",
    )


def test_a_job_whose_image_is_missing_is_hopeless() -> None:
    beside = Beside(owns={"uid-migrate": [pod("migrate-1", MISSING_IMAGE, owner="Job")]})
    found = judge(job(active=1), beside, NOW)
    assert (found.state, found.message) == (FAILED, f"0/1 finished, 1 running: image {IMAGE} not found")


def test_a_failed_job_says_how_its_last_pod_ended() -> None:
    last = pod("migrate-1", ended(3), phase="Failed", owner="Job", spec={"restartPolicy": "Never"})
    broken = job(condition("Failed", "True", "BackoffLimitExceeded", "Job has reached …"), failed=7)
    found = judge(broken, Beside(owns={"uid-migrate": [last]}), NOW)
    assert (found.state, found.message) == (FAILED, "failed after 7 tries: container app: exit code 3")
    assert found.culprit == ObjectRef("", "Pod", "demo", "migrate-1")


REFUSALS: dict[str, tuple[str, Cause, bool]] = {
    "a quota": (QUOTA, Cause.QUOTA, True),
    "a quota that wants limits": (
        'pods "x" is forbidden: failed quota: compute: must specify limits.cpu for: app',
        Cause.QUOTA,
        True,
    ),
    "a webhook that says no": (
        'admission webhook "policy.example" denied the request: no privileged pods',
        Cause.WEBHOOK_DENIED,
        True,
    ),
    "an invalid pod": ('Pod "x" is invalid: spec.containers[0].ports: Required value', Cause.ADMISSION, True),
    "a webhook that does not answer": (
        'Internal error occurred: failed calling webhook "policy.example": connection refused',
        Cause.WEBHOOK_DOWN,
        False,
    ),
    "an account that is not there yet": (
        'pods "x" is forbidden: error looking up service account demo/app: serviceaccount "app" not found',
        Cause.SERVICE_ACCOUNT_MISSING,
        False,
    ),
}


@pytest.mark.parametrize(("message", "cause", "hopeless"), REFUSALS.values(), ids=REFUSALS)
def test_a_refused_creation_is_hopeless_only_when_it_cannot_heal(
    message: str, cause: Cause, hopeless: bool
) -> None:
    found = creation_refused(message)
    assert (found.cause, found.hopeless) == (cause, hopeless)
