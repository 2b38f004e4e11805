"""However many threads ask, the server is asked by so many at a time as connections are kept."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import kubernetes.client
import pytest

from allup.cluster.connect import POOL_SIZE
from allup.cluster.requests import AT_ONCE, Api
from allup.redaction import Redactor


class Server(ThreadingHTTPServer):
    """Answers once AT_ONCE requests are there and half a second brought no other, counting how many are."""

    request_queue_size = 128

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.changed = threading.Condition()
        self.now = self.most = 0
        self.full = False

    def __enter__(self) -> Server:
        threading.Thread(target=self.serve_forever, daemon=True).start()
        return self


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Server

    def do_GET(self) -> None:
        with self.server.changed:
            self.server.now += 1
            self.server.most = max(self.server.most, self.server.now)
            self.server.changed.notify_all()
            self.server.changed.wait_for(lambda: self.server.now >= AT_ONCE or self.server.full, timeout=30)
            self.server.changed.wait_for(lambda: self.server.now > AT_ONCE or self.server.full, timeout=0.5)
            self.server.full = True
            self.server.now -= 1
        self.send_response(200)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"{}")

    def log_message(self, *words: object) -> None:
        pass


@pytest.fixture
def server() -> Iterator[Server]:
    server = Server()
    with server:
        yield server
        server.shutdown()


def test_so_many_requests_are_under_way_at_a_time_and_no_more(server: Server) -> None:
    configuration = kubernetes.client.Configuration()
    configuration.host = f"http://127.0.0.1:{server.server_port}"
    configuration.connection_pool_maxsize = POOL_SIZE
    client = kubernetes.client.ApiClient(configuration)
    api = Api(client, redactor=Redactor(), stop=threading.Event())
    threads = [threading.Thread(target=api.get, args=("/",)) for _ in range(3 * AT_ONCE)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert server.most == AT_ONCE
    assert api.requests == 3 * AT_ONCE
    assert AT_ONCE < POOL_SIZE
    client.rest_client.pool_manager.clear()
