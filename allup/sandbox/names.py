"""The names of the control plane's programs, in the order they are started."""

from __future__ import annotations

ETCD, APISERVER, KWOK = "etcd", "kube-apiserver", "kwok"
CONTROLLER_MANAGER, SCHEDULER = "kube-controller-manager", "kube-scheduler"
PROGRAMS = (ETCD, APISERVER, CONTROLLER_MANAGER, SCHEDULER, KWOK)
PORTS = (ETCD, "etcd-peer", APISERVER, KWOK)

# A real node's, the first of which is process 1 of all others.
NODEINIT, CONTAINERD, KUBELET = "nodeinit", "containerd", "kubelet"
KUBE_PROXY, COREDNS, STORAGE = "kube-proxy", "coredns", "local-path-provisioner"
# Every node has the one, only the first has the others, which serve all of them.
_EACH = (NODEINIT, CONTAINERD, KUBELET, KUBE_PROXY)
_ONCE = (COREDNS, STORAGE)


def of_node(what: str, number: int) -> str:
    """What node *number* calls a program, certificate or folder: the first calls it *what*."""
    return what if number == 1 else f"{what}-{number}"


def roles(number: int) -> tuple[str, ...]:
    """The programs of real node *number*, as every node calls them."""
    return _EACH if number > 1 else (*_EACH, *_ONCE)


def node_programs(number: int) -> tuple[str, ...]:
    """The programs of real node *number*, as the sandbox's records call them."""
    return tuple(of_node(role, number) for role in roles(number))


def programs(*, workers: int) -> tuple[str, ...]:
    """All programs of a sandbox with that many real nodes, or with simulated ones (0)."""
    if not workers:
        return PROGRAMS
    of_nodes = (name for number in range(1, workers + 1) for name in node_programs(number))
    return (*(name for name in PROGRAMS if name != KWOK), *of_nodes)
