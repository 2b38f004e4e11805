"""Keeps secret values out of everything that is printed, logged or written to a file.

Two rules, both always on: the values of a Secret object are hidden by their place in it, and every value
that was registered is hidden wherever it turns up, also base64-encoded, JSON- or URL-escaped.
"""

from __future__ import annotations

import base64
import json
import re
import threading
from collections.abc import Iterable, Iterator
from typing import Any
from urllib.parse import quote, quote_plus

MASK = "•••"
SHORTEST = 8
"""Shorter values are not hidden by value: they would take harmless words with them."""

_LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"
_GO_ESCAPES = {ord(c): f"\\u{ord(c):04x}" for c in "<>&\u2028\u2029"}  # encoding/json, HTMLEscape
_PREFIX = 3


class Redactor:
    """What must not be seen, and the means to hide it. May be used by several threads at once."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._values: set[str] = set()
        self._forms: set[str] = set()
        self._pattern: re.Pattern[str] | None = None

    def __repr__(self) -> str:
        return f"Redactor({len(self._values)} values)"

    def add(self, value: str) -> None:
        """From now on hides *value* and, when it has several lines, each of them.

        What has fewer than 8 characters, or nothing but white space, is left alone.
        """
        with self._lock:
            if value in self._values:
                return
            found = {form for part in _parts(value) for form in _forms(part)}
            if found:
                self._values.add(value)
                self._forms |= found
                self._pattern = None

    def mask(self, text: str) -> str:
        """*text* with ``•••`` for every stretch that a registered value covers in any of its forms."""
        pattern = self._compiled()
        if pattern is None:
            return text
        pieces, end = [], 0
        for start, stop in _spans(pattern, text):
            pieces += [text[end:start], MASK]
            end = stop
        return "".join([*pieces, text[end:]]) if pieces else text

    def mask_object(self, obj: Any) -> Any:
        """A copy of an API object, a list of them or any part of one, with nothing secret left in it.

        The values of a Secret's ``data`` and ``stringData`` and its last-applied annotation are hidden
        whatever they are, every other text by value. Keys stay as they are.
        """
        return self._masked(obj, secret=False)

    def _masked(self, obj: Any, *, secret: bool) -> Any:
        if isinstance(obj, str):
            return self.mask(obj)
        if isinstance(obj, list | tuple):
            return type(obj)([self._masked(item, secret=secret) for item in obj])
        if not isinstance(obj, dict):
            return obj
        kind = obj.get("kind")
        if secret or kind == "Secret":
            return self._masked_secret(obj)
        # The items of a list that the API server returns do not carry their kind.
        secrets = "items" if kind == "SecretList" else None
        return {key: self._masked(value, secret=key == secrets) for key, value in obj.items()}

    def _masked_secret(self, obj: dict[Any, Any]) -> dict[Any, Any]:
        copy = {}
        for key, value in obj.items():
            if key in ("data", "stringData"):
                copy[key] = _hidden(value)
            else:
                copy[key] = self._masked(value, secret=False)
        metadata = copy.get("metadata")
        annotations = metadata.get("annotations") if isinstance(metadata, dict) else None
        if isinstance(annotations, dict) and _LAST_APPLIED in annotations:
            annotations[_LAST_APPLIED] = MASK
        return copy

    def _compiled(self) -> re.Pattern[str] | None:
        with self._lock:
            if self._pattern is None and self._forms:
                self._pattern = re.compile(_alternation(self._forms))
            return self._pattern


def _hidden(value: Any) -> Any:
    if value is None:
        return None
    return dict.fromkeys(value, MASK) if isinstance(value, dict) else MASK


def _parts(value: str) -> Iterator[str]:
    """The value and its lines, as they are and without the white space around them."""
    for part in (value, *value.splitlines()):
        for text in (part, part.strip()):
            if len(text) >= SHORTEST and not text.isspace():
                yield text


def _forms(text: str) -> Iterator[str]:
    raw = text.encode("utf-8", "surrogatepass")
    yield text
    for encoded in (base64.b64encode(raw).decode(), base64.urlsafe_b64encode(raw).decode()):
        yield encoded
        yield encoded.rstrip("=")
    for escaped in _json_forms(text):
        yield escaped
        yield from _json_forms(escaped)  # an object quoted inside another's annotation or message
    for plus in (quote, quote_plus):
        yield plus(raw, safe="")
        yield plus(raw, safe="/")


def _json_forms(text: str) -> Iterator[str]:
    for ascii_only in (True, False):
        escaped = json.dumps(text, ensure_ascii=ascii_only)[1:-1]
        yield escaped
        yield escaped.translate(_GO_ESCAPES)


def _alternation(forms: Iterable[str], depth: int = 0) -> str:
    """The forms as alternatives, longest first, factored by their first characters.

    ``re`` tries the alternatives of a flat list one by one at every position, so the first characters
    become a small tree: a position that begins no form is left after one look.
    """
    if depth == _PREFIX:
        return "|".join(re.escape(form) for form in sorted(forms, key=lambda form: (-len(form), form)))
    heads: dict[str, list[str]] = {}
    for form in forms:
        heads.setdefault(form[0], []).append(form[1:])
    return "|".join(
        f"{re.escape(head)}(?:{_alternation(tails, depth + 1)})" for head, tails in sorted(heads.items())
    )


def _spans(pattern: re.Pattern[str], text: str) -> Iterator[tuple[int, int]]:
    """The stretches of *text* that are covered, overlapping finds made one."""
    match = pattern.search(text)
    while match:
        start, stop = match.span()
        following = pattern.search(text, start + 1)
        while following and following.start() < stop:
            stop = max(stop, following.end())
            following = pattern.search(text, following.start() + 1)
        yield start, stop
        match = following
