"""Each family of causes by its own tables: what is read, what it is called, whether it can heal.

Whole recorded faults are in tests/data/faults; here are the edges between one cause and another.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from allup.diagnosis import Finding, Recorded, diagnose, diagnose_all
from allup.diagnosis.admission import creation_refused
from allup.diagnosis.custom import conversion_failure
from allup.diagnosis.diagnose import with_logs
from allup.diagnosis.permission import forbidden
from allup.diagnosis.rollout import REVISION
from allup.refs import ObjectRef
from tests.unit.judgement.judgement_objects import (
    IMAGE,
    NOW,
    Json,
    ago,
    condition,
    crashed,
    ended,
    gone_soon,
    pod,
    running,
    thing,
    unscheduled,
    waiting,
)

POD = ObjectRef("", "Pod", "demo", "web-1")


def told(
    reason: str, message: str, seconds: float = 1, *, kind: str = "Pod", name: str = "web-1", **more: Any
) -> Json:
    """A Warning about an object, seen so many seconds ago."""
    about = {"kind": kind, "namespace": "demo", "name": name, "uid": f"uid-{name}"}
    return {
        "type": "Warning",
        "reason": reason,
        "message": message,
        "lastTimestamp": ago(seconds),
        "involvedObject": about,
        **more,
    }


def asked(ref: ObjectRef, objects: Sequence[Json], events: Sequence[Json] = ()) -> Finding:
    """The one finding about an object."""
    [found] = diagnose(ref, Recorded(objects, events, NOW))
    return found


def of_pod(obj: Json, *events: Json, beside: Sequence[Json] = ()) -> Finding:
    """The one finding about a pod."""
    return asked(POD, [obj, *beside], events)


BACK_OFF = pod("web-1", waiting("ImagePullBackOff", f'Back-off pulling image "{IMAGE}"'))
CREATING = pod("web-1", waiting("ContainerCreating"))


def unhealthy(probe: str, answer: str, **more: Any) -> Json:
    return told("Unhealthy", f"{probe} probe failed: {answer}", **more)


def mount(words: str, seconds: float = 1, **more: Any) -> Json:
    message = (
        'MountVolume.SetUp failed for volume "home" : mount failed: exit status 32\n'
        "Mounting arguments: -t nfs 10.0.0.9:/homes /var/lib/kubelet/pods/x/volumes/home\n"
        f"Output: mount.nfs: {words}"
    )
    return told("FailedMount", message, seconds, **more)


INSISTING: dict[str, Any] = {"count": 4, "firstTimestamp": ago(9)}

PODS: dict[str, tuple[Json, Sequence[Json], Sequence[Json], str, bool, str]] = {
    "image: a back-off alone may heal": (BACK_OFF, (), (), "image-pull", False, "cannot be pulled"),
    "image: the Event knows that it is not found": (
        BACK_OFF,
        (told("Failed", f'Failed to pull image "{IMAGE}": rpc error: code = NotFound: {IMAGE}: not found'),),
        (),
        "image-not-found",
        True,
        f"image {IMAGE} not found",
    ),
    "image: an Event about another image does not count": (
        BACK_OFF,
        (told("Failed", 'Failed to pull image "other:1": code = NotFound: not found'),),
        (),
        "image-pull",
        False,
        IMAGE,
    ),
    "image: an Event about an earlier pod of that name does not count": (
        BACK_OFF,
        (
            told("Failed", f'Failed to pull image "{IMAGE}": manifest unknown')
            | {"involvedObject": {"kind": "Pod", "namespace": "demo", "name": "web-1", "uid": "earlier"}},
        ),
        (),
        "image-pull",
        False,
        IMAGE,
    ),
    "image: programs for another architecture": (
        pod("web-1", waiting("RunContainerError", 'exec: "/app": exec format error')),
        (),
        (),
        "image-architecture",
        True,
        "another architecture",
    ),
    "image: a pull secret that is not there is told with the denial": (
        pod("web-1", waiting("ErrImagePull", "pull access denied for web")),
        (told("FailedToRetrieveImagePullSecret", "Unable to retrieve some image pull secrets (regcred);"),),
        (),
        "image-denied",
        True,
        "imagePullSecrets regcred",
    ),
    "configuration: a Secret that is there by now may heal": (
        pod("web-1", waiting("CreateContainerConfigError", 'secret "db" not found')),
        (),
        (thing("v1", "Secret", "db"),),
        "config-missing",
        False,
        "it is there now",
    ),
    "configuration: a key that is missing, with those it has": (
        pod("web-1", waiting("CreateContainerConfigError", "couldn't find key url in ConfigMap demo/db")),
        (),
        (thing("v1", "ConfigMap", "db", data={"host": "x", "port": "1"}),),
        "config-missing",
        True,
        "(it has host, port)",
    ),
    "configuration: a Secret to mount is missing, as only the Event tells": (
        CREATING,
        (told("FailedMount", 'MountVolume.SetUp failed for volume "tls" : secret "tls" not found'),),
        (),
        "config-missing",
        True,
        'secret "tls" not found',
    ),
    "process: out of memory, with the limit": (
        pod(
            "web-1",
            crashed(137, 3, "OOMKilled"),
            spec={"containers": [{"name": "app", "resources": {"limits": {"memory": "64Mi"}}}]},
        ),
        (),
        (),
        "oom-killed",
        False,
        "out of memory (limit 64Mi), restarted 3 times",
    ),
    "process: killed by its liveness probe": (
        pod("web-1", crashed(137, 2), phase="Running"),
        (unhealthy("Liveness", "connection refused", count=6),),
        (),
        "liveness-restarts",
        False,
        "liveness probe fails: connection refused (6×), restarted 2 times",
    ),
    "process: a liveness probe that failed an hour ago explains no crash": (
        pod("web-1", crashed(1, 2), phase="Running"),
        (unhealthy("Liveness", "connection refused", seconds=3600),),
        (),
        "crash-loop",
        False,
        "exit code 1",
    ),
    "process: a startup probe that fails again": (
        pod("web-1", running(5, restartCount=1) | {"started": False}, phase="Running"),
        (unhealthy("Startup", "HTTP probe failed with statuscode: 503"),),
        (),
        "startup-probe-failing",
        False,
        "statuscode: 503",
    ),
    "process: what the readiness probe was answered": (
        pod("web-1", running(45), phase="Running"),
        (unhealthy("Readiness", "HTTP probe failed with statuscode: 500"),),
        (),
        "probe-failing",
        False,
        "running for 45 s: HTTP probe failed with statuscode: 500",
    ),
    "scheduling: how much is missing": (
        unscheduled("0/1 nodes are available: 1 Insufficient cpu.")
        | {"spec": {"containers": [{"name": "a", "resources": {"requests": {"cpu": "3"}}}]}},
        (),
        (
            thing("v1", "Node", "n", namespaced=False, spec={}, status={"allocatable": {"cpu": "4"}}),
            pod(
                "other",
                spec={
                    "nodeName": "n",
                    "containers": [{"name": "a", "resources": {"requests": {"cpu": "1500m"}}}],
                },
                phase="Running",
            ),
        ),
        "insufficient-resources",
        False,
        "500m cpu missing (asks for 3, 2500m free)",
    ),
    "scheduling: most nodes are tainted": (
        unscheduled("0/5 nodes are available: 1 Insufficient cpu, 4 node(s) had untolerated taint {gpu: }."),
        (),
        (),
        "untolerated-taint",
        False,
        "{gpu: }",
    ),
    "scheduling: nodes that are not ready are no taint of anybody's": (
        unscheduled(
            "0/2 nodes are available: 2 node(s) had untolerated taint {node.kubernetes.io/unreachable: }."
        ),
        (),
        (),
        "no-nodes",
        False,
        "no node is ready",
    ),
    "scheduling: a selector, with what it asks for": (
        unscheduled("0/2 nodes are available: 2 node(s) didn't match Pod's node affinity/selector.")
        | {"spec": {"containers": [], "nodeSelector": {"disk": "ssd"}}},
        (),
        (),
        "node-selector",
        False,
        "(asks for disk=ssd)",
    ),
    "storage: an NFS server that has only just refused may be reading its exports": (
        CREATING,
        (mount("access denied by server while mounting 10.0.0.9:/homes"),),
        (),
        "nfs-denied",
        False,
        "(10.0.0.9:/homes): the NFS server denies access",
    ),
    "storage: one that insists will not change its mind": (
        CREATING,
        (mount("access denied by server while mounting 10.0.0.9:/homes", **INSISTING),),
        (),
        "nfs-denied",
        True,
        "denies access",
    ),
    "storage: one that insisted a minute ago may have been mended": (
        CREATING,
        (mount("access denied by server", 60, count=9, firstTimestamp=ago(300)),),
        (),
        "nfs-denied",
        False,
        "denies access",
    ),
    "storage: no such export": (
        CREATING,
        (mount("mounting 10.0.0.9:/homes failed, reason given by server: No such file", **INSISTING),),
        (),
        "nfs-no-export",
        True,
        "no such export",
    ),
    "storage: a server that does not answer": (
        CREATING,
        (mount("Connection timed out", **INSISTING),),
        (),
        "nfs-unreachable",
        False,
        "does not answer",
    ),
    "storage: the summary of a timeout says less than the mount itself": (
        CREATING,
        (
            mount("Connection refused", 9),
            told("FailedMount", "Unable to attach or mount volumes: unmounted volumes=[home]: timed out"),
        ),
        (),
        "nfs-unreachable",
        False,
        "Connection refused",
    ),
    "storage: a node without the mount helper": (
        CREATING,
        (
            told(
                "FailedMount",
                'MountVolume.SetUp failed for volume "home" : mount failed: exit status 32\n'
                "Output: mount: bad option; for several filesystems (e.g. nfs, cifs) you might need a "
                "/sbin/mount.<type> helper program.\n"
                "       dmesg(1) may have more information after failed mount system call.",
            ),
        ),
        (),
        "mount-helper-missing",
        True,
        "might need a /sbin/mount.<type> helper program",
    ),
    "storage: a mount that failed before the container ran says nothing": (
        pod("web-1", running(45), phase="Running"),
        (mount("access denied by server", **INSISTING),),
        (),
        "probe-failing",
        False,
        "readiness probe fails",
    ),
    "storage: a disk that is attached elsewhere": (
        CREATING,
        (told("FailedAttachVolume", 'Multi-Attach error for volume "pvc-1": in use by pod(s) old'),),
        (),
        "attach-failed",
        False,
        "Multi-Attach",
    ),
    "scheduling: its node went away": (
        pod("web-1", waiting("ContainerCreating")),
        (),
        (
            thing(
                "v1",
                "Node",
                "node-1",
                namespaced=False,
                status={
                    "conditions": [condition("Ready", "Unknown", "NodeStatusUnknown", "Kubelet stopped")]
                },
            ),
        ),
        "node-lost",
        False,
        "node-1 is not ready: Kubelet stopped",
    ),
    "service: a variable of Kubernetes taken for a setting": (
        pod("web-1", crashed(1, 4, message='invalid port "tcp://10.0.0.7:6379"'), phase="Running"),
        (),
        (thing("v1", "Service", "redis", spec={"clusterIP": "10.0.0.7"}),),
        "service-link-collision",
        False,
        "REDIS_PORT",
    ),
    "deletion: an object that somebody's finalizer holds": (
        gone_soon(thing("v1", "Pod", "web-1", metadata={"finalizers": ["example.com/keep"]})),
        (),
        (),
        "finalizer",
        False,
        "example.com",
    ),
}


@pytest.mark.parametrize(
    ("obj", "events", "beside", "cause", "hopeless", "words"), PODS.values(), ids=list(PODS)
)
def test_a_pod_is_diagnosed(
    obj: Json, events: Sequence[Json], beside: Sequence[Json], cause: str, hopeless: bool, words: str
) -> None:
    found = of_pod(obj, *events, beside=beside)
    assert (found.cause, found.hopeless) == (cause, hopeless), found.message
    assert words in found.message
    assert found.evidence


# Storage: claims and volumes

CLAIM = ObjectRef("", "PersistentVolumeClaim", "demo", "data")


def claim(seconds: float = 60, **spec: Any) -> Json:
    asked_for = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "5Gi"}}}
    metadata = {"creationTimestamp": ago(seconds)}
    return thing(
        "v1",
        "PersistentVolumeClaim",
        "data",
        metadata=metadata,
        spec=asked_for | spec,
        status={"phase": "Pending"},
    )


def volume(name: str = "disk", phase: str = "Available", labels: Json | None = None, **spec: Any) -> Json:
    offers = {"accessModes": ["ReadWriteOnce"], "capacity": {"storage": "10Gi"}}
    metadata = {"labels": labels or {}}
    return thing(
        "v1",
        "PersistentVolume",
        name,
        namespaced=False,
        metadata=metadata,
        spec=offers | spec,
        status={"phase": phase},
    )


def storage_class(name: str, *, default: bool = False, **more: Any) -> Json:
    annotations = {"storageclass.kubernetes.io/is-default-class": "true"} if default else {}
    return thing(
        "storage.k8s.io/v1",
        "StorageClass",
        name,
        namespaced=False,
        metadata={"annotations": annotations},
        **{"provisioner": "disks.example.com", "volumeBindingMode": "Immediate", **more},
    )


CLAIMS: dict[str, tuple[Json, Sequence[Json], str, bool, str]] = {
    "too small": (
        claim(volumeName="disk", storageClassName=""),
        [volume(capacity={"storage": "1Gi"})],
        "no-matching-volume",
        True,
        "size 1Gi, asked for 5Gi",
    ),
    "another access mode": (
        claim(volumeName="disk", storageClassName="", accessModes=["ReadWriteMany"]),
        [volume()],
        "no-matching-volume",
        True,
        "access modes ReadWriteOnce, asked for ReadWriteMany",
    ),
    "another class": (
        claim(volumeName="disk", storageClassName="fast"),
        [volume()],
        "no-matching-volume",
        True,
        "class none, asked for fast",
    ),
    "somebody else's": (
        claim(volumeName="disk", storageClassName=""),
        [volume(claimRef={"namespace": "demo", "name": "other"})],
        "no-matching-volume",
        True,
        "it belongs to claim demo/other",
    ),
    "a selector that nothing meets; a volume may still come": (
        claim(storageClassName="", selector={"matchLabels": {"tier": "gold"}}),
        [volume(labels={"tier": "tin"})],
        "no-matching-volume",
        False,
        "selector asks for tier=gold",
    ),
    "the nearest volume is named": (
        claim(storageClassName="", accessModes=["ReadWriteMany"]),
        [volume("far", capacity={"storage": "1Gi"}), volume("near")],
        "no-matching-volume",
        False,
        "near: access modes",
    ),
    "a class that is not there": (
        claim(storageClassName="fsat"),
        [storage_class("fast")],
        "storage-class-missing",
        False,
        "StorageClass fsat is not there (there is fast)",
    ),
    "a provisioner that says nothing": (
        claim(storageClassName="fast"),
        [storage_class("fast")],
        "provisioner-absent",
        False,
        "disks.example.com has not answered for 60 s",
    ),
    "two defaults": (
        claim(storageClassName="a"),
        [storage_class("a", default=True), storage_class("b", default=True)],
        "two-default-classes",
        False,
        "a and b",
    ),
    "nobody uses it yet": (
        claim(storageClassName="late"),
        [storage_class("late", volumeBindingMode="WaitForFirstConsumer")],
        "waits-for-consumer",
        False,
        "is bound when a pod uses it",
    ),
    "its volume remembers an earlier claim of the name": (
        claim(storageClassName="", volumeName="disk"),
        [volume(phase="Released", claimRef={"namespace": "demo", "name": "data", "uid": "earlier-uid"})],
        "volume-released",
        True,
        "still belongs to the deleted claim demo/data (uid earlier-), which has been made again",
    ),
    "lost": (
        claim(volumeName="disk") | {"status": {"phase": "Lost"}},
        [],
        "claim-lost",
        True,
        "its volume disk is gone",
    ),
    "lost, and its volume was made again": (
        claim(volumeName="disk") | {"status": {"phase": "Lost"}},
        [volume(claimRef={"namespace": "demo", "name": "data"})],
        "claim-lost",
        True,
        "was made again and does not know this claim",
    ),
}


@pytest.mark.parametrize(("obj", "beside", "cause", "hopeless", "words"), CLAIMS.values(), ids=list(CLAIMS))
def test_a_claim_is_diagnosed(
    obj: Json, beside: Sequence[Json], cause: str, hopeless: bool, words: str
) -> None:
    found = asked(CLAIM, [obj, *beside])
    assert (found.cause, found.hopeless) == (cause, hopeless), found.message
    assert words in found.message


def test_the_repair_of_a_stale_claim_ref_is_guarded_by_the_uid_it_takes_away() -> None:
    stale = volume(phase="Released", claimRef={"namespace": "demo", "name": "data", "uid": "earlier-uid"})
    found = asked(CLAIM, [claim(storageClassName="", volumeName="disk"), stale])
    assert found.culprit == ObjectRef("", "PersistentVolume", "", "disk")
    assert '{"op": "test", "path": "/spec/claimRef/uid", "value": "earlier-uid"}' in found.next_step
    assert '{"op": "remove", "path": "/spec/claimRef/uid"}' in found.next_step


def test_a_claim_that_blocks_a_pod_is_the_root_of_it() -> None:
    one = unscheduled("0/1 nodes are available: pod has unbound immediate PersistentVolumeClaims.")
    one["spec"]["volumes"] = [{"persistentVolumeClaim": {"claimName": "data"}}]
    found = asked(POD, [one, claim(storageClassName="fsat"), storage_class("fast")])
    assert (found.cause, found.culprit) == ("storage-class-missing", CLAIM)
    assert found.consequences == ("Pod/web-1 cannot be scheduled",)


# Admission

FORBIDDEN = 'pods "db-0" is forbidden: '

EXCEEDED = f"{FORBIDDEN}exceeded quota: small, requested: pods=1, used: pods=2, limited: pods=2"

REFUSALS: dict[str, tuple[str, str, bool, str]] = {
    "a StatefulSet's words around it": (
        f"create Pod db-0 in StatefulSet db failed error: {EXCEEDED}",
        "quota",
        True,
        "requested: pods=1, used: pods=2, limited: pods=2",
    ),
    "pod security": (
        FORBIDDEN + 'violates PodSecurity "restricted:latest": runAsNonRoot != true',
        "pod-security",
        True,
        "runAsNonRoot",
    ),
    "a policy, with its binding": (
        FORBIDDEN + "ValidatingAdmissionPolicy 'no-latest' with binding 'all' denied request: no :latest",
        "policy-denied",
        True,
        "no-latest (binding all)",
    ),
    "a webhook that is down, with its Service": (
        (
            'Internal error occurred: failed calling webhook "v.example": failed to call webhook: Post '
            '"https://hook.infra.svc:443/check?timeout=10s": dial tcp 10.0.0.3:443: connection refused'
        ),
        "webhook-down",
        False,
        "Service infra/hook",
    ),
    "a LimitRange": (
        FORBIDDEN + "maximum memory usage per Container is 1Gi, but limit is 2Gi",
        "limit-range",
        True,
        "1Gi, but limit is 2Gi",
    ),
    "a controller without a right: its Role may be about to come": (
        FORBIDDEN + 'User "system:serviceaccount:x:y" cannot create resource "pods" in API group "" in the '
        'namespace "demo"',
        "forbidden",
        False,
        "may not create pods",
    ),
    "a conflict is tried again": (
        "Operation cannot be fulfilled: the object has been modified; please try again: is forbidden",
        "create-failed",
        False,
        "cannot be created",
    ),
}


@pytest.mark.parametrize(("message", "cause", "hopeless", "words"), REFUSALS.values(), ids=list(REFUSALS))
def test_a_refused_creation_names_who_refused(message: str, cause: str, hopeless: bool, words: str) -> None:
    found = creation_refused(message)
    assert (found.cause, found.hopeless) == (cause, hopeless)
    assert words in found.message


DB = ObjectRef("apps", "StatefulSet", "demo", "db")


def refused_set(seconds: float, *beside: Json) -> Finding:
    obj = thing("apps/v1", "StatefulSet", "db", spec={"replicas": 1}, status={"observedGeneration": 1})
    event = told("FailedCreate", EXCEEDED, seconds, kind="StatefulSet", name="db")
    return asked(DB, [obj, *beside], [event])


def quota(hard: str) -> Json:
    return thing("v1", "ResourceQuota", "small", status={"hard": {"pods": hard}, "used": {"pods": "2"}})


def test_an_event_alone_is_enough_to_give_up() -> None:
    assert (refused_set(2).cause, refused_set(2).hopeless) == ("quota", True)
    assert refused_set(2, quota("2")).hopeless


def test_an_event_of_a_time_that_is_over_is_not() -> None:
    assert (refused_set(300).cause, refused_set(300).hopeless) == ("quota", False)


def test_a_quota_that_was_raised_since_may_heal() -> None:
    found = refused_set(2, quota("5"))
    assert not found.hopeless
    assert "has room by now" in found.message


# Rights, custom resources


def test_a_missing_right_is_told_with_verb_kind_and_namespace() -> None:
    said = 'User "ann" cannot list resource "secrets" in API group "" in the namespace "demo"'
    found = forbidden(said)
    assert found is not None
    assert "ann may not list secrets in namespace demo" in found.message
    assert "kubectl auth can-i list secrets -n demo" in found.next_step
    assert forbidden("pods is forbidden: violates PodSecurity") is None


def test_a_conversion_webhook_that_is_down_may_heal() -> None:
    found = conversion_failure(
        'conversion webhook for example.com/v2, Kind=Widget failed: Post "https://c.x.svc:443": no endpoints'
    )
    assert found is not None
    assert (found.cause, found.hopeless) == ("conversion-webhook-down", False)


WIDGET = ObjectRef("example.com", "Widget", "demo", "web")


@pytest.mark.parametrize(
    ("conditions", "seconds", "cause", "hopeless"),
    [
        ([condition("Ready", "False", "Starting")], 5, "condition-failed", False),
        ([condition("Stalled", "True", "BadSpec", "no")], 5, "condition-failed", True),
        ([condition("Ready")], 5, None, False),
        ([], 5, None, False),
        ([], 90, "no-conditions", False),
    ],
)
def test_a_custom_resource_is_diagnosed(
    conditions: Sequence[Json], seconds: float, cause: str | None, hopeless: bool
) -> None:
    obj = thing(
        "example.com/v1",
        "Widget",
        metadata={"creationTimestamp": ago(seconds)},
        status={"conditions": conditions},
    )
    found = diagnose(WIDGET, Recorded([obj], [], NOW))
    assert [(f.cause, f.hopeless) for f in found] == ([] if cause is None else [(cause, hopeless)])


def test_an_api_nobody_serves_is_named_with_its_service() -> None:
    obj = thing(
        "apiregistration.k8s.io/v1",
        "APIService",
        "v1.metrics.example",
        namespaced=False,
        spec={"service": {"namespace": "infra", "name": "metrics"}},
        status={"conditions": [condition("Available", "False", "MissingEndpoints", "no endpoints")]},
    )
    found = asked(ObjectRef.of(obj), [obj])
    assert (found.cause, found.hopeless) == ("apiservice-unavailable", False)
    assert "Service infra/metrics" in found.message


# Workloads and Services: one root, its consequences below it

WEB, SERVICE = ObjectRef("apps", "Deployment", "demo", "web"), ObjectRef("", "Service", "demo", "web")


def owned_by(uid: str, kind: str) -> Json:
    return {"ownerReferences": [{"uid": uid, "kind": kind, "controller": True}]}


def web(*pods: Json, selector: Json | None = None, ports: Sequence[Json] = (), **status: Any) -> list[Json]:
    """A Deployment, its ReplicaSet, its pods, and a Service in front of them."""
    for one in pods:
        one["metadata"] |= owned_by("uid-web-7", "ReplicaSet")
        one["metadata"]["labels"] = {"app": "web"}
    revision = {"annotations": {REVISION: "1"}}
    template = {"metadata": {"labels": {"app": "web"}}}
    return [
        thing(
            "apps/v1",
            "Deployment",
            metadata=revision,
            spec={"replicas": len(pods), "template": template},
            status={"observedGeneration": 1, **status},
        ),
        thing("apps/v1", "ReplicaSet", "web-7", metadata={**owned_by("uid-web", "Deployment"), **revision}),
        thing("v1", "Service", spec={"selector": selector or {"app": "web"}, "ports": list(ports)}),
        *pods,
    ]


NO_SECRET = waiting("CreateContainerConfigError", 'secret "db" not found')


def test_the_root_is_told_first_and_its_consequences_below_it() -> None:
    objects = web(*(pod(f"web-7-{n}", NO_SECRET) for n in range(3)))
    [found] = diagnose_all([SERVICE, WEB], Recorded(objects, [], NOW))
    assert (found.cause, found.alike) == ("config-missing", 3)
    assert found.message == 'secret "db" not found (3 pods)'
    assert found.culprit == ObjectRef("", "Pod", "demo", "web-7-0")
    assert found.consequences == ("Deployment/web is not ready", "Service/web has no endpoint")


def test_two_roots_are_two_findings_the_hopeless_one_first() -> None:
    lost = claim() | {"status": {"phase": "Lost"}}
    objects = [*web(pod("web-7-0", crashed(1, 3), phase="Running")), lost]
    found = diagnose_all([WEB, CLAIM], Recorded(objects, [], NOW))
    assert [f.cause for f in found] == ["claim-lost", "crash-loop"]


def test_a_deployment_whose_pods_only_start_has_nothing_to_tell() -> None:
    assert diagnose(WEB, Recorded(web(CREATING), [], NOW)) == ()


READY_POD = pod(
    "web-7-0",
    running(60),
    phase="Running",
    ready=True,
    spec={"containers": [{"name": "app", "ports": [{"name": "http", "containerPort": 8080}]}]},
)

SERVICES: dict[str, tuple[list[Json], str | None, bool, str]] = {
    "a label is spelled otherwise": (
        web(READY_POD, selector={"app": "wbe"}),
        "selects-nothing",
        False,
        "app=wbe matches none; Deployment/web has app=web",
    ),
    "a target port that has no such name": (
        web(READY_POD, ports=[{"port": 80, "targetPort": "web"}]),
        "no-such-port",
        True,
        "targetPort web is no port of its pods: they open http (8080)",
    ),
    "a target port that is not listed may be open all the same": (
        web(READY_POD, ports=[{"port": 80, "targetPort": 9090}]),
        "no-such-port",
        False,
        "targetPort 9090",
    ),
    "all is well": (web(READY_POD, ports=[{"port": 80, "targetPort": "http"}]), None, False, ""),
    "pods that are not ready yet": (
        web(pod("web-7-0", running(5), phase="Running")),
        "selects-unready",
        False,
        "selects 1 pod, none of them ready",
    ),
}


@pytest.mark.parametrize(("objects", "cause", "hopeless", "words"), SERVICES.values(), ids=list(SERVICES))
def test_a_service_is_diagnosed(objects: list[Json], cause: str | None, hopeless: bool, words: str) -> None:
    found = diagnose(SERVICE, Recorded(objects, [], NOW))
    assert [(f.cause, f.hopeless) for f in found] == ([] if cause is None else [(cause, hopeless)])
    assert all(words in f.message for f in found)


def test_old_pods_that_do_not_leave_are_named_with_their_node() -> None:
    stays = pod("web-7-0", running(500), phase="Running", spec={"nodeName": "node-9"})
    stays["metadata"]["deletionTimestamp"] = ago(90)
    node = thing("v1", "Node", "node-1", namespaced=False)
    found = asked(WEB, [*web(stays), node])
    assert (found.cause, found.hopeless) == ("old-pods-stay", False)
    assert "web-7-0 does not leave, 90 s after its grace period; node node-9 is gone" in found.message


def test_a_controller_that_does_not_look_is_named_after_a_while() -> None:
    def unseen(seconds: float) -> Sequence[Finding]:
        obj = thing(
            "apps/v1",
            "Deployment",
            metadata={"creationTimestamp": ago(seconds)},
            spec={"replicas": 1},
            status={},
        )
        return diagnose(WEB, Recorded([obj], [], NOW))

    assert unseen(10) == ()
    [found] = unseen(100)
    assert (found.cause, found.hopeless) == ("controller-silent", False)


def test_a_job_that_ran_out_of_tries_says_how_its_last_pod_ended() -> None:
    last = pod("once-1", ended(3), phase="Failed", owner="Job", spec={"restartPolicy": "Never"})
    last["metadata"]["ownerReferences"][0]["uid"] = "uid-once"
    broken = thing(
        "batch/v1",
        "Job",
        "once",
        status={"failed": 7, "conditions": [condition("Failed", "True", "BackoffLimitExceeded")]},
    )
    found = asked(ObjectRef.of(broken), [broken, last])
    assert (found.cause, found.hopeless) == ("backoff-limit", True)
    assert found.message == "failed after 7 tries: container app: exit code 3"


def test_last_log_lines_may_tell_a_finer_cause() -> None:
    objects = web(pod("web-7-0", crashed(1, 3), phase="Running"))
    objects.append(thing("v1", "Service", "redis", spec={"clusterIP": "10.0.0.7"}))
    scene = Recorded(objects, [], NOW)
    [found] = diagnose(WEB, scene)
    finer = with_logs(found, [], ["ValueError: invalid literal for int(): 'tcp://10.0.0.7:6379'"], scene)
    assert (found.cause, finer.cause) == ("crash-loop", "service-link-collision")
    assert "REDIS_PORT" in finer.message
    assert finer.previous_lines
    assert with_logs(found, ["boom"], [], scene).cause == "crash-loop"


MOUNTED = {
    "containers": [
        {
            "name": "app",
            "volumeMounts": [
                {"name": "data", "mountPath": "/data"},
                {"name": "scratch", "mountPath": "/data/scratch/"},
            ],
        }
    ],
    "volumes": [
        {"name": "data", "persistentVolumeClaim": {"claimName": "web-data"}},
        {"name": "scratch", "emptyDir": {"sizeLimit": "1Mi"}},
    ],
}


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("write /data/wal/1: no space left on device", "claim web-data is full: write /data/wal/1"),
        ("OSError: [Errno 28] No space left on device: '/data'", "claim web-data is full"),
        ("Error: ENOSPC, write '/data/scratch/x'", "volume scratch is full"),
        ("mkdir /database/x: disk quota exceeded", "a disk is full, that of claim web-data or of its node"),
        ('PANIC:  could not write to file "pg_wal/1": No space left on device', "that of claim web-data or"),
        ("no space left in the parking lot", ""),
    ],
)
def test_a_full_disk_is_named_by_the_path_that_could_not_be_written(line: str, words: str) -> None:
    objects = web(pod("web-7-0", crashed(1, 3), phase="Running", spec=MOUNTED))
    scene = Recorded(objects, [], NOW)
    [found] = diagnose(WEB, scene)
    finer = with_logs(found, ["starting", line, "bye"], [], scene)
    assert finer.cause == ("disk-full" if words else "crash-loop")
    assert words in finer.message


def test_a_full_disk_explains_why_a_probe_fails_as_well() -> None:
    objects = web(pod("web-7-0", running(300), phase="Running", spec=MOUNTED))
    scene = Recorded(objects, [], NOW)
    [found] = diagnose(WEB, scene)
    finer = with_logs(found, ["cannot write /data/log: No space left on device"], [], scene)
    assert (found.cause, finer.cause) == ("probe-failing", "disk-full")
    assert finer.next_step.endswith("pvc/web-data")


# Deletion


def test_a_claim_and_a_volume_that_are_in_use_say_by_whom() -> None:
    held = claim()
    held["metadata"] |= {"finalizers": ["kubernetes.io/pvc-protection"]}
    user = pod("web-1", spec={"volumes": [{"persistentVolumeClaim": {"claimName": "data"}}]})
    found = asked(CLAIM, [gone_soon(held), user])
    assert (found.cause, found.culprit) == ("claim-in-use", POD)
    disk = volume(phase="Bound", claimRef={"namespace": "demo", "name": "data", "uid": "uid-data"})
    disk["metadata"]["finalizers"] = ["kubernetes.io/pv-protection"]
    found = asked(ObjectRef.of(disk), [gone_soon(disk), claim()])
    assert (found.cause, found.culprit, found.hopeless) == ("volume-in-use", CLAIM, False)
    assert "kubectl delete -n demo pvc/data" in found.next_step


def test_a_namespace_that_is_stuck_has_its_conditions_translated() -> None:
    obj = thing(
        "v1",
        "Namespace",
        "demo",
        namespaced=False,
        metadata={"deletionTimestamp": ago(90)},
        status={
            "phase": "Terminating",
            "conditions": [
                condition(
                    "NamespaceDeletionDiscoveryFailure",
                    message="Discovery failed for some groups, 1 failing: unable to retrieve the complete "
                    "list of server APIs: metrics.example/v1: stale GroupVersion discovery",
                ),
                condition(
                    "NamespaceContentRemaining",
                    message="Some resources are remaining: widgets.example.com has 2 resource instances",
                ),
                condition(
                    "NamespaceFinalizersRemaining",
                    message="Some content in the namespace has finalizers remaining: example.com/x in 2 "
                    "resource instances",
                ),
            ],
        },
    )
    found = asked(ObjectRef.of(obj), [obj])
    assert found.cause == "namespace-stuck"
    for words in ("v1.metrics.example does not answer", "2 widgets.example.com", "example.com/x on 2"):
        assert words in found.message
