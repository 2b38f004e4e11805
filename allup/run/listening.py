"""Listens to the logs of pods that are about to stop, for one line that says something was done."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Iterator, Sequence

from allup.errors import AllupError
from allup.refs import ObjectRef

Follow = Callable[[ObjectRef, str], Iterator[str]]
"""The lines of a container's log as they come, until it ends."""


class Listener:
    """A thread per container; begins at once. The threads end with the logs, or with the process."""

    def __init__(self, follow: Follow, containers: Sequence[tuple[ObjectRef, str]], pattern: str) -> None:
        self._follow = follow
        self._pattern = re.compile(pattern)
        self._news = threading.Condition()
        self._running = len(containers)
        self._line = ""
        self._trouble = ""
        for pod, container in containers:
            threading.Thread(target=self._listen, args=(pod, container), daemon=True).start()

    def heard(self, timeout: float) -> str:
        """The line, ``""`` when all logs ended without it or *timeout* seconds have passed."""
        with self._news:
            self._news.wait_for(lambda: self._line or not self._running, timeout)
            return self._line

    @property
    def trouble(self) -> str:
        """Why a log could not be read, ``""`` when all could."""
        with self._news:
            return self._trouble

    def _listen(self, pod: ObjectRef, container: str) -> None:
        trouble = ""
        try:
            for line in self._follow(pod, container):
                if self._pattern.search(line):
                    with self._news:
                        self._line = self._line or line.strip()
                    return
        except AllupError as error:
            trouble = error.fact
        except Exception as error:  # whatever breaks here must be said, and must not break the run
            trouble = f"{type(error).__name__}: {error}"
        finally:
            with self._news:
                self._running -= 1
                self._trouble = self._trouble or trouble
                self._news.notify_all()
