"""What a person can do about each cause, in words and commands to type."""

from __future__ import annotations

from allup.diagnosis.causes import Cause
from allup.refs import ObjectRef

# {c} is the collection (k8s, arl …), {component} the component, {culprit} the object at the root.
_EVENTS = "inv {c}.events --component {component}"
_DESCRIBE = "inv {c}.describe --component {component}"
_LAST_WORDS = "inv {c}.logs {component} --previous"
_NEXT_STEPS: dict[Cause, str] = {
    Cause.NOT_READY: _DESCRIBE,
    Cause.DELETED: "See who deleted it (an operator, a person), then run the same command again",
    Cause.REQUEST_FAILED: _DESCRIBE,
    Cause.IMAGE_INVALID_NAME: "Correct the image name; inv {c}.render shows where it comes from",
    Cause.IMAGE_NOT_FOUND: "Check the image name, or build and load it",
    Cause.IMAGE_DENIED: "Check the image name and the imagePullSecrets of its ServiceAccount",
    Cause.IMAGE_PULL: f"Check that the node reaches the registry: {_EVENTS}",
    Cause.IMAGE_ARCHITECTURE: "Build the image for the node's architecture, or choose nodes it was built for",
    Cause.CONFIG_MISSING: "Add it to the component, or correct its name; inv {c}.secrets lists the Secrets",
    Cause.SERVICE_ACCOUNT_MISSING: "Add the ServiceAccount to the component, or correct serviceAccountName",
    Cause.COMMAND_NOT_FOUND: f"Correct command or args, or the image: {_DESCRIBE}",
    Cause.CONTAINER_CREATE: f"Check command, args, securityContext: {_DESCRIBE}",
    Cause.CONTAINER_RUN: f"Check command, args, securityContext: {_DESCRIBE}",
    Cause.CRASH_LOOP: _LAST_WORDS,
    Cause.OOM_KILLED: f"Raise the memory limit, or look for a leak: {_LAST_WORDS}",
    Cause.COMPLETED: f"Give the container something that keeps running: {_LAST_WORDS}",
    Cause.INIT_FAILED: _LAST_WORDS,
    Cause.PROBE_FAILING: f"See the probe's answer: {_EVENTS}",
    Cause.STARTUP_PROBE_FAILING: f"Give it more tries (failureThreshold), or see why: {_LAST_WORDS}",
    Cause.LIVENESS_RESTARTS: f"See what it did before it was killed: {_LAST_WORDS}",
    Cause.POD_FAILED: "inv {c}.logs {component}",
    Cause.UNSCHEDULABLE: f"Lower the requests, or add a fitting node: {_EVENTS}",
    Cause.INSUFFICIENT_RESOURCES: "Lower the requests, free some, or add a node: kubectl describe nodes",
    Cause.UNTOLERATED_TAINT: "Add a toleration, or take the taint off: kubectl describe nodes",
    Cause.NODE_SELECTOR: "Label a node, or change nodeSelector: kubectl get nodes --show-labels",
    Cause.UNBOUND_CLAIM: f"See what its claim waits for: {_EVENTS}",
    Cause.NO_NODES: "kubectl get nodes",
    Cause.EVICTED: "The node ran short: lower what its pods use, or set requests",
    Cause.NODE_LOST: "kubectl get nodes",
    Cause.QUOTA: "Raise the ResourceQuota, or lower replicas and requests",
    Cause.LIMIT_RANGE: "Keep within the LimitRange: kubectl describe limitrange -n {namespace}",
    Cause.POD_SECURITY: "Change what the rule objects to, or the namespace's pod security level",
    Cause.WEBHOOK_DENIED: "Change what the webhook objects to, or ask its owner",
    Cause.WEBHOOK_DOWN: "See whether the webhook's pods run: kubectl get validatingwebhookconfigurations",
    Cause.POLICY_DENIED: "Change what the policy objects to: kubectl get validatingadmissionpolicies",
    Cause.ADMISSION: "Change what the rule objects to, or the namespace's pod security level",
    Cause.CREATE_FAILED: _EVENTS,
    Cause.CLAIM_PENDING: f"Check that a StorageClass or a volume fits: {_EVENTS}",
    Cause.NO_MATCHING_VOLUME: "Make volume and claim agree, or add a volume that fits: kubectl get pv",
    Cause.STORAGE_CLASS_MISSING: "Name a class that is there, or make it: kubectl get storageclasses",
    Cause.TWO_DEFAULT_CLASSES: "Leave one default: kubectl get storageclasses",
    Cause.PROVISIONER_FAILING: f"See what the provisioner says: {_EVENTS}",
    Cause.PROVISIONER_ABSENT: "Start the provisioner of its class: kubectl get storageclasses",
    Cause.WAITS_FOR_CONSUMER: "Nothing is wrong: it is bound when a pod uses it",
    Cause.CLAIM_LOST: "Restore the volume, or give the data up: inv {c}.{component}-down --purge",
    Cause.VOLUME_RELEASED: "Take spec.claimRef off the volume, or delete it if its data may go",
    Cause.VOLUME_FAILED: _DESCRIBE,
    Cause.NFS_UNREACHABLE: "Check that the NFS server runs and that the nodes reach it",
    Cause.NFS_NO_EXPORT: "Correct the path of the volume, or export it on the NFS server",
    Cause.NFS_DENIED: "Let the NFS server's exports allow the nodes' addresses",
    Cause.MOUNT_HELPER_MISSING: "Install the file system's client on the nodes (nfs-common, nfs-utils)",
    Cause.MOUNT_FAILED: _EVENTS,
    Cause.ATTACH_FAILED: "See where it is attached still: kubectl get volumeattachments",
    Cause.DISK_FULL: f"Make room, on the volume it writes to or on its node: {_LAST_WORDS}",
    Cause.DEADLINE_EXCEEDED: f"inv {{c}}.logs {{component}}; {_EVENTS}",
    Cause.PROGRESS_DEADLINE: f"inv {{c}}.logs {{component}}; {_EVENTS}",
    Cause.PAUSED: "kubectl rollout resume, or take paused or suspend out of the manifest",
    Cause.CONTROLLER_SILENT: "See whether the cluster's controllers run: kubectl get pods -n kube-system",
    Cause.OLD_PODS_STAY: "See what holds the pod: kubectl describe -n {namespace} pod/{name}",
    Cause.DISRUPTION_BUDGET: "Add replicas, or loosen the budget: kubectl get pdb -n {namespace}",
    Cause.OLD_REVISION: "Delete the pod the rollout cannot pass: kubectl delete -n {namespace} pod/{name}",
    Cause.SELECTS_NOTHING: "Make the Service's selector and the pods' labels agree",
    Cause.SELECTS_UNREADY: "inv {c}.logs {component}",
    Cause.NO_SUCH_PORT: "Make targetPort and the containers' ports agree",
    Cause.SERVICE_LINK_COLLISION: "Set enableServiceLinks: false in the pod, or rename the Service",
    Cause.JOB_FAILED: "inv {c}.logs {component}",
    Cause.JOB_RETRYING: "inv {c}.logs {component}",
    Cause.BACKOFF_LIMIT: "inv {c}.logs {component}",
    Cause.ACTIVE_DEADLINE: "Raise activeDeadlineSeconds, or see what takes so long: inv {c}.logs {component}",
    Cause.CONDITION_FAILED: _DESCRIBE,
    Cause.NO_CONDITIONS: "See whether the controller of its kind runs",
    Cause.CRD_NOT_ESTABLISHED: _DESCRIBE,
    Cause.CONVERSION_WEBHOOK_DOWN: "Start the operator that serves the conversion webhook",
    Cause.APISERVICE_UNAVAILABLE: "Start what serves it, or delete the APIService: kubectl get apiservices",
    Cause.FORBIDDEN: "Ask for a Role with that verb: kubectl auth can-i --list",
    Cause.TERMINATING: "Wait until it is gone, or see what holds it: inv {c}.why --component {component}",
    Cause.FINALIZER: "Start the controller that takes the finalizer away",
    Cause.POD_ON_LOST_NODE: "If the node never comes back, delete the pod by force",
    Cause.CLAIM_IN_USE: "Stop what uses the claim: kubectl get -n {namespace} pod/{name}",
    Cause.VOLUME_IN_USE: "Delete the claim first: kubectl get -n {namespace} pvc/{name}",
    Cause.DEPENDENTS: "See what of it does not go: inv {c}.why --component {component}",
    Cause.POD_ENDING: "Wait until its containers have ended, or see them: inv {c}.logs {component}",
    Cause.NOT_DELETED: "Type the same command again",
    Cause.REMOVAL_PENDING: "Wait a moment",
    Cause.NOT_ALLOWED_TO_LOOK: "Use a context that may list them",
    Cause.NAMESPACE_STUCK: "See what is left: kubectl describe namespace {name}",
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
