"""What a kubelet would write about a pod that goes wrong, played by kwok: the *fates*.

A pod labelled ``allup-fault: <fate>`` meets that fate: one Stage each, which writes the Events and the status
of its containers. The words are the kubelet's own (``source`` says where they come from); what a container
runtime or a registry adds to them is quoted from issues where people report it.

Placeholders in the texts: ``<image>`` and ``<container>`` of the container concerned, ``<pod>``,
``<namespace>``, ``<uid>`` and ``<node>`` of its pod, ``<now>``.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import yaml

Json = dict[str, Any]

KUBELET = "kubernetes v1.36.3 pkg/kubelet"
_IMAGES = f"{KUBELET}/images/image_manager.go"
_CONTAINER = f"{KUBELET}/kuberuntime/kuberuntime_container.go"
_MANAGER = f"{KUBELET}/kuberuntime/kuberuntime_manager.go"
_ENVIRONMENT = f"{KUBELET}/kubelet_pods.go (makeEnvironmentVariables)"
_MOUNTS = "kubernetes v1.36.3 pkg/volume/util/operationexecutor/operation_generator.go"
_MOUNT_COMMAND = f"{_MOUNTS}; k8s.io/mount-utils mount_linux.go (doMount)"
_PROBES = f"{KUBELET}/prober/prober.go"

_OUTSIDE = {
    "image": ".image",
    "container": ".name",
    "pod": "$.metadata.name",
    "namespace": "$.metadata.namespace",
    "uid": "$.metadata.uid",
    "node": "$.spec.nodeName",
    "now": "Now",
    "containers": "printf `spec.containers{%s}` .name",
    "initContainers": "printf `spec.initContainers{%s}` .name",
}


@dataclass(frozen=True)
class Said:
    """An Event that the kubelet emits about the pod; *container* when it is about its first container."""

    reason: str
    message: str
    type: str = "Warning"
    count: int = 1
    container: bool = True


@dataclass(frozen=True)
class Fate:
    """What becomes of a pod. *state* and what follows is of every container, or of every init container if
    *init*; *status* goes beside them, into the pod's status."""

    source: str
    state: Json
    events: Sequence[Said] = ()
    last: Json = field(default_factory=dict)
    phase: str = "Pending"
    restarts: int = 0
    ready: bool = False
    started: bool = False
    init: bool = False
    status: Json = field(default_factory=dict)


def _waiting(reason: str, message: str = "") -> Json:
    return {"waiting": {"reason": reason} | ({"message": message} if message else {})}


def _running() -> Json:
    return {"running": {"startedAt": "<now>"}}


def _ended(code: int, reason: str = "Error", message: str = "") -> Json:
    ended = {"exitCode": code, "reason": reason, "startedAt": "<now>", "finishedAt": "<now>"}
    return {"terminated": ended | ({"message": message} if message else {})}


# Images


def _pull(error: str, source: str) -> Fate:
    return Fate(
        f"{_IMAGES}; {source}",
        _waiting("ImagePullBackOff", f'Back-off pulling image "<image>": ErrImagePull: {error}'),
        (
            Said("Pulling", 'Pulling image "<image>"', type="Normal", count=3),
            Said("Failed", f'Failed to pull image "<image>": {error}', count=3),
            Said("Failed", "Error: ErrImagePull", count=3),
            Said("BackOff", 'Back-off pulling image "<image>"', type="Normal", count=4),
            Said("Failed", "Error: ImagePullBackOff", count=4),
        ),
    )


def _resolving(code: str, words: str) -> str:
    unpack = 'failed to pull and unpack image "<image>": failed to resolve reference "<image>"'
    return f"rpc error: code = {code} desc = {unpack}: {words}"


_IMAGE_FATES = {
    "image-invalid-name": Fate(
        f"{_IMAGES} (applyDefaultImageTag)",
        _waiting(
            "InvalidImageName",
            'Failed to apply default image tag "<image>": couldn\'t parse image name "<image>": '
            "invalid reference format",
        ),
        (
            Said(
                "InspectFailed",
                'Failed to apply default image tag "<image>": couldn\'t parse image name "<image>": '
                "invalid reference format",
            ),
            Said("Failed", "Error: InvalidImageName"),
        ),
    ),
    "image-not-found": _pull(
        _resolving("NotFound", "<image>: not found"),
        "containerd: kubernetes-sigs/provider-aws-test-infra#281",
    ),
    "image-denied": _pull(
        _resolving(
            "Unknown",
            "pull access denied, repository does not exist or may require authorization: "
            "server message: insufficient_scope: authorization failed",
        ),
        "containerd: hystax/optscale#865",
    ),
    "image-forbidden": _pull(
        _resolving(
            "Unknown",
            "failed to authorize: failed to fetch anonymous token: unexpected status from GET request to "
            "https://registry.example/token?scope=repository%3Ateam%2Fweb%3Apull: 403 Forbidden",
        ),
        "containerd core/remotes/docker/auth",
    ),
    "registry-unknown": _pull(
        _resolving(
            "Unknown",
            'failed to do request: Head "https://registry.example/v2/web/manifests/1": dial tcp: '
            "lookup registry.example on 10.96.0.10:53: no such host",
        ),
        "Go's net package as containerd hands it on",
    ),
    "registry-down": _pull(
        _resolving(
            "Unavailable",
            'failed to do request: Head "https://registry.example/v2/web/manifests/1": '
            "dial tcp 192.0.2.7:443: connect: connection refused",
        ),
        "Go's net package as containerd hands it on",
    ),
    "registry-busy": _pull(
        'rpc error: code = Unknown desc = failed to pull and unpack image "<image>": failed to copy: '
        "httpReadSeeker: failed open: unexpected status code https://registry.example/v2/web/manifests/1: "
        "429 Too Many Requests - Server message: toomanyrequests: You have reached your pull rate limit.",
        "containerd core/remotes/docker",
    ),
    "registry-untrusted": _pull(
        _resolving(
            "Unknown",
            'failed to do request: Head "https://registry.example/v2/team/web/manifests/1": tls: failed to '
            "verify certificate: x509: certificate signed by unknown authority",
        ),
        "Go's crypto/tls as containerd hands it on",
    ),
    "image-not-found-by-cri-o": _pull(
        "rpc error: code = Unknown desc = unable to pull image or OCI artifact: pull image err: initializing "
        "source docker://<image>: reading manifest 1 in registry.example/team/web: manifest unknown",
        "CRI-O: containers/image docker/docker_image_src.go",
    ),
    "image-architecture": _pull(
        'rpc error: code = NotFound desc = failed to pull and unpack image "<image>": '
        "no match for platform in manifest: not found",
        "containerd: kubewarden/adm-controller#1378",
    ),
    "image-never-pulled": Fate(
        f"{_IMAGES} (imageNotPresentOnNeverPolicyError)",
        _waiting("ErrImageNeverPull", 'Container image "<image>" is not present with pull policy of Never'),
        (
            Said(
                "ErrImageNeverPull",
                'Container image "<image>" is not present with pull policy of Never',
                count=5,
            ),
            Said("Failed", "Error: ErrImageNeverPull", count=5),
        ),
    ),
}

_IMAGE_FATES["image-not-found-told-by-events"] = replace(
    _IMAGE_FATES["image-not-found"],
    source=f"{_IMAGE_FATES['image-not-found'].source}; kubelets before 1.31 keep the error out of the status",
    state=_waiting("ImagePullBackOff", 'Back-off pulling image "<image>"'),
)
_IMAGE_FATES["image-of-init-not-found"] = replace(_IMAGE_FATES["image-not-found"], init=True)

# Processes that end


def _crash(last: Json, *, restarts: int = 3, source: str = "", init: bool = False) -> Fate:
    return Fate(
        f"{_MANAGER} (doBackOff){f'; {source}' if source else ''}",
        _waiting(
            "CrashLoopBackOff",
            "back-off 40s restarting failed container=<container> pod=<pod>_<namespace>(<uid>)",
        ),
        (
            Said("Pulled", 'Container image "<image>" already present on machine', type="Normal", count=4),
            Said("Created", "Container created", type="Normal", count=4),
            Said("Started", "Container started", type="Normal", count=4),
            Said(
                "BackOff",
                "Back-off restarting failed container <container> in pod <pod>_<namespace>(<uid>)",
                count=6,
            ),
        ),
        last=last,
        phase="Pending" if init else "Running",
        restarts=restarts,
        init=init,
    )


_RUNC = (
    "failed to create containerd task: failed to create shim task: OCI runtime create failed: runc create "
    "failed: unable to start container process: error during container init: "
)
_NOT_A_DIRECTORY = (
    f'{_RUNC}error mounting "/var/lib/kubelet/pods/<uid>/volume-subpaths/config/<container>/0" to rootfs at '
    '"/etc/app": not a directory: Are you trying to mount a directory onto a file (or vice-versa)?'
)
_LOGS = "termination message from the log's end (terminationMessagePolicy: FallbackToLogsOnError)"
_PROCESS_FATES = {
    "crash-exit-3": _crash(
        _ended(3, message="FATAL: cannot open /etc/app/settings.ini: permission denied\n"), source=_LOGS
    ),
    "crash-segmentation-fault": _crash(_ended(139)),
    "crash-wrong-format": _crash(
        _ended(255, message="exec /usr/local/bin/serve: exec format error\n"),
        source=f"{_LOGS}; runc's init writes it when execve(2) fails with ENOEXEC",
    ),
    "crash-service-link": _crash(
        _ended(1, message="ValueError: invalid literal for int() with base 10: 'tcp://10.96.200.200:6379'\n"),
        source=f"{_LOGS}; {KUBELET}/envvars/envvars.go gives REDIS_PORT that value for a Service redis",
    ),
    "oom-killed": _crash(_ended(137, "OOMKilled"), source="container runtimes set reason OOMKilled"),
    "completed-again": _crash(_ended(0, "Completed")),
    "init-crash": _crash(
        _ended(2, message="waiting for db:5432 ... gave up\n"), source=_LOGS, init=True, restarts=4
    ),
    "failed-exit-3": Fate(
        f"{KUBELET}/kubelet_pods.go (getPhase)",
        _ended(3, message="migration 0007 failed: relation users does not exist\n"),
        (Said("Started", "Container started", type="Normal"),),
        phase="Failed",
    ),
    "failed-exit-42": Fate(f"{KUBELET}/kubelet_pods.go (getPhase)", _ended(42), phase="Failed"),
    "command-not-found": _crash(
        _ended(
            128,
            "StartError",
            f'{_RUNC}exec: "serve": executable file not found in $PATH',
        ),
        source="containerd and runc: opencontainers/runc#4713",
    ),
    "command-is-a-path-that-is-not-there": _crash(
        _ended(
            128,
            "StartError",
            f'{_RUNC}exec: "/opt/app/serve": stat /opt/app/serve: no such file or directory',
        ),
        source="containerd and runc: cri-o/cri-o#9136",
    ),
    "cannot-run": Fate(
        f"{_CONTAINER} (startContainer, ErrRunContainer); runc's words for a mount that fails",
        _waiting("RunContainerError", _NOT_A_DIRECTORY),
        (Said("Failed", f"Error: {_NOT_A_DIRECTORY}", count=3),),
        restarts=2,
    ),
}

# Configuration


def _configuration(words: str, source: str) -> Fate:
    return Fate(
        f"{_CONTAINER} (ErrCreateContainerConfig); {source}",
        _waiting("CreateContainerConfigError", words),
        (Said("Failed", f"Error: {words}", count=5),),
    )


_CONFIGURATION_FATES = {
    "no-configmap": _configuration('configmap "settings" not found', _ENVIRONMENT),
    "no-secret": _configuration('secret "database" not found', _ENVIRONMENT),
    "no-key-in-configmap": _configuration(
        "couldn't find key port in ConfigMap <namespace>/settings", _ENVIRONMENT
    ),
    "no-key-in-secret": _configuration(
        "couldn't find key password in Secret <namespace>/database", _ENVIRONMENT
    ),
    "runs-as-root": _configuration(
        'container has runAsNonRoot and image will run as root (pod: "<pod>_<namespace>(<uid>)", '
        "container: <container>)",
        f"{KUBELET}/kuberuntime/security_context_others.go (verifyRunAsNonRoot)",
    ),
    "no-sandbox": Fate(
        f"{_MANAGER} (SyncPod, FailedCreatePodSandBox); containerd's words for a network plugin that fails",
        _waiting("ContainerCreating"),
        (
            Said(
                "FailedCreatePodSandBox",
                "Failed to create pod sandbox: rpc error: code = Unknown desc = failed to setup network for "
                'sandbox "5d0c4f": plugin type="bridge" failed (add): failed to allocate for range 0: '
                "no IP addresses available in range set: 10.244.0.1-10.244.0.254",
                count=9,
                container=False,
            ),
        ),
    ),
    "cannot-create": Fate(
        f"{_CONTAINER} (ErrCreateContainer); gRPC's words for a runtime that does not answer",
        _waiting("CreateContainerError", "context deadline exceeded"),
        (Said("Failed", "Error: context deadline exceeded", count=2),),
    ),
}

# Probes


def _probing(words: Sequence[Said], **more: Any) -> Fate:
    return Fate(_PROBES, _running(), words, phase="Running", **more)


_PROBE_FATES = {
    "readiness-500": _probing(
        [Said("Unhealthy", "Readiness probe failed: HTTP probe failed with statuscode: 500", count=12)],
        started=True,
    ),
    "readiness-refused": _probing(
        [
            Said(
                "Unhealthy",
                "Readiness probe failed: dial tcp 10.244.0.99:8080: connect: connection refused",
                count=12,
            )
        ],
        started=True,
    ),
    "startup-fails": _probing(
        [
            Said("Unhealthy", "Startup probe failed: HTTP probe failed with statuscode: 503", count=30),
            Said(
                "Killing",
                "Container <container> failed startup probe, will be restarted",
                type="Normal",
                count=2,
            ),
        ],
        last=_ended(143),
        restarts=2,
    ),
    "liveness-fails": _probing(
        [
            Said(
                "Unhealthy",
                'Liveness probe failed: Get "http://10.244.0.99:8080/healthz": context deadline exceeded '
                "(Client.Timeout exceeded while awaiting headers)",
                count=9,
            ),
            Said(
                "Killing",
                "Container <container> failed liveness probe, will be restarted",
                type="Normal",
                count=3,
            ),
        ],
        last=_ended(137),
        restarts=3,
        started=True,
    ),
    "ready-at-last": _probing(
        [
            Said(
                "Unhealthy",
                "Readiness probe failed: dial tcp 10.244.0.99:8080: connect: connection refused",
                count=4,
            )
        ],
        started=True,
        ready=True,
    ),
    "runs-again": Fate(
        f"{_MANAGER} (doBackOff)",
        _running(),
        (
            Said(
                "BackOff",
                "Back-off restarting failed container <container> in pod <pod>_<namespace>(<uid>)",
                count=2,
            ),
        ),
        last=_ended(1),
        phase="Running",
        restarts=2,
        ready=True,
        started=True,
    ),
    "not-ready-yet": Fate(_PROBES, _running(), phase="Running", started=True),
}

# Volumes


_SUMMARY = (
    "Unable to attach or mount volumes: unmounted volumes=[shared], unattached volumes=[], "
    "failed to process volumes=[]: context deadline exceeded"
)


def _mounting(*messages: str, source: str = _MOUNTS) -> Fate:
    said = [Said("FailedMount", message, count=7, container=False) for message in messages]
    return Fate(source, _waiting("ContainerCreating"), said)


def _nfs(output: str, source: str) -> Fate:
    return _mounting(
        'MountVolume.SetUp failed for volume "shared" : mount failed: exit status 32\n'
        "Mounting command: mount\n"
        "Mounting arguments: -t nfs 192.0.2.10:/export/home "
        "/var/lib/kubelet/pods/<uid>/volumes/kubernetes.io~nfs/shared\n"
        f"Output: {output}\n",
        source=f"{_MOUNT_COMMAND}; {source}",
    )


_VOLUME_FATES = {
    "no-configmap-to-mount": _mounting(
        'MountVolume.SetUp failed for volume "config" : configmap "settings" not found'
    ),
    "no-secret-to-mount": _mounting(
        'MountVolume.SetUp failed for volume "tls" : secret "certificate" not found'
    ),
    "no-key-to-mount": _mounting(
        'MountVolume.SetUp failed for volume "tls" : references non-existent secret key: tls.crt',
        source=f"{_MOUNTS}; pkg/volume/secret/secret.go (MakePayload)",
    ),
    "host-path-is-no-directory": _mounting(
        'MountVolume.SetUp failed for volume "data" : '
        "hostPath type check failed: /srv/data is not a directory",
        source=f"{_MOUNTS}; pkg/volume/hostpath/host_path.go",
    ),
    "nfs-unreachable": _nfs("mount.nfs: Connection timed out", "rook/nfs#34"),
    "nfs-no-route": _nfs("mount.nfs: No route to host", "nfs-utils' words for EHOSTUNREACH"),
    "nfs-no-export": _nfs(
        "mount.nfs: mounting 192.0.2.10:/export/home failed, reason given by server: "
        "No such file or directory",
        "alibaba/nacos#5203",
    ),
    "nfs-denied": _nfs(
        "mount.nfs: access denied by server while mounting 192.0.2.10:/export/home",
        "kubernetes/kubernetes#108963",
    ),
    "nfs-denied-and-summed-up": replace(
        _nfs(
            "mount.nfs: access denied by server while mounting 192.0.2.10:/export/home",
            f"kubernetes/kubernetes#108963; {KUBELET}/kubelet.go (SyncPod) for the summary",
        ),
        events=(
            *_nfs("mount.nfs: access denied by server while mounting 192.0.2.10:/export/home", "").events,
            Said("FailedMount", _SUMMARY, count=3, container=False),
        ),
    ),
    "mounts-only-summed-up": _mounting(_SUMMARY, source=f"{KUBELET}/kubelet.go (SyncPod)"),
    "nfs-no-helper": _nfs(
        "mount: /var/lib/kubelet/pods/<uid>/volumes/kubernetes.io~nfs/shared: bad option; for several "
        "filesystems (e.g. nfs, cifs) you might need a /sbin/mount.<type> helper program.",
        "nmaupu/freenas-provisioner#44",
    ),
}

# What the kubelet does to the whole pod

_POD_FATES = {
    "evicted": Fate(
        f"{KUBELET}/eviction/helpers.go (evictionMessage)",
        _ended(137),
        (
            Said(
                "Evicted",
                "The node was low on resource: memory. Threshold quantity: 100Mi, available: 52172Ki. "
                "Container <container> was using 1804Mi, request is 64Mi, has larger consumption of memory. ",
                container=False,
            ),
        ),
        phase="Failed",
        status={
            "reason": "Evicted",
            "message": "The node was low on resource: memory. Threshold quantity: 100Mi, available: 52172Ki. "
            "Container main was using 1804Mi, request is 64Mi, has larger consumption of memory. ",
        },
    ),
    "silent": Fate(
        f"{KUBELET}: a pod whose containers are being made, without a word yet", _waiting("ContainerCreating")
    ),
}

FATES: Mapping[str, Fate] = (
    _IMAGE_FATES | _PROCESS_FATES | _CONFIGURATION_FATES | _PROBE_FATES | _VOLUME_FATES | _POD_FATES
)

# Of claims: what an external provisioner would write

_PROVISIONER_SAYS = (
    'failed to provision volume with StorageClass "{{ .spec.storageClassName }}": '
    "rpc error: code = ResourceExhausted desc = not enough space in pool replicated"
)
PROVISIONER_SOURCE = (
    "sigs.k8s.io/sig-storage-lib-external-provisioner controller.go; kubernetes-csi/external-provisioner#678"
)


def written(folder: Path) -> Path:
    """All fates as a file of Stages for kwok."""
    file = folder / "fates.yaml"
    documents = [_stage(name, fate) for name, fate in FATES.items()]
    file.write_text(yaml.safe_dump_all([*documents, _failing_provisioner()], width=1000))
    return file


def _stage(name: str, fate: Fate) -> Json:
    containers = "initContainers" if fate.init else "containers"
    events = [
        {"apply": {"template": _event(name, number, said, containers)}}
        for number, said in enumerate(fate.events)
    ]
    return {
        "apiVersion": "kwok.x-k8s.io/v1alpha1",
        "kind": "Stage",
        "metadata": {"name": f"pod-fate-{name}"},
        "spec": {
            "resourceRef": {"apiGroup": "v1", "kind": "Pod"},
            "selector": {
                "matchLabels": {"allup-fault": name},
                "matchExpressions": [
                    {"key": ".metadata.deletionTimestamp", "operator": "DoesNotExist"},
                    {"key": ".status.containerStatuses", "operator": "DoesNotExist"},
                ],
            },
            "steps": [
                *events,
                {"patch": {"subresource": "status", "root": "status", "template": _status(fate)}},
            ],
        },
    }


def _filled(value: Any) -> str:
    """*value* as JSON in which placeholders are what a Go template says for them; JSON is YAML too."""
    text = json.dumps(value)
    for name, expression in _OUTSIDE.items():
        text = text.replace(f"<{name}>", "{{ " + expression + " }}")
    return text


def _event(name: str, number: int, said: Said, containers: str) -> str:
    about: Json = {
        "apiVersion": "v1",
        "kind": "Pod",
        "name": "<pod>",
        "namespace": "<namespace>",
        "uid": "<uid>",
    }
    if said.container:
        about["fieldPath"] = f"<{containers}>"
    event = {
        "apiVersion": "v1",
        "kind": "Event",
        "metadata": {"name": f"<pod>.{name}-{number}", "namespace": "<namespace>"},
        "involvedObject": about,
        "type": said.type,
        "reason": said.reason,
        "message": said.message,
        "count": said.count,
        "firstTimestamp": "<now>",
        "lastTimestamp": "<now>",
        "source": {"component": "kubelet", "host": "<node>"},
        "reportingComponent": "kubelet",
        "reportingInstance": "<node>",
    }
    return "{{ with index .spec." + containers + " 0 }}" + _filled(event) + "{{ end }}"


def _status(fate: Fate) -> str:
    done = fate.phase == "Failed"
    unready: Json = {"status": "False", "reason": "PodFailed" if done else "ContainersNotReady"}
    if fate.ready:
        unready = {"status": "True"}
    elif not done:
        unready["message"] = "containers with unready status: [main]"
    conditions = [
        {"type": "PodReadyToStartContainers", "status": "False" if done else "True"},
        {"type": "Initialized", "status": "False" if fate.init else "True"}
        | (
            {
                "reason": "ContainersNotInitialized",
                "message": "containers with incomplete status: [setup]",
            }
            if fate.init
            else {}
        ),
        {"type": "Ready", **unready},
        {"type": "ContainersReady", **unready},
    ]
    concerned = {
        "name": "<container>",
        "image": "<image>",
        "imageID": "",
        "ready": fate.ready,
        "started": fate.started,
        "restartCount": fate.restarts,
        "state": fate.state,
    } | ({"lastState": fate.last} if fate.last else {})
    others = concerned | {
        "restartCount": 0,
        "state": _waiting("PodInitializing"),
    }
    others.pop("lastState", None)
    sections = [("initContainers", "initContainerStatuses", concerned)] if fate.init else []
    sections.append(("containers", "containerStatuses", others if fate.init else concerned))
    lines = [
        f"phase: {fate.phase}",
        'startTime: "{{ Now }}"',
        f"conditions: {json.dumps(conditions)}",
        *(f"{key}: {json.dumps(value)}" for key, value in fate.status.items()),
    ]
    for containers, statuses, status in sections:
        lines += [f"{statuses}:", "{{ range .spec." + containers + " }}", f"- {_filled(status)}", "{{ end }}"]
    return "\n".join(lines) + "\n"


def _failing_provisioner() -> Json:
    event = {
        "apiVersion": "v1",
        "kind": "Event",
        "metadata": {"name": "{{ .metadata.name }}.provisioning", "namespace": "{{ .metadata.namespace }}"},
        "involvedObject": {
            "apiVersion": "v1",
            "kind": "PersistentVolumeClaim",
            "name": "{{ .metadata.name }}",
            "namespace": "{{ .metadata.namespace }}",
            "uid": "{{ .metadata.uid }}",
        },
        "type": "Warning",
        "reason": "ProvisioningFailed",
        "message": _PROVISIONER_SAYS,
        "count": 4,
        "firstTimestamp": "{{ Now }}",
        "lastTimestamp": "{{ Now }}",
        "source": {"component": "csi.example_provisioner-0"},
        "reportingComponent": "csi.example_provisioner-0",
    }
    return {
        "apiVersion": "kwok.x-k8s.io/v1alpha1",
        "kind": "Stage",
        "metadata": {"name": "claim-provisioning-fails"},
        "spec": {
            "resourceRef": {"apiGroup": "v1", "kind": "PersistentVolumeClaim"},
            "selector": {
                "matchLabels": {"allup-fault": "provisioning-fails"},
                "matchExpressions": [{"key": ".status.phase", "operator": "In", "values": ["Pending"]}],
            },
            "steps": [{"apply": {"template": json.dumps(event)}}],
        },
    }
