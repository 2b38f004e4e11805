"""One list and one watch per kind and namespace, shared by everybody who waits.

A watch is resumed by resourceVersion, kept fresh by bookmarks, listed again on 410 Gone, and opened again
with back-off when the link breaks or ends too soon. Its end is always seen: when it cannot be kept alive the
failure is handed to everybody who waits. Where watching is forbidden, lists are repeated instead, and that
is said.
"""

from __future__ import annotations

import base64
import json
import random
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import urllib3

from allup.cluster.discovery import Resource
from allup.cluster.requests import Api, Lines
from allup.cluster.store import Store
from allup.errors import AllupError, ApiError, ClusterError, Expired, NotFound, Unauthenticated
from allup.model import labels
from allup.refs import ObjectRef

POLL_INTERVAL = 2.0
GIVE_UP_AFTER = 60.0  # seconds without a sign of life
_EARLIER = 5 / 6  # when the server ends a watch, so that only a frozen or a slow one meets our own timeout
_TOO_SOON = 1.0
_BACKOFF_START, _BACKOFF_LIMIT = 0.2, 5.0

OnFailure = Callable[[AllupError], None]
OnNote = Callable[[str], None]


@dataclass(frozen=True)
class _Key:
    resource: Resource
    namespace: str
    fields: str = ""
    """A field selector, which then takes the place of the label selector."""


class Watches:
    """The shared lists and watches of a run; what they see is in ``store``. Thread-safe."""

    def __init__(
        self,
        api: Api,
        *,
        selector: str,
        on_failure: OnFailure,
        on_note: OnNote,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self.store = Store()
        self._api = api
        self._selector = selector
        self._on_failure = on_failure
        self._on_note = on_note
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._listing: dict[_Key, threading.Lock] = {}
        self._versions: dict[_Key, str] = {}
        self._watching: dict[_Key, _Watch] = {}
        self._closed = False

    def list(self, resource: Resource, namespace: str = "") -> None:
        """Makes sure the kind has been listed once; the store then knows its objects."""
        key = _Key(resource, namespace if resource.namespaced else "")
        with self._lock:
            one_at_a_time = self._listing.setdefault(key, threading.Lock())
        with one_at_a_time:
            if key not in self._versions:
                self._versions[key] = self.list_again(key)

    def open(self, resource: Resource, namespace: str = "") -> None:
        """Makes sure the kind is watched from the list on."""
        key = _Key(resource, namespace if resource.namespaced else "")
        self.list(resource, key.namespace)
        self._open(key, self._on_failure)

    def open_warnings(self, events: Resource, namespace: str) -> None:
        """Makes sure the Warning Events of the namespace are listed and watched, whoever they are about. They
        make a diagnosis better; where they may not be read it has to do without."""
        key = _Key(events, namespace, "type=Warning")
        with self._lock:
            if key in self._versions:
                return
            self._versions[key] = ""
        try:
            self._versions[key] = self.list_again(key)
        except AllupError as error:
            self._on_note(f"Events cannot be read, so what only they tell is found late ({error.fact})")
            return
        self._open(key, lambda error: self._on_note(f"Events are not watched any more ({error.fact})"))

    def _open(self, key: _Key, on_failure: OnFailure) -> None:
        with self._lock:
            if self._closed or key in self._watching:
                return
            watch = _Watch(self, key, self._versions[key], on_failure)
            self._watching[key] = watch
        watch.start()

    @property
    def listed_at(self) -> int:
        """The resourceVersion of the oldest list, 0 when nothing has been listed."""
        versions = tuple(version for key, version in self._versions.items() if not key.fields)
        return min((int(version) if version.isdigit() else 0 for version in versions), default=0)

    def close(self) -> None:
        """Ends all watches; returns at once."""
        with self._lock:
            self._closed = True
            watching = tuple(self._watching.values())
        for watch in watching:
            watch.end()

    def query(self, key: _Key) -> Sequence[tuple[str, str]]:
        """What is asked for of a kind."""
        if key.fields:
            return [("fieldSelector", key.fields)]
        return [("labelSelector", self._selector)] if self._selector else []

    def list_again(self, key: _Key) -> str:
        """Lists a kind into the store and returns the list's resourceVersion."""
        resource, namespace, query = key.resource, key.namespace, self.query(key)
        try:
            answer = self._api.get(resource.collection(namespace), query)
        except NotFound:  # the kind has gone since discovery
            answer = {"items": [], "metadata": {}}
        for item in answer["items"]:
            item.setdefault("apiVersion", resource.api_version)
            item.setdefault("kind", resource.kind)
            self.learn(item)
        version = str(answer["metadata"].get("resourceVersion", ""))
        self.store.replace(resource.group, resource.kind, namespace, answer["items"], version)
        return version

    def learn(self, obj: dict[str, Any]) -> None:
        """Makes the values of a Secret known to the redactor: from here on they are masked everywhere.

        Not the lines of a rendered text: the values in it come from other Secrets, the rest is configuration.
        """
        if obj.get("kind") != "Secret" or labels.RENDERED in (obj["metadata"].get("annotations") or {}):
            return
        for value in (obj.get("data") or {}).values():
            try:
                self._api.redactor.add(base64.b64decode(value).decode())
            except ValueError:  # bytes that are no text can only be shown in base64
                self._api.redactor.add(value)


class _Watch:
    """One watch and its thread."""

    def __init__(self, watches: Watches, key: _Key, version: str, on_failure: OnFailure) -> None:
        self._shared = watches
        self._key = key
        self._resource = key.resource
        self._version = version
        self._on_failure = on_failure
        self._ended = threading.Event()
        self._lines: Lines | None = None
        self._opened: float | None = None
        self._heard = False

    def start(self) -> None:
        # A daemon: nobody may have to wait for a blocked read when the run is over.
        name = f"watch {self._resource.plural}"
        threading.Thread(target=self._run_safely, name=name, daemon=True).start()

    def end(self) -> None:
        self._ended.set()
        if self._lines is not None:
            self._lines.close()

    def _run_safely(self) -> None:
        try:
            self._run()
        except AllupError as error:
            self._fail(error)
        except Exception as error:  # a watch that dies unseen would let its waiters hang
            told = self._shared._api.redactor.mask(repr(error))
            self._fail(ClusterError(f"watch of {self._resource.plural}", f"ended by {told}"))

    def _fail(self, error: AllupError) -> None:
        if not self._done():
            self._on_failure(error)

    def _done(self) -> bool:
        return self._ended.is_set() or self._shared._api.stop.is_set()

    def _run(self) -> None:
        delay = _BACKOFF_START
        failing_since: float | None = None
        while not self._done():
            self._opened, self._heard = None, False
            failure: AllupError | None = None
            try:
                if not self._version:
                    self._version = self._shared.list_again(self._key)
                self._read()
            except Unauthenticated:
                raise
            except (Expired, NotFound):
                # The list that follows tells as much as a watch would; also of a kind that is gone.
                self._version = ""
            except ApiError as error:
                if error.status in (403, 405):
                    self._poll(error)
                    return
                failure = error
                if error.status not in (429, 500, 502, 503, 504):
                    self._version = ""
            except ClusterError as error:
                failure = error
            except (urllib3.exceptions.HTTPError, OSError, ValueError) as error:
                told = self._shared._api.redactor.mask(str(error))
                failure = ClusterError(
                    f"watch of {self._resource.plural}", f"the connection to the server broke ({told})"
                )
                if isinstance(error, urllib3.exceptions.ReadTimeoutError):
                    self._version = ""  # the server was asked to end it earlier: it may have frozen
            now = self._shared._monotonic()
            lasted = self._opened is not None and now - self._opened > _TOO_SOON
            if lasted or self._heard:
                delay = _BACKOFF_START
            if failure is None or lasted or self._heard:
                failing_since = None
            else:
                failing_since = now if failing_since is None else failing_since
                if now - failing_since > GIVE_UP_AFTER:
                    raise failure
            if failure is None and lasted:
                continue
            self._ended.wait(delay * (0.5 + random.random()))
            delay = min(delay * 2, _BACKOFF_LIMIT)

    def _read(self) -> None:
        api = self._shared._api
        timeout = api.timeouts.watch
        query = [
            ("watch", "true"),
            ("resourceVersion", self._version),
            ("allowWatchBookmarks", "true"),
            ("timeoutSeconds", str(max(1, int(timeout * _EARLIER)))),
        ]
        query += self._shared.query(self._key)
        self._lines = api.lines(self._resource.collection(self._key.namespace), query, read_timeout=timeout)
        self._opened = self._shared._monotonic()
        try:
            for line in self._lines:
                if self._done():
                    return
                if line.strip():
                    self._take(json.loads(line))
                    self._heard = True
        finally:
            self._lines.close()
            self._lines = None

    def _take(self, news: dict[str, Any]) -> None:
        obj = news["object"]
        if news["type"] == "ERROR":
            if obj.get("code") == 410:
                raise Expired("watch", "the resourceVersion is too old", status=410, reason="Expired")
            raise ApiError("watch", str(obj.get("message", "")), status=int(obj.get("code") or 0))
        self._version = obj["metadata"]["resourceVersion"]
        if news["type"] in ("ADDED", "MODIFIED"):
            self._shared.learn(obj)
            self._shared.store.put(obj)
        elif news["type"] == "DELETED":
            self._shared.store.remove(ObjectRef.of(obj), uid=obj["metadata"].get("uid", ""))

    def _poll(self, why: ApiError) -> None:
        self._shared._on_note(
            f"watching {self._resource.plural} is not allowed here; listing them every "
            f"{POLL_INTERVAL:.0f} s instead ({why.fact})"
        )
        while not self._ended.wait(POLL_INTERVAL) and not self._done():
            self._shared.list_again(self._key)
