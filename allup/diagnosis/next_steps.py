"""What a person can do about each cause, in words and commands to type."""

from __future__ import annotations

from allup.readiness.causes import Cause
from allup.refs import ObjectRef

# {c} is the collection (k8s, arl …), {component} the component, {culprit} the object at the root.
_NEXT_STEPS: dict[Cause, str] = {
    Cause.IMAGE_INVALID_NAME: "Correct the image name; inv {c}.render shows where it comes from",
    Cause.IMAGE_NOT_FOUND: "Check the image name, or build and load it",
    Cause.IMAGE_DENIED: "Check the image name and the imagePullSecrets of its ServiceAccount",
    Cause.IMAGE_PULL: "Check that the node reaches the registry: inv {c}.events --component {component}",
    Cause.CONFIG_MISSING: "Add it to the component, or correct its name; inv {c}.secrets lists the Secrets",
    Cause.CONTAINER_CREATE: "Check command, args, securityContext: inv {c}.describe --component {component}",
    Cause.CRASH_LOOP: "inv {c}.logs {component} --previous",
    Cause.OOM_KILLED: "Raise the memory limit, or look for a leak: inv {c}.logs {component} --previous",
    Cause.COMPLETED: "Give the container something that keeps running: inv {c}.logs {component} --previous",
    Cause.INIT_FAILED: "inv {c}.logs {component} --previous",
    Cause.PROBE_FAILING: "See the probe's answer: inv {c}.events --component {component}",
    Cause.POD_FAILED: "inv {c}.logs {component}",
    Cause.UNSCHEDULABLE: "Lower the requests, or add a fitting node: inv {c}.events --component {component}",
    Cause.EVICTED: "The node ran short: lower what its pods use, or set requests",
    Cause.NODE_LOST: "kubectl get nodes",
    Cause.QUOTA: "Raise the ResourceQuota, or lower replicas and requests",
    Cause.ADMISSION: "Change what the rule objects to, or the namespace's pod security level",
    Cause.CREATE_FAILED: "inv {c}.events --component {component}",
    Cause.DEADLINE_EXCEEDED: "inv {c}.logs {component}; inv {c}.events --component {component}",
    Cause.OLD_REVISION: "Delete the pod the rollout cannot pass: kubectl delete -n {namespace} pod/{name}",
    Cause.PAUSED: "kubectl rollout resume, or take paused or suspend out of the manifest",
    Cause.JOB_FAILED: "inv {c}.logs {component}",
    Cause.JOB_RETRYING: "inv {c}.logs {component}",
    Cause.CLAIM_LOST: "Restore the volume, or give the data up: inv {c}.{component}-down --purge",
    Cause.CLAIM_PENDING: "Check that a StorageClass or a volume fits: inv {c}.events --component {component}",
    Cause.VOLUME_RELEASED: "Take spec.claimRef off the volume, or delete it if its data may go",
    Cause.VOLUME_FAILED: "inv {c}.describe --component {component}",
    Cause.CONDITION_FAILED: "inv {c}.describe --component {component}",
    Cause.TERMINATING: "Wait until it is gone, or see what holds it: inv {c}.why --component {component}",
}


def next_step(cause: str, culprit: ObjectRef, *, collection: str, component: str) -> str:
    """The step for *cause*; for a word that is not one of ours, where to look. What has no collection, and so
    no tasks to name (the dashboard), is looked at with kubectl."""
    if not collection:
        return f"kubectl describe -n {culprit.namespace} {culprit.kind.lower()}/{culprit.name}"
    template = (
        _NEXT_STEPS[Cause(cause)] if cause in set(Cause) else "inv {c}.describe --component {component}"
    )
    return template.format(c=collection, component=component, namespace=culprit.namespace, name=culprit.name)
