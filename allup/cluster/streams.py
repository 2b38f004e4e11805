"""Talking to containers: logs, commands, TCP connections, HTTP through the API server's proxy."""

from __future__ import annotations

import http.client
import json
import os
import re
import socket
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import urllib3

from allup.cluster.requests import Api, path_segment
from allup.cluster.websockets import HIGH_WATER, V4, Channels, open_channels
from allup.errors import ApiError, ClusterError

STDIN, STDOUT, STDERR, STATUS, RESIZE = range(5)
DATA, ERROR = range(2)
_LINGER = 2.0  # how long output may follow the status that says how the command ended
_EXIT_STATUS = re.compile(r": exit status (\d+)$")
_QUIET = 0.3  # a port that has not refused by then is open; no answer of the protocol says so


@dataclass(frozen=True)
class CommandResult:
    """What a command in a container did. *exit_code* is None when it has none: *failure* says why."""

    exit_code: int | None
    stdout: str
    stderr: str
    failure: str = ""


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
    """The lines of a log as they come, until the container ends. Raises ApiError, and ClusterError when the
    connection breaks."""
    query = [*_log_query(container, tail, False, since_seconds, False), ("follow", "true")]
    lines = api.lines(f"{_pod(namespace, pod)}/log", query, read_timeout=None)
    try:
        for line in lines:
            yield line.decode("utf-8", "replace")
    except urllib3.exceptions.HTTPError as error:
        raise ClusterError(f"log of {pod}", f"the connection broke ({error})") from None
    finally:
        lines.close()


def open_command(
    api: Api,
    namespace: str,
    pod: str,
    command: Sequence[str],
    *,
    container: str = "",
    stdin: bool = False,
    tty: bool = False,
) -> Channels:
    """Starts a command in a container; ``drive`` goes on from there. Raises ApiError and ClusterError."""
    query = [("command", word) for word in command]
    query += [("stdin", str(stdin).lower()), ("stdout", "true"), ("tty", str(tty).lower())]
    # A terminal has one output; the server refuses both at once.
    query.append(("stderr", str(not tty).lower()))
    if container:
        query.append(("container", container))
    return open_channels(api, f"{_pod(namespace, pod)}/exec", query)


def drive(
    channels: Channels,
    *,
    out: Callable[[bytes], object],
    err: Callable[[bytes], object],
    source: int | None = None,
    wake: int | None = None,
    resized: Callable[[], tuple[int, int] | None] = lambda: None,
    timeout: float | None = None,
) -> CommandResult:
    """Runs an open command to its end: output goes to *out* and *err*, descriptor *source* is its input.

    When *wake* can be read, ``resized()`` tells the terminal's new size (columns, rows). After *timeout*
    seconds the command is left alone and ``exit_code`` is None. What was written is not in the result.
    """
    began = time.monotonic()
    give_up = began + timeout if timeout is not None else None
    status: bytes = b""
    ended_at = 0.0
    try:
        if size := resized():
            channels.send(RESIZE, _size(size))
        while True:
            now = time.monotonic()
            if give_up is not None and now >= give_up:
                return CommandResult(None, "", "", f"it had not ended after {timeout:g} s")
            if channels.closed or (ended_at and now - ended_at > _LINGER):
                break
            readers = [d for d in (source if channels.unsent < HIGH_WATER else None, wake) if d is not None]
            ready = channels.turn(min(1.0, (give_up or now + 1.0) - now), readers=readers)
            for channel, data in channels.messages():
                if channel == STDOUT:
                    out(data)
                elif channel == STDERR:
                    err(data)
                elif channel == STATUS:
                    status += data
                    ended_at = time.monotonic()
            if source is not None and source in ready:
                source = _feed(channels, source)
            if wake is not None and wake in ready:
                os.read(wake, 4096)
                if size := resized():
                    channels.send(RESIZE, _size(size))
    finally:
        channels.close()
    code, failure = outcome(status)
    return CommandResult(code, "", "", failure)


def _feed(channels: Channels, source: int) -> int | None:
    try:
        data = os.read(source, 65_536)
    except OSError:  # the terminal is gone
        data = b""
    if data:
        channels.send(STDIN, data)
        return source
    channels.end(STDIN)
    return None


def _size(size: tuple[int, int]) -> bytes:
    return json.dumps({"Width": size[0], "Height": size[1]}).encode()


def outcome(status: bytes) -> tuple[int | None, str]:
    """Exit code, and why there is none, from what came on the status channel (a Kubernetes Status)."""
    try:
        answer = json.loads(status)
        if answer.get("status") == "Success":
            return 0, ""
        for cause in (answer.get("details") or {}).get("causes") or ():
            if cause.get("reason") == "ExitCode":
                return int(cause["message"]), ""
        message = str(answer.get("message") or "it failed")
        in_words = _EXIT_STATUS.search(message)  # kwok's nodes tell the code in no other way
        return (int(in_words[1]), "") if in_words else (None, message)
    except (ValueError, AttributeError, TypeError):
        return None, status.decode("utf-8", "replace").strip() or "the connection broke before it ended"


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
    out, err = bytearray(), bytearray()
    channels = open_command(api, namespace, pod, command, container=container)
    result = drive(channels, out=out.extend, err=err.extend, timeout=timeout)
    return CommandResult(
        result.exit_code, out.decode("utf-8", "replace"), err.decode("utf-8", "replace"), result.failure
    )


def open_forward(api: Api, namespace: str, pod: str, port: int, *, timeout: float = 10.0) -> Channels:
    """A connection to a port of a pod: channels DATA and ERROR, each of which begins with two bytes that
    repeat the port. A port that nobody listens on is told on ERROR only. Raises ApiError, ClusterError."""
    path = f"{_pod(namespace, pod)}/portforward"
    return open_channels(api, path, [("ports", str(port))], protocols=(V4,), timeout=timeout)


class Unwrapped:
    """Takes the two bytes off the beginning of each channel of a port-forward."""

    def __init__(self) -> None:
        self._left = {DATA: 2, ERROR: 2}

    def payload(self, channel: int, data: bytes) -> bytes:
        """What of *data* belongs to the application."""
        skip = min(self._left.get(channel, 0), len(data))
        if skip:
            self._left[channel] -= skip
        return data[skip:]


def connects(api: Api, namespace: str, pod: str, port: int, *, timeout: float = 5.0) -> str:
    """``""`` when the container's port accepts a connection, else why not. Raises ApiError, ClusterError.

    The protocol tells a refusal and says nothing of success: a port counts as open when it speaks, when it
    takes the connection and ends it, or when no refusal has come in four times what opening took.
    """
    began = time.monotonic()
    channels = open_forward(api, namespace, pod, port, timeout=timeout)
    opened = time.monotonic()
    give_up = opened + min(timeout, max(_QUIET, 4 * (opened - began)))
    unwrapped, refusal = Unwrapped(), b""
    try:
        while not channels.closed and (now := time.monotonic()) < give_up:
            channels.turn(give_up - now)
            for channel, data in channels.messages():
                said = unwrapped.payload(channel, data)
                if channel == DATA and said:
                    return ""
                if channel == ERROR:
                    refusal += said
    finally:
        channels.close()
    return refused(refusal, port)


def refused(message: bytes, port: int) -> str:
    """What the node said about a port-forward, short: ``port 5559 refuses connections``, or ``""``."""
    text = message.decode("utf-8", "replace").strip()
    if "refused" in text:
        return f"port {port} refuses connections"
    return text.rpartition(", uid : ")[2] or text


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
    """Status and text of one GET through the API server's pod proxy.

    The application's answer comes back whatever its status; an error of the proxy raises ApiError.
    """
    proxied = f"{_pod(namespace, f'{pod}:{port}')}/proxy{path if path.startswith('/') else '/' + path}"
    status, text = api.fetch(proxied, timeout=timeout, headers=headers)
    if status >= 400:
        try:
            answer = json.loads(text)
        except ValueError:
            answer = None
        if isinstance(answer, dict) and answer.get("kind") == "Status" and answer.get("apiVersion") == "v1":
            message = api.redactor.mask(str(answer.get("message", "")))
            raise ApiError(f"GET {proxied}", message, status=status, reason=str(answer.get("reason", "")))
    return status, text


def http_get_tunnelled(
    connection: socket.socket, path: str, *, headers: Mapping[str, str]
) -> tuple[int, str]:
    """Status and text of one GET on a connected socket (see ``tunnels``), with any header, also Host and
    Authorization, which the proxy keeps for itself. Raises OSError when there is no answer."""
    request = http.client.HTTPConnection("localhost")
    request.sock = connection
    own_host = any(name.lower() == "host" for name in headers)
    try:
        request.putrequest("GET", path if path.startswith("/") else f"/{path}", skip_host=own_host)
        for name, value in {**headers, "Connection": "close"}.items():
            request.putheader(name, value)
        request.endheaders()
        answer = request.getresponse()
        return answer.status, answer.read().decode("utf-8", "replace")
    except http.client.HTTPException as error:
        raise OSError(f"does not answer in HTTP ({type(error).__name__})") from None
    finally:
        request.close()


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
