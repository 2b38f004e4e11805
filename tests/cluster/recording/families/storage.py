"""Claims without volumes, volumes without claims, volumes that cannot be mounted."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tests.cluster.platforms_for_tests import obj
from tests.cluster.recording.kubelet import PROVISIONER_SOURCE
from tests.cluster.recording.scenario import (
    BOUND,
    CASE,
    NAMESPACE,
    REAL,
    Scenario,
    both,
    claim,
    container,
    deployment,
    event,
    in_turn,
    mounted,
    of_fate,
    phase,
    played,
    pod,
    volume,
)

if TYPE_CHECKING:
    from tests.cluster.recording.place import Place

_VOLUME = f"{NAMESPACE}-volume"
_CLASS = f"{NAMESPACE}-class"
_NOTHING_FITS = both(event("FailedBinding"), phase("PersistentVolume", "Available"))


def storage_class(name: str = _CLASS, *, default: bool = False, **fields: Any) -> dict[str, Any]:
    """A StorageClass whose provisioner nobody runs."""
    found = obj("StorageClass", name, "storage.k8s.io/v1", provisioner="nobody.example/disk", **fields)
    if default:
        found["metadata"]["annotations"] = {"storageclass.kubernetes.io/is-default-class": "true"}
    return found


def _claim_case(
    name: str, cause: str, hopeless: bool, *words: str, objects: tuple[Any, ...], visible: Any, **more: Any
) -> Scenario:
    return Scenario(
        name=name,
        family="storage",
        cause=cause,
        hopeless=hopeless,
        words=words,
        subject=more.pop("subject", f"PersistentVolumeClaim/{CASE}"),
        objects=objects,
        visible=visible,
        beside=("StorageClass", *more.pop("beside", ())),
        seen_after=more.pop("seen_after", 60),
        **more,
    )


def _nfs_case(name: str, fate: str, cause: str, hopeless: bool, *words: str, live: bool = True) -> Scenario:
    share = {"name": "shared", "nfs": {"server": "192.0.2.10", "path": "/export/home"}}
    return _mount_case(name, fate, cause, hopeless, *words, volume_=share, live=live)


def _mount_case(
    name: str, fate: str, cause: str, hopeless: bool, *words: str, volume_: dict[str, Any], live: bool = True
) -> Scenario:
    workload = deployment(fate=fate, volumes=[volume_])
    return Scenario(
        name=name,
        family="storage",
        cause=cause,
        hopeless=hopeless,
        words=words,
        subject=f"Deployment/{CASE}",
        objects=(container(workload, volumeMounts=[{"name": volume_["name"], "mountPath": "/data"}]),),
        visible=both(played, event("FailedMount")),
        source=of_fate(fate),
        live=live,
    )


def _lose_the_volume(place: Place) -> None:
    place.until(lambda: place.phase(f"PersistentVolumeClaim/{CASE}") == "Bound", "the claim to be bound")
    place.delete(f"PersistentVolume/{_VOLUME}", wait=False)
    place.patch(f"PersistentVolume/{_VOLUME}", {"metadata": {"finalizers": None}})


def _claim_it_again(place: Place) -> None:
    """The claim goes, its volume stays behind with a claimRef, and a claim of the same name comes."""
    place.until(lambda: place.phase(f"PersistentVolumeClaim/{CASE}") == "Bound", "the claim to be bound")
    place.delete(f"PersistentVolumeClaim/{CASE}")
    place.until(lambda: place.phase(f"PersistentVolume/{_VOLUME}") == "Released", "the volume to be Released")
    place.create(claim(storageClassName="", volumeName=_VOLUME))


def _leave_it(place: Place) -> None:
    place.until(lambda: place.phase(f"PersistentVolumeClaim/{CASE}") == "Bound", "the claim to be bound")
    place.delete(f"PersistentVolumeClaim/{CASE}")


def _disk() -> dict[str, Any]:
    disk = {"driver": _DRIVER, "volumeHandle": f"{NAMESPACE}-disk"}
    return volume(csi=disk, claimRef=BOUND)


def _attach_by_controller(place: Place) -> None:
    """Every kubelet says of its node that controllers attach its volumes; kwok's do not."""
    says = {"volumes.kubernetes.io/controller-managed-attach-detach": "true"}
    for node in place.names("Node"):
        place.patch(f"Node/{node}", {"metadata": {"annotations": says}})
    place.until(lambda: place.phase(f"PersistentVolumeClaim/{CASE}") == "Bound", "the claim to be bound")


def _attacher_says(place: Place, status: dict[str, Any]) -> None:
    """What an external attacher would write (kubernetes-csi/external-attacher)."""
    driver = place.filled(_DRIVER)
    attachment = place.wait_for("VolumeAttachment", lambda one: one["spec"]["attacher"] == driver)
    name = attachment["metadata"]["name"]
    place.patch(f"VolumeAttachment/{name}", {"status": status}, subresource="status")


def _disk_pod(name: str = CASE, **spec: Any) -> dict[str, Any]:
    mounts = [{"name": "data", "mountPath": "/data"}]
    return container(pod(name=name, fate="silent", **mounted(), **spec), volumeMounts=mounts)


def _two_pods_on_two_nodes(place: Place) -> None:
    _attach_by_controller(place)
    first, second, *_ = sorted(place.names("Node"))
    place.create(_disk_pod(f"{CASE}-first", nodeName=first))
    _attacher_says(place, {"attached": True})
    place.until(
        lambda: (place.find(f"Node/{first}") or {})["status"].get("volumesAttached"),
        "the disk to be attached",
    )
    place.create(_disk_pod(nodeName=second))


_DRIVER = f"{NAMESPACE}.example"
_ATTACHER_SOURCE = (
    f"{REAL}; the recorder writes the status of the VolumeAttachment in place of an external attacher; "
    "pod status: kwok Stage"
)
_ATTACH_ERROR = {
    "attached": False,
    "attachError": {
        "message": "rpc error: code = NotFound desc = disk not found",
        "time": "2026-01-01T00:00:00Z",
    },
}
_DISK_DRIVER = obj("CSIDriver", _DRIVER, "storage.k8s.io/v1", spec={"attachRequired": True})

SCENARIOS = [
    _claim_case(
        "volume-too-small",
        "no-matching-volume",
        False,
        "1Gi",
        objects=(volume(size="100Mi"), claim(storageClassName="")),
        visible=_NOTHING_FITS,
        after=lambda place: place.delete(f"PersistentVolume/{_VOLUME}"),
        alone=True,
    ),
    _claim_case(
        "volume-with-another-access-mode",
        "no-matching-volume",
        False,
        "ReadWriteMany",
        objects=(volume(), claim(storageClassName="", accessModes=["ReadWriteMany"])),
        visible=_NOTHING_FITS,
        after=lambda place: place.delete(f"PersistentVolume/{_VOLUME}"),
        alone=True,
    ),
    _claim_case(
        "volume-with-other-labels",
        "no-matching-volume",
        False,
        "fast",
        objects=(volume(), claim(storageClassName="", selector={"matchLabels": {"speed": "fast"}})),
        visible=_NOTHING_FITS,
        after=lambda place: place.delete(f"PersistentVolume/{_VOLUME}"),
        alone=True,
    ),
    _claim_case(
        "no-volume-at-all-for-a-claim-without-class",
        "no-matching-volume",
        False,
        "volume",
        objects=(claim(storageClassName=""),),
        visible=event("FailedBinding"),
        live=True,
        alone=True,
    ),
    _claim_case(
        "storage-class-missing",
        "storage-class-missing",
        False,
        "nobody-made-it",
        objects=(claim(storageClassName="nobody-made-it"),),
        visible=event("ProvisioningFailed"),
        live=True,
    ),
    _claim_case(
        "pod-whose-claim-wants-a-missing-class",
        "storage-class-missing",
        False,
        "nobody-made-it",
        objects=(claim(storageClassName="nobody-made-it"), deployment(**mounted())),
        visible=both(event("ProvisioningFailed"), event("FailedScheduling")),
        subject=f"Deployment/{CASE}",
        live=True,
    ),
    _claim_case(
        "two-default-classes",
        "two-default-classes",
        False,
        _CLASS,
        "standard",
        objects=(storage_class(default=True), claim()),
        visible=event("ExternalProvisioning"),
        after=lambda place: place.delete(f"StorageClass/{_CLASS}"),
        alone=True,
    ),
    _claim_case(
        "provisioner-fails",
        "provisioner-failing",
        False,
        "not enough space",
        objects=(
            storage_class(),
            {
                **claim(storageClassName=_CLASS),
                "metadata": {"name": CASE, "labels": {"allup-fault": "provisioning-fails"}},
            },
        ),
        visible=both(event("ProvisioningFailed"), event("ExternalProvisioning")),
        source=f"{REAL}; kwok Stage for the provisioner's Event; words: {PROVISIONER_SOURCE}",
    ),
    _claim_case(
        "provisioner-absent",
        "provisioner-absent",
        False,
        "nobody.example/disk",
        objects=(storage_class(), claim(storageClassName=_CLASS)),
        visible=event("ExternalProvisioning"),
    ),
    _claim_case(
        "claim-waits-for-a-consumer",
        "waits-for-consumer",
        False,
        "pod",
        objects=(storage_class(volumeBindingMode="WaitForFirstConsumer"), claim(storageClassName=_CLASS)),
        visible=event("WaitForFirstConsumer"),
    ),
    _claim_case(
        "volume-of-the-claim-lost",
        "claim-lost",
        True,
        _VOLUME,
        objects=(volume(claimRef=BOUND), claim(storageClassName="", volumeName=_VOLUME)),
        then=_lose_the_volume,
        visible=phase("PersistentVolumeClaim", "Lost"),
    ),
    _claim_case(
        "volume-still-belongs-to-the-claim-before",
        "volume-released",
        True,
        _VOLUME,
        objects=(volume(claimRef=BOUND), claim(storageClassName="", volumeName=_VOLUME)),
        then=_claim_it_again,
        visible=both(phase("PersistentVolumeClaim", "Pending"), phase("PersistentVolume", "Released")),
    ),
    _claim_case(
        "pod-whose-volume-belongs-to-the-claim-before",
        "volume-released",
        True,
        _VOLUME,
        objects=(volume(claimRef=BOUND), claim(storageClassName="", volumeName=_VOLUME)),
        then=in_turn(_claim_it_again, lambda place: place.create(deployment(**mounted()))),
        visible=both(phase("PersistentVolume", "Released"), event("FailedScheduling")),
        also=("Deployment", "ReplicaSet", "Pod"),
        subject=f"Deployment/{CASE}",
    ),
    _claim_case(
        "volume-released",
        "volume-released",
        True,
        f"{NAMESPACE}/{CASE}",
        objects=(volume(claimRef=BOUND), claim(storageClassName="", volumeName=_VOLUME)),
        then=_leave_it,
        visible=phase("PersistentVolume", "Released"),
        subject=f"PersistentVolume/{_VOLUME}",
    ),
    _claim_case(
        "volume-cannot-be-deleted",
        "volume-failed",
        True,
        "/srv/data",
        objects=(
            volume(claimRef=BOUND, hostPath={"path": "/srv/data"}, persistentVolumeReclaimPolicy="Delete"),
            claim(storageClassName="", volumeName=_VOLUME),
        ),
        then=_leave_it,
        visible=phase("PersistentVolume", "Failed"),
        subject=f"PersistentVolume/{_VOLUME}",
    ),
    Scenario(
        name="disk-cannot-be-attached",
        family="storage",
        cause="attach-failed",
        hopeless=False,
        words=(_VOLUME, "disk not found"),
        subject=f"Pod/{CASE}",
        objects=(_DISK_DRIVER, _disk(), claim(storageClassName="", volumeName=_VOLUME)),
        then=in_turn(
            _attach_by_controller,
            lambda place: place.create(_disk_pod()),
            lambda place: _attacher_says(place, _ATTACH_ERROR),
        ),
        also=("Pod",),
        visible=both(event("FailedAttachVolume"), played),
        source=_ATTACHER_SOURCE,
    ),
    Scenario(
        name="disk-attached-to-another-node",
        family="storage",
        cause="attach-failed",
        hopeless=False,
        words=(_VOLUME, f"{CASE}-first"),
        subject=f"Pod/{CASE}",
        objects=(_DISK_DRIVER, _disk(), claim(storageClassName="", volumeName=_VOLUME)),
        then=_two_pods_on_two_nodes,
        also=("Pod",),
        visible=both(event("FailedAttachVolume", "Multi-Attach"), played),
        source=_ATTACHER_SOURCE,
    ),
    _nfs_case("nfs-server-does-not-answer", "nfs-unreachable", "nfs-unreachable", False, "192.0.2.10"),
    _nfs_case("nfs-server-has-no-route", "nfs-no-route", "nfs-unreachable", False, "192.0.2.10", live=False),
    _nfs_case("nfs-server-has-no-such-export", "nfs-no-export", "nfs-no-export", False, "/export/home"),
    _nfs_case("nfs-server-denies-access", "nfs-denied", "nfs-denied", False, "192.0.2.10", "/export/home"),
    _nfs_case(
        "nfs-server-denies-access-and-time-passes",
        "nfs-denied-and-summed-up",
        "nfs-denied",
        False,
        "/export/home",
        live=False,
    ),
    _nfs_case(
        "volume-not-mounted-for-long", "mounts-only-summed-up", "mount-failed", False, "shared", live=False
    ),
    _nfs_case("node-cannot-mount-nfs", "nfs-no-helper", "mount-helper-missing", True, "nfs"),
    _mount_case(
        "host-path-is-no-directory",
        "host-path-is-no-directory",
        "mount-failed",
        False,
        "/srv/data",
        "not a directory",
        volume_={"name": "data", "hostPath": {"path": "/srv/data", "type": "Directory"}},
        live=False,  # a namespace that a run makes does not let it in
    ),
]
