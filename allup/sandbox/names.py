"""The names of the control plane's programs, in the order they are started."""

from __future__ import annotations

ETCD, APISERVER, KWOK = "etcd", "kube-apiserver", "kwok"
CONTROLLER_MANAGER, SCHEDULER = "kube-controller-manager", "kube-scheduler"
PROGRAMS = (ETCD, APISERVER, CONTROLLER_MANAGER, SCHEDULER, KWOK)
PORTS = (ETCD, "etcd-peer", APISERVER, KWOK)

# A real node's, the first of which is process 1 of all others.
NODEINIT, CONTAINERD, KUBELET = "nodeinit", "containerd", "kubelet"
KUBE_PROXY, COREDNS, STORAGE = "kube-proxy", "coredns", "local-path-provisioner"
NODE_PROGRAMS = (NODEINIT, CONTAINERD, KUBELET, KUBE_PROXY, COREDNS, STORAGE)


def programs(*, real: bool) -> tuple[str, ...]:
    """All programs of a sandbox with a real node, or with simulated ones."""
    return (*(name for name in PROGRAMS if name != KWOK), *NODE_PROGRAMS) if real else PROGRAMS
