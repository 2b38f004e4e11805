"""Containers run, find each other by name, keep their data and can be looked into."""

from __future__ import annotations

import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from allup.cluster import streams
from allup.errors import InputError
from allup.run.surroundings import simulated_nodes
from allup.sandbox import Sandboxes, SandboxStatus
from tests.cluster.platforms_for_tests import Instance, claim, eventually, service, unique_name
from tests.nodes.node_for_tests import IMAGE, NAME, PATIENCE, PORT, pod_of, run, server

pytestmark = pytest.mark.nodes


@pytest.fixture(scope="module")
def web(node: SandboxStatus, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Instance]:
    """An instance with a server behind a Service, and a program beside it that keeps its data in a claim."""
    ours = Instance(node.kubeconfig, node.context, unique_name(), tmp_path_factory.mktemp("web"))
    volume = {"name": "data", "persistentVolumeClaim": {"claimName": "data"}}
    mounts = {
        "volumeMounts": [{"name": "data", "mountPath": "/data"}],
        "securityContext": {"runAsUser": 10001},
    }
    try:
        up = ours.up(
            ours.part("web", server("web"), service("web", ports=[{"port": 80, "targetPort": PORT}])),
            ours.part("keeper", claim("data"), server("keeper", container=mounts, volumes=[volume])),
            timeout=PATIENCE,
        )
        assert up.outcome == "done", up.finished
        yield ours
    finally:
        ours.discard()


def test_the_node_is_no_simulated_one(web: Instance, sandboxes: Sandboxes, node: SandboxStatus) -> None:
    assert simulated_nodes(web.outside.objects) == frozenset()
    status = sandboxes.status(NAME)
    assert (status.running, status.real, status.nodes) == (True, True, 1)


def test_a_pod_of_a_loaded_image_runs_and_its_log_is_there(web: Instance) -> None:
    pod = pod_of(web, "web")
    assert streams.logs(web.outside.api, web.namespace, pod) == f"web serves on {PORT}\n"
    assert web.get(f"Pod/{pod}")["status"]["containerStatuses"][0]["image"] == IMAGE


def test_a_command_in_a_container_keeps_its_exit_code_and_output(web: Instance) -> None:
    assert run(web, "web", "exit", "7").exit_code == 7
    said = run(web, "web", "read", "/no/such/file")
    assert (said.exit_code, said.stdout) == (1, "")
    assert "no such file" in said.stderr


def test_a_port_is_forwarded_and_a_closed_one_refused(web: Instance) -> None:
    pod = pod_of(web, "web")
    assert streams.connects(web.outside.api, web.namespace, pod, PORT) == ""
    assert "refuses" in streams.connects(web.outside.api, web.namespace, pod, PORT + 1)
    assert streams.http_get(web.outside.api, web.namespace, pod, PORT, "/") == (200, "this is web\n")


def test_services_are_found_by_name_and_reached_from_a_pod_and_from_the_machine(web: Instance) -> None:
    address = web.get("Service/web")["spec"]["clusterIP"]
    for name in ("web", f"web.{web.namespace}", f"web.{web.namespace}.svc.cluster.local"):
        assert run(web, "keeper", "resolve", name).stdout.strip() == address
    assert run(web, "keeper", "get", "http://web/").stdout == "this is web\n\n"
    assert run(web, "web", "get", "http://web/").stdout == "this is web\n\n"  # through its own Service
    with urllib.request.urlopen(f"http://{address}/", timeout=10) as answer:
        assert answer.read() == b"this is web\n"


def test_a_name_that_nobody_has_is_denied_at_once(web: Instance) -> None:
    said = run(web, "web", "resolve", "nobody.example.invalid")
    assert (said.exit_code, "no such host" in said.stderr) == (1, True)


def test_pods_reach_the_api_server_by_its_name(web: Instance) -> None:
    said = run(web, "web", "get", "https://kubernetes.default.svc/")
    assert "certificate signed by unknown authority" in said.stderr


def test_the_data_of_a_claim_survives_its_pod(web: Instance) -> None:
    assert run(web, "keeper", "write", "/data/note", "still here").exit_code == 0
    web.delete(f"Pod/{pod_of(web, 'keeper')}")
    assert run(web, "keeper", "read", "/data/note").stdout == "still here\n"


def test_the_folder_of_a_claim_goes_with_the_claim(
    instance: Instance, sandboxes: Sandboxes, node: SandboxStatus
) -> None:
    instance.create_namespace()
    instance.create(claim("short-lived"))
    eventually(
        lambda: instance.get("PersistentVolumeClaim/short-lived")["status"]["phase"] == "Bound",
        "the claim to be bound",
        within=PATIENCE,
    )
    volume = instance.get("PersistentVolumeClaim/short-lived")["spec"]["volumeName"]
    folder = Path(instance.get(f"PersistentVolume/{volume}")["spec"]["hostPath"]["path"])
    assert folder.is_dir()
    instance.delete("PersistentVolumeClaim/short-lived")
    eventually(lambda: not folder.exists(), "the folder to go", within=PATIENCE)


def test_a_node_port_is_reached_at_the_node(web: Instance) -> None:
    web.patch("Service/web", {"spec": {"type": "NodePort"}})
    port = web.get("Service/web")["spec"]["ports"][0]["nodePort"]
    address = next(
        entry["address"]
        for entry in web.get("Node/nodes-node-1")["status"]["addresses"]
        if entry["type"] == "InternalIP"
    )

    def answers() -> bool:
        try:
            with urllib.request.urlopen(f"http://{address}:{port}/", timeout=5) as answer:
                return bool(answer.read() == b"this is web\n")
        except OSError:
            return False

    eventually(answers, "the node's port", within=PATIENCE)


def test_pods_of_the_host_network_are_on_the_node_not_on_the_machine(instance: Instance) -> None:
    part = instance.part("near", server("near", hostNetwork=True))
    up = instance.up(platform=instance.platform(part, pod_security="privileged"), timeout=PATIENCE)
    assert up.outcome == "done"
    with pytest.raises(OSError, match="refused"):
        urllib.request.urlopen(f"http://127.0.0.1:{PORT}/", timeout=5)


def test_images_are_loaded_under_the_names_that_pods_use(
    node: SandboxStatus, sandboxes: Sandboxes, image: Path, tmp_path: Path
) -> None:
    assert sandboxes.load_image(NAME, image) == (IMAGE,)
    assert IMAGE in sandboxes.images(NAME)
    (tmp_path / "no.tar").write_text("this is no image")
    with pytest.raises(InputError, match="cannot be loaded"):
        sandboxes.load_image(NAME, tmp_path / "no.tar")
    with pytest.raises(InputError, match="no such file"):
        sandboxes.load_image(NAME, tmp_path / "nothing.tar")


def test_a_second_up_finds_it_running_and_the_kind_of_nodes_stays(
    node: SandboxStatus, sandboxes: Sandboxes
) -> None:
    again = sandboxes.up(NAME)
    assert (again.already_running, again.real) == (True, True)
    assert {p.pid for p in again.processes} == {p.pid for p in node.processes}
    with pytest.raises(InputError, match="cannot be changed into simulated ones"):
        sandboxes.up(NAME, nodes=2, real=False)


def test_a_program_of_the_node_that_died_is_started_again(node: SandboxStatus, sandboxes: Sandboxes) -> None:
    import os
    import signal

    kubelet = next(p for p in sandboxes.status(NAME).processes if p.name == "kubelet")
    os.kill(kubelet.pid, signal.SIGKILL)
    eventually(lambda: not sandboxes.status(NAME).running, "the kubelet to be missed")
    mended = sandboxes.up(NAME)
    assert (mended.running, mended.already_running) == (True, False)
    pids = {p.name: p.pid for p in mended.processes}
    assert pids["containerd"] == next(p.pid for p in node.processes if p.name == "containerd")
