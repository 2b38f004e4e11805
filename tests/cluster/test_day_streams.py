"""Containers, through the real API server: kwok's own server answers for the simulated pods."""

from __future__ import annotations

import json
import os
import pty
import select
import socket
import struct
import subprocess
import sys
import termios
import threading
from collections.abc import Callable, Iterator, Sequence
from fcntl import ioctl
from pathlib import Path
from typing import Any

import pytest
import yaml

from allup.cluster import streams
from allup.cluster.store import Store
from allup.daily.following import Following
from allup.daily.forwarding import Forward, open_forwards
from allup.daily.pods import of_component, of_service
from allup.daily.portspecs import parse
from allup.errors import AllupError, InputError, NotFound
from allup.model.checks import http
from allup.refs import ObjectRef
from allup.run.checks import Checker
from allup.run.clock import SystemClock
from allup.run.progress import CheckOutcome
from allup.run.session import Session
from allup.sandbox import SandboxStatus
from tests.cli.test_output import held
from tests.cluster.platforms_for_tests import Instance, deployment, eventually, service
from tests.cluster.simulated_kubelet import ECHO, GREETING, HTTP, NAMESPACE, REFUSING, line
from tests.conftest import CHECKOUT

pytestmark = pytest.mark.cluster
COMPONENT = "web"
SECONDS = 20.0


@pytest.fixture(scope="module")
def day(sandbox: SandboxStatus, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Instance]:
    """An instance with one component, a Deployment of one pod behind a Service."""
    ours = Instance(sandbox.kubeconfig, sandbox.context, NAMESPACE, tmp_path_factory.mktemp("day"))
    ports = [
        {"name": "http", "port": 8080, "targetPort": HTTP},
        {"name": "echo", "port": 7007, "targetPort": ECHO},
    ]
    try:
        up = ours.up(ours.part(COMPONENT, deployment("web"), service("web", ports=ports)))
        assert up.outcome == "done"
        yield ours
    finally:
        ours.discard()


@pytest.fixture
def session(day: Instance) -> Iterator[Session]:
    opened = day.session()
    yield opened
    opened.stop.set()


@pytest.fixture
def pod(session: Session) -> str:
    """The name of the pod that is ready now."""
    eventually(lambda: _ready(session), "a ready pod")
    return str(of_component(COMPONENT, NAMESPACE, NAMESPACE).best(session.objects)["metadata"]["name"])


def _ready(session: Session) -> bool:
    try:
        of_component(COMPONENT, NAMESPACE, NAMESPACE).best(session.objects)
    except AllupError:
        return False
    return True


# Commands


def test_a_command_keeps_its_exit_code_and_its_two_outputs_apart(session: Session, pod: str) -> None:
    result = _execute(session, pod, "sh", "-c", "echo out; echo err >&2; exit 7")
    assert (result.exit_code, result.stdout, result.stderr) == (7, "out\n", "err\n")


def test_output_longer_than_any_frame_arrives_whole(session: Session, pod: str) -> None:
    result = _execute(session, pod, "seq", "1", "100000")
    assert result.stdout == "".join(f"{n}\n" for n in range(1, 100_001))


def test_a_missing_command_has_no_exit_code_and_says_why(session: Session, pod: str) -> None:
    result = _execute(session, pod, "no-such-command")
    assert result.exit_code is None
    assert "no-such-command" in result.failure
    assert "not found" in result.failure


def test_a_command_that_does_not_end_is_left_after_its_time(session: Session, pod: str) -> None:
    clock = SystemClock()
    began = clock.monotonic()
    result = streams.execute(session.api, NAMESPACE, pod, ["sleep", "3"], timeout=0.5)
    assert result.exit_code is None
    assert "0.5 s" in result.failure
    assert clock.monotonic() - began < 5


def test_a_command_in_a_pod_that_is_not_there_says_so(session: Session) -> None:
    with pytest.raises(NotFound, match="nobody"):
        streams.execute(session.api, NAMESPACE, "nobody", ["true"])


def test_a_container_that_is_not_there_is_named(session: Session, pod: str) -> None:
    with pytest.raises(AllupError, match="nothere"):
        streams.execute(session.api, NAMESPACE, pod, ["true"], container="nothere")


def _execute(session: Session, pod: str, *command: str) -> streams.CommandResult:
    return streams.execute(session.api, NAMESPACE, pod, command, timeout=SECONDS)


# Ports


def test_a_port_that_waits_for_us_to_speak_is_open(session: Session, pod: str) -> None:
    assert streams.connects(session.api, NAMESPACE, pod, ECHO) == ""


def test_a_port_that_speaks_first_is_open(session: Session, pod: str) -> None:
    assert streams.connects(session.api, NAMESPACE, pod, GREETING) == ""


def test_a_port_that_nobody_listens_on_is_refused(session: Session, pod: str) -> None:
    assert streams.connects(session.api, NAMESPACE, pod, REFUSING) == f"port {REFUSING} refuses connections"


def test_a_forward_carries_megabytes_both_ways_at_once(session: Session, pod: str) -> None:
    (forward,) = _forward(session, f":{ECHO}")
    sent = os.urandom(3 << 20)
    with socket.create_connection(("127.0.0.1", forward.local), timeout=SECONDS) as connection:
        writer = threading.Thread(target=connection.sendall, args=(sent,), daemon=True)
        writer.start()
        assert _receive(connection, len(sent)) == sent
        writer.join(SECONDS)


def test_connections_of_one_forward_do_not_mix(session: Session, pod: str) -> None:
    (forward,) = _forward(session, f":{ECHO}")
    connections = [socket.create_connection(("127.0.0.1", forward.local), timeout=SECONDS) for _ in range(8)]
    for number, connection in enumerate(connections):
        connection.sendall(b"%d" % number)
    for number, connection in enumerate(connections):
        assert _receive(connection, 1) == b"%d" % number
        connection.close()


def test_several_ports_are_forwarded_at_once_by_the_services_own_numbers(session: Session, pod: str) -> None:
    behind = of_service("web", NAMESPACE, session.objects)
    http_forward, echo = open_forwards(session, behind, [parse(":http"), parse(":7007")], _ignore)
    for forward in (http_forward, echo):
        forward.start()
    assert (http_forward.remote, echo.remote) == (8080, 7007)
    assert _say(echo.local, b"hello") == b"hello"
    assert b"host=localhost" in _get(http_forward.local)


def test_a_forward_goes_on_with_the_pod_that_takes_the_place_of_a_deleted_one(
    session: Session, pod: str
) -> None:
    notes: list[str] = []
    (forward,) = _forward(session, f":{ECHO}", notes.append)
    assert _say(forward.local, b"before") == b"before"
    session.objects.delete(ObjectRef("", "Pod", NAMESPACE, pod))
    assert _say(forward.local, b"after") == b"after"
    assert any("now to pod web-" in note and pod not in note for note in notes)


def test_a_refusal_in_the_pod_is_told_and_the_connection_closed(session: Session, pod: str) -> None:
    notes: list[str] = []
    (forward,) = _forward(session, f":{REFUSING}", notes.append)
    with socket.create_connection(("127.0.0.1", forward.local), timeout=SECONDS) as connection:
        assert connection.recv(1) == b""
    eventually(lambda: notes, "the note")
    assert f"port {REFUSING} refuses connections" in notes[0]


def test_a_local_port_that_is_taken_is_named_with_who_has_it(session: Session, pod: str) -> None:
    behind = of_component(COMPONENT, NAMESPACE, NAMESPACE)
    with socket.create_server(("127.0.0.1", 0)) as holder:
        port = holder.getsockname()[1]
        with pytest.raises(InputError, match=rf"local port {port}: is taken by process {os.getpid()} \("):
            open_forwards(session, behind, [parse(f"{port}:{ECHO}")], _ignore)


def test_an_http_check_that_needs_a_host_or_credentials_goes_through_a_forward(
    session: Session, pod: str
) -> None:
    store = Store()
    store.put(session.api.get(f"/api/v1/namespaces/{NAMESPACE}/pods/{pod}"))
    checker = Checker(session.api, store, NAMESPACE, frozenset())
    headers = {"Host": "shop.example", "Authorization": "Basic abc"}
    target = f"pod/{pod}:{HTTP}"
    right = checker.try_once(http(target, headers=headers, expect='. == "host=shop.example auth=Basic abc"'))
    assert right.outcome is CheckOutcome.PASSED, right.detail


def test_an_http_check_goes_through_a_forward_when_the_proxy_is_refused_to_us(
    day: Instance, session: Session, pod: str, tmp_path: Path
) -> None:
    may = [{"apiGroups": [""], "resources": ["pods/portforward"], "verbs": ["get", "create"]}]
    rbac = "rbac.authorization.k8s.io/v1"
    role = {"apiGroup": rbac.partition("/")[0], "kind": "Role", "name": "forwarder"}
    subject = {"apiGroup": role["apiGroup"], "kind": "User", "name": "forwarder"}
    session.objects.create(_named(rbac, "Role", rules=may))
    session.objects.create(_named(rbac, "RoleBinding", roleRef=role, subjects=[subject]))
    settings = yaml.safe_load(day.kubeconfig.read_text())
    settings["users"][0]["user"]["as"] = "forwarder"
    kubeconfig = tmp_path / "kubeconfig"
    kubeconfig.write_text(yaml.safe_dump(settings))
    theirs = day.session(kubeconfig)
    store = Store()
    store.put(session.api.get(f"/api/v1/namespaces/{NAMESPACE}/pods/{pod}"))
    with pytest.raises(AllupError, match="forbidden"):
        streams.http_get(theirs.api, NAMESPACE, pod, HTTP, "/")
    checker = Checker(theirs.api, store, NAMESPACE, frozenset())
    answer = checker.try_once(http(f"pod/{pod}:{HTTP}", expect='startswith("host=localhost")'))
    assert answer.outcome is CheckOutcome.PASSED, answer.detail
    with pytest.raises(AllupError, match=r'cannot \w+ resource "pods/exec"'):
        streams.execute(theirs.api, NAMESPACE, pod, ["true"])


def _named(api_version: str, kind: str, **sections: Any) -> dict[str, Any]:
    metadata = {"name": "forwarder", "namespace": NAMESPACE}
    return {"apiVersion": api_version, "kind": kind, "metadata": metadata, **sections}


def _forward(session: Session, port: str, note: Callable[[str], None] | None = None) -> list[Forward]:
    behind = of_component(COMPONENT, NAMESPACE, NAMESPACE)
    forwards = open_forwards(session, behind, [parse(port)], note or _ignore)
    for forward in forwards:
        forward.start()
    return forwards


def _ignore(_: str) -> None:
    pass


def _say(port: int, data: bytes) -> bytes:
    with socket.create_connection(("127.0.0.1", port), timeout=SECONDS) as connection:
        connection.sendall(data)
        return _receive(connection, len(data))


def _get(port: int) -> bytes:
    with socket.create_connection(("127.0.0.1", port), timeout=SECONDS) as connection:
        connection.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
        answer = b""
        while b"auth=" not in answer and (data := connection.recv(4096)):
            answer += data
        return answer


def _receive(connection: socket.socket, count: int) -> bytes:
    received = bytearray()
    while len(received) < count and (data := connection.recv(65_536)):
        received += data
    return bytes(received)


# Logs


def test_a_followed_log_goes_on_with_new_lines_and_with_the_next_pod(
    session: Session, pod: str, simulated_kubelet: tuple[Path, Path]
) -> None:
    heard: list[tuple[str, str]] = []
    notes: list[str] = []
    behind = of_component(COMPONENT, NAMESPACE, NAMESPACE)
    following = Following(session, behind, tail=1, note=notes.append)
    thread = threading.Thread(
        target=following.run, args=(lambda p, c, text: heard.append((p, text)),), daemon=True
    )
    thread.start()
    eventually(lambda: heard, "the last line")
    with simulated_kubelet[1].open("a") as log:
        log.write(line("fresh"))
    eventually(lambda: (pod, "fresh") in heard, "the new line")
    session.objects.delete(ObjectRef("", "Pod", NAMESPACE, pod))
    eventually(lambda: any(p != pod for p, _ in heard), "a line of the next pod")
    assert any(note.startswith("now also web-") for note in notes)
    session.stop.set()
    thread.join(SECONDS)
    assert not thread.is_alive()


# The command line


def test_exec_leaves_with_the_commands_exit_code_and_passes_what_is_piped(
    inv: Callable[..., subprocess.CompletedProcess[str]], pod: str
) -> None:
    ran = inv("exec", COMPONENT, "--", "sh", "-c", "head -c 5; echo err >&2; exit 3", input="hello and more")
    assert (ran.returncode, ran.stdout, ran.stderr) == (3, "hello", "err\n")


def test_exec_keeps_words_with_spaces_whole(
    inv: Callable[..., subprocess.CompletedProcess[str]], pod: str
) -> None:
    assert inv("exec", COMPONENT, "--", "printf", "%s|", "a b", "c").stdout == "a b|c|"


def test_exec_without_a_command_says_how(inv: Callable[..., subprocess.CompletedProcess[str]]) -> None:
    ran = inv("exec", COMPONENT)
    assert ran.returncode == 2
    assert "no command was given" in ran.stderr


def test_logs_print_the_end_or_the_previous_life(
    inv: Callable[..., subprocess.CompletedProcess[str]], pod: str, simulated_kubelet: tuple[Path, Path]
) -> None:
    lines = [text.rpartition(" F ")[2] for text in simulated_kubelet[1].read_text().splitlines()]
    assert inv("logs", COMPONENT, "--tail", "1").stdout.splitlines() == lines[-1:]
    assert inv("logs", "--pod", pod, "--previous").stdout == "an earlier life\n"


def test_a_component_that_is_not_there_gets_a_suggestion(
    inv: Callable[..., subprocess.CompletedProcess[str]],
) -> None:
    ran = inv("exec", "ldapp", "--", "true")
    assert ran.returncode == 2
    assert "did you mean 'ldap'" in ran.stderr


def test_a_shell_without_a_terminal_is_one_sentence(
    inv: Callable[..., subprocess.CompletedProcess[str]],
) -> None:
    ran = inv("shell", COMPONENT)
    assert ran.returncode == 2
    assert "needs a terminal" in ran.stderr


def test_a_forward_in_the_background_is_listed_stopped_and_never_doubled(
    inv: Callable[..., subprocess.CompletedProcess[str]], pod: str
) -> None:
    asked = ("forward", "svc/web", ":echo", "--background", "--json")
    started = inv(*asked)
    assert started.returncode == 0, started.stderr
    first = json.loads(started.stdout)
    try:
        port = int(first["ports"][0].partition(":")[2].split()[0])
        assert _say(port, b"hello") == b"hello"
        assert json.loads(inv(*asked).stdout)["pid"] == first["pid"]
        listed = json.loads(inv("forward", "--list", "--json").stdout)["forwards"]
        assert [one["pid"] for one in listed] == [first["pid"]]
    finally:
        stopped = inv("forward", "--stop", "all")
    assert stopped.returncode == 0, stopped.stderr
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", port), timeout=1)
    assert json.loads(inv("forward", "--list", "--json").stdout)["forwards"] == []


def test_a_forward_that_cannot_start_in_the_background_says_why(
    inv: Callable[..., subprocess.CompletedProcess[str]], pod: str
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as holder:
        ran = inv("forward", COMPONENT, f"{holder.getsockname()[1]}:{ECHO}", "--background")
    assert ran.returncode == 3
    assert "is taken by process" in ran.stderr


def test_names_are_looked_up_from_inside_a_pod(
    inv: Callable[..., subprocess.CompletedProcess[str]], pod: str
) -> None:
    ran = inv("dns", COMPONENT, "localhost", "--json")
    (found,) = json.loads(ran.stdout)["names"]
    assert found["right"]
    assert set(found["addresses"]) & {"127.0.0.1", "::1"}
    assert inv("dns", COMPONENT, "no-such-name.invalid").returncode == 1


def test_after_a_restart_what_asks_a_component_finds_its_new_pod(
    inv: Callable[..., subprocess.CompletedProcess[str]], pod: str
) -> None:
    restarted = inv("restart", COMPONENT)
    assert restarted.returncode == 0, restarted.stdout + restarted.stderr
    asked = json.loads(inv("dns", COMPONENT, "localhost", "--json").stdout)
    assert asked["pod"].startswith("web-")
    assert asked["pod"] != pod


def test_each_container_is_found_on_its_node(
    inv: Callable[..., subprocess.CompletedProcess[str]], pod: str
) -> None:
    (found,) = json.loads(inv("container-id", COMPONENT, "--json").stdout)["containers"]
    assert (found["pod"], found["container"]) == (pod, "main")
    assert found["node"].startswith("tests-node-")


def test_a_shell_has_a_terminal_of_our_size_and_leaves_with_its_exit_code(
    terminal: Callable[..., Terminal], pod: str
) -> None:
    shell = terminal("shell", COMPONENT, size=(50, 132))
    shell.type("stty size; echo $SIMULATED-$((40+2))\r")
    shell.await_text("50 132")
    shell.await_text("yes-42")
    # Keys and sizes travel on channels of their own, so the shell itself waits for the new size.
    shell.type('until [ "$(stty size)" = "40 99" ]; do :; done; echo resized-$((41+2))\r')
    shell.resize(40, 99)
    shell.await_text("resized-43")
    shell.type("exit 5\r")
    assert shell.ended() == 5


def test_a_debugging_container_is_added_to_a_running_pod(
    terminal: Callable[..., Terminal], session: Session, pod: str
) -> None:
    debug = terminal("debug", COMPONENT, "--image", "tools:1")
    debug.await_text("adding a debugging container")
    debug.type("echo in-$((40+2))\r")
    debug.await_text("in-42")
    debug.type("exit 0\r")
    assert debug.ended() == 0
    added = session.api.get(f"/api/v1/namespaces/{NAMESPACE}/pods/{pod}")["spec"]["ephemeralContainers"]
    assert [(c["image"], c["targetContainerName"]) for c in added] == [("tools:1", "main")]


def test_a_pod_that_does_not_run_is_copied_and_the_copy_removed(
    terminal: Callable[..., Terminal], day: Instance, session: Session
) -> None:
    made = session.objects.create(
        {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {"name": "broken", "namespace": NAMESPACE, "labels": {"allup-fault": "crash-loop"}},
            "spec": {"containers": [{"name": "main", "image": "x:1", "command": ["false"]}]},
        }
    )
    ref = ObjectRef.of(made)
    try:
        eventually(lambda: (session.objects.get(ref) or {})["status"].get("containerStatuses"), "the crash")
        debug = terminal("debug", "--pod", "broken")
        debug.await_text("making a copy")
        debug.type("echo in-$((40+2))\r")
        debug.await_text("in-42")
        copies = [p for p in _pods(session) if "allup/debug-of" in (p["metadata"].get("labels") or {})]
        assert [p["metadata"]["labels"]["allup/debug-of"] for p in copies] == ["broken"]
        debug.type("exit 0\r")
        assert debug.ended() == 0
        assert all("allup/debug-of" not in (p["metadata"].get("labels") or {}) for p in _pods(session))
    finally:
        session.objects.delete(ref)


def _pods(session: Session) -> Sequence[dict[str, Any]]:
    found = session.api.get(f"/api/v1/namespaces/{NAMESPACE}/pods")["items"]
    return [p for p in found if not p["metadata"].get("deletionTimestamp")]


# Helpers for the command line


def _argv(day: Instance, verb: str, words: Sequence[str]) -> list[str]:
    script = Path(sys.executable).parent / "inv"
    end = list(words).index("--") if "--" in words else len(words)
    where = ["--context", day.context, "--instance", NAMESPACE]
    if verb == "forward" and ("--list" in words or "--stop" in words):
        where = []
    return [str(script), f"k8s.{verb}", *words[:end], *where, *words[end:]]


@pytest.fixture
def inv(day: Instance, sandbox_environ: dict[str, str]) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Runs a verb of RStudio's collection on the instance; which component is meant, its labels tell."""

    def run(verb: str, *words: str, input: str | None = None) -> subprocess.CompletedProcess[str]:
        ended = subprocess.run(
            _argv(day, verb, words),
            env=sandbox_environ,
            cwd=CHECKOUT,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
            **({"input": input} if input is not None else {"stdin": subprocess.DEVNULL}),
        )
        if "--json" in words:
            held(ended.stdout)
        return ended

    return run


class Terminal:
    """A verb on a terminal of its own, as a person would have it."""

    def __init__(self, argv: Sequence[str], environ: dict[str, str], size: tuple[int, int]) -> None:
        self._ours, theirs = pty.openpty()
        self.resize(*size)
        self._process = subprocess.Popen(
            argv,
            env=environ,
            cwd=CHECKOUT,
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            start_new_session=True,
            preexec_fn=lambda: ioctl(0, termios.TIOCSCTTY, 0),
        )
        os.close(theirs)
        self._shown = ""

    def resize(self, rows: int, columns: int) -> None:
        ioctl(self._ours, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def type(self, text: str) -> None:
        # Before the shell's first prompt nobody reads; it echoes what it has read.
        self.await_text("$ ", "# ")
        self._shown = ""
        os.write(self._ours, text.encode())

    def await_text(self, *texts: str) -> None:
        clock = SystemClock()
        limit = clock.monotonic() + SECONDS
        while not any(text in self._shown for text in texts):
            left = limit - clock.monotonic()
            assert left > 0, f"no {texts} in {self._shown!r}"
            if select.select([self._ours], [], [], min(left, 1.0))[0]:
                try:
                    self._shown += os.read(self._ours, 65_536).decode(errors="replace")
                except OSError:
                    pytest.fail(f"it ended without {texts}: {self._shown!r}")

    def ended(self) -> int:
        drain = threading.Thread(target=self._drain, daemon=True)
        drain.start()
        return self._process.wait(SECONDS)

    def _drain(self) -> None:
        try:
            while os.read(self._ours, 65_536):
                pass
        except OSError:
            pass

    def close(self) -> None:
        if self._process.poll() is None:
            self._process.kill()
            self._process.wait(SECONDS)
        os.close(self._ours)


@pytest.fixture
def terminal(day: Instance, sandbox_environ: dict[str, str]) -> Iterator[Callable[..., Terminal]]:
    opened: list[Terminal] = []

    def open_one(verb: str, *words: str, size: tuple[int, int] = (24, 80)) -> Terminal:
        opened.append(Terminal(_argv(day, verb, words), sandbox_environ, size))
        return opened[-1]

    yield open_one
    for one in opened:
        one.close()
