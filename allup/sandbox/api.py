"""The few requests that bringing a control plane up needs: HTTPS, a client certificate, JSON in and out."""

from __future__ import annotations

import http.client
import json
import ssl
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from allup.errors import ApiError
from allup.sandbox.ports import LOOPBACK


class ApiServer:
    """The API server on *port* of *address*, as the user of ``admin.crt`` in *pki*."""

    def __init__(self, port: int, pki: Path, address: str = LOOPBACK) -> None:
        self._address = address
        self._port = port
        self._tls = ssl.create_default_context(cafile=str(pki / "ca.crt"))
        self._tls.load_cert_chain(pki / "admin.crt", pki / "admin.key")
        self._connection: http.client.HTTPSConnection | None = None

    def __enter__(self) -> ApiServer:
        return self

    def __exit__(self, *exception: object) -> None:
        self._close()

    def answers(self, path: str) -> bool:
        """Whether GET *path* is answered with 200 right now; nobody listening is a plain no."""
        try:
            return self._send("GET", path, None)[0] == 200
        except (OSError, http.client.HTTPException):
            return False

    def get(self, path: str) -> dict[str, Any] | None:
        """The object at *path*, None if it is not there; ApiError for every other answer."""
        status, content = self._asked("GET", path, None)
        return None if status == 404 else content

    def create(self, path: str, content: Mapping[str, Any]) -> None:
        """Create an object; one of that name being there already is fine. ApiError for every other answer."""
        self._asked("POST", path, content)

    def replace(self, path: str, content: Mapping[str, Any]) -> None:
        """Write an object as a whole; one that is gone or was changed meanwhile stays as it is. ApiError."""
        self._asked("PUT", path, content)

    def delete(self, path: str) -> None:
        """Delete an object; none being there is fine. ApiError for every other answer."""
        self._asked("DELETE", path, None)

    def _asked(self, method: str, path: str, content: Mapping[str, Any] | None) -> tuple[int, dict[str, Any]]:
        try:
            status, answer = self._send(method, path, content)
        except (OSError, http.client.HTTPException) as error:
            raise ApiError(
                "the sandbox's API server", f"{method} {path} was not answered ({error})"
            ) from error
        fine = {"GET": (404,), "POST": (409,), "PUT": (404, 409), "DELETE": (404,)}[method]
        decoded = json.loads(answer) if answer.startswith(b"{") else {}
        if status >= 300 and status not in fine:
            message = decoded.get("message", answer[:200].decode(errors="replace"))
            raise ApiError(
                "the sandbox's API server",
                f"{method} {path} was refused: {message}",
                status=status,
                reason=str(decoded.get("reason", "")),
            )
        return status, decoded

    def _send(self, method: str, path: str, content: Mapping[str, Any] | None) -> tuple[int, bytes]:
        if self._connection is None:
            self._connection = http.client.HTTPSConnection(
                self._address, self._port, timeout=10, context=self._tls
            )
        body = None if content is None else json.dumps(content)
        try:
            self._connection.request(
                method, path, body, {"Content-Type": "application/json", "Accept": "application/json"}
            )
            response = self._connection.getresponse()
            return response.status, response.read()
        except (OSError, http.client.HTTPException):
            self._close()
            raise

    def _close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None
