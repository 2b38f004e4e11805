"""Our own daemon threads: a pool for requests, and a thread per component that drives it.

The standard library's executor joins its workers at exit, which would make Ctrl-C wait for a blocked read.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Generic, TypeVar

T = TypeVar("T")
R = TypeVar("R")


class Task(Generic[R]):
    """A call under way."""

    def __init__(self, call: Callable[[], R]) -> None:
        self._call = call
        self._done = threading.Event()
        self._result: R | None = None
        self._error: BaseException | None = None

    def run(self) -> None:
        """Makes the call; never raises."""
        try:
            self._result = self._call()
        except BaseException as error:  # whoever asks for the result gets it, whatever it is
            self._error = error
        self._done.set()

    def result(self) -> R:
        """What the call returned, or raises what it raised; waits for its end."""
        self._done.wait()
        if self._error is not None:
            raise self._error
        return self._result  # type: ignore[return-value]


class Pool:
    """At most *size* calls at a time, on daemon threads started when needed."""

    def __init__(self, size: int) -> None:
        self._size = max(1, size)
        self._queue: queue.SimpleQueue[Task[Any] | None] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._started = 0
        self._waiting = 0

    def submit(self, call: Callable[[], R]) -> Task[R]:
        """Queues a call."""
        task = Task(call)
        with self._lock:
            self._waiting += 1
            if self._started < self._size and self._waiting > 0:
                self._started += 1
                threading.Thread(target=self._work, name=f"worker-{self._started}", daemon=True).start()
        self._queue.put(task)
        return task

    def map(self, call: Callable[[T], R], items: Iterable[T]) -> Sequence[R]:
        """The results in order; the first error is raised after all have ended."""
        items = list(items)
        if len(items) == 1:
            return [call(items[0])]
        tasks = [self.submit(lambda item=item: call(item)) for item in items]  # type: ignore[misc]
        results: list[R] = []
        error: BaseException | None = None
        for task in tasks:
            try:
                results.append(task.result())
            except BaseException as raised:
                error = error or raised
        if error is not None:
            raise error
        return results

    def close(self) -> None:
        """Lets the threads end once the queue is empty."""
        for _ in range(self._started):
            self._queue.put(None)

    def _work(self) -> None:
        while (task := self._queue.get()) is not None:
            with self._lock:
                self._waiting -= 1
            task.run()
