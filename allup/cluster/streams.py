"""Talking to containers: logs, commands, TCP connections, HTTP through the API server's proxy.

Websockets get a connection of their own and never go through the shared client: the library's streams
are not safe beside REST calls (kubernetes-client/python#928).
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from kubernetes.stream import ws_client

from allup.cluster.requests import Api, path_segment
from allup.errors import ApiError


@dataclass(frozen=True)
class CommandResult:
    """What a command in a container did. *exit_code* is None when it could not be told."""

    exit_code: int | None
    stdout: str
    stderr: str


def logs(
    api: Api,
    namespace: str,
    pod: str,
    *,
    container: str = "",
    tail: int | None = None,
    previous: bool = False,
    since_seconds: int | None = None,
    timestamps: bool = False,
) -> str:
    """The log of a container as far as the node still has it. Raises ApiError."""
    return api.text(
        f"{_pod(namespace, pod)}/log",
        _log_query(container, tail, previous, since_seconds, timestamps),
    )


def follow(
    api: Api,
    namespace: str,
    pod: str,
    *,
    container: str = "",
    tail: int | None = None,
    since_seconds: int | None = None,
) -> Iterator[str]:
    """The lines of a log as they come, until the container ends."""
    query = [*_log_query(container, tail, False, since_seconds, False), ("follow", "true")]
    lines = api.lines(f"{_pod(namespace, pod)}/log", query, read_timeout=3600.0)
    try:
        for line in lines:
            yield line.decode("utf-8", "replace")
    finally:
        lines.close()


def execute(
    api: Api,
    namespace: str,
    pod: str,
    command: Sequence[str],
    *,
    container: str = "",
    timeout: float = 5.0,
) -> CommandResult:
    """Runs a command in a container and waits up to *timeout* seconds for its end. Raises ApiError."""
    query = [("command", word) for word in command]
    query += [("stdout", "true"), ("stderr", "true")]
    if container:
        query.append(("container", container))
    stream = _websocket(api, ws_client.websocket_call, f"{_pod(namespace, pod)}/exec", query)
    try:
        stream.run_forever(timeout=timeout)
        timed_out = stream.is_open()
        out, err = stream.read_stdout(timeout=0) or "", stream.read_stderr(timeout=0) or ""
        try:
            code = None if timed_out else stream.returncode
        except (ValueError, TypeError, KeyError):  # no such command; the connection broke
            code = None
    finally:
        stream.close()
    return CommandResult(code, str(out), str(err))


def connects(api: Api, namespace: str, pod: str, port: int, *, timeout: float = 5.0) -> str:
    """``""`` when the container's port accepts a connection, else why not. Raises ApiError."""
    forward = _websocket(
        api, ws_client.portforward_call, f"{_pod(namespace, pod)}/portforward", [("ports", str(port))]
    )
    try:
        with forward.socket(port) as connection:
            connection.settimeout(timeout)
            try:
                connection.sendall(b"")
                connection.settimeout(0.2)  # a refusal arrives on the error channel right away
                connection.recv(1)
            except TimeoutError:
                pass  # an open port that waits for us to speak first
            except OSError as error:
                return str(error)
        return str(forward.error(port) or "")
    finally:
        forward.close()


def http_get(
    api: Api,
    namespace: str,
    pod: str,
    port: int,
    path: str,
    *,
    timeout: float = 5.0,
    headers: Mapping[str, str] | None = None,
) -> tuple[int, str]:
    """Status and text of a GET through the API server's pod proxy.

    An error of the application comes back as its own status; an error of the proxy raises ApiError.
    """
    proxied = f"{_pod(namespace, f'{pod}:{port}')}/proxy{path if path.startswith('/') else '/' + path}"
    try:
        return 200, api.text(proxied, timeout=timeout, headers=headers)
    except ApiError as error:
        if error.status >= 400 and not error.reason:
            return error.status, error.fact
        raise


def _pod(namespace: str, pod: str) -> str:
    return f"/api/v1/namespaces/{path_segment(namespace)}/pods/{pod}"


def _log_query(
    container: str, tail: int | None, previous: bool, since_seconds: int | None, timestamps: bool
) -> list[tuple[str, str]]:
    query: list[tuple[str, str]] = []
    if container:
        query.append(("container", container))
    if tail is not None:
        query.append(("tailLines", str(tail)))
    if previous:
        query.append(("previous", "true"))
    if since_seconds is not None:
        query.append(("sinceSeconds", str(since_seconds)))
    if timestamps:
        query.append(("timestamps", "true"))
    return query


def _websocket(api: Api, call: Any, path: str, query: Sequence[tuple[str, str]]) -> Any:
    api.requests += 1
    if api.impersonates:
        raise ApiError(f"GET {path}", "a websocket cannot carry the impersonation of this context")
    try:
        return call(
            api.configuration,
            "GET",
            api.url(path),
            headers=api.headers(),
            query_params=list(query),
            _request_timeout=10,
            _preload_content=False,
        )
    except Exception as error:  # the library raises its ApiException with status 0 and the answer as text
        message = api.redactor.mask(str(getattr(error, "reason", "") or error))
        raise ApiError(f"GET {path}", _handshake(message)) from None


def _handshake(message: str) -> str:
    _, brace, tail = message.partition("{")
    try:
        return str(json.loads(brace + tail.rpartition("}")[0] + "}")["message"])
    except (ValueError, KeyError):
        return message.splitlines()[0] if message else "the connection was refused"
