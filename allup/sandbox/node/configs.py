"""What the programs of a real node are told, as files and command lines."""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from allup.sandbox.names import KUBELET, of_node
from allup.sandbox.node.addresses import Addresses
from allup.sandbox.paths import write_private

CONTAINERD_SOCKET = "/run/containerd/containerd.sock"
KUBELET_FOLDER = "/var/lib/kubelet"
IMAGE = "allup.invalid/nodeinit"
PROVISIONER = "rancher.io/local-path"
DOMAIN = "cluster.local"
# Debian's packages put them here; CNI's own releases, and other distributions, there.
CNI_FOLDERS = ("/usr/lib/cni", "/opt/cni/bin", "/usr/libexec/cni")
PLUGINS = ("ptp", "host-local", "portmap", "loopback")
_NETWORK = "allup"


@dataclass(frozen=True)
class NodeFiles:
    """The files of a real node, below the sandbox's state folder."""

    root: Path

    @property
    def settings(self) -> Path:
        return self.root / "settings"

    @property
    def containerd(self) -> Path:
        return self.root / "containerd"

    @property
    def kubelet(self) -> Path:
        """What the node sees as /var/lib/kubelet."""
        return self.root / "kubelet"

    @property
    def logs(self) -> Path:
        """What the node sees as /var/log."""
        return self.root / "log"

    @property
    def volumes(self) -> Path:
        """The folders of claims."""
        return self.root / "volumes"

    @property
    def plugins(self) -> Path:
        return self.settings / "cni-bin"

    @property
    def shim(self) -> Path:
        return self.settings / "containerd-shim-runc-v2"

    def make(self) -> None:
        """Create the folders; those that pods use are open to whatever user these run as."""
        for folder in (self.root, self.settings, self.containerd, self.kubelet):
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        for folder in (self.plugins, self.settings / "cni"):
            folder.mkdir(exist_ok=True, mode=0o700)
        for folder in (self.logs, self.volumes):
            folder.mkdir(exist_ok=True, mode=0o755)


@dataclass(frozen=True)
class Told:
    """All that the files are made of; *cni* and *runc* are where the machine has them."""

    name: str
    addresses: Addresses
    files: NodeFiles
    pki: Path
    kubeconfigs: Mapping[str, Path]
    cgroup: str
    image: str
    shim: Path
    runc: Path
    cni: Path


def write(told: Told) -> None:
    """Write every file of :class:`NodeFiles` that a program reads."""
    files = told.files
    settings = files.settings
    _script(files.shim, told.shim)
    for plugin in PLUGINS:
        _script(files.plugins / plugin, told.cni / plugin)
    write_private(settings / "cni" / "10-allup.conflist", _json(_network(told)))
    write_private(settings / "containerd.toml", _containerd(told))
    write_private(settings / "kubelet.json", _json(_kubelet(told)))
    write_private(settings / "kube-proxy.json", _json(_proxy(told)))
    if told.addresses.number > 1:
        return  # what follows is for the programs that only the first node has
    write_private(settings / "Corefile", _corefile(told))
    write_private(
        settings / "storage.json",
        _json(
            {
                "sharedFileSystemPath": str(files.volumes),
                "setupCommand": "/volume-make",
                "teardownCommand": "/volume-remove",
                "cmdTimeoutSeconds": 60,
            }
        ),
    )
    write_private(settings / "helper-pod.yaml", _json(_helper(told)))


def containerd_arguments(told: Told) -> tuple[str, ...]:
    return (f"--config={told.files.settings / 'containerd.toml'}",)


def kubelet_arguments(told: Told) -> tuple[str, ...]:
    return (
        f"--config={told.files.settings / 'kubelet.json'}",
        f"--kubeconfig={told.kubeconfigs[of_node(KUBELET, told.addresses.number)]}",
        f"--hostname-override={told.name}",
        f"--node-ip={told.addresses.node}",
        f"--root-dir={KUBELET_FOLDER}",
        f"--cert-dir={KUBELET_FOLDER}/pki",
    )


def proxy_arguments(told: Told) -> tuple[str, ...]:
    return (f"--config={told.files.settings / 'kube-proxy.json'}", f"--hostname-override={told.name}")


def coredns_arguments(told: Told) -> tuple[str, ...]:
    return ("-conf", str(told.files.settings / "Corefile"))


def storage_arguments(told: Told) -> tuple[str, ...]:
    return (
        "start",
        "--config",
        str(told.files.settings / "storage.json"),
        "--kubeconfig",
        str(told.kubeconfigs["local-path-provisioner"]),
        "--helper-pod-file",
        str(told.files.settings / "helper-pod.yaml"),
        "--helper-image",
        told.image,
        "--namespace",
        "kube-system",
        "--service-account-name",
        "default",
    )


def objects(told: Told) -> list[tuple[str, dict[str, Any]]]:
    """(path of the collection, object) of everything that has to be in the cluster."""
    dns = {"name": "kube-dns", "namespace": "kube-system"}
    return [
        (
            "/api/v1/namespaces/kube-system/services",
            {
                "apiVersion": "v1",
                "kind": "Service",
                "metadata": dns | {"labels": {"k8s-app": "kube-dns"}},
                "spec": {
                    "clusterIP": told.addresses.dns,
                    "ports": [
                        {"name": "dns", "port": 53, "protocol": "UDP"},
                        {"name": "dns-tcp", "port": 53, "protocol": "TCP"},
                    ],
                },
            },
        ),
        (
            "/apis/discovery.k8s.io/v1/namespaces/kube-system/endpointslices",
            {
                "apiVersion": "discovery.k8s.io/v1",
                "kind": "EndpointSlice",
                "metadata": dns
                | {
                    "labels": {
                        "kubernetes.io/service-name": "kube-dns",
                        "endpointslice.kubernetes.io/managed-by": "allup",
                    }
                },
                "addressType": "IPv4",
                "endpoints": [{"addresses": [told.addresses.node], "conditions": {"ready": True}}],
                "ports": [
                    {"name": "dns", "port": 53, "protocol": "UDP"},
                    {"name": "dns-tcp", "port": 53, "protocol": "TCP"},
                ],
            },
        ),
    ]


def _script(file: Path, program: Path) -> None:
    """*program*, run in the node's network: containerd stays in the machine's, where registries are."""
    write_private(file, f'#!/bin/sh\nexec nsenter --net=/proc/1/ns/net -- {shlex.quote(str(program))} "$@"\n')
    file.chmod(0o700)


def _json(content: object) -> str:
    return json.dumps(content, indent=2) + "\n"


def _network(told: Told) -> dict[str, Any]:
    # ptp, not bridge: each packet is routed, so answers to a ClusterIP pass the rules that translate them
    # back, without the br_netfilter module and a setting of the whole machine.
    return {
        "cniVersion": "1.0.0",
        "name": _NETWORK,
        "plugins": [
            {
                "type": "ptp",
                "ipMasq": False,
                "ipam": {
                    "type": "host-local",
                    "dataDir": "/run/cni",
                    "ranges": [[{"subnet": told.addresses.pods}]],
                    "routes": [{"dst": "0.0.0.0/0"}],
                },
            },
            {"type": "portmap", "capabilities": {"portMappings": True}},
        ],
    }


def _containerd(told: Told) -> str:
    quoted = json.dumps
    runc = "plugins.'io.containerd.cri.v1.runtime'.containerd.runtimes.runc"
    # The opt plugin would make /opt/containerd and NRI its own folders.
    return f"""version = 3
root = {quoted(str(told.files.containerd))}
state = "/run/containerd"
oom_score = 0
disabled_plugins = ["io.containerd.internal.v1.opt", "io.containerd.nri.v1.nri"]

[grpc]
  address = {quoted(CONTAINERD_SOCKET)}

[plugins.'io.containerd.grpc.v1.cri']
  stream_server_address = {quoted(told.addresses.host)}
  stream_server_port = "0"

[plugins.'io.containerd.cri.v1.images'.pinned_images]
  sandbox = {quoted(told.image)}

[plugins.'io.containerd.cri.v1.images'.registry]
  config_path = "/etc/containerd/certs.d"

[plugins.'io.containerd.cri.v1.runtime']
  restrict_oom_score_adj = true
  disable_apparmor = true

[plugins.'io.containerd.cri.v1.runtime'.cni]
  bin_dirs = [{quoted(str(told.files.plugins))}]
  conf_dir = {quoted(str(told.files.settings / "cni"))}

[plugins.'io.containerd.cri.v1.runtime'.containerd]
  default_runtime_name = "runc"

[{runc}]
  runtime_type = "io.containerd.runc.v2"
  runtime_path = {quoted(str(told.files.shim))}

[{runc}.options]
  BinaryName = {quoted(str(told.runc))}
  SystemdCgroup = false
"""


def _kubelet(told: Told) -> dict[str, Any]:
    server = of_node("kubelet-server", told.addresses.number)
    return {
        "apiVersion": "kubelet.config.k8s.io/v1beta1",
        "kind": "KubeletConfiguration",
        "address": told.addresses.node,
        "healthzPort": 0,
        "authentication": {
            "anonymous": {"enabled": False},
            "webhook": {"enabled": True},
            "x509": {"clientCAFile": str(told.pki / "ca.crt")},
        },
        "authorization": {"mode": "Webhook"},
        "tlsCertFile": str(told.pki / f"{server}.crt"),
        "tlsPrivateKeyFile": str(told.pki / f"{server}.key"),
        "containerRuntimeEndpoint": f"unix://{CONTAINERD_SOCKET}",
        "cgroupDriver": "cgroupfs",
        "cgroupRoot": told.cgroup,
        "failCgroupV1": False,
        "failSwapOn": False,
        "enforceNodeAllocatable": [],
        "clusterDNS": [told.addresses.dns],
        "clusterDomain": DOMAIN,
        "resolvConf": "",
        "volumePluginDir": f"{KUBELET_FOLDER}/volume-plugins",
        "maxPods": 200,
        "serializeImagePulls": False,
        # Images were loaded by hand and could not be had again, and a full disk is the machine's affair.
        "imageGCHighThresholdPercent": 100,
        "evictionHard": {"nodefs.available": "0%", "nodefs.inodesFree": "0%", "imagefs.available": "0%"},
        "nodeStatusUpdateFrequency": "5s",
    }


def _proxy(told: Told) -> dict[str, Any]:
    return {
        "apiVersion": "kubeproxy.config.k8s.io/v1alpha1",
        "kind": "KubeProxyConfiguration",
        "clientConnection": {"kubeconfig": str(told.kubeconfigs["kube-proxy"])},
        "mode": "iptables",
        "clusterCIDR": told.addresses.all_pods,
        "bindAddress": told.addresses.node,
        "healthzBindAddress": "",
        "metricsBindAddress": "127.0.0.1:10249",
        # Null leaves a setting alone, and these would be the whole machine's.
        "conntrack": {
            "maxPerCore": 0,
            "min": 0,
            "tcpEstablishedTimeout": "0s",
            "tcpCloseWaitTimeout": "0s",
        },
        "iptables": {"minSyncPeriod": "0s"},
    }


def _corefile(told: Told) -> str:
    reverse = "in-addr.arpa ip6.arpa"
    return f"""{DOMAIN} {reverse} {{
    bind {told.addresses.node}
    errors
    kubernetes {DOMAIN} {reverse} {{
        kubeconfig {json.dumps(str(told.kubeconfigs["coredns"]))}
        pods insecure
        ttl 5
    }}
    loadbalance
}}
. {{
    bind {told.addresses.node}
    template ANY ANY {{
        rcode NXDOMAIN
    }}
}}
"""


def _helper(told: Told) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "volume-helper"},
        "spec": {
            "automountServiceAccountToken": False,
            "containers": [{"name": "helper-pod", "image": told.image, "imagePullPolicy": "Never"}],
        },
    }
