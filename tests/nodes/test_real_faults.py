"""What goes wrong in real containers is told in words, with what the node itself said."""

from __future__ import annotations

from typing import Any

import pytest

from allup.run.progress import Finding, Phase
from allup.sandbox import SandboxStatus
from tests.cluster.platforms_for_tests import Instance, Told, obj, unique_name
from tests.nodes.node_for_tests import PATIENCE, PORT, program, server

pytestmark = pytest.mark.nodes


@pytest.fixture(scope="module")
def told(node: SandboxStatus, tmp_path_factory: pytest.TempPathFactory) -> Told:
    """One run in which every component has a fault of its own."""
    ours = Instance(node.kubeconfig, node.context, unique_name(), tmp_path_factory.mktemp("faults"))

    def faulty(name: str, *objects: Any) -> Any:
        return ours.part(name, *objects, deadline=30.0)

    def volume(name: str, **source: Any) -> dict[str, Any]:
        return {
            "volumes": [{"name": "it", **source}],
            "container": {"volumeMounts": [{"name": "it", "mountPath": "/it"}]},
        }

    def secret_key(name: str) -> dict[str, Any]:
        reference = {"secretKeyRef": {"name": "keys", "key": name}}
        return {"env": [{"name": "KEY", "valueFrom": reference}]}

    # Without one, a container that lives for a moment is called ready for that moment.
    probed = {"readinessProbe": {"tcpSocket": {"port": PORT}, "periodSeconds": 1}}
    limited = {"resources": {"limits": {"memory": "24Mi"}}, **probed}
    parts = [
        faulty(
            "unreachable", program("unreachable", "serve", container={"image": "127.0.0.1:1/nobody/app:1"})
        ),
        faulty(
            "never",
            program("never", container={"image": "docker.io/local/gone:1", "imagePullPolicy": "Never"}),
        ),
        faulty("crash", program("crash", "fail", container=probed)),
        faulty("memory", program("memory", "fill", container=limited)),
        faulty("unwell", server("unwell", "/unwell")),
        faulty(
            "key",
            obj("Secret", "keys", stringData={"user": "me"}),
            program("key", "serve", "8080", "key", container=secret_key("password")),
        ),
        faulty("nfs", server("nfs", **volume("nfs", nfs={"server": "127.0.0.1", "path": "/data"}))),
        faulty(
            "path", server("path", **volume("path", hostPath={"path": "/etc/hosts", "type": "Directory"}))
        ),
        faulty("command", program("command", container={"command": ["/no/such/program"]})),
    ]
    platform = ours.platform(*parts, pod_security="privileged")
    try:
        return ours.up(platform=platform, timeout=PATIENCE, grace=12.0)
    finally:
        ours.discard()


def _finding(told: Told, component: str) -> Finding:
    assert told[component].phase is Phase.FAILED, told[component]
    return told[component].findings[0]


def test_a_registry_that_cannot_be_reached(told: Told) -> None:
    found = _finding(told, "unreachable")
    assert "127.0.0.1:1/nobody/app:1" in found.message
    assert "connection refused" in f"{found.message} {found.last_event}"


def test_an_image_that_is_not_there_and_may_not_be_pulled(told: Told) -> None:
    found = _finding(told, "never")
    assert "docker.io/local/gone:1" in found.message


def test_a_crash_loop_with_its_exit_code_and_last_lines(told: Told) -> None:
    found = _finding(told, "crash")
    assert found.cause == "crash-loop"
    assert "exit code 3" in found.message
    assert "cannot reach the moon" in "\n".join(found.log_lines)


def test_a_container_that_the_kernel_killed_for_its_memory(told: Told) -> None:
    found = _finding(told, "memory")
    assert "OOM" in found.message or "memory" in found.message, found


def test_a_readiness_probe_that_fails_with_what_it_answered(told: Told) -> None:
    found = _finding(told, "unwell")
    assert "503" in f"{found.message} {found.last_event}"


def test_a_key_that_a_secret_lacks(told: Told) -> None:
    found = _finding(told, "key")
    assert "password" in found.message


def test_an_nfs_volume_that_cannot_be_mounted(told: Told) -> None:
    found = _finding(told, "nfs")
    assert "mount" in found.message.lower()


def test_a_host_path_of_the_wrong_type(told: Told) -> None:
    found = _finding(told, "path")
    assert "/etc/hosts is not a directory" in f"{found.message} {found.last_event}"


def test_a_command_that_the_image_does_not_have(told: Told) -> None:
    found = _finding(told, "command")
    assert "/no/such/program" in f"{found.message} {found.last_event}"
