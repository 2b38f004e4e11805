"""The programs of the control plane: what each of the five is told, and the order in which they end."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from allup.sandbox.build import Tools
from allup.sandbox.clock import Clock
from allup.sandbox.names import APISERVER, CONTROLLER_MANAGER, ETCD, KWOK, SCHEDULER
from allup.sandbox.node.addresses import Addresses
from allup.sandbox.nodes import LABEL, LABEL_VALUE
from allup.sandbox.paths import StateFolder
from allup.sandbox.ports import LOOPBACK
from allup.sandbox.processes import Owned, Program, end

SERVICE_RANGE = "10.96.0.0/16"
_SERVER_ADDRESSES = (LOOPBACK, "10.96.0.1")
_POD_RANGE = "10.244.0.0/16"
# An address that no host has (RFC 5737): the API server must announce one that is not loopback, and finds
# none by itself on a machine without a network.
_ANNOUNCED = "192.0.2.1"
# The controllers' default of 20 requests a second is meant for big shared clusters.
_UNTHROTTLED = ("--kube-api-qps=500", "--kube-api-burst=1000")
# kwok says every ten minutes that its nodes live. By default they would be given up after 50 s, and then
# their pods, whose readiness nothing would ever restore: there is no kubelet that looks again.
_NODES_LIVE = "--node-monitor-grace-period=24h"
_WORKERS = {
    "deployment": 50,
    "replicaset": 50,
    "statefulset": 50,
    "daemonset": 20,
    "job": 20,
    "cron-job": 10,
    "endpoint": 20,
    "service-endpoint": 20,
    "namespace": 20,
    "gc": 40,
    "serviceaccount-token": 10,
}


def server_addresses(addresses: Addresses | None) -> tuple[str, ...]:
    """What clients call the servers of the sandbox by."""
    if addresses is None:
        return _SERVER_ADDRESSES
    nodes = (addresses.of(number).node for number in addresses.every_number)
    return (LOOPBACK, addresses.kubernetes, addresses.host, *nodes)


def programs(
    folder: StateFolder,
    tools: Tools,
    ports: Mapping[str, int],
    kwok_config: Sequence[Path],
    addresses: Addresses | None = None,
) -> dict[str, Program]:
    """Every program of the control plane by name, ready to be started; *addresses* for a real node's."""
    lines = {
        ETCD: (tools.etcd, _etcd(folder, ports)),
        APISERVER: (tools.kubernetes, _apiserver(folder.pki, ports, addresses)),
        CONTROLLER_MANAGER: (tools.kubernetes, _controller_manager(folder, simulated=addresses is None)),
        SCHEDULER: (tools.kubernetes, _scheduler(folder)),
        KWOK: (tools.kwok, _kwok(folder, ports, kwok_config)),
    }
    return {
        name: Program(name, executable, (name, *arguments)) for name, (executable, arguments) in lines.items()
    }


def end_in_order(living: Iterable[Owned], *, clock: Clock) -> None:
    """End these processes of a sandbox within a bounded time, etcd last: by then nobody writes to it."""
    ours = list(living)
    # The API server would wait up to a minute for its watchers; what it has acknowledged is in etcd.
    end([process for process in ours if process.name != ETCD], clock=clock, outright=(APISERVER,))
    end([process for process in ours if process.name == ETCD], clock=clock)


def component_kubeconfig(folder: StateFolder, name: str) -> Path:
    """The kubeconfig that program *name* uses."""
    return folder.pki / f"{name}.kubeconfig"


def _etcd(folder: StateFolder, ports: Mapping[str, int]) -> tuple[str, ...]:
    client = f"https://{LOOPBACK}:{ports[ETCD]}"
    peer = f"https://{LOOPBACK}:{ports['etcd-peer']}"
    pki = folder.pki
    return (
        "--name=sandbox",
        f"--data-dir={folder.etcd}",
        f"--listen-client-urls={client}",
        f"--advertise-client-urls={client}",
        f"--listen-peer-urls={peer}",
        f"--initial-advertise-peer-urls={peer}",
        f"--initial-cluster=sandbox={peer}",
        f"--cert-file={pki / 'etcd.crt'}",
        f"--key-file={pki / 'etcd.key'}",
        f"--trusted-ca-file={pki / 'ca.crt'}",
        "--client-cert-auth",
        f"--peer-cert-file={pki / 'etcd.crt'}",
        f"--peer-key-file={pki / 'etcd.key'}",
        f"--peer-trusted-ca-file={pki / 'ca.crt'}",
        "--peer-client-cert-auth",
        "--unsafe-no-fsync",
        "--log-level=warn",
    )


def _apiserver(pki: Path, ports: Mapping[str, int], addresses: Addresses | None) -> tuple[str, ...]:
    if addresses is None:
        where: tuple[str, ...] = (
            f"--bind-address={LOOPBACK}",
            f"--advertise-address={_ANNOUNCED}",
            "--endpoint-reconciler-type=none",
            f"--service-cluster-ip-range={SERVICE_RANGE}",
        )
    else:  # its end of the link to the node, where this machine and the node's pods reach it
        where = (
            f"--bind-address={addresses.host}",
            f"--advertise-address={addresses.host}",
            f"--service-cluster-ip-range={addresses.services}",
        )
    return (
        *where,
        f"--etcd-servers=https://{LOOPBACK}:{ports[ETCD]}",
        f"--etcd-cafile={pki / 'ca.crt'}",
        f"--etcd-certfile={pki / 'apiserver-etcd-client.crt'}",
        f"--etcd-keyfile={pki / 'apiserver-etcd-client.key'}",
        f"--secure-port={ports[APISERVER]}",
        f"--tls-cert-file={pki / 'apiserver.crt'}",
        f"--tls-private-key-file={pki / 'apiserver.key'}",
        f"--client-ca-file={pki / 'ca.crt'}",
        f"--kubelet-certificate-authority={pki / 'ca.crt'}",
        f"--kubelet-client-certificate={pki / 'apiserver-kubelet-client.crt'}",
        f"--kubelet-client-key={pki / 'apiserver-kubelet-client.key'}",
        "--kubelet-preferred-address-types=InternalIP",
        "--authorization-mode=Node,RBAC",
        "--service-account-issuer=https://kubernetes.default.svc",
        f"--service-account-signing-key-file={pki / 'sa.key'}",
        f"--service-account-key-file={pki / 'sa.pub'}",
        "--allow-privileged",
        "--profiling=false",
    )


def _controller_manager(folder: StateFolder, *, simulated: bool) -> tuple[str, ...]:
    pki = folder.pki
    return (
        f"--kubeconfig={component_kubeconfig(folder, CONTROLLER_MANAGER)}",
        "--leader-elect=false",
        f"--bind-address={LOOPBACK}",
        "--secure-port=0",
        f"--service-account-private-key-file={pki / 'sa.key'}",
        f"--root-ca-file={pki / 'ca.crt'}",
        f"--cluster-signing-cert-file={pki / 'ca.crt'}",
        f"--cluster-signing-key-file={pki / 'ca.key'}",
        "--profiling=false",
        *((_NODES_LIVE,) if simulated else ()),
        *_UNTHROTTLED,
        *(f"--concurrent-{kind}-syncs={count}" for kind, count in _WORKERS.items()),
    )


def _scheduler(folder: StateFolder) -> tuple[str, ...]:
    return (
        f"--kubeconfig={component_kubeconfig(folder, SCHEDULER)}",
        "--leader-elect=false",
        f"--bind-address={LOOPBACK}",
        "--secure-port=0",
        "--profiling=false",
        *_UNTHROTTLED,
    )


def _kwok(folder: StateFolder, ports: Mapping[str, int], config: Sequence[Path]) -> tuple[str, ...]:
    # kwok's own client has no limit of requests a second; how many stages it plays at once is in its config.
    return (
        f"--kubeconfig={component_kubeconfig(folder, KWOK)}",
        f"--manage-nodes-with-label-selector={LABEL}={LABEL_VALUE}",
        f"--cidr={_POD_RANGE}",
        f"--node-ip={LOOPBACK}",
        f"--node-port={ports[KWOK]}",
        f"--server-address={LOOPBACK}:{ports[KWOK]}",
        f"--tls-cert-file={folder.pki / 'kwok-server.crt'}",
        f"--tls-private-key-file={folder.pki / 'kwok-server.key'}",
        *(f"--config={file}" for file in config),
    )


def kwok_configuration() -> dict[str, object]:
    """kwok's own settings: enough hands for a thousand pods at once; leases that keep its nodes Ready; logs,
    exec and port-forward answered for pods that a Logs, Exec or PortForward document selects (there is none
    unless one is given).

    A node without a lease is NotReady after the controller manager's grace period, and its pods with it.
    """
    return {
        "apiVersion": "config.kwok.x-k8s.io/v1alpha1",
        "kind": "KwokConfiguration",
        "options": {
            "podPlayStageParallelism": 16,
            "nodePlayStageParallelism": 8,
            "nodeLeaseDurationSeconds": 40,
            "nodeLeaseParallelism": 4,
            "enableDebuggingHandlers": True,
        },
    }
