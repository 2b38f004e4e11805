"""What a container is made from: ConfigMaps, Secrets, an account, a command."""

from __future__ import annotations

import re
from collections.abc import Sequence

from allup.diagnosis import image
from allup.diagnosis.causes import Cause
from allup.diagnosis.container import Container
from allup.diagnosis.events import with_reason, words_of
from allup.diagnosis.scene import Neighbours
from allup.diagnosis.trouble import Trouble, hopeless, may_heal
from allup.fields import Object, section, shorten, text
from allup.refs import ObjectRef

COULD_NOT_START = frozenset(("StartError", "ContainerCannotRun", "RunContainerError", "CreateContainerError"))
_MISSING = re.compile(r'(?P<kind>configmap|secret) "(?P<name>[^"]*)" not found', re.I)
_MISSING_KEY = re.compile(
    r"couldn.t find key (?P<key>.+?) in (?P<kind>ConfigMap|Secret) (?P<where>\S+)", re.I
)
_MISSING_FILE = re.compile(r"references non-existent (?P<kind>config|secret) key: (?P<key>[^\s,;]+)", re.I)
_BREAKS_NON_ROOT = re.compile(r"runAsNonRoot|non-root policy", re.I)
_ARCHITECTURE = re.compile(r"exec format error", re.I)
_NOTHING_TO_EXECUTE = re.compile(
    r"executable file not found|no command specified"
    r'|exec: \\?"[^"]*":.*(?:no such file or directory|permission denied|is a directory)'
    r"|exec \S+: (?:no such file or directory|permission denied)",
    re.I,
)
_NO_ACCOUNT = re.compile(
    r'service ?account (?:\S+: )?(?:serviceaccount )?"?(?P<name>[^"\s:]+)"? (?:was )?not found', re.I
)
_KUBELET_FOLDER = re.compile(r"/var/lib/kubelet/pods/[0-9a-f-]+")
_KINDS = {"configmap": "ConfigMap", "config": "ConfigMap", "secret": "Secret"}


def without_sandbox(events: Sequence[Object]) -> Trouble | None:
    """What the Events say about a pod for which not even the place for its containers can be made: most often
    the network gives it no address."""
    failures = with_reason(events, "FailedCreatePodSandBox")
    if not failures:
        return None
    said = words_of(failures[-1]).removeprefix("Failed to create pod sandbox: ")
    words = f"pod sandbox cannot be created: {f'…{said[-200:]}' if len(said) > 200 else said}"
    return may_heal(words, Cause.CONTAINER_CREATE, "Event FailedCreatePodSandBox")


def waiting(
    container: Container, reason: str, message: str, pod: Object, beside: Neighbours
) -> Trouble | None:
    """What keeps a container from being made or started; None when *reason* is about something else."""
    where = f"{container.where('state.waiting.reason')} {reason}"
    if reason == "CreateContainerConfigError":
        missing = missing_source(message, pod, beside, where)
        if missing:
            return missing
        if _BREAKS_NON_ROOT.search(message):
            return hopeless(shorten(message), Cause.CONTAINER_CREATE, where)
        return may_heal(f"container cannot be set up: {shorten(message)}", Cause.CONTAINER_CREATE, where)
    if reason in COULD_NOT_START:
        return could_not_start(container, reason, message, where)
    return None


def missing_source(message: str, pod: Object, beside: Neighbours, where: str) -> Trouble | None:
    """A ConfigMap, a Secret or a key that *message*, about a pod, says is missing; None when it says no such
    thing. When it has been seen by now the kubelet's next try will find it: that heals."""
    namespace = text(section(pod, "metadata"), "namespace")
    found = _MISSING.search(message)
    if found:
        kind = _KINDS[found["kind"].lower()]
        there = beside.get(ObjectRef("", kind, namespace, found["name"]))
        return _source(found.group(0), where, there is not None)
    found = _MISSING_KEY.search(message)
    if found:
        kind, name = _KINDS[found["kind"].lower()], found["where"].rpartition("/")[2]
        there = beside.get(ObjectRef("", kind, namespace, name)) or {}
        known = {**section(there, "data"), **section(there, "binaryData")}
        return _source(found.group(0), where, found["key"] in known, _has(known))
    found = _MISSING_FILE.search(message)
    if found:
        kind = _KINDS[found["kind"].lower()]
        return _source(f"couldn't find key {found['key']} in a {kind} of its volumes", where, False)
    return None


def could_not_start(container: Container, reason: str, message: str, where: str) -> Trouble:
    """The runtime could not start the container's command."""
    if _ARCHITECTURE.search(message):
        return image.wrong_architecture(container.image, message, where)
    words = f"container cannot be started: {shorten(_innermost(message), 240)}"
    if _NOTHING_TO_EXECUTE.search(message):
        return hopeless(words, Cause.COMMAND_NOT_FOUND, where)
    made = reason == "CreateContainerError"
    return may_heal(words, Cause.CONTAINER_CREATE if made else Cause.CONTAINER_RUN, where)


def missing_account(message: str) -> str:
    """The ServiceAccount that a refused creation says is missing, or ``""``."""
    found = _NO_ACCOUNT.search(message) if "service account" in message.lower() else None
    return found["name"].rpartition("/")[2] if found else ""


def _innermost(message: str) -> str:
    """A runtime's error without the layers it came through, and without the kubelet's folders."""
    for start in ("exec: ", "error during container init: ", "unable to start container process: "):
        _, found, rest = message.partition(start)
        if found:
            message = (start if start == "exec: " else "") + rest
            break
    return _KUBELET_FOLDER.sub("…", message)


def _source(words: str, where: str, there_now: bool, has: str = "") -> Trouble:
    if there_now:
        return may_heal(f"{words}; it is there now, the next try finds it", Cause.CONFIG_MISSING, where)
    return hopeless(words + has, Cause.CONFIG_MISSING, where)


def _has(known: Object) -> str:
    return f" (it has {', '.join(sorted(known)[:6])})" if known else ""
