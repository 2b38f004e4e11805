"""One request to the API server: retried where repeating is safe, with a timeout on every read,
errors as our own types, secrets masked before anybody sees a message.

Only what cannot have been executed, or may be executed twice, is repeated: GET, DELETE and server-side
apply are idempotent; a POST or PUT is repeated only on 429, which the server sends before executing.
"""

from __future__ import annotations

import json
import random
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any
from urllib.parse import quote, urlencode

import urllib3
from kubernetes import client

from allup.errors import ApiError, ClusterError, Expired, FieldConflict, ImmutableField, NotFound
from allup.redaction import Redactor

Query = Sequence[tuple[str, str]]

CONNECT_TIMEOUT = 5.0
READ_TIMEOUT = 30.0
AT_ONCE = 32
"""Requests under way at a time, watches not counted. What exceeds the connections that are kept
(``connect.POOL_SIZE``) would be answered on a connection of its own, with a TLS handshake each."""
APPLY = "application/apply-patch+yaml"
MERGE_PATCH = "application/merge-patch+json"
_REPEATABLE_STATUSES = (429, 502, 503, 504)
_BACKOFF_START, _BACKOFF_LIMIT = 0.1, 5.0


class Api:
    """A connection to one API server, safe to share between threads.

    *patience* is how long, in seconds, one request may be repeated while the server is overloaded or away.
    *stop* ends every back-off at once. ``requests`` counts what was sent.
    """

    def __init__(
        self,
        api_client: client.ApiClient,
        *,
        redactor: Redactor,
        stop: threading.Event,
        patience: float = 30.0,
        headers: Mapping[str, str] | None = None,
        random_source: Callable[[], float] = random.random,
    ) -> None:
        self._client = api_client
        self._configuration = api_client.configuration
        self._pool: urllib3.PoolManager = api_client.rest_client.pool_manager
        self._host: str = self._configuration.host.rstrip("/")
        self._headers = dict(headers or {})
        self._random = random_source
        self._lock = threading.Lock()
        self._slots = threading.BoundedSemaphore(AT_ONCE)
        self.redactor = redactor
        self.stop = stop
        self.patience = patience
        self.requests = 0

    @property
    def server(self) -> str:
        """The server's address."""
        return self._host

    @property
    def configuration(self) -> Any:
        """The client library's configuration, for websockets."""
        return self._configuration

    def headers(self) -> dict[str, str]:
        """Headers that identify us: credentials (refreshed when they expire) and impersonation."""
        headers = {"User-Agent": "allup", **self._headers}
        with self._lock:  # an exec plugin must not run once a thread
            token = self._configuration.auth_settings().get("BearerToken")
        if token and token["value"]:
            headers["authorization"] = token["value"]
        return headers

    def get(self, path: str, query: Query = (), *, accept: str = "application/json") -> Any:
        """The parsed JSON answer of a GET."""
        return self.request("GET", path, query, accept=accept)[1]

    @property
    def impersonates(self) -> bool:
        """True when the context acts as somebody else."""
        return any(name.startswith("Impersonate-") for name in self._headers)

    def text(self, path: str, query: Query = (), *, timeout: float = READ_TIMEOUT) -> str:
        """The text of a GET: a log."""
        answer = self._send("GET", path, query, None, "", "*/*", timeout)[1]
        return answer.decode("utf-8", "replace")

    def fetch(
        self, path: str, *, timeout: float, headers: Mapping[str, str] | None = None
    ) -> tuple[int, str]:
        """Status and text of one GET whose answer is somebody else's: any status, redirections not
        followed, nothing repeated. Raises ClusterError when there is no answer."""
        self.requests += 1
        try:
            response = self._pool.request(
                "GET",
                self.url(path),
                headers={**(headers or {}), **self.headers(), "Accept": "*/*"},
                retries=False,
                redirect=False,
                timeout=urllib3.Timeout(connect=min(CONNECT_TIMEOUT, timeout), read=timeout),
            )
        except urllib3.exceptions.HTTPError as error:
            raise self._unreachable(error) from error
        return response.status, response.data.decode("utf-8", "replace")

    def request(
        self,
        method: str,
        path: str,
        query: Query = (),
        body: Mapping[str, Any] | None = None,
        *,
        content_type: str = "application/json",
        accept: str = "application/json",
        timeout: float = READ_TIMEOUT,
    ) -> tuple[int, Any]:
        """Status code and parsed JSON. Raises ApiError (or one of its kinds) and ClusterError."""
        data = None if body is None else json.dumps(body).encode()
        status, raw = self._send(method, path, query, data, content_type, accept, timeout)
        try:
            return status, json.loads(raw) if raw else None
        except ValueError:
            raise ClusterError(
                f"{method} {path}",
                "the answer is not JSON",
                evidence=self.redactor.mask(raw[:200].decode("utf-8", "replace")),
                next_step=f"Is {self._host} a Kubernetes API server?",
            ) from None

    def _send(
        self,
        method: str,
        path: str,
        query: Query,
        data: bytes | None,
        content_type: str,
        accept: str,
        timeout: float,
    ) -> tuple[int, bytes]:
        repeatable = method in ("GET", "DELETE") or content_type == APPLY
        give_up = time.monotonic() + self.patience
        delay = _BACKOFF_START
        while True:
            headers = {**self.headers(), "Accept": accept}
            if data is not None:
                headers["Content-Type"] = content_type
            retry_after = 0.0
            self.requests += 1
            try:
                with self._slots:
                    response = self._pool.request(
                        method,
                        self.url(path, query),
                        body=data,
                        headers=headers,
                        retries=False,
                        timeout=urllib3.Timeout(connect=CONNECT_TIMEOUT, read=timeout),
                    )
            except urllib3.exceptions.HTTPError as error:
                failure: ApiError | ClusterError = self._unreachable(error)
                refused = isinstance(error, urllib3.exceptions.NewConnectionError)
                may_repeat = (repeatable or refused) and not _is_final(error)
            else:
                if response.status < 400:
                    return response.status, response.data
                failure = self._error(method, path, response)
                # "not declared in schema" comes as a 500 and never gets better
                may_repeat = response.status == 429 or (
                    repeatable and response.status in _REPEATABLE_STATUSES
                )
                retry_after = _seconds(response.headers.get("Retry-After"))
            pause = max(delay * (0.5 + self._random()), min(retry_after, 10.0))
            if not may_repeat or time.monotonic() + pause > give_up or self.stop.wait(pause):
                raise failure
            delay = min(delay * 2, _BACKOFF_LIMIT)

    def lines(self, path: str, query: Query, *, read_timeout: float) -> Lines:
        """An open answer read line by line: a watch, a followed log."""
        self.requests += 1
        try:
            response = self._pool.request(
                "GET",
                self.url(path, query),
                headers={**self.headers(), "Accept": "application/json"},
                retries=False,
                preload_content=False,
                timeout=urllib3.Timeout(connect=CONNECT_TIMEOUT, read=read_timeout),
            )
        except urllib3.exceptions.HTTPError as error:
            raise self._unreachable(error) from error
        if response.status >= 400:
            try:
                raise self._error("GET", path, response)
            finally:
                response.release_conn()
        return Lines(response)

    def url(self, path: str, query: Query = ()) -> str:
        """The full address of *path*."""
        return f"{self._host}{path}" + (f"?{urlencode(query)}" if query else "")

    def _unreachable(self, error: Exception) -> ClusterError:
        return ClusterError(
            f"cluster at {self._host}",
            _why_unreachable(error),
            next_step="Is it running? inv cluster.status tells for a sandbox; inv cluster.up starts one",
        )

    def _error(self, method: str, path: str, response: Any) -> ApiError | ClusterError:
        raw = response.data if isinstance(response.data, bytes) else b""
        try:
            status = json.loads(raw)
            message, reason = str(status.get("message", "")), str(status.get("reason", ""))
            details = status.get("details") or {}
        except (ValueError, AttributeError):
            message, reason, details = raw[:500].decode("utf-8", "replace"), "", {}
        message = self.redactor.mask(message) or f"HTTP {response.status}"
        details = self.redactor.mask_object(details)
        if response.status == 401:
            return ClusterError(
                f"cluster at {self._host}",
                "does not accept our credentials (401 Unauthorized)",
                evidence=message if message != "Unauthorized" else "",
                next_step="Renew the login of this context, or choose another with --context",
            )
        kind: type[ApiError] = ApiError
        if response.status == 404:
            kind = NotFound
        elif response.status == 410 or reason in ("Expired", "Gone"):
            kind = Expired
        elif response.status == 409 and any(
            cause.get("reason") == "FieldManagerConflict" for cause in details.get("causes") or ()
        ):
            kind = FieldConflict
        elif response.status == 422 and _is_immutable(message):
            kind = ImmutableField
        return kind(f"{method} {path}", message, status=response.status, reason=reason, details=dict(details))


class Lines:
    """The lines of an open answer. ``close`` may be called from another thread and ends a blocked read."""

    def __init__(self, response: urllib3.BaseHTTPResponse) -> None:
        self._response = response

    def __iter__(self) -> Iterator[bytes]:
        """Every complete line; ends when the server ends. Raises urllib3's HTTPError when the link breaks."""
        rest = b""
        for chunk in self._response.stream(65536, decode_content=True):
            *lines, rest = (rest + chunk).split(b"\n")
            yield from lines
        if rest:
            yield rest

    def close(self) -> None:
        """Ends the answer."""
        try:
            self._response.shutdown()
        except (ValueError, OSError, RuntimeError):
            pass  # already closed
        self._response.close()


def path_segment(text: str) -> str:
    """*text* quoted as one segment of a path."""
    return quote(text, safe="")


def _is_immutable(message: str) -> bool:
    return any(
        sign in message
        for sign in (
            "field is immutable",
            "is immutable after creation",
            "may not change once set",
            "Forbidden: updates to",
        )
    )


def _seconds(header: str | None) -> float:
    try:
        return float(header or 0)
    except ValueError:
        return 0.0


def _is_final(error: Exception) -> bool:
    """A certificate that is not trusted, a name that does not resolve: waiting does not mend them."""
    return isinstance(error, urllib3.exceptions.SSLError | urllib3.exceptions.NameResolutionError)


def _why_unreachable(error: Exception) -> str:
    if isinstance(error, urllib3.exceptions.NameResolutionError):
        return "its name does not resolve"
    if isinstance(error, urllib3.exceptions.SSLError):
        return f"its certificate is not accepted ({_innermost(error)})"
    if isinstance(error, urllib3.exceptions.NewConnectionError):  # a kind of ConnectTimeoutError
        refused = isinstance(error.__cause__ or error.__context__, ConnectionRefusedError)
        return (
            "nothing listens there (connection refused)" if refused else f"no way there ({_innermost(error)})"
        )
    if isinstance(error, urllib3.exceptions.ConnectTimeoutError):
        return f"no connection within {CONNECT_TIMEOUT:.0f} s"
    if isinstance(error, urllib3.exceptions.ReadTimeoutError):
        return "no answer in time"
    return f"the connection broke ({_innermost(error)})"


def _innermost(error: BaseException) -> str:
    while error.__cause__ or error.__context__:
        error = error.__cause__ or error.__context__  # type: ignore[assignment]
    return str(error) or type(error).__name__
