"""Claims, volumes, classes, and what the kubelet says about mounting them."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from decimal import Decimal

from allup.diagnosis import configuration
from allup.diagnosis.causes import Cause
from allup.diagnosis.events import seen, times, warnings_about, with_reason, words_of
from allup.diagnosis.scene import Neighbours
from allup.diagnosis.trouble import Trouble, hopeless, may_heal, ordinary
from allup.fields import Object, age, items, moment, section, shorten, text
from allup.quantities import Quantity
from allup.refs import GroupKind, ObjectRef

BINDING_PATIENCE = 30.0
"""Seconds a claim may be Pending (a provisioner works) before that is called a cause."""

TRIES, INSISTING, JUST_NOW = 3, 3.0, 10.0
"""An NFS server's refusal is final when it was given so often, over so many seconds, so many seconds ago."""

_OF_THE_SERVER = (Cause.NFS_DENIED, Cause.NFS_NO_EXPORT)
CLASS = GroupKind("storage.k8s.io", "StorageClass")
VOLUME = GroupKind("", "PersistentVolume")
_CLASS_ANNOTATION = "volume.beta.kubernetes.io/storage-class"
_DEFAULT_CLASS = "storageclass.kubernetes.io/is-default-class"
_SELECTED_NODE = "volume.kubernetes.io/selected-node"
_NO_PROVISIONER = "kubernetes.io/no-provisioner"

_NO_CLASS = re.compile(r'storageclass\S* "(?P<name>[^"]*)" not found', re.I)
_NFS = re.compile(r"(?P<share>\[?[\w.:-]+\]?:/\S*)(?= /var/lib|\s+/)")
_VOLUME_OF = re.compile(r'for volume "(?P<name>[^"]*)"')
_TIMEOUT_SUMMARY = re.compile(r"unmounted volumes=|unattached volumes=", re.I)
_NFS_DENIED = re.compile(
    r"access denied by server|permission denied while mounting|mount\.nfs\d?: .*permission denied", re.I
)
_NFS_NO_EXPORT = re.compile(
    r"reason given by server: no such file|mounting \S+ failed, reason given by server"
    r"|mount\.nfs\d?: .*no such file or directory",
    re.I,
)
_NFS_UNREACHABLE = re.compile(
    r"connection refused|connection timed out|timed out|no route to host|network is unreachable|host is down"
    r"|program not registered|portmap|failed to resolve server|name or service not known"
    r"|temporary failure in name resolution|connection reset",
    re.I,
)
_NO_HELPER = re.compile(
    r"need a /sbin/mount|mount\.\w+ helper program|unknown filesystem type"
    r"|mount\.nfs\d?: (?:command )?not found"
    r"|no such device",
    re.I,
)


# Claims


def claim(obj: Object, beside: Neighbours, now: datetime) -> Trouble | None:
    """What is wrong with a claim that is not bound; None for a bound one."""
    spec = section(obj, "spec")
    phase, volume_name = text(section(obj, "status"), "phase"), text(spec, "volumeName")
    if phase == "Bound":
        return None
    if phase == "Lost":
        return _lost(obj, volume_name, beside)
    stale = _stale_volume(obj, beside)
    if stale:
        return stale
    if volume_name:
        return _named_volume(obj, volume_name, beside, now)
    return _by_class(obj, beside, now) or _late(obj, "claim is Pending: unbound", now)


def blocks_consumer(claim: Object, beside: Neighbours) -> bool:
    """False when what uses the claim may start: it is bound, or WaitForFirstConsumer binds it only then."""
    spec = section(claim, "spec")
    if text(section(claim, "status"), "phase") == "Bound":
        return False
    if spec.get("volumeName"):
        return True
    storage_class = class_of(claim)
    if storage_class == "":
        return True  # no class at all: only a volume that is there already can be bound
    return beside.binding_mode(storage_class) != "WaitForFirstConsumer"


def class_of(claim: Object) -> str | None:
    """The class it names: ``""`` for none at all, None for whichever is the default."""
    annotated = section(claim, "metadata", "annotations").get(_CLASS_ANNOTATION)
    found = section(claim, "spec").get("storageClassName", annotated)
    return found if isinstance(found, str) else None


def claims_of(pod: Object) -> list[str]:
    """The names of the claims that a pod mounts."""
    found = [
        text(section(volume, "persistentVolumeClaim"), "claimName")
        for volume in items(pod, "spec", "volumes")
    ]
    return [name for name in found if name]


def users_of(claim: Object, beside: Neighbours) -> list[str]:
    """The names of the pods that use a claim and have not ended."""
    metadata = section(claim, "metadata")
    return sorted(
        text(section(pod, "metadata"), "name")
        for pod in beside.of_kind(GroupKind("", "Pod"))
        if section(pod, "metadata").get("namespace") == metadata.get("namespace")
        and text(metadata, "name") in claims_of(pod)
        and text(section(pod, "status"), "phase") not in ("Succeeded", "Failed")
    )


def _lost(obj: Object, name: str, beside: Neighbours) -> Trouble:
    """A claim is bound to one volume for good, by uid: one made again under the name does not serve it."""
    metadata = section(obj, "metadata")
    again = beside.get(ObjectRef("", "PersistentVolume", "", name))
    uid = section(again or {}, "spec", "claimRef").get("uid")
    if again is not None and uid != metadata.get("uid"):
        words = f"its volume {name} was made again and does not know this claim"
    else:
        words = f"its volume {name} is gone"
    step = (
        f"Restore the volume; or stop what uses the claim and delete it, so that the next up makes it again "
        f"(data on a server stays there): kubectl delete -n {metadata.get('namespace')} "
        f"pvc/{metadata.get('name')}"
    )
    return hopeless(words, Cause.CLAIM_LOST, "status.phase Lost", next_step=step)


def _stale_volume(obj: Object, beside: Neighbours) -> Trouble | None:
    """A Released volume that would be this claim's but remembers an earlier claim of its name."""
    metadata = section(obj, "metadata")
    for volume in beside.of_kind(VOLUME):
        reference = section(volume, "spec", "claimRef")
        if (
            text(section(volume, "status"), "phase") == "Released"
            and (reference.get("namespace"), reference.get("name"))
            == (metadata.get("namespace"), metadata.get("name"))
            and reference.get("uid") not in (None, "", metadata.get("uid"))
        ):
            found = released(volume, beside)
            return replace(found, culprit=ObjectRef.of(volume)) if found.hopeless else None
    return None


def _named_volume(obj: Object, name: str, beside: Neighbours, now: datetime) -> Trouble:
    """The claim asks for one volume by name."""
    volume = beside.get(ObjectRef("", "PersistentVolume", "", name))
    if volume is None:
        if beside.of_kind(VOLUME):
            words = f"claim is Pending: there is no volume {name}"
            return replace(_late(obj, words, now), cause=Cause.NO_MATCHING_VOLUME)
        return _late(obj, f"claim is Pending: waits for volume {name}", now)
    why = mismatches(obj, volume)
    if why:
        words = f"volume {name} does not match: {'; '.join(why)}"
        return replace(
            hopeless(words, Cause.NO_MATCHING_VOLUME, "spec of claim and volume"),
            culprit=ObjectRef.of(volume),
        )
    return _late(obj, f"claim is Pending: waits for volume {name}", now)


def mismatches(claim: Object, volume: Object) -> list[str]:
    """Each reason for which a volume cannot serve a claim, in words: size, mode, class, selector, owner."""
    spec, offered = section(claim, "spec"), section(volume, "spec")
    why = []
    asked = _size(section(spec, "resources", "requests").get("storage"))
    has = _size(section(offered, "capacity").get("storage"))
    if asked > has:
        sizes = (
            section(offered, "capacity").get("storage"),
            section(spec, "resources", "requests").get("storage"),
        )
        why.append(f"size {sizes[0]}, asked for {sizes[1]}")
    modes = [mode for mode in spec.get("accessModes") or () if mode not in (offered.get("accessModes") or ())]
    if modes:
        why.append(
            f"access modes {', '.join(offered.get('accessModes') or ())}, asked for {', '.join(modes)}"
        )
    storage_class = class_of(claim)
    of_volume = text(offered, "storageClassName") or text(
        section(volume, "metadata", "annotations"), _CLASS_ANNOTATION
    )
    if storage_class is not None and storage_class != of_volume:
        why.append(f"class {of_volume or 'none'}, asked for {storage_class or 'none'}")
    wanted_mode, mode = (one.get("volumeMode") or "Filesystem" for one in (spec, offered))
    if wanted_mode != mode:
        why.append(f"volume mode {mode}, asked for {wanted_mode}")
    labels = section(volume, "metadata", "labels")
    unmet = [f"{k}={v}" for k, v in section(spec, "selector", "matchLabels").items() if labels.get(k) != v]
    unmet += [
        _expression(one) for one in items(spec, "selector", "matchExpressions") if not _meets(labels, one)
    ]
    if unmet:
        why.append(f"selector asks for {', '.join(unmet)}")
    reference, metadata = section(offered, "claimRef"), section(claim, "metadata")
    if reference and (reference.get("namespace"), reference.get("name")) != (
        metadata.get("namespace"),
        metadata.get("name"),
    ):
        why.append(f"it belongs to claim {_claim(reference)}")
    return why


def _by_class(obj: Object, beside: Neighbours, now: datetime) -> Trouble | None:
    """The claim takes any volume of its class, or has one made."""
    metadata = section(obj, "metadata")
    events = warnings_about(beside.events(ObjectRef.of(obj)), text(metadata, "uid"))
    failing = with_reason(events, "ProvisioningFailed")
    name, classes = (
        class_of(obj),
        {text(section(one, "metadata"), "name"): one for one in beside.of_kind(CLASS)},
    )
    defaults = [key for key, one in classes.items() if _is_default(one)]
    if name == "" or (name is None and classes and not defaults):
        return _static(obj, name, beside)
    told = _NO_CLASS.search(words_of(failing[-1])) if failing else None
    if name and (
        (told and told["name"] == name and name not in classes) or (classes and name not in classes)
    ):
        return _class_missing(obj, name, sorted(classes), beside, bool(told))
    made = _provisioning(obj, classes.get(name or "", {}), failing, beside, now)
    if made and made.cause and len(defaults) > 1 and (name is None or name in defaults):
        both = " and ".join(sorted(defaults))
        words = f"{both} are both default StorageClasses, and it got {name or 'neither'}"
        return replace(
            made, cause=Cause.TWO_DEFAULT_CLASSES, message=f"{words}: {made.message}", next_step=""
        )
    return made


def _class_missing(
    obj: Object, name: str, classes: Sequence[str], beside: Neighbours, told: bool
) -> Trouble | None:
    """Without a class of that name only a volume that carries the name can still serve the claim."""
    if any(text(section(volume, "spec"), "storageClassName") == name for volume in beside.of_kind(VOLUME)):
        return _static(obj, name, beside)
    known = f" (there is {', '.join(classes)})" if classes else ""
    where = "Event ProvisioningFailed" if told else "spec.storageClassName"
    return may_heal(f"StorageClass {name} is not there{known}", Cause.STORAGE_CLASS_MISSING, where)


def _static(obj: Object, name: str | None, beside: Neighbours) -> Trouble:
    """Only a volume that is there already can be bound."""
    volumes = beside.of_kind(VOLUME)
    none = "no StorageClass is the default one, and " if name is None else ""
    nearest = sorted(
        ((mismatches(obj, volume), text(section(volume, "metadata"), "name")) for volume in volumes),
        key=lambda pair: (len(pair[0]), pair[1]),
    )
    if nearest and not nearest[0][0]:
        return ordinary(f"waits to be bound to volume {nearest[0][1]}", Cause.CLAIM_PENDING)
    told = (
        f": {nearest[0][1]}: {'; '.join(nearest[0][0])}"
        if nearest
        else f" (there is none at all; asked for {_asked(obj)})"
    )
    words = f"{none}no volume matches{told}"
    cause = Cause.STORAGE_CLASS_MISSING if name is None and not volumes else Cause.NO_MATCHING_VOLUME
    return may_heal(words, cause, "spec of claim and volumes")


def _asked(obj: Object) -> str:
    size = section(obj, "spec", "resources", "requests").get("storage", "")
    return " ".join([str(size), *map(str, section(obj, "spec").get("accessModes") or ())]).strip()


def _provisioning(
    obj: Object, storage_class: Object, failing: Sequence[Object], beside: Neighbours, now: datetime
) -> Trouble | None:
    """Somebody has to make the volume."""
    provisioner = text(storage_class, "provisioner")
    if failing:
        by = f"provisioner {provisioner}" if provisioner else "its provisioner"
        words = f"{by} fails: {shorten(words_of(failing[-1]))}"
        return may_heal(words, Cause.PROVISIONER_FAILING, "Event ProvisioningFailed")
    if not blocks_consumer(obj, beside) and not section(obj, "metadata", "annotations").get(_SELECTED_NODE):
        users = users_of(obj, beside)
        if users:
            return ordinary(f"is bound when {users[0]} is scheduled", Cause.CLAIM_PENDING)
        words = "is bound when a pod uses it (WaitForFirstConsumer), and none does"
        return ordinary(words, Cause.WAITS_FOR_CONSUMER, "volumeBindingMode WaitForFirstConsumer")
    if provisioner == _NO_PROVISIONER:
        return _static(obj, class_of(obj), beside)
    if provisioner:
        seconds = age(section(obj, "metadata").get("creationTimestamp"), now)
        words = f"provisioner {provisioner} has not answered for {seconds:.0f} s: is it running?"
        found = may_heal(words, Cause.PROVISIONER_ABSENT, "no Event of the provisioner")
        return (
            found
            if seconds > BINDING_PATIENCE
            else replace(found, ordinary=True, message=f"waits for {provisioner}")
        )
    return None


def _late(obj: Object, words: str, now: datetime) -> Trouble:
    late = age(section(obj, "metadata").get("creationTimestamp"), now) > BINDING_PATIENCE
    return replace(may_heal(words, Cause.CLAIM_PENDING, "status.phase Pending"), ordinary=not late)


# Volumes


def volume(obj: Object, beside: Neighbours, now: datetime) -> Trouble | None:
    """What is wrong with a volume that is neither Available nor Bound."""
    status = section(obj, "status")
    phase = text(status, "phase")
    if phase == "Released":
        return released(obj, beside)
    if phase == "Failed":
        said = shorten(text(status, "message") or text(status, "reason"))
        words = f"volume failed: {said}" if said else "volume failed"
        return hopeless(words, Cause.VOLUME_FAILED, "status.phase Failed")
    return None


def released(obj: Object, beside: Neighbours) -> Trouble:
    """One that is Released and retained never serves another claim until somebody takes its claimRef away."""
    spec = section(obj, "spec")
    reference = section(spec, "claimRef")
    if not reference:
        return ordinary("is Released", Cause.VOLUME_RELEASED)
    again = beside.get(
        ObjectRef("", "PersistentVolumeClaim", text(reference, "namespace"), text(reference, "name"))
    )
    words = f"is Released: still belongs to the deleted claim {_claim(reference)}"
    if again is not None:
        words += f" (uid {text(reference, 'uid')[:8]}), which has been made again"
    if reference.get("uid") and spec.get("persistentVolumeReclaimPolicy", "Retain") == "Retain":
        return hopeless(words, Cause.VOLUME_RELEASED, "spec.claimRef.uid", next_step=_let_go(obj))
    return may_heal(words, Cause.VOLUME_RELEASED, "status.phase Released")


def _let_go(volume: Object) -> str:
    """The command that takes a stale claimRef's uid off, so that the claim of that name is bound again. The
    API server refuses it when the volume belongs to somebody else by now."""
    uid, name = section(volume, "spec", "claimRef").get("uid"), section(volume, "metadata").get("name")
    patch = [
        {"op": "test", "path": "/spec/claimRef/uid", "value": uid},
        {"op": "test", "path": "/status/phase", "value": "Released"},
        {"op": "remove", "path": "/spec/claimRef/uid"},
        {"op": "remove", "path": "/spec/claimRef/resourceVersion"},
    ]
    return f"If its data is that claim's: kubectl patch pv {name} --type json -p '{json.dumps(patch)}'"


# Mounts


def mounting(pod: Object, events: Sequence[Object], beside: Neighbours, now: datetime) -> Trouble | None:
    """What the Events say about the volumes of a pod whose containers wait to be created."""
    failures = with_reason(events, "FailedMount", "FailedAttachVolume", "FailedMapVolume")
    # "timed out waiting: unmounted volumes=[data]" only sums up what another Event tells with its reason.
    telling = [event for event in failures if not _TIMEOUT_SUMMARY.search(words_of(event))] or failures
    if not telling:
        return None
    message, reason = words_of(telling[-1]), text(telling[-1], "reason")
    where = f"Event {reason}"
    missing = configuration.missing_source(message, pod, beside, where)
    if missing:
        return missing
    if reason == "FailedAttachVolume":
        return may_heal(f"volume cannot be attached: {shorten(message)}", Cause.ATTACH_FAILED, where)
    found = _mount_failed(message, where)
    if found.hopeless and found.cause in _OF_THE_SERVER and not _insists(telling[-1], now):
        return replace(found, hopeless=False)
    return found


def _insists(event: Object, now: datetime) -> bool:
    """True when the server has said so again and again, and just now: one that has only just been started
    may not have read its exports yet, and one that was mended is asked again only after a while."""
    first, last = moment(event.get("firstTimestamp")), seen(event)
    if last is None or times(event) < TRIES:
        return False
    first = first or moment(section(event, "metadata").get("creationTimestamp")) or last
    return (last - first).total_seconds() >= INSISTING and (now - last).total_seconds() <= JUST_NOW


def _mount_failed(message: str, where: str) -> Trouble:
    share = _share(message)
    named = _VOLUME_OF.search(message)
    volume_name = f"volume {named['name']}" if named else "a volume"
    what = f"{volume_name} ({share})" if share else volume_name
    about_nfs = "nfs" in message.lower() or bool(share)
    tail = shorten(_last_line(message), 120)
    if _NO_HELPER.search(message):
        words = f"{what} cannot be mounted: the node lacks the mount helper: {tail}"
        return hopeless(words, Cause.MOUNT_HELPER_MISSING, where)
    if about_nfs and _NFS_DENIED.search(message):
        return hopeless(f"{what}: the NFS server denies access: {tail}", Cause.NFS_DENIED, where)
    if about_nfs and _NFS_NO_EXPORT.search(message):
        return hopeless(f"{what}: the NFS server has no such export: {tail}", Cause.NFS_NO_EXPORT, where)
    if about_nfs and _NFS_UNREACHABLE.search(message):
        return may_heal(f"{what}: the NFS server does not answer: {tail}", Cause.NFS_UNREACHABLE, where)
    return may_heal(f"{what} cannot be mounted: {tail}", Cause.MOUNT_FAILED, where)


def _share(message: str) -> str:
    found = re.search(r"Mounting arguments: .*?(?P<share>\S+:/\S*)", message) or _NFS.search(message)
    return found["share"] if found else ""


def _last_line(message: str) -> str:
    """The last line of what mount said, without its hint that the kernel's log may say more."""
    output = message.rpartition("Output: ")[2] or message
    lines = [line.strip() for line in output.splitlines() if line.strip() and "dmesg(1)" not in line]
    return lines[-1] if lines else message


def _is_default(storage_class: Object) -> bool:
    return text(section(storage_class, "metadata", "annotations"), _DEFAULT_CLASS) == "true"


def _claim(reference: Object) -> str:
    return f"{text(reference, 'namespace')}/{text(reference, 'name')}"


def _size(value: object) -> Decimal:
    try:
        return Quantity(str(value)).amount if value is not None else Decimal(0)
    except ValueError:
        return Decimal(0)


def _expression(one: Object) -> str:
    return (
        f"{text(one, 'key')} {text(one, 'operator')} {', '.join(map(str, one.get('values') or ()))}".strip()
    )


def _meets(labels: Object, one: Object) -> bool:
    key, operator, values = text(one, "key"), text(one, "operator"), one.get("values") or ()
    if operator == "In":
        return labels.get(key) in values
    if operator == "NotIn":
        return labels.get(key) not in values
    return (key in labels) is (operator == "Exists")
