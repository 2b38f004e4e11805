"""What becomes of a request when the network or the server makes trouble: repeated where that is safe, ended
in time, told without a secret."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import urllib3

from allup.cluster.connect import connect
from allup.cluster.requests import APPLY, Api, Timeouts
from allup.errors import AllupError, ApiError, ClusterError, Unauthenticated
from allup.redaction import Redactor
from tests.cluster.faultproxy.credentials import Identity, kubeconfig_to
from tests.cluster.faultproxy.proxy import FaultProxy

PATH = "/api/v1/namespaces/n/configmaps"
CANARY = "canary-8c41f0-value"


class Server(BaseHTTPRequestHandler):
    """Says yes to everything; a second POST says that it is there already."""

    protocol_version = "HTTP/1.1"
    posts = 0

    def log_message(self, *_: Any) -> None:
        """Says nothing."""

    def _any(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        answer, code = {"kind": "ConfigMap", "metadata": {"name": "a"}}, 200
        if self.command == "POST":
            Server.posts += 1
            code = 201 if Server.posts == 1 else 409
        data = json.dumps(answer if code != 409 else {"reason": "AlreadyExists", "message": "there"}).encode()
        self.send_response(code)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = _any  # noqa: N815


class Backend:
    """Where the proxy passes requests on to."""

    def __init__(self) -> None:
        Server.posts = 0
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Server)
        self._server.daemon_threads = True
        self._server.block_on_close = False
        self.server = f"http://127.0.0.1:{self._server.server_address[1]}"
        self.pool = urllib3.PoolManager()
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()

    def close(self) -> None:
        self.pool.clear()
        self._server.shutdown()
        self._server.server_close()


class Pauses(threading.Event):
    """A stop event that writes down how long anybody wanted to wait, and does not wait."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[float] = []

    def wait(self, timeout: float | None = None) -> bool:
        self.asked.append(timeout or 0.0)
        return self.is_set()


class Through:
    """A connection through a proxy with rules."""

    def __init__(self, proxy: FaultProxy, api: Api, pauses: Pauses) -> None:
        self.proxy, self.api, self.pauses = proxy, api, pauses

    def times(self) -> int:
        """How many requests have been passed on."""
        return len([seen for seen in self.proxy.seen if seen.status])


Open = Callable[..., Through]


@pytest.fixture(scope="module")
def identity(tmp_path_factory: pytest.TempPathFactory) -> Identity:
    return Identity(tmp_path_factory.mktemp("identity"))


@pytest.fixture
def through(identity: Identity, tmp_path: Path) -> Iterator[Open]:
    """Opens connections: rules, then settings."""
    opened: list[Any] = []

    def open_one(
        *rules: str,
        user: dict[str, Any] | None = None,
        answer: float = 5.0,
        patience: float = 5.0,
        tokens: tuple[str, ...] = (),
        **more: Any,
    ) -> Through:
        backend: Any = Backend()
        proxy = FaultProxy(backend, identity, rules, **more)
        proxy.tokens.update(tokens)
        opened.extend([proxy, backend])
        file = kubeconfig_to(proxy.port, identity, tmp_path / "kubeconfig", user or {"token": CANARY})
        pauses = Pauses()
        api = connect(
            str(file),
            "proxied",
            redactor=Redactor(),
            stop=pauses,
            patience=patience,
            timeouts=Timeouts(connect=2.0, answer=answer, watch=answer),
        )
        return Through(proxy, api, pauses)

    yield open_one
    for each in opened:
        each.close()


SAFE: list[tuple[str, str, dict[str, Any]]] = [
    ("GET", f"{PATH}/a", {}),
    ("PATCH", f"{PATH}/a", {"body": {"data": {}}, "content_type": APPLY}),
    ("DELETE", f"{PATH}/a", {"body": {"preconditions": {"uid": "1"}}}),
    ("PUT", f"{PATH}/a", {"body": {}, "checked": True}),
]
UNSAFE: list[tuple[str, str, dict[str, Any]]] = [
    ("POST", PATH, {"body": {}}),
    ("PUT", f"{PATH}/a", {"body": {}}),
    ("DELETE", f"{PATH}/a", {}),
]


@pytest.mark.parametrize("fault", ["lost", "late", "truncated", "reset", "503", "500"])
@pytest.mark.parametrize(("method", "path", "more"), SAFE, ids=lambda x: str(x)[:8])
def test_what_may_be_executed_twice_is_repeated(
    through: Open, fault: str, method: str, path: str, more: dict[str, Any]
) -> None:
    there = through(f"any #1 {fault}")
    assert there.api.request(method, path, **more)[0] == 200
    assert there.times() == (2 if fault in ("lost", "late", "truncated") else 1)


@pytest.mark.parametrize("fault", ["lost", "late", "truncated", "mute"])
@pytest.mark.parametrize(("method", "path", "more"), UNSAFE, ids=lambda x: str(x)[:8])
def test_what_must_not_be_executed_twice_is_an_error(
    through: Open, fault: str, method: str, path: str, more: dict[str, Any]
) -> None:
    there = through(f"any #1 {fault}", answer=0.2)
    with pytest.raises(AllupError):
        there.api.request(method, path, **more)
    assert there.times() == 1


def test_a_create_whose_answer_was_lost_is_known_to_be_in_doubt(through: Open) -> None:
    there = through("create #1 lost")
    with pytest.raises(ApiError) as raised:
        there.api.request("POST", PATH, body={}, checked=True)
    assert raised.value.status == 409
    assert raised.value.in_doubt


def test_too_many_requests_come_again_after_what_the_server_asks_for_within_bounds(through: Open) -> None:
    there = through("any #1 429", retry_after="3")
    there.api.request("POST", PATH, body={})
    assert there.pauses.asked == [3.0]
    there = through("any #1 429", retry_after="86400", patience=60.0)
    there.api.get(f"{PATH}/a")
    assert there.pauses.asked == [10.0]
    there = through("any #1 429", retry_after="Fri, 31 Dec 2027 23:59:59 GMT")
    there.api.get(f"{PATH}/a")
    assert 0 < there.pauses.asked[0] < 1


def test_pauses_grow_and_are_spread_by_the_randomness_handed_in(through: Open) -> None:
    there = through("any #1-4 503")
    there.api._random = iter([0.0, 1.0, 0.0, 1.0]).__next__
    there.api.get(f"{PATH}/a")
    assert there.pauses.asked == pytest.approx([0.05, 0.3, 0.2, 1.2])


def test_a_500_is_tried_thrice(through: Open) -> None:
    there = through("any every 500")
    with pytest.raises(ApiError, match="InternalError"):
        there.api.get(f"{PATH}/a")
    assert len(there.proxy.seen) == 3


@pytest.mark.parametrize("fault", ["frozen", "drip", "mute"])
def test_no_answer_takes_longer_than_its_timeout(through: Open, fault: str) -> None:
    there = through(f"any every {fault}", answer=0.2, patience=0.1)
    began = time.monotonic()
    with pytest.raises(ClusterError, match=r"no whole answer within 0\.2 s"):
        there.api.get(f"{PATH}/a")
    assert time.monotonic() - began < 2


def test_a_watch_that_drips_ends_too(through: Open) -> None:
    there = through("watch every drip", answer=0.2)
    began = time.monotonic()
    with pytest.raises((ClusterError, urllib3.exceptions.HTTPError)):
        list(there.api.lines(PATH, [("watch", "true")], read_timeout=0.2))
    assert time.monotonic() - began < 2


def test_a_connection_cut_off_is_not_called_a_bad_certificate(through: Open) -> None:
    there = through("any every reset", patience=0.0)
    with pytest.raises(ClusterError) as raised:
        there.api.get(f"{PATH}/a")
    assert "certificate" not in str(raised.value)
    assert "the connection broke" in str(raised.value)


@pytest.mark.parametrize("fault", ["quote", "quote-400", "quote-page", "quote-long", "page", "401"])
def test_no_answer_makes_us_tell_a_secret(through: Open, fault: str) -> None:
    secret = "s3cr3t/" + "q" * 40
    there = through(f"any every {fault}", quotes=[secret], patience=0.0)
    there.api.redactor.add(secret)
    with pytest.raises(AllupError) as raised:
        there.api.request("PATCH", f"{PATH}/a", body={"data": {"k": secret}}, content_type=APPLY)
    told = f"{raised.value} {raised.value.args} {getattr(raised.value, 'details', '')}"
    assert "s3cr3t" not in told
    assert CANARY not in told
    assert "<" not in told
    assert "\n" not in str(raised.value)


# Credentials that end


def plugin(folder: Path, file: Path) -> dict[str, Any]:
    """A user whose token comes from a program that says what is in *file*, and counts its runs."""
    script = folder / "login"
    script.write_text(
        f'#!/bin/sh\necho run >> {folder}/runs\nprintf \'{{"apiVersion":"client.authentication.k8s.io/v1",'
        f'"kind":"ExecCredential","status":{{"token":"%s"}}}}\' "$(cat {file})"\n'
    )
    script.chmod(0o700)
    return {
        "exec": {
            "apiVersion": "client.authentication.k8s.io/v1",
            "command": str(script),
            "interactiveMode": "Never",
        }
    }


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_token_that_ends_in_the_middle_is_renewed_by_its_plugin(
    through: Open, tmp_path: Path, method: str
) -> None:
    token = tmp_path / "token"
    token.write_text("token-one")
    there = through(user=plugin(tmp_path, token), tokens=("token-one",))
    path = PATH if method == "POST" else f"{PATH}/a"
    there.api.get(f"{PATH}/a")
    there.proxy.tokens.clear()
    there.proxy.tokens.add("token-two")
    token.write_text("token-two")
    assert there.api.request(method, path, body={} if method == "POST" else None)[0] in (200, 201)
    assert there.times() == 2
    assert (tmp_path / "runs").read_text().count("run") == 2


def test_many_at_once_renew_a_token_once(through: Open, tmp_path: Path) -> None:
    token = tmp_path / "token"
    token.write_text("token-one")
    there = through(user=plugin(tmp_path, token), tokens=("token-two",))
    token.write_text("token-two")
    threads = [threading.Thread(target=there.api.get, args=(f"{PATH}/a",)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert there.times() == 8
    assert (tmp_path / "runs").read_text().count("run") == 2


def test_a_token_that_stays_refused_is_an_error_at_once(through: Open, tmp_path: Path) -> None:
    token = tmp_path / "token"
    token.write_text("token-one")
    there = through(user=plugin(tmp_path, token), tokens=("another",))
    for ask in (lambda: there.api.get(f"{PATH}/a"), lambda: there.api.lines(PATH, (), read_timeout=1.0)):
        with pytest.raises(Unauthenticated, match="does not accept our credentials") as raised:
            ask()
        assert "token-one" not in str(raised.value)
    assert len(there.proxy.seen) == 2


def test_a_fence_is_asked_before_every_try_of_a_write_and_of_nothing_else(through: Open) -> None:
    there = through("write #1 503")
    asked: list[float] = []
    there.api.fence = asked.append
    there.api.get(f"{PATH}/a")
    there.api.request("PATCH", f"{PATH}/a", [("dryRun", "All")], {}, content_type=APPLY)
    assert asked == []
    there.api.request("PATCH", f"{PATH}/a", body={}, content_type=APPLY)
    assert len(asked) == 2
    there.api.request("PUT", f"{PATH}/a", body={}, fenced=False)
    assert len(asked) == 2
