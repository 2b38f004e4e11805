"""What a failed image pull says about whether it can heal.

The kubelet hands on the text of the runtime, which hands on the text of the registry; there is no code
to read. Words of the network and of an overloaded registry are looked for first: a pull that may heal
and is called hopeless ends a run for nothing.
"""

from __future__ import annotations

import re

from allup.readiness.causes import Cause
from allup.readiness.verdict import Readiness, failed, not_yet

PULL_REASONS = frozenset(("ErrImagePull", "ImagePullBackOff", "RegistryUnavailable", "ImageInspectError"))

_QUOTED = re.compile(r'\\?"[^"]*"')
_PLATFORM = re.compile(r"no match for platform|no matching manifest|no image found in .*manifest list", re.I)
_MAY_HEAL = re.compile(
    r"dial tcp|no such host|server misbehaving|i/o timeout|timed out|deadline exceeded|context canceled"
    r"|connection (refused|reset)|tls handshake|x509|\beof\b|no space left|executable file not found"
    r"|toomanyrequests|too many requests|rate limit"
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


def pull_failure(image: str, message: str) -> Readiness:
    """The verdict on an image whose pull failed with *message*."""
    said = _QUOTED.sub("", message).replace(image, "")
    words = f"image {image}" if image else "image"
    if _PLATFORM.search(said):
        return failed(f"{words} not found for the node's platform", Cause.IMAGE_NOT_FOUND)
    if _MAY_HEAL.search(said):
        return not_yet(f"{words} cannot be pulled: {_last_words(message)}", Cause.IMAGE_PULL)
    if _DENIED.search(said):
        return failed(f"{words}: the registry denies access, or has no such image", Cause.IMAGE_DENIED)
    if _NOT_FOUND.search(said):
        return failed(f"{words} not found", Cause.IMAGE_NOT_FOUND)
    tail = _last_words(message) if ":" in said else ""
    return not_yet(f"{words} cannot be pulled" + (f": {tail}" if tail else ""), Cause.IMAGE_PULL)


def _last_words(message: str) -> str:
    """The innermost error, which Go programs put last."""
    tail = message.rsplit(": ", 2)[-2:]
    return " ".join(": ".join(tail).split())[-140:]
