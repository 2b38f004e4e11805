"""The sandbox as its users meet it: real programs, real files."""

from __future__ import annotations

import os
import signal
import socket
import stat
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from threading import Event
from typing import Any

import pytest

from allup.cluster.connect import connect
from allup.errors import InputError
from allup.redaction import Redactor
from allup.sandbox import Sandboxes, SandboxStatus
from allup.sandbox.api import ApiServer
from allup.sandbox.clock import SystemClock, poll
from allup.sandbox.names import APISERVER, PROGRAMS
from allup.sandbox.processes import Owned, is_alive, recorded
from allup.sandbox.status import Record

pytestmark = pytest.mark.cluster

PODS = "/api/v1/namespaces/default/pods"
LONG_AGO = "2001-01-01T00:00:00Z"
CLAIMS = "/api/v1/namespaces/default/persistentvolumeclaims"


@pytest.fixture
def sandboxes(tmp_path: Path, sandbox_environ: dict[str, str]) -> Iterator[Sandboxes]:
    """The sandboxes of a checkout of this test's own."""
    ours = Sandboxes(tmp_path, {**sandbox_environ, "XDG_STATE_HOME": str(tmp_path / "state")})
    try:
        yield ours
    finally:
        for status in ours.list():
            ours.delete(status.name)


def api(status: SandboxStatus) -> ApiServer:
    folder = status.kubeconfig.parent
    record = Record.read(folder / "sandbox.json")
    assert record is not None
    return ApiServer(record.ports[APISERVER], folder / "pki")


def eventually(ask: Callable[[], object], seconds: float = 20) -> bool:
    return poll(lambda: True if ask() else None, clock=SystemClock(), timeout=seconds) is True


def owned(status: SandboxStatus) -> dict[str, Owned]:
    return recorded(status.kubeconfig.parent / "processes")


def ended(process: Owned) -> Callable[[], bool]:
    return lambda: not is_alive(process)


def kill(status: SandboxStatus, *names: str) -> None:
    for name in names:
        process = owned(status)[name]
        os.kill(process.pid, signal.SIGKILL)
        assert eventually(ended(process))


def node_count(server: ApiServer, count: int) -> Callable[[], bool]:
    return lambda: len((server.get("/api/v1/nodes") or {})["items"]) == count


def pod(name: str, **labels: str) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "labels": labels},
        "spec": {"containers": [{"name": "main", "image": "example.invalid/main"}]},
    }


def config_map(name: str) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}}


def state_of(server: ApiServer, name: str) -> dict[str, Any]:
    content = server.get(f"{PODS}/{name}") or {}
    return dict(content.get("status", {}))


def ready(server: ApiServer, name: str) -> str:
    return next(
        (c["status"] for c in state_of(server, name).get("conditions", ()) if c["type"] == "Ready"), ""
    )


def waiting_for(server: ApiServer, name: str) -> str:
    for container in state_of(server, name).get("containerStatuses", []):
        return str(container["state"].get("waiting", {}).get("reason", ""))
    return ""


def test_a_new_sandbox_has_ready_nodes_and_a_second_up_finds_nothing_to_do(sandboxes: Sandboxes) -> None:
    first = sandboxes.up()
    assert first.running
    assert not first.already_running
    assert [process.name for process in first.processes] == list(PROGRAMS)
    with api(first) as server:
        assert server.get("/api/v1/namespaces/default/serviceaccounts/default") is not None
        nodes = (server.get("/api/v1/nodes?labelSelector=type%3Dkwok") or {})["items"]
        assert [node["metadata"]["name"] for node in nodes] == ["sandbox-node-1", "sandbox-node-2"]
    began = time.monotonic()
    second = sandboxes.up()
    assert time.monotonic() - began < 1
    assert second.already_running
    assert [p.pid for p in second.processes] == [p.pid for p in first.processes]


def test_down_leaves_no_process_and_up_brings_everything_back(sandboxes: Sandboxes) -> None:
    status = sandboxes.up()
    with api(status) as server:
        server.create("/api/v1/namespaces/default/configmaps", config_map("kept"))
    before = owned(status)
    assert sandboxes.down()
    assert not any(is_alive(process) for process in before.values())
    assert not sandboxes.status().running
    assert sandboxes.running() == ()
    assert not sandboxes.down()
    again = sandboxes.up()
    assert again.server == status.server
    with api(again) as server:
        assert server.get("/api/v1/namespaces/default/configmaps/kept") is not None
        server.create(PODS, pod("after"))
        assert eventually(lambda: state_of(server, "after").get("phase") == "Running")


@pytest.mark.parametrize("names", [("etcd",), ("kube-apiserver",), ("kwok", "kube-scheduler"), PROGRAMS])
def test_processes_that_were_killed_are_started_again_and_the_others_kept(
    sandboxes: Sandboxes, names: tuple[str, ...]
) -> None:
    status = sandboxes.up()
    before = owned(status)
    kill(status, *names)
    assert not sandboxes.status().running
    repaired = sandboxes.up()
    assert repaired.running
    after = owned(repaired)
    assert {name for name in PROGRAMS if after[name] != before[name]} == set(names)
    with api(repaired) as server:
        server.create(PODS, pod("after"))
        assert eventually(lambda: state_of(server, "after").get("phase") == "Running")


def test_a_record_whose_pid_belongs_to_somebody_else_by_now_is_ignored(sandboxes: Sandboxes) -> None:
    status = sandboxes.up()
    sandboxes.down()
    records = status.kubeconfig.parent / "processes"
    (records / "etcd.json").write_text(f'{{"pid": {os.getpid()}, "started": "before the reboot"}}')
    assert not sandboxes.down()
    assert sandboxes.up().running


def test_a_port_that_somebody_took_meanwhile_is_replaced(sandboxes: Sandboxes) -> None:
    status = sandboxes.up()
    sandboxes.down()
    port = int(status.server.rpartition(":")[2])
    with socket.socket() as busy:
        busy.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        busy.bind(("127.0.0.1", port))
        busy.listen()
        moved = sandboxes.up()
    assert moved.running
    assert moved.server != status.server
    assert moved.server in moved.kubeconfig.read_text()


def test_two_sandboxes_run_side_by_side_and_know_nothing_of_each_other(sandboxes: Sandboxes) -> None:
    one, two = sandboxes.up("one", nodes=1), sandboxes.up("two", nodes=3)
    assert (one.context, two.context) == ("allup-one", "allup-two")
    assert [status.name for status in sandboxes.running()] == ["one", "two"]
    with api(one) as first, api(two) as second:
        first.create("/api/v1/namespaces/default/configmaps", config_map("here"))
        assert second.get("/api/v1/namespaces/default/configmaps/here") is None
        assert len((second.get("/api/v1/nodes") or {})["items"]) == 3
    sandboxes.delete("one")
    assert [status.name for status in sandboxes.running()] == ["two"]


def test_delete_removes_processes_and_state_and_can_be_repeated(sandboxes: Sandboxes) -> None:
    status = sandboxes.up()
    before = owned(status)
    assert sandboxes.delete()
    assert not any(is_alive(process) for process in before.values())
    assert not status.kubeconfig.parent.exists()
    assert not sandboxes.delete()
    assert sandboxes.list() == ()
    with pytest.raises(InputError, match="none of that name"):
        sandboxes.status()


def test_the_number_of_nodes_can_be_changed_while_it_runs(sandboxes: Sandboxes) -> None:
    status = sandboxes.up(nodes=1)
    with api(status) as server:
        for count in (3, 2):
            sandboxes.up(nodes=count)
            assert eventually(node_count(server, count))
    assert sandboxes.up().nodes == 2


def test_every_port_listens_on_the_loopback_address_only(sandbox: SandboxStatus) -> None:
    pids = {process.pid for process in sandbox.processes}
    listeners = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    listeners += [line.split() for line in Path("/proc/net/tcp6").read_text().splitlines()[1:]]
    addresses = {fields[9]: fields[1].split(":")[0] for fields in listeners if fields[3] == "0A"}
    ours = {
        addresses[inode]
        for pid in pids
        for link in Path(f"/proc/{pid}/fd").iterdir()
        if (inode := os.readlink(link).removeprefix("socket:[").removesuffix("]")) in addresses
    }
    assert ours == {"0100007F"}


def test_the_kubeconfig_and_all_keys_are_private(sandbox: SandboxStatus) -> None:
    folder = sandbox.kubeconfig.parent
    files = [sandbox.kubeconfig, *(folder / "pki").iterdir()]
    assert {stat.S_IMODE(file.stat().st_mode) for file in files} == {0o600}


def test_a_claim_is_bound_and_its_volume_goes_with_it(sandbox: SandboxStatus) -> None:
    claim = {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": {"name": "claim"},
        "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}},
    }
    with api(sandbox) as server:
        server.create(CLAIMS, claim)
        assert eventually(lambda: (server.get(f"{CLAIMS}/claim") or {})["status"].get("phase") == "Bound")
        volume = (server.get(f"{CLAIMS}/claim") or {})["spec"]["volumeName"]
        server.delete(f"{CLAIMS}/claim")
        assert eventually(lambda: server.get(f"/api/v1/persistentvolumes/{volume}") is None)


def test_a_pod_becomes_ready_and_a_deleted_one_goes_at_once(sandbox: SandboxStatus) -> None:
    with api(sandbox) as server:
        server.create(PODS, pod("well"))
        assert eventually(lambda: state_of(server, "well").get("phase") == "Running", 5)
        server.delete(f"{PODS}/well")
        assert eventually(lambda: server.get(f"{PODS}/well") is None, 5)


@pytest.mark.parametrize(
    ("fault", "reason"), [("cannot-pull", "ImagePullBackOff"), ("crash-loop", "CrashLoopBackOff")]
)
def test_a_pod_labelled_with_a_fault_has_it_and_can_still_be_deleted(
    sandbox: SandboxStatus, fault: str, reason: str
) -> None:
    with api(sandbox) as server:
        server.create(PODS, pod(fault, **{"allup-fault": fault}))
        assert eventually(lambda: waiting_for(server, fault) == reason)
        server.delete(f"{PODS}/{fault}")
        assert eventually(lambda: server.get(f"{PODS}/{fault}") is None)


@pytest.mark.parametrize(("fault", "phase"), [("never-ready", "Running"), ("failed", "Failed")])
def test_a_pod_labelled_with_a_fault_reaches_its_phase_and_is_not_ready(
    sandbox: SandboxStatus, fault: str, phase: str
) -> None:
    with api(sandbox) as server:
        server.create(PODS, pod(fault, **{"allup-fault": fault}))
        assert eventually(lambda: state_of(server, fault).get("phase") == phase)
        conditions = {c["type"]: c["status"] for c in state_of(server, fault)["conditions"]}
        assert conditions["Ready"] == "False"
        server.delete(f"{PODS}/{fault}")


def test_a_pod_that_lost_ready_because_its_node_was_away_is_ready_again(sandbox: SandboxStatus) -> None:
    with api(sandbox) as server:
        server.create(PODS, pod("away"))
        assert eventually(lambda: ready(server, "away") == "True")
        lost = {"type": "Ready", "status": "False", "lastTransitionTime": LONG_AGO}
        client = connect(str(sandbox.kubeconfig), sandbox.context, redactor=Redactor(), stop=Event())
        client.request(
            "PATCH",
            f"{PODS}/away/status",
            body={"status": {"conditions": [lost]}},
            content_type="application/strategic-merge-patch+json",
        )
        assert eventually(lambda: ready(server, "away") == "True")
        server.delete(f"{PODS}/away")


def test_every_node_has_a_lease_that_keeps_it_ready(sandbox: SandboxStatus) -> None:
    with api(sandbox) as server:
        names = {node["metadata"]["name"] for node in (server.get("/api/v1/nodes") or {})["items"]}
        leases = "/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases"
        assert eventually(
            lambda: {i["metadata"]["name"] for i in (server.get(leases) or {})["items"]} == names
        )
        lease = (server.get(leases) or {})["items"][0]["spec"]
        assert lease["leaseDurationSeconds"] < 50, "the controller manager's grace period"
        assert lease["renewTime"]


def test_a_slow_pod_is_ready_in_the_end(sandbox: SandboxStatus) -> None:
    with api(sandbox) as server:
        server.create(PODS, pod("slow", **{"allup-fault": "slow"}))
        assert state_of(server, "slow").get("phase") == "Pending"
        assert eventually(lambda: state_of(server, "slow").get("phase") == "Running")
        server.delete(f"{PODS}/slow")


def test_other_extra_stages_take_effect_in_a_running_sandbox(sandboxes: Sandboxes, tmp_path: Path) -> None:
    status = sandboxes.up()
    stage = Path(__file__).parent / "stages" / "crash-loop.yaml"
    changed = sandboxes.up(extra_stages=[stage])
    before, after = ({p.name: p.pid for p in s.processes} for s in (status, changed))
    assert {name for name in PROGRAMS if before[name] != after[name]} == {"kwok"}
    assert sandboxes.up().already_running
    with api(changed) as server:
        server.create(PODS, pod("crashing", **{"allup-fault": "crash-loop"}))
        assert eventually(lambda: waiting_for(server, "crashing") == "CrashLoopBackOff")
    with pytest.raises(InputError, match="cannot be read"):
        sandboxes.up(extra_stages=[tmp_path / "none.yaml"])
    assert replace(sandboxes.status(), processes=()) == replace(changed, processes=())


def test_which_sandboxes_run_is_known_within_milliseconds(
    sandbox: SandboxStatus, sandboxes: Sandboxes
) -> None:
    began = time.monotonic()
    assert sandboxes.running() == ()
    assert time.monotonic() - began < 0.05
