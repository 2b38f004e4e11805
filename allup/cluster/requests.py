"""One request to the API server: retried where repeating is safe, with a time by which the whole answer must
be there, errors as our own types, secrets masked before anybody sees a message.

Only what cannot have been executed (429 is sent before executing, 401 before authorising), or may be executed
twice, is repeated: a GET; a DELETE that names a uid; a PATCH, since server-side apply and merge patches say
what shall be, not what shall be added; and a POST or PUT whose caller can tell from a 409 whether the first
try was executed after all (``checked``).
"""

from __future__ import annotations

import json
import random
import re
import ssl
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlencode

import urllib3
from kubernetes import client

from allup.cluster.answers import bounded
from allup.errors import (
    AllupError,
    ApiError,
    ClusterError,
    Expired,
    FieldConflict,
    ImmutableField,
    NotFound,
    Unauthenticated,
)
from allup.redaction import Redactor

Query = Sequence[tuple[str, str]]

AT_ONCE = 32
"""Requests under way at a time, watches not counted. What exceeds the connections that are kept
(``connect.POOL_SIZE``) would be answered on a connection of its own, with a TLS handshake each."""
APPLY = "application/apply-patch+yaml"
MERGE_PATCH = "application/merge-patch+json"
_AWAY = (502, 503, 504)
_LONGEST_RETRY_AFTER = 10.0
_TRIES_OF_A_500 = 3
_BACKOFF_START, _BACKOFF_LIMIT = 0.1, 5.0
_TAGS = re.compile(r"<(style|script)\b.*?</\1\s*>|<[^>]*>", re.DOTALL | re.IGNORECASE)


@dataclass(frozen=True)
class Timeouts:
    """How long to wait for a server, in seconds: for the connection, for the whole of an answer, and for the
    end of a watch, which the server is asked to end a little earlier."""

    connect: float = 5.0
    answer: float = 30.0
    watch: float = 60.0


class Api:
    """A connection to one API server, safe to share between threads.

    *patience* is how long, in seconds, one request may be repeated while the server is overloaded or away.
    *stop* ends every back-off at once. *renew* fetches the credentials anew when the server no longer accepts
    them. ``requests`` counts what was sent. ``fence``, when there is one, is asked before every write, also a
    repeated one: it waits, at most so many seconds, or raises, while we must not write.
    """

    def __init__(
        self,
        api_client: client.ApiClient,
        *,
        redactor: Redactor,
        stop: threading.Event,
        patience: float = 30.0,
        timeouts: Timeouts = Timeouts(),
        headers: Mapping[str, str] | None = None,
        renew: Callable[[], None] = lambda: None,
        random_source: Callable[[], float] = random.random,
    ) -> None:
        self._client = api_client
        self._configuration = api_client.configuration
        self._pool: urllib3.PoolManager = api_client.rest_client.pool_manager
        bounded(self._pool)
        self._host: str = self._configuration.host.rstrip("/")
        self._headers = dict(headers or {})
        self._renew = renew
        self._random = random_source
        self._token = ""
        self._lock = threading.Lock()
        self._slots = threading.BoundedSemaphore(AT_ONCE)
        self.redactor = redactor
        self.stop = stop
        self.patience = patience
        self.timeouts = timeouts
        self.fence: Callable[[float], None] | None = None
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
            token = self._current_token()
        if token:
            headers["authorization"] = token
        return headers

    def _current_token(self) -> str:
        settings = self._configuration.auth_settings().get("BearerToken")
        token = str(settings["value"] or "") if settings else ""
        if token != self._token:
            self._token = token
            self.redactor.add(token.rpartition(" ")[2])  # error pages of proxies quote request headers
        return token

    def _renewed(self, refused: str | None) -> bool:
        """True when there are other credentials by now than those that the server refused."""
        with self._lock:
            if self._current_token() == (refused or ""):
                self._renew()
            return self._current_token() not in ("", refused)

    def get(self, path: str, query: Query = (), *, accept: str = "application/json") -> Any:
        """The parsed JSON answer of a GET."""
        return self.request("GET", path, query, accept=accept)[1]

    @property
    def impersonates(self) -> bool:
        """True when the context acts as somebody else."""
        return any(name.startswith("Impersonate-") for name in self._headers)

    def text(self, path: str, query: Query = ()) -> str:
        """The text of a GET: a log."""
        answer = self._send("GET", path, query, None, "", "*/*", self.timeouts.answer, self.patience, True)[1]
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
                timeout=urllib3.Timeout(connect=min(self.timeouts.connect, timeout), read=timeout),
            )
        except urllib3.exceptions.HTTPError as error:
            raise self._unreachable(error, timeout) from error
        return response.status, response.data.decode("utf-8", "replace")

    def date(self, *, timeout: float) -> str:
        """The Date header of an answer, ``""`` when it has none. Raises ClusterError without an answer."""
        self.requests += 1
        try:
            response = self._pool.request(
                "GET",
                self.url("/version"),
                headers=self.headers(),
                retries=False,
                timeout=urllib3.Timeout(connect=min(self.timeouts.connect, timeout), read=timeout),
            )
        except urllib3.exceptions.HTTPError as error:
            raise self._unreachable(error, timeout) from error
        return str(response.headers.get("Date", ""))

    def request(
        self,
        method: str,
        path: str,
        query: Query = (),
        body: Mapping[str, Any] | None = None,
        *,
        content_type: str = "application/json",
        accept: str = "application/json",
        timeout: float | None = None,
        patience: float | None = None,
        checked: bool = False,
        fenced: bool = True,
    ) -> tuple[int, Any]:
        """Status code and parsed JSON, an object. Raises ApiError (or one of its kinds) and ClusterError.

        *checked*: the caller finds out on a 409 whether an earlier try of this very request made it.
        *timeout* and *patience* are those of the connection unless given.
        """
        data = None if body is None else json.dumps(body).encode()
        uid = ((body or {}).get("preconditions") or {}).get("uid")
        repeatable = checked or method in ("GET", "PATCH") or (method == "DELETE" and bool(uid))
        status, raw = self._send(
            method,
            path,
            query,
            data,
            content_type,
            accept,
            self.timeouts.answer if timeout is None else timeout,
            self.patience if patience is None else patience,
            repeatable,
            fenced=fenced and method != "GET" and ("dryRun", "All") not in query,
        )
        try:
            answer = json.loads(raw)
        except ValueError:
            answer = None
        if not isinstance(answer, dict):
            raise ClusterError(
                f"{method} {path}",
                "the answer is not a JSON object",
                evidence=self._in_words(raw, 200),
                next_step=f"Is {self._host} a Kubernetes API server?",
            )
        return status, answer

    def _send(
        self,
        method: str,
        path: str,
        query: Query,
        data: bytes | None,
        content_type: str,
        accept: str,
        timeout: float,
        patience: float,
        repeatable: bool,
        *,
        fenced: bool = False,
    ) -> tuple[int, bytes]:
        give_up = time.monotonic() + patience
        delay, tries, renewed, in_doubt = _BACKOFF_START, 0, False, False
        while True:
            if fenced and self.fence is not None:
                self.fence(max(0.0, give_up - time.monotonic()))
            headers = {**self.headers(), "Accept": accept}
            if data is not None:
                headers["Content-Type"] = content_type
            retry_after = 0.0
            self.requests += 1
            tries += 1
            try:
                with self._slots:
                    response = self._pool.request(
                        method,
                        self.url(path, query),
                        body=data,
                        headers=headers,
                        retries=False,
                        timeout=urllib3.Timeout(connect=self.timeouts.connect, read=timeout),
                    )
            except urllib3.exceptions.HTTPError as error:
                failure: AllupError = self._unreachable(error, timeout)
                refused = isinstance(error, urllib3.exceptions.NewConnectionError)
                may_repeat = (repeatable or refused) and not _is_final(error)
            else:
                if response.status < 400:
                    return response.status, response.data
                if response.status == 401 and not renewed and self._renewed(headers.get("authorization")):
                    renewed = True
                    continue
                failure = self._error(method, path, response)
                if isinstance(failure, ApiError):
                    failure.in_doubt = in_doubt
                refused = response.status < 500
                may_repeat = response.status == 429 or (
                    repeatable and (response.status in _AWAY or _is_passing(response.status, failure, tries))
                )
                retry_after = _seconds(response.headers.get("Retry-After"))
            pause = max(delay * (0.5 + self._random()), min(retry_after, _LONGEST_RETRY_AFTER))
            if not may_repeat or time.monotonic() + pause > give_up or self.stop.wait(pause):
                raise failure
            in_doubt = in_doubt or not refused
            delay = min(delay * 2, _BACKOFF_LIMIT)

    def lines(self, path: str, query: Query, *, read_timeout: float | None) -> Lines:
        """An open answer read line by line: a watch, a followed log. It has *read_timeout* seconds for all
        of it; None for as long as it likes."""
        renewed = False
        while True:
            headers = {**self.headers(), "Accept": "application/json"}
            self.requests += 1
            try:
                response = self._pool.request(
                    "GET",
                    self.url(path, query),
                    headers=headers,
                    retries=False,
                    preload_content=False,
                    timeout=urllib3.Timeout(connect=self.timeouts.connect, read=read_timeout),
                )
                if response.status < 400:
                    return Lines(response)
                failure = self._error("GET", path, response)
            except urllib3.exceptions.HTTPError as error:
                raise self._unreachable(error, read_timeout or 0.0) from error
            response.release_conn()
            if response.status != 401 or renewed or not self._renewed(headers.get("authorization")):
                raise failure
            renewed = True

    def url(self, path: str, query: Query = ()) -> str:
        """The full address of *path*."""
        return f"{self._host}{path}" + (f"?{urlencode(query)}" if query else "")

    def _unreachable(self, error: Exception, timeout: float) -> ClusterError:
        return ClusterError(
            f"cluster at {self._host}",
            self.redactor.mask(_why_unreachable(error, self.timeouts.connect, timeout)),
            next_step="Is it running? inv cluster.status tells for a sandbox; inv cluster.up starts one",
        )

    def _in_words(self, raw: bytes, longest: int) -> str:
        """An answer that is not the API server's own, as one line; masked before anything is cut off, since
        half a secret is not recognised as one."""
        text = self.redactor.mask(raw.decode("utf-8", "replace"))
        text = " ".join(_TAGS.sub(" ", text).split())
        return text if len(text) <= longest else f"{text[:longest]} …"

    def _error(self, method: str, path: str, response: Any) -> ApiError | ClusterError:
        raw = response.data if isinstance(response.data, bytes) else b""
        try:
            status = json.loads(raw)
        except ValueError:
            status = None
        if isinstance(status, dict):
            message, reason = str(status.get("message") or ""), str(status.get("reason") or "")
            message = self.redactor.mask(message)
            details = status.get("details")
        else:
            message, reason, details = self._in_words(raw, 300), "", None
            message = f"HTTP {response.status}" + (f": {message}" if message else "")
        message = message or f"HTTP {response.status}"
        details = self.redactor.mask_object(details) if isinstance(details, dict) else {}
        if response.status == 401:
            return Unauthenticated(
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
            isinstance(cause, dict) and cause.get("reason") == "FieldManagerConflict"
            for cause in details.get("causes") or ()
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


def _is_passing(status: int, failure: AllupError, tries: int) -> bool:
    """A 500 may be etcd choosing a leader; "not declared in schema" is one too, and never gets better."""
    return status == 500 and tries < _TRIES_OF_A_500 and "schema" not in failure.fact


def _is_final(error: Exception) -> bool:
    """A certificate that is not trusted, a name that does not resolve: waiting does not mend them."""
    return _is_distrust(error) or isinstance(error, urllib3.exceptions.NameResolutionError)


def _is_distrust(error: BaseException) -> bool:
    """True for a certificate that is refused; a TLS connection that is cut off is an SSLError as well."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, ssl.SSLCertVerificationError):
            return True
        inner = cause.args[0] if cause.args and isinstance(cause.args[0], BaseException) else None
        cause = cause.__cause__ or cause.__context__ or inner
    return False


def _why_unreachable(error: Exception, connect: float, answer: float) -> str:
    if isinstance(error, urllib3.exceptions.NameResolutionError):
        return "its name does not resolve"
    if _is_distrust(error):
        return f"its certificate is not accepted ({_innermost(error)})"
    if isinstance(error, urllib3.exceptions.NewConnectionError):  # a kind of ConnectTimeoutError
        refused = isinstance(error.__cause__ or error.__context__, ConnectionRefusedError)
        return (
            "nothing listens there (connection refused)" if refused else f"no way there ({_innermost(error)})"
        )
    if isinstance(error, urllib3.exceptions.ConnectTimeoutError):
        return f"no connection within {connect:g} s"
    if isinstance(error, urllib3.exceptions.ReadTimeoutError):
        return f"no whole answer within {answer:g} s" if answer else "no answer in time"
    return f"the connection broke ({_innermost(error)})"


def _innermost(error: BaseException) -> str:
    while error.__cause__ or error.__context__:
        error = error.__cause__ or error.__context__  # type: ignore[assignment]
    return str(error) or type(error).__name__
