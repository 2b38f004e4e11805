"""The names of the control plane's programs, in the order they are started."""

from __future__ import annotations

ETCD, APISERVER, KWOK = "etcd", "kube-apiserver", "kwok"
CONTROLLER_MANAGER, SCHEDULER = "kube-controller-manager", "kube-scheduler"
PROGRAMS = (ETCD, APISERVER, CONTROLLER_MANAGER, SCHEDULER, KWOK)
PORTS = (ETCD, "etcd-peer", APISERVER, KWOK)
