"""What kwok plays: the Stage documents that let simulated nodes and pods live, and claims get volumes.

**A pod that is to go wrong** carries the label ``allup-fault`` (any value). The standard stages that make
pods ready or let Jobs complete leave such a pod alone; those that delete it still apply. It stays Pending,
unless a Stage of one's own, given as ``extra_stages`` to ``Sandboxes.up``, matches the label and plays
another fate::

    apiVersion: kwok.x-k8s.io/v1alpha1
    kind: Stage
    metadata: {name: pod-cannot-pull}
    spec:
      resourceRef: {apiGroup: v1, kind: Pod}
      selector:
        matchLabels: {allup-fault: cannot-pull}
        matchExpressions:
        - {key: .metadata.deletionTimestamp, operator: DoesNotExist}
        - {key: '.status.containerStatuses', operator: DoesNotExist}
      next:
        statusTemplate: |
          phase: Pending
          containerStatuses:
          {{ range .spec.containers }}
          - name: {{ .name | Quote }}
            image: {{ .image | Quote }}
            ready: false
            restartCount: 0
            state: {waiting: {reason: ImagePullBackOff, message: "Back-off pulling image"}}
          {{ end }}

An extra file may hold any document that kwok reads from ``--config`` (Stage, ClusterLogs, ClusterExec, ...).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from copy import deepcopy
from pathlib import Path
from typing import Any

Document = dict[str, Any]

FAULT_LABEL = "allup-fault"
STORAGE_CLASS = "standard"
PROVISIONER = "sandbox.allup.invalid/host-path"

_NOT_A_FAULT = {"key": f'.metadata.labels["{FAULT_LABEL}"]', "operator": "DoesNotExist"}


def spare_faults(stage: Mapping[str, Any]) -> Document:
    """*stage*, kept away from pods labelled ``allup-fault`` if it is about pods and does not delete them."""
    changed = deepcopy(dict(stage))
    spec = changed.get("spec", {})
    if changed.get("kind") != "Stage" or spec.get("resourceRef", {}).get("kind") != "Pod" or _deletes(spec):
        return changed
    selector = spec.setdefault("selector", {})
    selector["matchExpressions"] = [*selector.get("matchExpressions", []), dict(_NOT_A_FAULT)]
    return changed


def _deletes(spec: Mapping[str, Any]) -> bool:
    steps = [spec.get("next") or {}, *(spec.get("steps") or [])]
    return any(step.get("delete") for step in steps)


def standard(folder: Path) -> list[Document]:
    """Every document of the ``*.yaml`` files in *folder*, and ours by which pods recover and claims get
    volumes; those about pods spare faults."""
    import yaml

    documents: list[Document] = []
    for file in sorted(folder.glob("*.yaml")):
        documents += [document for document in yaml.safe_load_all(file.read_text()) if document]
    documents.append(_READY_AGAIN)
    return [*(spare_faults(document) for document in documents), *volume_stages()]


def written(documents: Iterable[Mapping[str, Any]]) -> str:
    """The documents as one YAML stream."""
    import yaml

    return str(yaml.safe_dump_all([dict(document) for document in documents], sort_keys=False))


def storage_class(provisioner: str = PROVISIONER) -> Document:
    """The default StorageClass; simulated claims of it are served by volume_stages()."""
    return {
        "apiVersion": "storage.k8s.io/v1",
        "kind": "StorageClass",
        "metadata": {
            "name": STORAGE_CLASS,
            "annotations": {"storageclass.kubernetes.io/is-default-class": "true"},
        },
        "provisioner": provisioner,
        "reclaimPolicy": "Delete",
        "volumeBindingMode": "Immediate",
        "allowVolumeExpansion": False,
    }


# The controller manager takes Ready from the pods of a node whose heartbeat it missed, after the machine
# slept for example. A kubelet would give it back.
_READY_AGAIN: Document = {
    "apiVersion": "kwok.x-k8s.io/v1alpha1",
    "kind": "Stage",
    "metadata": {"name": "pod-ready-again"},
    "spec": {
        "resourceRef": {"apiGroup": "v1", "kind": "Pod"},
        "selector": {
            "matchExpressions": [
                {"key": ".metadata.deletionTimestamp", "operator": "DoesNotExist"},
                {"key": ".status.phase", "operator": "In", "values": ["Running"]},
                {
                    "key": '.status.conditions.[] | select( .type == "ContainersReady" ) | .status',
                    "operator": "In",
                    "values": ["True"],
                },
                {
                    "key": '.status.conditions.[] | select( .type == "Ready" ) | .status',
                    "operator": "In",
                    "values": ["False"],
                },
            ]
        },
        "next": {
            "statusTemplate": "conditions:\n"
            "- {type: Ready, status: 'True', lastTransitionTime: {{ Now | Quote }}}\n"
        },
    },
}

_VOLUME = f"""\
apiVersion: v1
kind: PersistentVolume
metadata:
  name: pvc-{{{{ .metadata.uid }}}}
  annotations:
    pv.kubernetes.io/provisioned-by: {PROVISIONER}
spec:
  accessModes:
  {{{{ YAML .spec.accessModes 2 }}}}
  capacity:
    storage: {{{{ .spec.resources.requests.storage | Quote }}}}
  persistentVolumeReclaimPolicy: Delete
  storageClassName: {STORAGE_CLASS}
  volumeMode: {{{{ or .spec.volumeMode "Filesystem" }}}}
  claimRef:
    apiVersion: v1
    kind: PersistentVolumeClaim
    name: {{{{ .metadata.name | Quote }}}}
    namespace: {{{{ .metadata.namespace | Quote }}}}
    uid: {{{{ .metadata.uid | Quote }}}}
  hostPath:
    path: /var/lib/allup/pvc-{{{{ .metadata.uid }}}}
    type: DirectoryOrCreate
"""


def volume_stages() -> list[Document]:
    """The provisioner of StorageClass ``standard``, played by kwok: every claim gets a volume, gone with it.

    Binding is left to the controller manager, which is real: it finds the volume by its claimRef.
    """
    return [
        _stage(
            "claim-provision",
            "PersistentVolumeClaim",
            [
                f"has(self.spec.storageClassName) && self.spec.storageClassName == '{STORAGE_CLASS}'",
                "!has(self.metadata.deletionTimestamp)",
                "!has(self.spec.volumeName)",
                "!has(self.spec.selector)",
            ],
            {"apply": {"template": _VOLUME}},
        ),
        _stage(
            "volume-delete",
            "PersistentVolume",
            [
                f"has(self.spec.storageClassName) && self.spec.storageClassName == '{STORAGE_CLASS}'",
                "!has(self.metadata.deletionTimestamp)",
                "self.spec.persistentVolumeReclaimPolicy == 'Delete'",
                "has(self.status.phase) && self.status.phase == 'Released'",
            ],
            {"delete": True},
        ),
    ]


def _stage(name: str, kind: str, conditions: Iterable[str], step: Document) -> Document:
    return {
        "apiVersion": "kwok.x-k8s.io/v1alpha1",
        "kind": "Stage",
        "metadata": {"name": name},
        "spec": {
            "resourceRef": {"apiGroup": "v1", "kind": kind},
            "selector": {"matchExpressions": [{"cel": {"expression": text}} for text in conditions]},
            "steps": [step],
        },
    }
