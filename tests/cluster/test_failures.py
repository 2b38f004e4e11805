"""What cannot come up is told quickly, in words, and takes nothing else with it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from allup import jq
from allup.errors import AllupError
from allup.run.progress import Action, ComponentMoved, Phase, Progress
from tests.cluster.platforms_for_tests import (
    Instance,
    Told,
    claim,
    config,
    definition,
    deployment,
    job,
    obj,
    pod_spec,
    service,
)

pytestmark = pytest.mark.cluster


def test_an_image_that_is_not_found_ends_the_run_at_once_naming_it(instance: Instance) -> None:
    told = instance.up(
        instance.part("bad", deployment("bad", fault="cannot-pull")),
        instance.part("needs-it", config("needs-it"), after=["bad"]),
        instance.part("needs-that", config("needs-that"), after=["needs-it"]),
        instance.part("apart", deployment("apart")),
    )
    assert told.outcome == "failed"
    assert told.finished.seconds < 5
    assert told.phases == {
        "bad": Phase.FAILED,
        "needs-it": Phase.SKIPPED,
        "needs-that": Phase.SKIPPED,
        "apart": Phase.READY,
    }
    assert told["needs-it"].message == "needs bad"
    [finding] = told["bad"].findings
    assert "example.invalid/bad:1" in finding.message
    assert "not found" in finding.message
    assert finding.last_event.startswith("Failed: ")
    assert finding.culprit is not None
    assert finding.culprit.kind == "Pod"
    assert instance.find("ConfigMap/needs-it") is None


def test_a_crash_loop_is_given_its_grace_and_then_told_with_the_last_event(instance: Instance) -> None:
    told = instance.up(instance.part("loops", deployment("loops", fault="crash-loop")), grace=1.5)
    assert told.outcome == "failed"
    [finding] = told["loops"].findings
    assert finding.cause == "crash-loop"
    assert "exit code 1" in finding.message
    assert finding.last_event.startswith("BackOff: Back-off restarting failed container")
    assert "--previous" in finding.next_step
    waiting = [p.message for p in told.progress if isinstance(p, ComponentMoved) and p.phase is Phase.WAITING]
    assert any("s more)" in message for message in waiting)


def test_a_pod_that_gets_better_within_its_grace_is_no_failure(instance: Instance) -> None:
    def heard(progress: Progress) -> None:
        if isinstance(progress, ComponentMoved) and "s more)" in progress.message:
            for name in instance.pods():
                instance.delete(f"Pod/{name}", wait=False)
            template = {"metadata": {"labels": {"allup-fault": None}}}
            instance.patch("Deployment/loops", {"spec": {"template": template}}, manager="repair")

    told = instance.up(instance.part("loops", deployment("loops", fault="crash-loop")), heard=heard)
    assert told.outcome == "done"


def test_the_deadline_names_what_is_left(instance: Instance) -> None:
    told = instance.up(
        instance.part(
            "slow",
            deployment("one", fault="never-ready"),
            deployment("two", fault="never-ready"),
            config("fine"),
            deadline=1.0,
        )
    )
    assert told.outcome == "failed"
    assert "not ready at the deadline" in told["slow"].findings[0].message
    left = {f.ref.name: f.message for f in told["slow"].findings}
    assert left.keys() == {"one", "two"}
    assert "0/1 pods ready" in left["two"]


def test_the_deadline_of_the_whole_run_ends_it(instance: Instance) -> None:
    told = instance.up(instance.part("slow", deployment("one", fault="never-ready")), timeout=1.5)
    assert told.outcome == "failed"
    assert told.finished.seconds < 4


def test_a_check_that_never_passes_fails_at_the_deadline_with_its_last_answer(instance: Instance) -> None:
    check = jq("ConfigMap/gate", ".data.go", name="go")
    told = instance.up(instance.part("gate", config("gate"), checks=[check], deadline=1.5))
    [finding] = told["gate"].findings
    assert "has not passed: .data.go is null" in finding.message
    assert [str(c.outcome) for c in told["gate"].checks] == ["failed"]


def test_a_broken_old_revision_does_not_fail_the_new_rollout(instance: Instance) -> None:
    assert instance.up(instance.part("web", deployment("web", fault="cannot-pull"))).outcome == "failed"
    mended = deployment("web")
    mended["spec"]["template"]["spec"]["containers"][0]["image"] = "example.invalid/web:2"
    told = instance.up(instance.part("web", mended))
    assert told.outcome == "done"
    assert told.did() == {"Deployment/web": Action.CHANGED}


def test_a_kind_nobody_defines_is_refused_before_the_first_write(instance: Instance) -> None:
    with pytest.raises(AllupError, match=r"kind Sprocket of tests\.example/v1.*does not serve it"):
        instance.up(
            instance.part("base", config("base")),
            instance.part("custom", obj("Sprocket", "one", "tests.example/v1")),
        )
    assert instance.find(f"Namespace/{instance.namespace}") is None


def test_a_job_that_failed_fails_its_component(instance: Instance) -> None:
    told = instance.up(instance.part("once", job("once", fault="failed")))
    assert told.outcome == "failed"
    assert told.finished.seconds < 10
    assert told["once"].findings[0].cause == "backoff-limit"


def quick_finding(told: Told) -> str:
    assert told.outcome == "failed"
    assert told.finished.seconds < 6
    [result] = [r for r in told.finished.components if r.findings]
    return " ".join(f"{f.message} {f.last_event}" for f in result.findings)


def test_a_pod_that_pod_security_forbids_is_told_quickly_with_the_rule(instance: Instance) -> None:
    privileged = deployment("bad")
    privileged["spec"]["template"]["spec"]["containers"][0]["securityContext"] = {"privileged": True}
    told = quick_finding(instance.up(instance.part("bad", privileged)))
    assert "violates PodSecurity" in told
    assert "privileged" in told


def test_a_pod_that_a_quota_forbids_is_told_quickly_with_the_quota(instance: Instance) -> None:
    quota = obj("ResourceQuota", "tight", spec={"hard": {"pods": "0"}})
    instance.up(instance.part("quota", quota))
    told = quick_finding(
        instance.up(instance.part("quota", quota), instance.part("bad", deployment("bad"), after=["quota"]))
    )
    assert "exceeded quota: tight" in told


def test_a_pod_that_no_node_takes_says_so(instance: Instance) -> None:
    told = instance.up(
        instance.part("far", deployment("far", nodeSelector={"no-such": "node"}), deadline=2.0)
    )
    [finding] = told["far"].findings
    assert "no node fits" in finding.message
    assert "FailedScheduling" in finding.last_event


def test_a_claim_that_no_volume_can_satisfy_is_told(instance: Instance) -> None:
    told = instance.up(instance.part("data", claim("data", storageClassName="no-such-class"), deadline=2.0))
    [finding] = told["data"].findings
    assert "no-such-class" in finding.message + finding.last_event


def test_a_service_without_a_ready_pod_is_not_ready(instance: Instance) -> None:
    told = instance.up(
        instance.part("web", service("web"), deployment("web", fault="never-ready"), deadline=1.5)
    )
    assert told.outcome == "failed"


def test_a_custom_resource_is_waited_for_by_its_ready_condition(instance: Instance) -> None:
    plural = instance.name.replace("-", "") + "s"
    kind = plural.title()
    kinds = instance.part("kinds", definition(plural, kind))
    custom = instance.part("custom", obj(kind, "one", "tests.example/v1", spec={}), after=["kinds"])
    instance.up(kinds, custom)
    instance.outside.discovery.refresh()
    condition = {"type": "Ready", "status": "False", "reason": "Starting", "message": "still starting"}

    instance.patch(f"{kind}/one", {"status": {"conditions": [condition]}}, subresource="status")

    def heard(progress: Progress) -> None:
        if isinstance(progress, ComponentMoved) and "still starting" in progress.message:
            well = {"status": {"conditions": [{**condition, "status": "True"}]}}
            instance.patch(f"{kind}/one", well, subresource="status")

    told = instance.up(kinds, custom, heard=heard)
    assert told.outcome == "done"
    assert any("still starting" in p.message for p in told.progress if isinstance(p, ComponentMoved))


def test_a_refused_object_fails_its_component_with_the_servers_words(instance: Instance) -> None:
    told = instance.up(
        instance.part("bad", obj("Service", "bad", spec={"ports": [{"port": 99999}]})),
        instance.part("apart", config("apart")),
    )
    assert told.phases == {"bad": Phase.FAILED, "apart": Phase.READY}
    [finding] = told["bad"].findings
    assert "spec.ports[0].port" in finding.message
    assert str(finding.ref).startswith("Service/")


# What only Events tell


def stateful_set(name: str, **spec: Any) -> Mapping[str, Any]:
    """A StatefulSet: unlike a ReplicaSet it tells in Events alone that it may not make its pod."""
    labels = {"app": name}
    template = {"metadata": {"labels": labels}, "spec": pod_spec(name, **spec)}
    return obj(
        "StatefulSet",
        name,
        "apps/v1",
        spec={"serviceName": name, "selector": {"matchLabels": labels}, "template": template},
    )


def test_what_only_an_event_tells_ends_the_run_at_once(instance: Instance) -> None:
    quota = instance.part("quota", obj("ResourceQuota", "tight", spec={"hard": {"pods": "0"}}))
    instance.up(quota)
    told = instance.up(quota, instance.part("bad", stateful_set("bad"), after=["quota"]))
    assert "conditions" not in instance.get("StatefulSet/bad")["status"]
    assert told.outcome == "failed"
    [finding] = told["bad"].findings
    assert (finding.cause, finding.hopeless) == ("quota", True)
    assert "used: pods=0, limited: pods=0" in finding.message
    assert finding.evidence == "Event FailedCreate"
    assert finding.last_event.startswith("FailedCreate: ")
    assert told.finished.seconds < 8


def test_what_an_event_tells_and_may_heal_is_counted_down_and_the_run_goes_on(instance: Instance) -> None:
    said: list[str] = []

    def heard(progress: Progress) -> None:
        if isinstance(progress, ComponentMoved) and "ServiceAccount absent is not there" in progress.message:
            said.append(progress.message)
            if len(said) == 2:
                instance.create(obj("ServiceAccount", "absent"))

    part = instance.part("early", stateful_set("early", serviceAccountName="absent"), grace=50.0)
    told = instance.up(part, heard=heard)
    assert told.outcome == "done"
    left = [float(message.partition("(given ")[2].partition(" s more)")[0]) for message in said[:2]]
    assert 50 >= left[0] > left[1] > 40


def test_a_volume_deleted_by_hand_under_its_claim_ends_the_next_up_at_once_with_the_way_out(
    instance: Instance,
) -> None:
    volume, share = f"{instance.name}-share", {"accessModes": ["ReadWriteMany"], "storageClassName": ""}
    part = instance.part(
        "data",
        obj(
            "PersistentVolume",
            volume,
            spec={
                **share,
                "capacity": {"storage": "1Gi"},
                "persistentVolumeReclaimPolicy": "Retain",
                "claimRef": {"namespace": instance.namespace, "name": "share"},
                "nfs": {"server": "192.0.2.1", "path": "/"},
            },
        ),
        claim("share", **share, volumeName=volume),
    )
    assert instance.up(part).outcome == "done"
    instance.delete(f"PersistentVolume/{volume}", wait=False)
    told = instance.up(part)
    assert told.outcome == "failed"
    assert told.finished.seconds < 8
    [finding] = told["data"].findings
    assert (finding.cause, finding.hopeless) == ("volume-in-use", True)
    assert f"PersistentVolumeClaim/{instance.namespace}/share, which is kept" in finding.message
    assert f"kubectl delete -n {instance.namespace} pvc/share" in finding.next_step


def test_a_service_and_its_pods_with_one_root_are_one_finding(instance: Instance) -> None:
    told = instance.up(
        instance.part("web", service("web"), deployment("web", fault="cannot-pull", replicas=3))
    )
    [finding] = told["web"].findings
    assert finding.cause == "image-not-found"
    assert "(3 pods)" in finding.message
    assert finding.consequences == ("Deployment/web is not ready", "Service/web has no endpoint")


def test_a_pod_that_dies_in_the_stability_window_starts_the_wait_again(instance: Instance) -> None:
    said: list[str] = []

    def heard(progress: Progress) -> None:
        if isinstance(progress, ComponentMoved) and progress.phase is Phase.WAITING:
            said.append(progress.message)
            if "watched for" in progress.message and len(instance.pods()) and "died" not in said:
                said.append("died")
                for name in instance.pods():
                    instance.delete(f"Pod/{name}", wait=False)

    told = instance.up(instance.part("web", deployment("web"), stable=1.5), heard=heard)
    assert told.outcome == "done"
    after = said[said.index("died") :]
    assert any("0/1 pods ready" in message for message in after)
    assert "watched for" in after[-1]
