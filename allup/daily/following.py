"""Logs that go on: of every pod behind something, and of those that take their place after a restart."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from allup.cluster import streams
from allup.daily.pods import Behind, container_names, phase
from allup.errors import AllupError, NotFound
from allup.run.session import Session

Line = Callable[[str, str, str], None]
"""Is given the pod, the container and one line."""

_LOOK_EVERY = 1.0
_OVER = ("Succeeded", "Failed")


@dataclass(frozen=True)
class Life:
    """One life of a container: after a restart it is another."""

    uid: str
    pod: str
    container: str
    restarts: int


def lives(pods: Sequence[Mapping[str, Any]], wanted: str = "") -> Sequence[Life]:
    """The containers that have begun to run, each with the number of its restarts."""
    found = []
    for pod in pods:
        status = pod.get("status") or {}
        names = [wanted] if wanted else container_names(pod)
        for state in (
            *(status.get("initContainerStatuses") or ()),
            *(status.get("containerStatuses") or ()),
            *(status.get("ephemeralContainerStatuses") or ()),
        ):
            begun = (state.get("state") or {}).keys() & {"running", "terminated"}
            if state["name"] in names and begun:
                metadata = pod["metadata"]
                found.append(
                    Life(metadata["uid"], metadata["name"], state["name"], state.get("restartCount", 0))
                )
    return found


class Following:
    """Follows every container behind *behind*; lines are handed out one at a time, by one thread."""

    def __init__(
        self,
        session: Session,
        behind: Behind,
        *,
        container: str = "",
        tail: int | None = None,
        since_seconds: int | None = None,
        note: Callable[[str], None],
    ) -> None:
        self._session = session
        self._behind = behind
        self._container = container
        self._first = {"tail": tail, "since_seconds": since_seconds}
        self._note = note
        self._known: set[Life] = set()
        self._live: set[Life] = set()
        self._heard: dict[Life, float] = {}
        self._lines: queue.Queue[tuple[Life, str | None, AllupError | None]] = queue.Queue(10_000)

    def run(self, line: Line) -> None:
        """Until everything has run to its end, the pod that was named is gone, or ``stop`` is set."""
        stop, clock = self._session.stop, self._session.clock
        looked, first = float("-inf"), True
        while not stop.is_set():
            if clock.monotonic() - looked >= _LOOK_EVERY:
                pods = self._behind.pods(self._session.objects)
                looked = clock.monotonic()
                for life in lives(pods, self._container):
                    if life not in self._known:
                        self._begin(life, **(self._first if first else {}))
                if not first and not self._live and self._over(pods) and self._lines.empty():
                    return
                first = first and not self._known
            try:
                life, text, error = self._lines.get(timeout=0.2)
            except queue.Empty:
                continue
            if text is not None:
                self._heard[life] = clock.monotonic()
                line(life.pod, life.container, text)
                continue
            self._live.discard(life)
            if error is not None and not isinstance(error, NotFound):
                self._note(f"{life.pod} {life.container}: {error.fact}; going on")
                silent = int(clock.monotonic() - self._heard.get(life, looked)) + 1
                self._begin(life, since_seconds=silent)

    def _over(self, pods: Sequence[Mapping[str, Any]]) -> bool:
        if not pods:
            return bool(self._behind.pod)
        return all(phase(pod) in _OVER for pod in pods)

    def _begin(self, life: Life, *, tail: int | None = None, since_seconds: int | None = None) -> None:
        if self._known and life not in self._known:
            self._note(f"now also {life.pod} {life.container}")
        self._known.add(life)
        self._live.add(life)
        self._heard[life] = self._session.clock.monotonic()
        threading.Thread(
            target=self._pump, args=(life, tail, since_seconds), name=f"log of {life.pod}", daemon=True
        ).start()

    def _pump(self, life: Life, tail: int | None, since_seconds: int | None) -> None:
        error: AllupError | None = None
        try:
            for text in streams.follow(
                self._session.api,
                self._behind.namespace,
                life.pod,
                container=life.container,
                tail=tail,
                since_seconds=since_seconds,
            ):
                self._lines.put((life, text, None))
        except AllupError as failure:
            error = failure
        except Exception as failure:
            error = AllupError(f"log of {life.pod}", str(failure) or type(failure).__name__)
        self._lines.put((life, None, error))
