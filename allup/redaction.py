"""Secret values are masked wherever text leaves: by value, and in Secrets by structure."""

from __future__ import annotations

import base64
import json
import threading
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import quote, quote_plus

MASK = "•••"
SHORTEST = 8
"""Values with fewer characters are not masked by value: they would blot out ordinary text."""

LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"


class Redactor:
    """The values that must not be seen. Threads may add and mask at the same time."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._values: frozenset[str] = frozenset()
        self._spellings: tuple[str, ...] = ()

    def __repr__(self) -> str:
        return f"Redactor({len(self._values)} values)"

    def add(self, value: str) -> bool:
        """From now on *value* is masked in every spelling; False when it is too short for that.

        Its surrounding blanks do not count. Spellings are raw, base64 (standard and URL-safe, with and
        without padding), as JSON writes it (Python's ways and Go's), as a URL does, and for a value of
        several lines each line that is long enough.
        """
        value = value.strip()
        if len(value) < SHORTEST:
            return False
        with self._lock:
            if value not in self._values:
                spellings = {*self._spellings, *_spellings(value)}
                self._spellings = tuple(sorted(spellings, key=lambda text: (-len(text), text)))
                self._values |= {value}
        return True

    def mask(self, text: str) -> str:
        """*text* with every occurrence of every value replaced by ``•••``.

        Occurrences that overlap or touch become one mask, so that nothing of either is left over.
        """
        spans = [
            span for spelling in self._spellings if spelling in text for span in _occurrences(spelling, text)
        ]
        if not spans:
            return text
        spans.sort()
        pieces = []
        shown_to = 0
        start, end = spans[0]
        for next_start, next_end in spans[1:]:
            if next_start <= end:
                end = max(end, next_end)
                continue
            pieces += [text[shown_to:start], MASK]
            shown_to, start, end = end, next_start, next_end
        pieces += [text[shown_to:start], MASK, text[end:]]
        return "".join(pieces)

    def mask_object(self, obj: Any) -> Any:
        """A copy of *obj* (JSON-like data) fit to be shown.

        Every value under ``data`` and ``stringData`` of a Secret is masked whatever it is, also inside
        Lists and in kubectl's last-applied annotation; every other text is masked by value.
        """
        return self._masked(obj, in_secret_list=False)

    def _masked(self, obj: Any, *, in_secret_list: bool) -> Any:
        if isinstance(obj, str):
            return self.mask(obj)
        if isinstance(obj, (list, tuple)):
            return [self._masked(item, in_secret_list=in_secret_list) for item in obj]
        if not isinstance(obj, Mapping):
            return obj
        kind = obj.get("kind")
        secret = kind == "Secret" or (in_secret_list and kind is None)
        masked = {}
        for key, value in obj.items():
            if secret and key in ("data", "stringData"):
                new: Any = _blotted(value)
            elif key == LAST_APPLIED and isinstance(value, str):
                new = self._masked_json(value)
            else:
                # The API server leaves out the kind of a list's items.
                new = self._masked(value, in_secret_list=kind == "SecretList" and key == "items")
            masked[self.mask(key) if isinstance(key, str) else key] = new
        return masked

    def _masked_json(self, text: str) -> str:
        try:
            obj = json.loads(text)
        except ValueError:
            return MASK
        return json.dumps(self.mask_object(obj), ensure_ascii=False, separators=(",", ":"))


def _blotted(data: Any) -> Any:
    if isinstance(data, Mapping):
        return dict.fromkeys(data, MASK)
    return None if data is None else MASK


def _occurrences(spelling: str, text: str) -> Iterator[tuple[int, int]]:
    start = text.find(spelling)
    while start >= 0:
        yield start, start + len(spelling)
        start = text.find(spelling, start + 1)


def _spellings(value: str) -> Iterator[str]:
    yield from _escaped(value)
    raw_value = _bytes(value)
    for raw in (raw_value, raw_value + b"\n"):
        for encoded in (base64.b64encode(raw).decode(), base64.urlsafe_b64encode(raw).decode()):
            yield encoded
            yield encoded.rstrip("=")
    for line in value.splitlines():
        if len(line.strip()) >= SHORTEST:
            yield from _escaped(line.strip())


_GO_ESCAPES = str.maketrans({"<": "\\u003c", ">": "\\u003e", "&": "\\u0026"})


def _escaped(text: str) -> Iterator[str]:
    yield text
    for ascii_only in (True, False):
        written = json.dumps(text, ensure_ascii=ascii_only)[1:-1]
        yield written
        yield written.translate(_GO_ESCAPES)  # encoding/json escapes for HTML by default, as API servers do
    yield quote(_bytes(text))
    yield quote(_bytes(text), safe="")
    yield quote_plus(_bytes(text))


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")  # what os.environ holds for bytes that are not UTF-8
