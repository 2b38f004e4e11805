"""From an object to the rule of its kind."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from allup.diagnosis.deletion import deletion
from allup.diagnosis.rollout import unseen
from allup.diagnosis.scene import Neighbours
from allup.fields import Object, count, section
from allup.readiness import custom, jobs, namespaces, networking, pods, services, volumes, workloads
from allup.readiness.verdict import Readiness, because, not_yet
from allup.refs import GroupKind, group_of

_Rule = Callable[[Object, Neighbours, datetime], Readiness]

_RULES: dict[str, _Rule] = {
    "Namespace": namespaces.namespace,
    "ServiceAccount": namespaces.existing,
    "ConfigMap": namespaces.existing,
    "Secret": namespaces.existing,
    "Role.rbac.authorization.k8s.io": namespaces.existing,
    "RoleBinding.rbac.authorization.k8s.io": namespaces.existing,
    "ClusterRole.rbac.authorization.k8s.io": namespaces.existing,
    "ClusterRoleBinding.rbac.authorization.k8s.io": namespaces.existing,
    "Service": services.service,
    "EndpointSlice.discovery.k8s.io": namespaces.existing,
    "PersistentVolume": volumes.persistent_volume,
    "PersistentVolumeClaim": volumes.persistent_volume_claim,
    "Pod": pods.pod,
    "ReplicationController": workloads.replica_set,
    "Deployment.apps": workloads.deployment,
    "ReplicaSet.apps": workloads.replica_set,
    "StatefulSet.apps": workloads.stateful_set,
    "DaemonSet.apps": workloads.daemon_set,
    "Job.batch": jobs.job,
    "CronJob.batch": jobs.cron_job,
    "Ingress.networking.k8s.io": networking.ingress,
    "NetworkPolicy.networking.k8s.io": namespaces.existing,
    "APIService.apiregistration.k8s.io": custom.api_service,
    "CustomResourceDefinition.apiextensions.k8s.io": custom.custom_resource_definition,
}


def judge(obj: Mapping[str, Any], neighbours: Neighbours, now: datetime) -> Readiness:
    """Whether *obj*, a complete object as the API server gives it, is ready at *now* (an aware datetime).

    An object on its way out is never ready, and a status about an older generation says nothing. Kinds
    without a rule of their own are judged by their conditions.
    """
    metadata = section(obj, "metadata")
    going = deletion(obj, neighbours, now, wanted=True)
    if going is not None:
        return because(going)
    generation = count(metadata, "generation")
    if count(section(obj, "status"), "observedGeneration", generation) < generation:
        silent = unseen(obj, now)
        return because(silent) if silent else not_yet("waits for its controller")
    kind = GroupKind(group_of(str(obj.get("apiVersion", ""))), str(obj.get("kind", "")))
    return _RULES.get(str(kind), custom.by_conditions)(obj, neighbours, now)
