"""How soon a state change in the API is known: from the watch event that says a Deployment is available, as a
plain watch beside allup sees it, to the line in which allup says that its component is ready.

Both are read by this process, by its one monotonic clock; allup's way includes printing and the pipe.
"""

from __future__ import annotations

import json
import ssl
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from http.client import HTTPException, HTTPResponse, HTTPSConnection
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from allup.sandbox import SandboxStatus
from bench.figures import milliseconds, percentile
from bench.generated import NAME, delayed
from bench.place import Place, busy
from bench.processes import allup

COMPONENTS = 60
_FIRST, _APART = 2.0, 0.05
_PATH = f"/apis/apps/v1/namespaces/{NAME}/deployments?watch=true"


class PlainWatch:
    """Notes when *holds* was first seen to be true of each object that a watch of *path* names."""

    def __init__(self, sandbox: SandboxStatus, path: str, holds: Callable[[Mapping[str, Any]], bool]) -> None:
        pki = sandbox.kubeconfig.parent / "pki"
        tls = ssl.create_default_context(cafile=str(pki / "ca.crt"))
        tls.load_cert_chain(pki / "admin.crt", pki / "admin.key")
        server = urlsplit(sandbox.server)
        self._connection = HTTPSConnection(server.hostname or "", server.port, context=tls)
        self._connection.request("GET", path)
        self._response = self._connection.getresponse()
        self._holds = holds
        self.seen: dict[str, float] = {}
        threading.Thread(target=self._read, args=(self._response,), daemon=True).start()

    def close(self) -> None:
        """Ends it."""
        sock = self._connection.sock
        if sock is not None:
            sock.close()

    def _read(self, response: HTTPResponse) -> None:
        try:
            while line := response.readline():
                at = time.monotonic()
                obj = json.loads(line)["object"]
                if self._holds(obj):
                    self.seen.setdefault(obj["metadata"]["name"], at)
        except (OSError, ValueError, HTTPException):
            pass  # closed


def measure(place: Place) -> None:
    """Prints the median and the 95th percentile over components that become ready one after the other."""
    delays = {f"app-{index:02}": _FIRST + index * _APART for index in range(COMPONENTS)}
    folder = delayed(delays).written(place.folder / "reaction" / NAME)
    late = lags(folder, place.sandbox, PlainWatch(place.sandbox, _PATH, _available))
    place.say(f"\nFrom a state in the API to allup's line about it, {len(late)} components; {busy()}")
    place.say(told(late))


def lags(folder: Path, sandbox: SandboxStatus, watch: PlainWatch) -> list[float]:
    """Brings the platform of *folder* up, and down again; for each component with an object of its own name,
    seconds from what *watch* saw of that to the line that calls the component ready."""
    said: dict[str, float] = {}

    def heard(line: str) -> None:
        at = time.monotonic()
        told = json.loads(line)
        if told.get("type") == "component" and told.get("phase") == "ready":
            said.setdefault(told["component"], at)

    try:
        allup(folder, "all-up", sandbox.context, on_line=heard)
    finally:
        watch.close()
    allup(folder, "all-down", sandbox.context, "--purge")
    return [said[name] - watch.seen[name] for name in said if name in watch.seen]


def told(late: Sequence[float]) -> str:
    """The median, the 95th percentile and the longest."""
    return (
        f"p50 {milliseconds(percentile(late, 50))}, p95 {milliseconds(percentile(late, 95))}, "
        f"longest {milliseconds(max(late))}"
    )


def _available(obj: Mapping[str, Any]) -> bool:
    status, generation = obj.get("status") or {}, obj["metadata"].get("generation")
    return status.get("observedGeneration") == generation and bool(status.get("availableReplicas"))
