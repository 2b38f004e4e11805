"""What goes wrong in real containers is told in words, with what the node itself said."""

from __future__ import annotations

import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from allup.run.progress import Finding, Phase
from allup.sandbox import SandboxStatus
from tests.cluster.platforms_for_tests import Instance, Told, claim, eventually, obj, unique_name
from tests.nodes.node_for_tests import PATIENCE, PORT, program, server

pytestmark = pytest.mark.nodes


class EmptyRegistry(BaseHTTPRequestHandler):
    """A registry on this machine that has no image at all; plain HTTP, as registries on a loopback are."""

    # So that a TLS handshake is answered with a status line, from which containerd learns that.
    default_request_version = "HTTP/1.1"

    def do_GET(self) -> None:
        known = self.path.rstrip("/") == "/v2"
        body = (
            b"{}" if known else b'{"errors": [{"code": "MANIFEST_UNKNOWN", "message": "manifest unknown"}]}'
        )
        self.send_response(200 if known else 404)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(body)

    def do_HEAD(self) -> None:
        self.do_GET()

    def log_message(self, format: str, *args: object) -> None:
        """Nothing to say."""


@pytest.fixture(scope="module")
def registry() -> Iterator[str]:
    """Its address."""
    with ThreadingHTTPServer(("127.0.0.1", 0), EmptyRegistry) as server_:
        threading.Thread(target=server_.serve_forever, daemon=True).start()
        yield f"127.0.0.1:{server_.server_port}"
        server_.shutdown()


@contextmanager
def _small_claim(ours: Instance, node: SandboxStatus, name: str) -> Iterator[None]:
    """A bound claim whose volume has 64 KiB of room: a file system of its own, in the node's mounts alone."""
    ours.create_namespace()
    ours.create(claim(name))

    def folder() -> str:
        volume = ours.get(f"PersistentVolumeClaim/{name}")["spec"].get("volumeName", "")
        return str(ours.get(f"PersistentVolume/{volume}")["spec"]["hostPath"]["path"]) if volume else ""

    eventually(lambda: bool(folder()), "the claim to have a volume", within=PATIENCE)
    first = next(process for process in node.processes if process.name == "nodeinit")
    on_the_node = ("nsenter", f"--target={first.pid}", "--mount", "--pid")
    small = ("mount", "-t", "tmpfs", "-o", "size=64k", "small", folder())
    subprocess.run([*on_the_node, *small], check=True)
    try:
        yield
    finally:
        subprocess.run([*on_the_node, "umount", "--lazy", folder()], check=True)


@pytest.fixture(scope="module")
def told(registry: str, node: SandboxStatus, tmp_path_factory: pytest.TempPathFactory) -> Told:
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
        faulty("missing", program("missing", container={"image": f"{registry}/nobody/app:1"})),
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
        faulty(
            "full",
            program(
                "full",
                *("hoard", "/it/treasure"),
                container={"volumeMounts": [{"name": "it", "mountPath": "/it"}], **probed},
                volumes=[{"name": "it", "persistentVolumeClaim": {"claimName": "small"}}],
            ),
        ),
        faulty("command", program("command", container={"command": ["/no/such/program"]})),
    ]
    platform = ours.platform(*parts, pod_security="privileged")
    try:
        with _small_claim(ours, node, "small"):
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


def test_an_image_that_a_registry_of_this_machine_does_not_have(told: Told, registry: str) -> None:
    found = _finding(told, "missing")
    assert found.cause == "image-not-found", found
    assert f"{registry}/nobody/app:1" in found.message


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


def test_a_claim_that_is_full(told: Told) -> None:
    found = _finding(told, "full")
    assert found.cause == "disk-full"
    assert "claim small is full" in found.message
    assert "write /it/treasure: no space left on device" in found.message
    assert "pvc/small" in found.next_step


def test_a_host_path_of_the_wrong_type(told: Told) -> None:
    found = _finding(told, "path")
    assert "/etc/hosts is not a directory" in f"{found.message} {found.last_event}"


def test_a_command_that_the_image_does_not_have(told: Told) -> None:
    found = _finding(told, "command")
    assert "/no/such/program" in f"{found.message} {found.last_event}"
