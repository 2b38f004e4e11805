"""Pods: what each state of a pod means, in words and with hopeless right."""

from __future__ import annotations

from typing import Any

import pytest

from allup.readiness import Cause, NoNeighbours, State, judge
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

READY, NOT_YET, FAILED = State.READY, State.NOT_YET, State.FAILED


def _pull(text: str, reason: str = "ErrImagePull") -> Json:
    return pod("web-1", waiting(reason, text))


_CONTAINERD = (
    'failed to pull and unpack image "docker.io/library/web:1": failed to resolve reference '
    '"docker.io/library/web:1": '
)

CASES: dict[str, tuple[Json, State, str, str]] = {
    "a ready pod is ready": (pod(phase="Running", ready=True), READY, "", ""),
    "a pod not on a node yet": (
        {**pod(), "spec": {"containers": []}, "status": {"phase": "Pending"}},
        NOT_YET,
        "is not scheduled yet",
        "",
    ),
    "a pod with no status at all": (
        {k: v for k, v in pod().items() if k != "status"},
        NOT_YET,
        "containers are being created",
        "",
    ),
    "containers being created are nothing wrong": (
        pod("web-1", waiting("ContainerCreating")),
        NOT_YET,
        "containers are being created",
        "",
    ),
    "a pod on its way out": (
        gone_soon(pod(phase="Running", ready=True)),
        NOT_YET,
        "is being deleted",
        "terminating",
    ),
    # images
    "an image name nobody can parse": (
        pod("web-1", waiting("InvalidImageName", "couldn't parse image reference")),
        FAILED,
        f"image name '{IMAGE}' is not valid",
        "image-invalid-name",
    ),
    "containerd: the tag does not exist": (
        _pull(f"rpc error: code = NotFound desc = {_CONTAINERD}docker.io/library/web:1: not found"),
        FAILED,
        f"image {IMAGE} not found",
        "image-not-found",
    ),
    "the back-off quotes the error since 1.31": (
        _pull(
            'Back-off pulling image "docker.io/library/web:1": ErrImagePull: rpc error: code = NotFound '
            f"desc = {_CONTAINERD}docker.io/library/web:1: not found",
            "ImagePullBackOff",
        ),
        FAILED,
        f"image {IMAGE} not found",
        "image-not-found",
    ),
    "the back-off alone says nothing before 1.31": (
        _pull('Back-off pulling image "docker.io/library/web:1"', "ImagePullBackOff"),
        NOT_YET,
        f"image {IMAGE} cannot be pulled",
        "image-pull",
    ),
    "cri-o: manifest unknown": (
        _pull("reading manifest 1 in docker.io/library/web: manifest unknown"),
        FAILED,
        f"image {IMAGE} not found",
        "image-not-found",
    ),
    "no build for this platform": (
        _pull(f"{_CONTAINERD}no match for platform in manifest: not found"),
        FAILED,
        f"image {IMAGE} not found for the node's platform",
        "image-architecture",
    ),
    "never pulled and not there": (
        pod("web-1", waiting("ErrImageNeverPull", 'Container image "web:1" is not present')),
        FAILED,
        f"image {IMAGE} not found on the node, and imagePullPolicy is Never",
        "image-not-found",
    ),
    "docker hub hides a missing repository behind a denial": (
        _pull(
            f"{_CONTAINERD}pull access denied, repository does not exist or may require authorization: "
            "server message: insufficient_scope: authorization failed"
        ),
        FAILED,
        f"image {IMAGE}: the registry denies access, or has no such image",
        "image-denied",
    ),
    "a registry without our credentials": (
        _pull(f"{_CONTAINERD}unexpected status from HEAD request: 401 Unauthorized"),
        FAILED,
        f"image {IMAGE}: the registry denies access, or has no such image",
        "image-denied",
    ),
    "a rate limit heals": (
        _pull(
            f"{_CONTAINERD}429 Too Many Requests - toomanyrequests: You have reached your "
            "unauthenticated pull rate limit"
        ),
        NOT_YET,
        (
            f"image {IMAGE} cannot be pulled: 429 Too Many Requests - toomanyrequests: "
            "You have reached your unauthenticated pull rate limit"
        ),
        "image-pull",
    ),
    "an unknown host may be a name server that boots": (
        _pull(f"{_CONTAINERD}failed to do request: dial tcp: lookup registry on 10.0.0.2:53: no such host"),
        NOT_YET,
        f"image {IMAGE} cannot be pulled: lookup registry on 10.0.0.2:53: no such host",
        "image-pull",
    ),
    "a credential helper that is not found is not a missing image": (
        _pull("error getting credentials: exec: docker-credential-x: executable file not found in $PATH"),
        NOT_YET,
        f"image {IMAGE} cannot be pulled: docker-credential-x: executable file not found in $PATH",
        "image-pull",
    ),
    # configuration
    "a Secret that is not there": (
        pod("web-1", waiting("CreateContainerConfigError", 'secret "db" not found')),
        FAILED,
        'secret "db" not found',
        "config-missing",
    ),
    "a key that is not in the ConfigMap": (
        pod("web-1", waiting("CreateContainerConfigError", "couldn't find key url in ConfigMap demo/db")),
        FAILED,
        "couldn't find key url in ConfigMap demo/db",
        "config-missing",
    ),
    "a kubelet whose cache is not warm": (
        pod(
            "web-1",
            waiting(
                "CreateContainerConfigError",
                "failed to sync configmap cache: timed out waiting for the condition",
            ),
        ),
        NOT_YET,
        "container cannot be set up: failed to sync configmap cache: timed out waiting for the condition",
        "container-create",
    ),
    "a root image under runAsNonRoot": (
        pod(
            "web-1",
            waiting(
                "CreateContainerConfigError", "container has runAsNonRoot and image will run as root (pod …)"
            ),
        ),
        FAILED,
        "container has runAsNonRoot and image will run as root (pod …)",
        "container-create",
    ),
    "a command that does not exist": (
        pod(
            "web-1",
            crashed(
                128,
                2,
                "StartError",
                "failed to create containerd task: OCI runtime create failed: unable to start container "
                'process: exec: "serve": executable file not found in $PATH: unknown',
            ),
        ),
        FAILED,
        'container cannot be started: exec: "serve": executable file not found in $PATH: unknown',
        "command-not-found",
    ),
    "a path that does not exist": (
        pod(
            "web-1",
            waiting(
                "RunContainerError", 'exec: "/opt/serve": stat /opt/serve: no such file or directory: unknown'
            ),
        ),
        FAILED,
        (
            'container cannot be started: exec: "/opt/serve": stat /opt/serve: '
            "no such file or directory: unknown"
        ),
        "command-not-found",
    ),
    "a runtime that timed out": (
        pod("web-1", waiting("CreateContainerError", "context deadline exceeded")),
        NOT_YET,
        "container cannot be started: context deadline exceeded",
        "container-create",
    ),
    # running and ending
    "a crash loop says how it ended": (
        pod("web-1", crashed(1, 4), phase="Running"),
        NOT_YET,
        "crash loop: exit code 1, restarted 4 times",
        "crash-loop",
    ),
    "a crash loop quotes the last words": (
        pod("web-1", crashed(3, 1, message="no such table\n"), phase="Running"),
        NOT_YET,
        "crash loop: exit code 3: no such table, restarted once",
        "crash-loop",
    ),
    "a signal has its name": (
        pod("web-1", crashed(139, 2), phase="Running"),
        NOT_YET,
        "crash loop: exit code 139 (SIGSEGV), restarted 2 times",
        "crash-loop",
    ),
    "a shell that found no command": (
        pod("web-1", crashed(127, 2), phase="Running"),
        NOT_YET,
        "crash loop: exit code 127 (command not found), restarted 2 times",
        "crash-loop",
    ),
    "the first crash, before any restart": (
        pod("web-1", ended(1), phase="Running"),
        NOT_YET,
        "crash loop: exit code 1",
        "crash-loop",
    ),
    "between two crashes it still is a crash loop": (
        pod(
            "web-1",
            running(5, restartCount=2, lastState={"terminated": {"exitCode": 1, "reason": "Error"}}),
            phase="Running",
        ),
        NOT_YET,
        "crash loop: exit code 1, restarted 2 times",
        "crash-loop",
    ),
    "memory, with the limit": (
        pod(
            "web-1",
            crashed(137, 3, "OOMKilled"),
            phase="Running",
            spec={
                "containers": [
                    {"name": "app", "image": IMAGE, "resources": {"limits": {"memory": "64Mi"}}},
                ]
            },
        ),
        NOT_YET,
        "out of memory (limit 64Mi), restarted 3 times",
        "oom-killed",
    ),
    "a server that just ends": (
        pod("web-1", crashed(0, 2, "Completed"), phase="Running"),
        NOT_YET,
        "ended with exit code 0, restarted 2 times",
        "completed",
    ),
    "the container is named when there are several": (
        pod("web-1", running(5), crashed(1, 2), phase="Running"),
        NOT_YET,
        "crash loop: exit code 1, restarted 2 times (container app1)",
        "crash-loop",
    ),
    "the hopeless container is told before the crashing one": (
        pod("web-1", crashed(1, 2), waiting("InvalidImageName"), phase="Running"),
        FAILED,
        f"image name '{IMAGE}' is not valid (container app1)",
        "image-invalid-name",
    ),
    # probes
    "a young container may be unready": (
        pod("web-1", running(29), phase="Running"),
        NOT_YET,
        "runs, not ready yet",
        "",
    ),
    "an old container may not": (
        pod("web-1", running(45), phase="Running"),
        NOT_YET,
        "readiness probe fails, running for 45 s",
        "probe-failing",
    ),
    "unless its probe has not had its tries": (
        pod(
            "web-1",
            running(45),
            phase="Running",
            spec={
                "containers": [
                    {"name": "app", "readinessProbe": {"initialDelaySeconds": 30, "periodSeconds": 10}}
                ]
            },
        ),
        NOT_YET,
        "runs, not ready yet",
        "",
    ),
    "a startup probe has its own patience": (
        pod("web-1", running(200) | {"started": False}, phase="Running"),
        NOT_YET,
        "startup probe has not passed yet",
        "",
    ),
    "a readiness gate": (
        pod(
            "web-1",
            running(90, ready=True),
            phase="Running",
            conditions=[
                condition(
                    "Ready",
                    "False",
                    "ReadinessGatesNotReady",
                    'corresponding condition of pod readiness gate "lb" does not exist.',
                )
            ],
        ),
        NOT_YET,
        'waits for a readiness gate: corresponding condition of pod readiness gate "lb" does not exist.',
        "",
    ),
    # init containers
    "an init container at work": (
        pod("web-1", waiting("PodInitializing"), init=[running(300)]),
        NOT_YET,
        "init container init is running",
        "",
    ),
    "an init container that fails": (
        pod("web-1", waiting("PodInitializing"), init=[crashed(1, 3)]),
        NOT_YET,
        "init container init: exit code 1, restarted 3 times",
        "init-failed",
    ),
    "an init container whose image is missing": (
        pod("web-1", waiting("PodInitializing"), init=[waiting("ErrImagePull", "x: manifest unknown")]),
        FAILED,
        f"image {IMAGE} not found (container init)",
        "image-not-found",
    ),
    "an init container that is done does not count": (
        pod("web-1", waiting("PodInitializing"), init=[ended(0, "Completed"), running(4)]),
        NOT_YET,
        "init container init1 is running",
        "",
    ),
    "what an app container said before its pod began anew does not count": (
        pod("web-1", crashed(1, 5), init=[running(4)]),
        NOT_YET,
        "init container init is running",
        "",
    ),
    "a sidecar that ended well crashes nonetheless": (
        pod(
            "web-1",
            waiting("PodInitializing"),
            init=[crashed(0, 2, "Completed")],
            spec={"initContainers": [{"name": "init", "image": IMAGE, "restartPolicy": "Always"}]},
        ),
        NOT_YET,
        "ended with exit code 0, restarted 2 times (container init)",
        "completed",
    ),
    # scheduling
    "no node fits": (
        unscheduled(
            "0/2 nodes are available: 1 Insufficient memory, 1 node(s) had untolerated taint {gpu: }. "
            "no new claims to deallocate, preemption: 0/2 nodes are available: 2 Preemption is not helpful."
        ),
        NOT_YET,
        "no node fits: 1 Insufficient memory, 1 node(s) had untolerated taint {gpu: }",
        "insufficient-resources",
    ),
    "no node fits, as older schedulers say it": (
        unscheduled(
            "0/1 nodes are available: 1 Insufficient cpu. preemption: 0/1 nodes are available: 1 No "
            "preemption victims found for incoming pod."
        ),
        NOT_YET,
        "no node fits: 1 Insufficient cpu",
        "insufficient-resources",
    ),
    "an unbound claim": (
        unscheduled(
            "0/1 nodes are available: pod has unbound immediate PersistentVolumeClaims. preemption: 0/1 "
            "nodes are available: 1 Preemption is not helpful for scheduling."
        ),
        NOT_YET,
        "cannot be scheduled: its claim is not bound",
        "unbound-claim",
    ),
    "a claim that is not there": (
        unscheduled(
            '0/1 nodes are available: persistentvolumeclaim "data" not found. preemption: 0/1 nodes are '
            "available: 1 Preemption is not helpful for scheduling."
        ),
        NOT_YET,
        "cannot be scheduled: claim data not found",
        "unbound-claim",
    ),
    "a scheduling gate": (
        unscheduled("Scheduling is blocked due to non-empty scheduling gates", "SchedulingGated"),
        NOT_YET,
        "is held back by a scheduling gate",
        "",
    ),
    # ends
    "a pod that was made to end": (
        pod(phase="Succeeded", spec={"restartPolicy": "Never"}),
        READY,
        "completed",
        "",
    ),
    "a pod of a Job that ended": (pod(phase="Succeeded", owner="Job"), READY, "completed", ""),
    "a server that ended for good": (
        pod(phase="Succeeded"),
        FAILED,
        "has ended, and nothing starts it again",
        "completed",
    ),
    "a pod that failed": (
        pod("web-1", ended(2), phase="Failed", spec={"restartPolicy": "Never"}),
        FAILED,
        "container app: exit code 2",
        "pod-failed",
    ),
    "a pod whose init container failed for good": (
        pod("web-1", phase="Failed", init=[ended(9)], spec={"restartPolicy": "Never"}),
        FAILED,
        "init container init: exit code 9",
        "init-failed",
    ),
    "evicted": (
        pod(
            phase="Failed",
            reason="Evicted",
            message="The node was low on resource: memory.",
        ),
        FAILED,
        "evicted: The node was low on resource: memory.",
        "evicted",
    ),
    "refused by the kubelet": (
        pod(phase="Failed", reason="OutOfmemory", message="Node didn't have enough resource: memory"),
        FAILED,
        "refused by its node: Node didn't have enough resource: memory",
        "unschedulable",
    ),
    "past its own deadline": (
        pod(phase="Failed", reason="DeadlineExceeded", message="Pod was active on the node longer"),
        FAILED,
        "ran longer than activeDeadlineSeconds",
        "deadline-exceeded",
    ),
    "a node that went away": (
        pod(phase="Running", reason="NodeLost"),
        NOT_YET,
        "its node does not answer",
        "node-lost",
    ),
}


@pytest.mark.parametrize(("obj", "state", "message", "cause"), CASES.values(), ids=CASES)
def test_a_pod_is_judged(obj: Json, state: State, message: str, cause: str) -> None:
    found = judge(obj, NoNeighbours(), NOW)
    assert (found.state, found.message, found.cause) == (state, message, cause)
    assert found.hopeless is (state is FAILED)


def test_an_image_named_like_an_error_is_not_taken_for_one() -> None:
    image = "registry.example/denied/not-found:forbidden"
    obj = pod("web-1", waiting("ErrImagePull", f'failed to pull "{image}": {image}: unexpected EOF'))
    obj["spec"]["containers"][0]["image"] = image
    found = judge(obj, NoNeighbours(), NOW)
    assert (found.cause, found.hopeless) == (Cause.IMAGE_PULL, False)
    assert image in found.message


@pytest.mark.parametrize(
    "text",
    [
        "failed to extract layer: open /var/lib: permission denied",
        "failed to copy: httpReadSeeker: failed open: unexpected status code: 403 Forbidden",
        "content digest sha256:0a1b: not found",
        "net/http: TLS handshake timeout",
        "unexpected status: 503 Service Unavailable",
        "tls: failed to verify certificate: x509: certificate signed by unknown authority",
    ],
)
def test_a_pull_that_may_heal_is_never_hopeless(text: str) -> None:
    found = judge(_pull(text), NoNeighbours(), NOW)
    assert (found.state, found.cause, found.hopeless) == (NOT_YET, "image-pull", False)


def test_the_clock_is_the_one_passed_in() -> None:
    obj: dict[str, Any] = thing("v1", "Pod")
    obj |= pod("web-1", running(10), phase="Running")
    obj["status"]["containerStatuses"][0]["state"]["running"]["startedAt"] = ago(31)
    assert judge(obj, NoNeighbours(), NOW).cause == Cause.PROBE_FAILING
