"""A sandbox with two real nodes: one cluster, however the pods are spread, and nothing left of either."""

from __future__ import annotations

import os
import signal
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from allup.cluster import streams
from allup.errors import InputError
from allup.providers.sandbox import Sandbox
from allup.sandbox import Sandboxes, SandboxStatus
from allup.sandbox.clock import SystemClock
from tests.cluster.platforms_for_tests import Instance, Object, claim, eventually, service, unique_name
from tests.nodes.host_for_tests import Host, kill_everything
from tests.nodes.node_for_tests import IMAGE, PATIENCE, PORT, pod_of, run, server

pytestmark = pytest.mark.nodes

NAME = "pair"
NODES = (f"{NAME}-node-1", f"{NAME}-node-2")
APPS = ("first", "second")
"""What is bound to the first node, and to the second."""
OTHER = dict(zip(APPS, reversed(APPS), strict=True))


@dataclass
class Pair:
    """The sandbox, what runs there, and the machine."""

    instance: Instance
    host: Host

    def again(self, status: SandboxStatus) -> Instance:
        """The same instance after the API server was started again."""
        return Instance(status.kubeconfig, status.context, self.instance.name, self.instance.folder)


def on(node: str) -> dict[str, Any]:
    """What binds a pod to that node."""
    return {"nodeSelector": {"kubernetes.io/hostname": node}}


def apart(name: str) -> Object:
    """A Deployment of two that may not share a node."""
    term = {"labelSelector": {"matchLabels": {"app": name}}, "topologyKey": "kubernetes.io/hostname"}
    affinity = {"podAntiAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [term]}}
    made = server(name, affinity=affinity)
    made["spec"]["replicas"] = 2
    return made


@pytest.fixture(scope="module")
def pair(
    node: SandboxStatus, sandboxes: Sandboxes, image: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Pair]:
    """The sandbox, beside another, with pods on both nodes; after its deletion the machine is as before."""
    host = Host(sandboxes._state(NAME).root)
    before = host.seen()
    try:
        status = sandboxes.up(NAME, real=True, workers=2)
        assert sandboxes.load_image(NAME, image) == (IMAGE,)
        ours = Instance(status.kubeconfig, status.context, unique_name(), tmp_path_factory.mktemp("pair"))
        volume = {"name": "data", "persistentVolumeClaim": {"claimName": "data"}}
        mounts = {"volumeMounts": [{"name": "data", "mountPath": "/data"}]}
        keeper = server("keeper", container=mounts, volumes=[volume], **on(NODES[1]))
        ports = [{"port": 80, "targetPort": PORT}]
        up = ours.up(
            *(
                ours.part(app, server(app, **on(node)), service(app, ports=ports))
                for app, node in zip(APPS, NODES, strict=True)
            ),
            ours.part("spread", apart("spread")),
            ours.part("keeper", claim("data"), keeper),
            timeout=PATIENCE,
        )
        assert up.outcome == "done", up.finished
        assert run(ours, "keeper", "write", "/data/note", "still here").exit_code == 0
        during = host.seen()
        for untouched in ("mounts", "iptables", "nftables", "settings", "rules"):
            assert during[untouched] == before[untouched], f"{untouched} changed while it runs"
        mine = [line for line in _lines(during["links"]) if host.link in line]
        assert len(mine) == 1, "the machine has one link, however many nodes there are"
        yield Pair(ours, host)
    finally:
        sandboxes.delete(NAME)
    assert host.seen() == before
    assert not sandboxes._state(NAME).root.exists()
    assert sandboxes.status(node.name).running


def _lines(seen: object) -> list[str]:
    assert isinstance(seen, list)
    return seen


def _reach_each_other(instance: Instance) -> None:
    def reach(app: str) -> bool:
        return run(instance, app, "get", f"http://{OTHER[app]}/").stdout == f"this is {OTHER[app]}\n\n"

    for app in APPS:
        eventually(partial(reach, app), f"{OTHER[app]} to be reached from {app}", within=PATIENCE)


def test_both_nodes_are_ready_and_shown(pair: Pair, sandboxes: Sandboxes) -> None:
    for node in NODES:
        conditions = pair.instance.get(f"Node/{node}")["status"]["conditions"]
        assert {c["type"]: c["status"] for c in conditions}["Ready"] == "True"
    status = sandboxes.status(NAME)
    assert (status.running, status.real, status.nodes) == (True, True, 2)
    shown = Sandbox(NAME, sandboxes).status()
    assert [(node.name, node.state) for node in shown.nodes] == [(node, "running") for node in NODES]
    assert [node.address for node in shown.nodes] == [
        next(a["address"] for a in pair.instance.get(f"Node/{node}")["status"]["addresses"]) for node in NODES
    ]
    assert dict(shown.facts)["nodes"] == "2 real"


def test_a_spread_deployment_runs_on_both(pair: Pair) -> None:
    pods = pair.instance.items("Pod", "app=spread")
    assert sorted(pod["spec"]["nodeName"] for pod in pods) == list(NODES)


def test_pods_reach_the_other_node_s_by_address_and_by_name(pair: Pair) -> None:
    for app, other in OTHER.items():
        address = pair.instance.get(f"Pod/{pod_of(pair.instance, other)}")["status"]["podIP"]
        assert run(pair.instance, app, "get", f"http://{address}:{PORT}/").stdout == f"this is {other}\n\n"
        assert run(pair.instance, app, "get", f"http://{other}/").stdout == f"this is {other}\n\n"
        assert run(pair.instance, app, "get", f"http://{app}/").stdout == f"this is {app}\n\n"
        said = run(pair.instance, app, "get", "https://kubernetes.default.svc/")
        assert "certificate signed by unknown authority" in said.stderr


def test_the_machine_reaches_services_and_node_ports_of_both(pair: Pair) -> None:
    for app, node in zip(APPS, NODES, strict=True):
        pair.instance.patch(f"Service/{app}", {"spec": {"type": "NodePort"}})
        spec = pair.instance.get(f"Service/{app}")["spec"]
        addresses = pair.instance.get(f"Node/{node}")["status"]["addresses"]
        own = next(a["address"] for a in addresses if a["type"] == "InternalIP")
        for where in (spec["clusterIP"], f"{own}:{spec['ports'][0]['nodePort']}"):
            eventually(partial(_answers, where, f"this is {app}\n"), f"{app} at {where}", within=PATIENCE)


def _answers(where: str, text: str) -> bool:
    try:
        with urllib.request.urlopen(f"http://{where}/", timeout=5) as answer:
            return bool(answer.read().decode() == text)
    except OSError:
        return False


def test_logs_commands_and_ports_of_both_are_reached(pair: Pair) -> None:
    api, namespace = pair.instance.outside.api, pair.instance.namespace
    for app in APPS:
        pod = pod_of(pair.instance, app)
        assert streams.logs(api, namespace, pod) == f"{app} serves on {PORT}\n"
        assert run(pair.instance, app, "exit", "7").exit_code == 7
        assert streams.http_get(api, namespace, pod, PORT, "/") == (200, f"this is {app}\n")


def test_an_image_is_loaded_into_both(pair: Pair, sandboxes: Sandboxes) -> None:
    assert IMAGE in sandboxes.images(NAME)
    assert all(IMAGE in node.images() for node in sandboxes._real_nodes(NAME))


def test_the_data_of_a_claim_goes_with_its_pod_to_the_other_node(pair: Pair) -> None:
    before = pod_of(pair.instance, "keeper")
    assert pair.instance.get(f"Pod/{before}")["spec"]["nodeName"] == NODES[1]
    pair.instance.delete(f"Pod/{before}")
    assert run(pair.instance, "keeper", "read", "/data/note").stdout == "still here\n"
    pair.instance.patch("Deployment/keeper", {"spec": {"template": {"spec": on(NODES[0])}}})

    def moved() -> bool:
        pods = pair.instance.items("Pod", "app=keeper")
        return [pod["spec"].get("nodeName") for pod in pods] == [NODES[0]]

    eventually(moved, "the keeper to move", within=PATIENCE)
    assert run(pair.instance, "keeper", "read", "/data/note").stdout == "still here\n"


def test_the_number_of_nodes_stays_what_it_was(pair: Pair, sandboxes: Sandboxes) -> None:
    assert sandboxes.up(NAME, real=True, workers=2).already_running
    assert sandboxes.up(NAME).already_running
    with pytest.raises(InputError, match=r"made with --workers 2 .* inv cluster.delete"):
        sandboxes.up(NAME, real=True, workers=3)


def test_a_node_that_ended_comes_back_and_the_other_goes_on(pair: Pair, sandboxes: Sandboxes) -> None:
    before = {p.name: p.pid for p in sandboxes.status(NAME).processes}
    os.kill(before["nodeinit-2"], signal.SIGKILL)
    eventually(lambda: not sandboxes.status(NAME).running, "the node to be missed")
    mended = sandboxes.up(NAME)
    after = {p.name: p.pid for p in mended.processes}
    assert mended.running
    assert {name for name in before if before[name] == after[name]} == {
        name for name in before if not name.endswith("-2")
    }
    _reach_each_other(pair.again(mended))


def test_after_everything_was_killed_both_come_back_with_their_data(pair: Pair, sandboxes: Sandboxes) -> None:
    kill_everything(sandboxes.status(NAME), pair.host)
    again = pair.again(sandboxes.up(NAME))
    assert run(again, "keeper", "read", "/data/note").stdout == "still here\n"
    _reach_each_other(again)


def test_down_is_quick_leaves_nothing_and_up_brings_both_back(pair: Pair, sandboxes: Sandboxes) -> None:
    clock = SystemClock()
    began = clock.monotonic()
    assert sandboxes.down(NAME)
    assert clock.monotonic() - began < 10
    seen = pair.host.seen()
    assert (seen["processes"], seen["cgroups"], seen["mounts"]) == ([], [], [])
    assert not any(pair.host.link in str(seen[what]) for what in ("links", "routes", "addresses"))
    status = sandboxes.up(NAME)
    assert (status.running, status.nodes) == (True, 2)
    again = pair.again(status)
    assert run(again, "keeper", "read", "/data/note").stdout == "still here\n"
    _reach_each_other(again)
