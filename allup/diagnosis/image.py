"""Images that cannot be pulled, and what a failed pull says about whether it can heal.

The kubelet hands on the text of the runtime, which hands on the text of the registry; there is no code
to read. Words of the network and of an overloaded registry are looked for first: a pull that may heal
and is called hopeless ends a run for nothing.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from allup.diagnosis.causes import Cause
from allup.diagnosis.container import Container
from allup.diagnosis.events import with_reason, words_of
from allup.diagnosis.trouble import Trouble, hopeless, may_heal
from allup.fields import Object, shorten

PULL_REASONS = frozenset(("ErrImagePull", "ImagePullBackOff", "RegistryUnavailable", "ImageInspectError"))

_QUOTED = re.compile(r'\\?"[^"]*"')
_PLATFORM = re.compile(r"no match for platform|no matching manifest|no image found in .*manifest list", re.I)
_MAY_HEAL = re.compile(
    r"dial tcp|no such host|server misbehaving|i/o timeout|timed out|deadline exceeded|context canceled"
    r"|connection (refused|reset)|tls handshake|x509|\beof\b|no space left|executable file not found"
    r"|toomanyrequests|too many requests|rate limit|pull QPS exceeded"
    r"|internal server error|bad gateway|service unavailable|gateway time-?out"
    # a layer that is gone although its manifest is there: a registry or a store that is cleaning up
    r"|httpreadseeker|content digest|blob (unknown|not found)",
    re.I,
)
_DENIED = re.compile(
    r"pull access denied|unauthorized|authentication required|authorization failed|no basic auth"
    r"|(?<!permission )\bdenied\b|\bforbidden\b",
    re.I,
)
_NOT_FOUND = re.compile(
    r"\bnot found\b|manifest unknown|name unknown|no such image|code = NotFound|repository does not exist",
    re.I,
)
_MISSING_PULL_SECRETS = re.compile(r"image pull secrets \((?P<names>[^)]*)\)")


def waiting(container: Container, reason: str, message: str, events: Sequence[Object]) -> Trouble | None:
    """What is wrong with the image of a container that waits with *reason*; *events* are the Warnings about
    its pod, oldest first. None when *reason* is not about images."""
    where = f"{container.where('state.waiting.reason')} {reason}"
    if reason == "InvalidImageName":
        return hopeless(f"image name {container.image!r} is not valid", Cause.IMAGE_INVALID_NAME, where)
    if reason == "ErrImageNeverPull":
        words = f"image {container.image} not found on the node, and imagePullPolicy is Never"
        return hopeless(words, Cause.IMAGE_NOT_FOUND, where)
    if reason not in PULL_REASONS:
        return None
    found = pull_failure(container.image, message, where)
    if found.cause == Cause.IMAGE_PULL and not _MAY_HEAL.search(_said(container.image, message)):
        # A back-off alone says nothing (kubelets before 1.31): the last try is told by an Event.
        tries = with_reason(events, "Failed")
        told = [
            words
            for words in map(words_of, tries)
            if "ailed to pull image" in words and container.image in words
        ]
        if told:
            found = pull_failure(container.image, told[-1], "Event Failed")
    if found.cause == Cause.IMAGE_DENIED:
        missing = _missing_secrets(events)
        if missing:
            return hopeless(f"{found.message}; imagePullSecrets {missing} cannot be read", found.cause, where)
    return found


def pull_failure(image: str, message: str, evidence: str = "") -> Trouble:
    """What a pull that failed with *message* means."""
    said = _said(image, message)
    words = f"image {image}" if image else "image"
    if _PLATFORM.search(said):
        return hopeless(f"{words} not found for the node's platform", Cause.IMAGE_ARCHITECTURE, evidence)
    if _MAY_HEAL.search(said):
        return may_heal(f"{words} cannot be pulled: {_last_words(message)}", Cause.IMAGE_PULL, evidence)
    if _DENIED.search(said):
        denied = f"{words}: the registry denies access, or has no such image"
        return hopeless(denied, Cause.IMAGE_DENIED, evidence)
    if _NOT_FOUND.search(said):
        return hopeless(f"{words} not found", Cause.IMAGE_NOT_FOUND, evidence)
    tail = _last_words(message) if ":" in said else ""
    return may_heal(f"{words} cannot be pulled" + (f": {tail}" if tail else ""), Cause.IMAGE_PULL, evidence)


def wrong_architecture(image: str, message: str, evidence: str) -> Trouble:
    """The node's kernel cannot execute what is in the image."""
    words = f"image {image} has programs for another architecture: {shorten(message, 100)}"
    return hopeless(words, Cause.IMAGE_ARCHITECTURE, evidence)


def _said(image: str, message: str) -> str:
    """*message* without names, which may be spelled like an error."""
    bare = _QUOTED.sub("", message)
    return bare.replace(image, "") if image else bare


def _missing_secrets(events: Sequence[Object]) -> str:
    for event in with_reason(events, "FailedToRetrieveImagePullSecret"):
        found = _MISSING_PULL_SECRETS.search(words_of(event))
        if found:
            return found["names"]
    return ""


def _last_words(message: str) -> str:
    """The innermost error, which Go programs put last."""
    tail = message.rsplit(": ", 2)[-2:]
    return " ".join(": ".join(tail).split())[-140:]
