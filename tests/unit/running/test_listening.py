"""Listening to logs for one line."""

from __future__ import annotations

import queue
from collections.abc import Iterator

from allup.errors import ApiError
from allup.refs import ObjectRef
from allup.run.listening import Listener

POD = ObjectRef("", "Pod", "rstudio", "rsp-1")
ENOUGH = 20.0
END = "end of the log"


def log(lines: queue.SimpleQueue[str]) -> Iterator[str]:
    while (line := lines.get()) != END:
        yield line


def test_the_line_is_heard_as_soon_as_it_is_said_while_the_log_goes_on() -> None:
    lines: queue.SimpleQueue[str] = queue.SimpleQueue()
    listener = Listener(lambda pod, container: log(lines), [(POD, "rsp")], "Deactivating license")
    assert listener.heard(0) == ""
    lines.put("rserver stopped")
    lines.put("Deactivating license ...\n")
    assert listener.heard(ENOUGH) == "Deactivating license ..."
    lines.put(END)


def test_a_log_that_ends_without_it_is_known_at_once() -> None:
    listener = Listener(lambda pod, container: iter(["killed"]), [(POD, "rsp")], "Deactivating license")
    assert listener.heard(ENOUGH) == ""
    assert listener.trouble == ""


def test_one_of_several_containers_is_enough() -> None:
    texts = {"sidecar": ["nothing"], "rsp": ["Deactivating license ..."]}
    containers = [(POD, name) for name in texts]
    listener = Listener(lambda pod, container: iter(texts[container]), containers, "Deactivating")
    assert listener.heard(ENOUGH) == "Deactivating license ..."


def test_a_log_that_cannot_be_read_says_why() -> None:
    def refused(pod: ObjectRef, container: str) -> Iterator[str]:
        raise ApiError("GET log", "pods/log is forbidden", status=403)

    listener = Listener(refused, [(POD, "rsp")], "Deactivating")
    assert listener.heard(ENOUGH) == ""
    assert listener.trouble == "pods/log is forbidden"


def test_no_container_means_nothing_to_wait_for() -> None:
    assert Listener(lambda pod, container: iter(()), [], "x").heard(ENOUGH) == ""
