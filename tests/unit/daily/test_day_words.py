"""What the day's verbs are told, and which pod and port that means."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from allup.daily import background, debugging, portowners, resolving
from allup.daily.following import Life, lives
from allup.daily.pods import best, chosen_container, none_ready
from allup.daily.portspecs import PortSpec, all_ports, container_port, parse
from allup.errors import ClusterError, InputError
from allup.identity import Holder
from allup.model import labels
from allup.report.prefixes import Prefixes
from tasks.words import words_after

ARGV = ["inv", "k8s.forward", "--context", "c", "svc/web", "8080:80", ":http", "k8s.status", "x"]


def pod(name: str, *, ready: bool = True, created: str = "2026-01-01", **status: Any) -> dict[str, Any]:
    conditions = [{"type": "Ready", "status": str(ready)}]
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": name,
            "namespace": "n",
            "uid": f"u-{name}",
            "creationTimestamp": created,
            "labels": {"app": "web", labels.COMPONENT: "web"},
        },
        "spec": {
            "nodeName": "n1",
            "initContainers": [{"name": "init", "image": "i"}],
            "containers": [
                {
                    "name": "main",
                    "image": "web:1",
                    "args": ["serve"],
                    "livenessProbe": {},
                    "ports": [{"name": "http", "containerPort": 8000}],
                    "volumeMounts": [{"name": "data", "mountPath": "/data"}],
                },
                {"name": "side", "image": "side:1"},
            ],
        },
        "status": {"phase": "Running", "conditions": conditions, **status},
    }


def service(*ports: dict[str, Any]) -> dict[str, Any]:
    return {"metadata": {"name": "web"}, "spec": {"ports": list(ports)}}


def test_words_end_at_the_next_task_and_skip_the_values_of_flags() -> None:
    assert words_after(["k8s.forward"], ["--context"], ARGV) == ["svc/web", "8080:80", ":http"]


def test_what_stands_behind_two_dashes_is_no_word_and_a_host_is() -> None:
    argv = ["inv", "k8s.dns", "web", "db.example.org", "--json", "--", "ls"]
    assert words_after(["k8s.dns"], [], argv) == ["web", "db.example.org"]


@pytest.mark.parametrize(
    ("text", "spec"),
    [
        ("80", PortSpec(None, 80)),
        ("http", PortSpec(None, "http")),
        ("8080:80", PortSpec(8080, 80)),
        (":http", PortSpec(0, "http")),
    ],
)
def test_a_port_is_read(text: str, spec: PortSpec) -> None:
    assert parse(text) == spec


@pytest.mark.parametrize("text", ["", "80:", "a:80", "0", "65536:80", "1:2:3"])
def test_what_is_no_port_is_refused(text: str) -> None:
    with pytest.raises(InputError):
        parse(text)


def test_a_services_port_leads_through_its_target_port_by_name() -> None:
    web = service({"name": "www", "port": 80, "targetPort": "http"})
    assert container_port(web, pod("a"), 80) == container_port(web, pod("a"), "www") == 8000


def test_a_port_that_the_service_does_not_have_is_refused_with_those_it_has() -> None:
    with pytest.raises(InputError, match=r"has no port 81.*It has www"):
        container_port(service({"name": "www", "port": 80}), pod("a"), 81)


def test_a_udp_port_is_refused_and_left_out_of_all_ports() -> None:
    dns = service({"port": 53, "protocol": "UDP"}, {"port": 80})
    with pytest.raises(InputError, match="UDP"):
        container_port(dns, pod("a"), 53)
    assert list(all_ports(dns, None)) == [PortSpec(None, 80)]
    assert list(all_ports(None, pod("a"))) == [PortSpec(None, 8000)]


def test_the_newest_ready_pod_is_the_best() -> None:
    leaving = pod("leaving", created="2026-01-09")
    leaving["metadata"]["deletionTimestamp"] = "2026-01-09"
    pods = [pod("old"), pod("new", created="2026-01-02"), pod("unready", ready=False, created="2026-01-03")]
    found = best([*pods, leaving])
    assert found is not None
    assert found["metadata"]["name"] == "new"
    assert best([]) is None


def test_why_no_pod_can_be_used_is_said_of_each() -> None:
    waiting = {"name": "main", "state": {"waiting": {"reason": "CrashLoopBackOff"}}}
    pods = [pod("a", ready=False), pod("b", ready=False, containerStatuses=[waiting])]
    assert none_ready(pods) == (
        "no pod is ready: a is running but not ready, b is waiting (CrashLoopBackOff)"
    )
    assert none_ready([]) == "has no pod"


def test_the_default_container_is_the_annotated_one_else_the_first() -> None:
    plain = pod("a")
    assert chosen_container(plain, "") == "main"
    plain["metadata"]["annotations"] = {"kubectl.kubernetes.io/default-container": "side"}
    assert chosen_container(plain, "") == "side"
    assert chosen_container(plain, "init") == "init"
    with pytest.raises(InputError, match="did you mean 'main'"):
        chosen_container(plain, "mian")


def test_a_pod_keeps_its_colour_and_one_log_has_no_prefix() -> None:
    coloured = Prefixes(several=True, colour=True)
    assert coloured.of("a", "main") == coloured.of("a", "main")
    assert coloured.of("a", "main").startswith("\x1b[")
    assert Prefixes(several=True, colour=False).of("a", "main") == "a main | "
    assert Prefixes(several=False, colour=True).of("a", "main") == ""


def test_a_container_that_was_restarted_lives_another_life() -> None:
    begun = {"name": "main", "restartCount": 1, "state": {"running": {}}}
    waits = {"name": "side", "restartCount": 0, "state": {"waiting": {}}}
    assert lives([pod("a", containerStatuses=[begun, waits])]) == [Life("u-a", "a", "main", 1)]


def test_a_copy_for_debugging_is_picked_up_by_nobody_and_keeps_the_volumes() -> None:
    copy = debugging.copy_of(pod("web-1"), container="main", image="", platform="p", instance="i")
    assert "app" not in copy["metadata"]["labels"]
    assert labels.COMPONENT not in copy["metadata"]["labels"]
    assert copy["metadata"]["labels"][labels.DEBUG_OF] == "web-1"
    assert "ownerReferences" not in copy["metadata"]
    (container,) = copy["spec"]["containers"]
    assert container["command"] == list(debugging.KEEP_RUNNING)
    assert container["volumeMounts"] == [{"name": "data", "mountPath": "/data"}]
    assert not container.keys() & {"args", "livenessProbe", "ports"}
    assert "initContainers" not in copy["spec"]
    assert "nodeName" not in copy["spec"]


def test_the_command_that_waits_ends_when_it_is_told_to(tmp_path: Path) -> None:
    mark = tmp_path / "over"
    command = [word.replace(debugging.OVER[1], str(mark)) for word in debugging.KEEP_RUNNING]
    with subprocess.Popen(command) as waiting:
        mark.touch()
        assert waiting.wait(10) == 0


@pytest.mark.parametrize(
    ("output", "addresses"),
    [
        ("tool getent\n10.0.0.1  STREAM web\n10.0.0.1  DGRAM\n", ("10.0.0.1",)),
        (
            "tool nslookup\nServer: 10.96.0.10\nAddress: 10.96.0.10:53\n\nName: web\nAddress: 10.0.0.2\n",
            ("10.0.0.2",),
        ),
        ("tool nslookup\nServer: 10.96.0.10\n\n** server can't find web: NXDOMAIN\n", ()),
        ("tool getent\n::1 STREAM localhost\n", ("::1",)),
        ("tool none\n", ()),
    ],
)
def test_what_a_lookup_said_is_understood(output: str, addresses: tuple[str, ...]) -> None:
    assert resolving.read("web", output).addresses == addresses


def test_an_address_that_is_not_the_services_is_wrong() -> None:
    found = resolving.Resolved("web", "getent", ("10.0.0.1",))
    assert resolving.verdict(found, "10.0.0.1") == (True, "is 10.0.0.1")
    good, said = resolving.verdict(found, "10.0.0.9")
    assert not good
    assert "another name server" in said


def test_the_owner_of_a_port_is_found() -> None:
    with socket.create_server(("127.0.0.1", 0)) as holder:
        assert portowners.owner(holder.getsockname()[1]).startswith(f"process {os.getpid()} (")


def test_a_record_of_a_dead_forward_is_removed_when_they_are_listed(tmp_path: Path) -> None:
    here = Holder.current()
    dead = Holder(here.host, here.boot, here.pid, "0")
    background.write(tmp_path / "1.json", background.Record("1", str(here), "k", ("p",), ()))
    background.write(tmp_path / "2.json", background.Record("2", str(dead), "k", ("p",), ()))
    (tmp_path / "3.json").write_text("not ours")
    assert [record.id for record in background.listed(tmp_path)] == ["1"]
    assert [file.name for file in tmp_path.iterdir()] == ["1.json"]
    assert (tmp_path / "1.json").stat().st_mode & 0o077 == 0


def test_stopping_what_does_not_run_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="Running: none"):
        background.stop(tmp_path, "7")
    assert list(background.stop(tmp_path, "all")) == []


def test_a_forward_that_ends_at_once_leaves_its_last_words(tmp_path: Path) -> None:
    argv = [sys.executable, "-c", "raise SystemExit('no such pod')"]
    with pytest.raises(ClusterError, match="no such pod"):
        background.start(tmp_path, argv, os.environ, tmp_path)
    assert list(tmp_path.iterdir()) == []
