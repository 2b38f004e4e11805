"""What the cluster says of itself, judged. Pure: objects and times in, findings out."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any

from allup.fields import conditions, items, section, text
from allup.providers.tools import numbers
from allup.sandbox.doctor import Finding

Object = Mapping[str, Any]

_DEFAULT_CLASS = "storageclass.kubernetes.io/is-default-class"
_KUBELET_BEHIND = 3
_KUBECTL_APART = 1
_RECENT = timedelta(hours=1)
_SLIGHT, _MUCH = 5.0, 60.0
_NO_HELPER = re.compile(r"mount\.<type> helper program|unknown filesystem type 'nfs|mount\.nfs: not found")


def nodes(found: Sequence[Object]) -> Finding:
    """Whether every node is Ready and may take pods."""
    name = "nodes"
    if not found:
        return Finding(
            name, "unknown", "none can be seen", "Ask for list on nodes, or see whether there are any"
        )
    bad = [
        f"{node['metadata']['name']} is not Ready"
        + (f" ({reason})" if (reason := text(conditions(node).get("Ready", {}), "reason")) else "")
        for node in found
        if conditions(node).get("Ready", {}).get("status") != "True"
    ]
    bad += [
        f"{node['metadata']['name']} has {pressure}"
        for node in found
        for pressure in ("MemoryPressure", "DiskPressure", "PIDPressure")
        if conditions(node).get(pressure, {}).get("status") == "True"
    ]
    closed = sum(bool(section(node, "spec").get("unschedulable")) for node in found)
    cordoned = f", {closed} take no new pods" if closed else ""
    if bad:
        return Finding(name, "fail", "; ".join(bad) + cordoned, "kubectl describe node NAME says more")
    if closed == len(found):
        return Finding(name, "fail", f"{len(found)} Ready{cordoned}", "kubectl uncordon NAME")
    return Finding(name, "ok", f"{len(found)} Ready{cordoned}")


def versions(server: str, found: Sequence[Object], kubectl: str) -> Finding:
    """Whether kubelets and kubectl are near enough to the server (Kubernetes' version skew policy).

    *kubectl* is ``""`` when there is none: only P.kubectl needs it.
    """
    name, here = "versions", numbers(server)[:2]
    if not here:
        return Finding(name, "unknown", f"the server calls itself {server or 'nothing'}")
    wrong = []
    for node in found:
        written = text(section(node, "status", "nodeInfo"), "kubeletVersion")
        kubelet = numbers(written)[:2] if written.startswith("v") else ()  # a simulated one names its program
        if kubelet and (kubelet > here or here[1] - kubelet[1] > _KUBELET_BEHIND):
            wrong.append(f"node {node['metadata']['name']} runs {written}")
    mine = numbers(kubectl)[:2]
    if mine and abs(mine[1] - here[1]) > _KUBECTL_APART:
        wrong.append(f"kubectl here is {kubectl}")
    if wrong:
        near = f"Use versions near {here[0]}.{here[1]}"
        remedy = f"{near}: kubelets at most {_KUBELET_BEHIND} minor ones older, kubectl 1 apart"
        return Finding(name, "warn", f"server {server}; {', '.join(wrong)}", remedy)
    told = f", kubectl {kubectl}" if kubectl else ""
    return Finding(name, "ok", f"server {server}{told}")


def clock(header: str, asked: datetime, answered: datetime) -> Finding:
    """How far this machine's clock is from the server's, by the Date of an answer (whole seconds).

    Certificates and tokens begin and end by the clock; Kubernetes forgives about a minute.
    """
    try:
        theirs = parsedate_to_datetime(header)
    except ValueError:
        return Finding("clock", "unknown", "the server's answer has no date")
    # The header is cut to a second: it may be up to one too early.
    early, late = (theirs - answered).total_seconds(), (theirs + timedelta(seconds=1) - asked).total_seconds()
    apart = early if early > 0 else late if late < 0 else 0.0
    if abs(apart) < _SLIGHT:
        return Finding("clock", "ok", "agrees with the server's")
    way = "behind" if apart > 0 else "ahead of"
    fact = f"this machine's is {abs(apart):.0f} s {way} the server's"
    remedy = (
        "Set the clock by NTP here and on the nodes (a laptop that slept, a virtual machine that was paused)"
    )
    return Finding("clock", "fail" if abs(apart) >= _MUCH else "warn", fact, remedy)


def storage(classes: Sequence[Object] | None) -> Finding:
    """Whether a claim that names no class gets a volume. None: they may not be listed."""
    name = "StorageClass"
    if classes is None:
        return Finding(name, "unknown", "StorageClasses may not be listed")
    names = [text(section(each, "metadata"), "name") for each in classes]
    default = [
        text(section(each, "metadata"), "name")
        for each in classes
        if section(each, "metadata", "annotations").get(_DEFAULT_CLASS) == "true"
    ]
    if len(default) == 1:
        return Finding(name, "ok", f"{default[0]} is the default")
    if default:
        fact = f"{len(default)} are default ({', '.join(default)}): the newest one is taken"
        return Finding(name, "warn", fact, "Take the annotation from all but one")
    first = names[0] if names else "NAME"
    make = f"kubectl annotate storageclass {first} {_DEFAULT_CLASS}=true"
    there = f"there are {', '.join(names)}" if names else "there is none at all"
    remedy = make if names else "Install one: minikube addons default-storageclass, or the cloud's CSI driver"
    return Finding(
        name, "fail", f"none is the default, so a claim without a class waits for ever; {there}", remedy
    )


def metrics(status: int) -> Finding:
    """Whether pods' usage is known, by the status of ``/apis/metrics.k8s.io/v1beta1/nodes``."""
    if status == 200:
        return Finding("metrics", "ok", "metrics.k8s.io answers")
    if status in (401, 403):
        return Finding("metrics", "unknown", "they may not be read")
    if status == 404:
        fact = "no metrics-server: no usage in kubectl top, and no autoscaling by it"
        remedy = "minikube: inv cluster.addons --enable metrics-server; else its components.yaml"
        return Finding("metrics", "note", fact, remedy)
    remedy = "kubectl get apiservice v1beta1.metrics.k8s.io says why"
    return Finding(
        "metrics", "fail", f"metrics.k8s.io answers {status}, which also keeps namespaces from going", remedy
    )


def ingress_classes(classes: Sequence[Object] | None) -> Finding:
    """Whether an Ingress has anybody who serves it. None: they may not be listed."""
    name = "Ingress class"
    if classes is None:
        return Finding(name, "unknown", "IngressClasses may not be listed")
    told = [
        f"{text(section(each, 'metadata'), 'name')} ({text(section(each, 'spec'), 'controller')})"
        for each in classes
    ]
    if told:
        return Finding(name, "ok", ", ".join(told))
    remedy = (
        "minikube: inv cluster.addons --enable ingress; else install a controller; or inv PLATFORM.forward"
    )
    return Finding(name, "note", "none: an Ingress is served by nobody", remedy)


def pulls(events: Sequence[Object] | None, now: datetime, *, simulated: bool) -> Finding:
    """Whether nodes get images, by the last hour's events; nobody knows before one was pulled."""
    name = "image pull"
    if simulated:
        return Finding(name, "note", "simulated nodes pull nothing")
    if events is None:
        return Finding(name, "unknown", "events may not be listed")
    pulled: dict[str, tuple[datetime, str]] = {}
    failed: dict[str, tuple[datetime, str]] = {}
    for event in events:
        said, when, pod = text(event, "message"), _when(event), _about(event)
        if when is None or now - when > _RECENT:
            continue
        if said.startswith("Successfully pulled image"):
            pulled[pod] = max(pulled.get(pod, (when, said)), (when, said))
        elif said.startswith("Failed to pull image"):
            failed[pod] = max(failed.get(pod, (when, said)), (when, said))
    still = {pod: told for pod, told in failed.items() if pod not in pulled or pulled[pod] < told}
    if still:
        pod, (_, said) = max(still.items(), key=lambda item: item[1])
        more = f" (and {len(still) - 1} more pods)" if len(still) > 1 else ""
        remedy = "inv images.check PLATFORM asks the registries; a private one needs inv images.secret"
        return Finding(name, "fail", f"{pod}{more}: {' '.join(said.split())[:300]}", remedy)
    if pulled:
        return Finding(name, "ok", f"images of {len(pulled)} pods were pulled in the last hour")
    return Finding(
        name, "unknown", "no image was pulled in the last hour", "inv images.check PLATFORM asks registries"
    )


def nfs(
    pods: Sequence[Object], volumes: Sequence[Object], events: Sequence[Object], *, simulated: bool
) -> Finding:
    """Whether nodes can mount NFS: by pods that do, and by the events of those that could not."""
    name = "NFS client"
    if simulated:
        return Finding(name, "note", "simulated nodes mount nothing")
    said = [text(e, "message") for e in events if text(e, "reason") == "FailedMount"]
    hurt = next((message for message in said if _NO_HELPER.search(message)), "")
    remedy = "On each node: apt-get install -y nfs-common (Debian, Ubuntu), nfs-utils elsewhere"
    if hurt:
        return Finding(
            name, "fail", "a node has no mount.nfs: a pod's volume was not mounted for want of it", remedy
        )
    claims = {
        (text(section(v, "spec", "claimRef"), "namespace"), text(section(v, "spec", "claimRef"), "name"))
        for v in volumes
        if section(v, "spec", "nfs")
    }
    mounted = {
        text(section(pod, "spec"), "nodeName")
        for pod in pods
        if section(pod, "status").get("phase") == "Running"
        for volume in items(pod, "spec", "volumes")
        if section(volume, "nfs")
        or (
            text(section(pod, "metadata"), "namespace"),
            text(section(volume, "persistentVolumeClaim"), "claimName"),
        )
        in claims
    }
    if mounted:
        return Finding(name, "ok", f"pods have NFS mounted on {', '.join(sorted(mounted))}")
    return Finding(name, "unknown", "no pod has mounted NFS yet; only a node could tell", remedy)


def _when(event: Object) -> datetime | None:
    written = text(event, "lastTimestamp") or text(event, "eventTime") or text(event, "firstTimestamp")
    try:
        return datetime.fromisoformat(written)
    except ValueError:
        return None


def _about(event: Object) -> str:
    about = section(event, "involvedObject")
    return f"Pod/{text(about, 'namespace')}/{text(about, 'name')}"
