"""What is not let in: pods that their controllers cannot create, and objects refused at once."""

from __future__ import annotations

from typing import Any

from tests.cluster.platforms_for_tests import config, obj
from tests.cluster.recording.scenario import (
    CASE,
    NAMESPACE,
    Scenario,
    claim,
    condition,
    container,
    deployment,
    event,
    job,
    pod,
    service,
    stateful_set,
)

_LIMITED = {"resources": {"requests": {"cpu": "1"}, "limits": {"cpu": "1"}}}
_PRIVILEGED = {"securityContext": {"privileged": True}}
_HERE = {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": NAMESPACE}}}


def _refused_pods(
    name: str, cause: str, hopeless: bool, *words: str, objects: tuple[Any, ...], **more: Any
) -> Scenario:
    return Scenario(
        name=name,
        family="admission",
        cause=cause,
        hopeless=hopeless,
        words=words,
        subject=more.pop("subject", f"Deployment/{CASE}"),
        objects=objects,
        visible=more.pop("visible", condition("ReplicaSet", "ReplicaFailure")),
        **more,
    )


def _quota(**hard: str) -> dict[str, Any]:
    return obj("ResourceQuota", "tight", spec={"hard": hard})


def _limit_range(**limits: Any) -> dict[str, Any]:
    return obj("LimitRange", "sizes", spec={"limits": [limits]})


def webhook(client: dict[str, Any], resource: str = "pods", group: str = "") -> dict[str, Any]:
    """A webhook that is asked about everything of one resource in the scenario's namespace."""
    rule = {"apiGroups": [group], "apiVersions": ["v1"], "resources": [resource], "operations": ["CREATE"]}
    hook = {
        "name": "images.tests.example",
        "rules": [rule],
        "clientConfig": client,
        "failurePolicy": "Fail",
        "sideEffects": "None",
        "admissionReviewVersions": ["v1"],
        "timeoutSeconds": 5,
        **_HERE,
    }
    return obj(
        "ValidatingWebhookConfiguration",
        f"{NAMESPACE}-hook",
        "admissionregistration.k8s.io/v1",
        webhooks=[hook],
    )


NO_SERVICE = {"service": {"namespace": NAMESPACE, "name": "image-policy"}}
DENYING = {"url": "$webhook", "caBundle": "$authority"}
"""The recorder's own server, which denies everything."""


def _policy(resource: str, group: str) -> tuple[dict[str, Any], ...]:
    name = f"{NAMESPACE}-policy"
    api = "admissionregistration.k8s.io/v1"
    rule = {"apiGroups": [group], "apiVersions": ["v1"], "resources": [resource], "operations": ["CREATE"]}
    containers = f"object.spec{'' if resource == 'pods' else '.template.spec'}.containers"
    return (
        obj(
            "ValidatingAdmissionPolicy",
            name,
            api,
            spec={
                "failurePolicy": "Fail",
                "matchConstraints": {"resourceRules": [rule]},
                "validations": [
                    {
                        "expression": f"{containers}.all(c, c.image.startsWith('registry.example/'))",
                        "message": "images must come from registry.example",
                    }
                ],
            },
        ),
        obj(
            "ValidatingAdmissionPolicyBinding",
            name,
            api,
            spec={"policyName": name, "validationActions": ["Deny"], "matchResources": _HERE},
        ),
    )


_PRIVILEGED_DEPLOYMENT = container(deployment(), **_PRIVILEGED)

SCENARIOS = [
    _refused_pods(
        "pod-security-baseline",
        "pod-security",
        True,
        "baseline",
        "privileged",
        objects=(_PRIVILEGED_DEPLOYMENT,),
        labels={"pod-security.kubernetes.io/enforce": "baseline"},
        live=True,
    ),
    _refused_pods(
        "pod-security-restricted",
        "pod-security",
        True,
        "restricted",
        "allowPrivilegeEscalation",
        objects=(deployment(),),
        labels={"pod-security.kubernetes.io/enforce": "restricted"},
    ),
    _refused_pods(
        "webhook-denies-pods",
        "webhook-denied",
        True,
        "images.tests.example",
        "images must come from registry.example",
        guards=(webhook(DENYING),),
        probe=pod(),
        objects=(deployment(),),
        source="the control plane of the sandbox; the webhook is a server of the recorder",
    ),
    _refused_pods(
        "webhook-without-a-service",
        "webhook-down",
        False,
        "images.tests.example",
        "image-policy",
        guards=(webhook(NO_SERVICE),),
        probe=pod(),
        objects=(deployment(),),
    ),
    _refused_pods(
        "webhook-without-endpoints",
        "webhook-down",
        False,
        "images.tests.example",
        "image-policy",
        guards=(obj("Service", "image-policy", spec={"ports": [{"port": 443}]}), webhook(NO_SERVICE)),
        probe=pod(),
        objects=(deployment(),),
        source="the control plane of the sandbox; the refused connection in place of kube-proxy (scrub.py)",
    ),
    _refused_pods(
        "webhook-refuses-connections",
        "webhook-down",
        False,
        "images.tests.example",
        "connection refused",
        guards=(webhook({"url": "https://127.0.0.1:1/deny"}),),
        probe=pod(),
        objects=(deployment(),),
    ),
    _refused_pods(
        "policy-denies-pods",
        "policy-denied",
        True,
        f"{NAMESPACE}-policy",
        "images must come from registry.example",
        guards=_policy("pods", ""),
        probe=pod(),
        objects=(deployment(),),
    ),
    _refused_pods(
        "quota-of-pods-used-up",
        "quota",
        True,
        "tight",
        "pods",
        guards=(_quota(pods="0"),),
        probe=pod(),
        objects=(deployment(),),
    ),
    _refused_pods(
        "quota-of-cpu-too-small",
        "quota",
        True,
        "tight",
        "requests.cpu",
        guards=(_quota(**{"requests.cpu": "500m"}),),
        probe=container(pod(), **_LIMITED),
        objects=(container(deployment(), **_LIMITED),),
    ),
    _refused_pods(
        "quota-wants-limits",
        "quota",
        True,
        "tight",
        "limits.memory",
        guards=(_quota(**{"limits.memory": "1Gi"}),),
        probe=pod(),
        objects=(deployment(),),
    ),
    _refused_pods(
        "quota-for-a-statefulset",
        "quota",
        True,
        "tight",
        "pods",
        guards=(_quota(pods="0"),),
        probe=pod(),
        objects=(service(clusterIP="None"), stateful_set()),
        subject=f"StatefulSet/{CASE}",
        visible=event("FailedCreate"),
    ),
    _refused_pods(
        "quota-for-a-job",
        "quota",
        True,
        "tight",
        "pods",
        guards=(_quota(pods="0"),),
        probe=pod(),
        objects=(job(),),
        subject=f"Job/{CASE}",
        visible=event("FailedCreate"),
    ),
    _refused_pods(
        "container-above-its-limit-range",
        "limit-range",
        True,
        "cpu",
        "500m",
        guards=(_limit_range(type="Container", max={"cpu": "500m"}),),
        probe=container(pod(), **_LIMITED),
        objects=(container(deployment(), **_LIMITED),),
    ),
    _refused_pods(
        "priority-class-missing",
        "admission",
        True,
        "PriorityClass",
        "urgent",
        objects=(deployment(priorityClassName="urgent"),),
        live=True,
    ),
    Scenario(
        name="claim-above-its-limit-range",
        family="admission",
        cause="limit-range",
        hopeless=True,
        words=("storage", "500Mi"),
        subject=f"PersistentVolumeClaim/{CASE}",
        guards=(_limit_range(type="PersistentVolumeClaim", max={"storage": "500Mi"}),),
        probe=claim(),
        refused=claim(),
    ),
    Scenario(
        name="quota-of-services-used-up",
        family="admission",
        cause="quota",
        hopeless=True,
        words=("tight", "services"),
        subject=f"Service/{CASE}",
        guards=(_quota(services="0"),),
        probe=service(),
        refused=service(),
    ),
    Scenario(
        name="webhook-denies-the-object",
        family="admission",
        cause="webhook-denied",
        hopeless=True,
        words=("images.tests.example", "images must come from registry.example"),
        subject=f"ConfigMap/{CASE}",
        guards=(webhook(DENYING, "configmaps"),),
        probe=config(CASE),
        refused=config(CASE),
        source="the control plane of the sandbox; the webhook is a server of the recorder",
    ),
    Scenario(
        name="webhook-of-the-object-down",
        family="admission",
        cause="webhook-down",
        hopeless=False,
        words=("images.tests.example", "image-policy"),
        subject=f"ConfigMap/{CASE}",
        guards=(webhook(NO_SERVICE, "configmaps"),),
        probe=config(CASE),
        refused=config(CASE),
    ),
    Scenario(
        name="policy-denies-the-deployment",
        family="admission",
        cause="policy-denied",
        hopeless=True,
        words=(f"{NAMESPACE}-policy", "images must come from registry.example"),
        subject=f"Deployment/{CASE}",
        guards=_policy("deployments", "apps"),
        probe=deployment(),
        refused=deployment(),
    ),
]
