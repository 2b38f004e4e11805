"""Which kind of workload a service is, and that object around its pod."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from allup.compose.findings import Taking
from allup.compose.images import Known
from allup.compose.made import Making, Object, Part, Reference
from allup.compose.source import refuse
from allup.compose.storage import Storage
from allup.errors import did_you_mean


class Kind(StrEnum):
    """The kinds a service can become."""

    DEPLOYMENT = "Deployment"
    STATEFUL_SET = "StatefulSet"
    DAEMON_SET = "DaemonSet"
    JOB = "Job"
    CRON_JOB = "CronJob"


_BY_LABEL = {
    "deployment": Kind.DEPLOYMENT,
    "statefulset": Kind.STATEFUL_SET,
    "daemonset": Kind.DAEMON_SET,
    "replicationcontroller": Kind.DEPLOYMENT,
}


@dataclass(frozen=True)
class Restart:
    """What ``restart`` and ``deploy.restart_policy`` say: *policy* is no, always or on-failure, *times* how
    often at most (0: not said); *said*: at all."""

    policy: str
    times: int
    said: bool


def restart_of(taking: Taking, service: str) -> Restart:
    """Raises InputError for a policy that Compose does not have."""
    written = taking.text("restart")
    policy, _, times = written.partition(":")
    if policy not in ("", "no", "always", "on-failure", "unless-stopped", "false"):
        known = ("no", "always", "on-failure", "unless-stopped")
        refuse(taking.where("restart"), f"restart of {service!r} is {written!r}{did_you_mean(policy, known)}")
    deploy = taking.fields("deploy").fields("restart_policy")
    condition, most = deploy.text("condition"), deploy.integer("max_attempts")
    if condition:
        policy = {"none": "no", "on-failure": "on-failure", "any": "always"}.get(condition, "always")
    policy = {"unless-stopped": "always", "false": "no"}.get(policy, policy)
    return Restart(policy or "no", most or (int(times) if times.isdigit() else 0), bool(policy))


def kind_of(
    making: Making,
    service: str,
    taking: Taking,
    labels: Mapping[str, str],
    *,
    awaited: bool,
    serves: bool,
    keeps_data: bool,
    known: Known | None,
    restart: Restart,
) -> Kind:
    """*awaited*: another service waits for it to complete; *serves*: it has ports or a healthcheck;
    *keeps_data*: a known database with a disk."""
    mode = taking.fields("deploy").text("mode", "replicated")
    wanted = labels.get("kompose.controller.type", "").lower()
    if wanted and wanted not in _BY_LABEL:
        refuse(
            taking.where("labels"),
            f"kompose.controller.type of {service!r} is {wanted!r}{did_you_mean(wanted, _BY_LABEL)}",
        )
    if labels.get("kompose.cronjob.schedule"):
        return Kind.CRON_JOB
    if awaited or mode in ("replicated-job", "global-job"):
        return Kind.JOB
    if wanted:
        if wanted == "replicationcontroller":
            making.findings.changed(
                service, "labels", "a ReplicationController is a Deployment today, and it is one here"
            )
        return _BY_LABEL[wanted]
    if mode == "global":
        return Kind.DAEMON_SET
    if keeps_data:
        return Kind.STATEFUL_SET
    if restart.said and restart.policy == "no" and not serves:
        making.findings.changed(
            service,
            "restart",
            "restart: no and no port: it is a Job, which runs once and is done",
            "The label kompose.controller.type: deployment makes it one",
            taking.where("restart"),
        )
        return Kind.JOB
    if restart.said and restart.policy != "always":
        making.findings.changed(
            service,
            "restart",
            f"a Deployment always restarts its containers, and restart is {restart.policy}",
            "",
            taking.where("restart"),
        )
    return Kind.DEPLOYMENT


def workload(
    making: Making,
    part: Part,
    service: str,
    kind: Kind,
    pod: Object,
    storage: Storage,
    *,
    annotations: Mapping[str, str],
    replicas: int | Reference | None,
    restart: Restart,
    labels: Mapping[str, str],
) -> list[Object]:
    """The workload, with its scaler where a label asks for one."""
    name = making.names.objects[service]
    metadata: Object = {"name": name}
    if annotations:
        metadata["annotations"] = dict(annotations)
    template: Object = {"metadata": {"labels": {"app": name}}, "spec": pod}
    selector = {"matchLabels": {"app": name}}
    scaler = _scaler(name, labels) if kind is Kind.DEPLOYMENT else None
    if scaler and storage.exclusive:
        making.findings.left_out(
            service, "labels", "kompose.hpa: one pod at a time has its disk", "Share it (ReadWriteMany) first"
        )
        scaler = None
    spec: Object
    match kind:
        case Kind.DEPLOYMENT:
            spec = {} if scaler or replicas is None else {"replicas": replicas}
            if storage.exclusive:
                spec["strategy"] = {"type": "Recreate"}  # two pods cannot write one disk
            spec |= {"selector": selector, "template": template}
        case Kind.STATEFUL_SET:
            spec = {"serviceName": name, "replicas": 1 if replicas is None else replicas}
            spec |= {"selector": selector, "template": template}
            if storage.templates:
                spec["volumeClaimTemplates"] = storage.templates
        case Kind.DAEMON_SET:
            spec = {"selector": selector, "template": template}
        case Kind.JOB | Kind.CRON_JOB:
            again = restart.policy == "on-failure"
            times = labels.get("kompose.cronjob.backoff_limit") or restart.times or (6 if again else 0)
            pod["restartPolicy"] = "OnFailure" if again else "Never"
            spec = {"backoffLimit": int(times), "template": template}
    if kind is Kind.CRON_JOB:
        spec = {
            "schedule": labels["kompose.cronjob.schedule"],
            "concurrencyPolicy": labels.get("kompose.cronjob.concurrency_policy", "Allow"),
            "jobTemplate": {"spec": spec},
        }
    group = "batch/v1" if kind in (Kind.JOB, Kind.CRON_JOB) else "apps/v1"
    found = [{"apiVersion": group, "kind": str(kind), "metadata": metadata, "spec": spec}]
    return [*found, scaler] if scaler else found


def _scaler(name: str, labels: Mapping[str, str]) -> Object | None:
    wanted = {key: labels.get(f"kompose.hpa.{key}") for key in ("cpu", "memory")}
    if not any(wanted.values()) and not any(key.startswith("kompose.hpa.") for key in labels):
        return None
    metrics = [
        {
            "type": "Resource",
            "resource": {
                "name": key,
                "target": {"type": "Utilization", "averageUtilization": int(value.rstrip("%"))},
            },
        }
        for key, value in ({"cpu": "50"} if not any(wanted.values()) else wanted).items()
        if value
    ]
    return {
        "apiVersion": "autoscaling/v2",
        "kind": "HorizontalPodAutoscaler",
        "metadata": {"name": name},
        "spec": {
            "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": name},
            "minReplicas": int(labels.get("kompose.hpa.replicas.min", "1")),
            "maxReplicas": int(labels.get("kompose.hpa.replicas.max", "3")),
            "metrics": metrics,
        },
    }
