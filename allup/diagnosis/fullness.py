"""A full disk: no status and no Event tells of it, only the last words of who could not write."""

from __future__ import annotations

import re

from allup.diagnosis.causes import Cause
from allup.diagnosis.trouble import Trouble, may_heal
from allup.fields import Object, items, section, shorten, text

# The words of ENOSPC and EDQUOT (errno(3), glibc and musl), and their names as Node and others print them.
_FULL = re.compile(
    r"no space left on device|disk quota exceeded|quota exceeded \(os error|\bENOSPC\b|\bEDQUOT\b", re.I
)
_PATH = re.compile(r"/[^\s'\":,;()\[\]]+")


def full_disk(said: str, pod: Object) -> Trouble | None:
    """What is full when *said*, the last words of a container of *pod*, tells of a write without room: the
    volume that has the file they name; else whatever of the pod's could be."""
    line = next((line for line in reversed(said.splitlines()) if _FULL.search(line)), "")
    if not line:
        return None
    volume = _volume_of(_PATH.findall(line), pod)
    claim = _claim(volume)
    namespace = text(section(pod, "metadata"), "namespace")
    if claim:
        what = f"claim {claim} is full"
        step = f"Make room in it, or ask for more: kubectl describe -n {namespace} pvc/{claim}"
    elif volume:
        what = f"volume {text(volume, 'name')} is full"
        step = "Make room in it, or give it more room in the pod's volumes"
    else:
        claims = [c for v in items(pod, "spec", "volumes") if (c := _claim(v))]
        others = f", that of {' or '.join(f'claim {c}' for c in claims)} or of its node" if claims else ""
        what, step = f"a disk is full{others}", ""
    return may_heal(f"{what}: {shorten(line.strip(), 120)}", Cause.DISK_FULL, "its log", next_step=step)


def _claim(volume: Object) -> str:
    return text(section(volume, "persistentVolumeClaim"), "claimName")


def _volume_of(paths: list[str], pod: Object) -> Object:
    """The volume of *pod* that is mounted nearest above one of *paths*, in any of its containers."""
    spec = section(pod, "spec")
    mounts = [
        (text(mount, "mountPath").rstrip("/"), text(mount, "name"))
        for kind in ("initContainers", "containers")
        for container in items(spec, kind)
        for mount in items(container, "volumeMounts")
    ]
    above = [(at, name) for at, name in mounts for path in paths if path == at or path.startswith(f"{at}/")]
    if not above:
        return {}
    _, nearest = max(above, key=lambda one: len(one[0]))
    return next((v for v in items(spec, "volumes") if text(v, "name") == nearest), {})
