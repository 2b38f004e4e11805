"""Which request gets which fault, in one line that also names the test:

    VERB [RESOURCE] [WHICH] FAULT          create secrets #1 lost
                                           watch every gone-event
                                           any #12+ 503
                                           write #2-4 reset

VERB is get, list, watch, log, create, update, apply, patch or delete; ``read`` is any of the first two,
``write`` any of the last five without dry runs, ``any`` is any. RESOURCE is the plural in the path (or api,
apis, version). WHICH counts the requests that match: ``#3`` the third alone, ``#3-5``, ``#3+`` from there on,
``every``; without it the first alone. FAULT is one of ``FAULTS``.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import parse_qsl, unquote, urlsplit

UNANSWERED = {
    "reset": "the connection is reset before the request is passed on",
    "lost": "the request is executed; then the connection is reset",
    "frozen": "the request is taken and never answered, nor passed on",
    "mute": "the request is executed and never answered",
    "truncated": "the request is executed; the body is shorter than Content-Length says",
    "drip": "the request is executed; the answer comes a byte at a time",
}
REFUSED = {
    "429": "too many requests, with Retry-After",
    "500": "a Status saying InternalError",
    "503": "a Status saying ServiceUnavailable",
    "504": "a Status saying Timeout, before the request is passed on",
    "late": "the request is executed; the gateway says 504",
    "page": "the request is not passed on; a gateway answers 502 with a page of HTML",
    "403": "a Status saying Forbidden",
    "401": "a Status saying Unauthorized",
    "quote": "a 422 that quotes what was sent, and the secrets",
    "quote-400": "a 400 that quotes what was sent, and the secrets",
    "quote-page": "a 502 with a page of HTML that quotes what was sent, and the secrets",
    "quote-long": "a 502 with a long page that quotes the secrets where a reader would cut it off",
    "garbage": "something that is not HTTP, and quotes the secrets",
}
OF_WATCHES = {
    "silent": "the watch is opened and says nothing",
    "end": "the watch ends at once",
    "cut": "the watch ends in the middle of a line",
    "broken": "the watch is opened, then the connection is reset",
    "gone": "410 Gone",
    "gone-event": "an ERROR event with 410 Gone",
    "no-bookmarks": "bookmarks are held back",
    "drip": "a byte at a time",
}
FAULTS = frozenset({*UNANSWERED, *REFUSED, *OF_WATCHES})

_READS = ("get", "list")
_WRITES = ("create", "update", "apply", "patch", "delete")
_VERBS = frozenset({"any", "read", "write", "watch", "log", *_READS, *_WRITES})
_WHICH = re.compile(r"#(\d+)(?:(\+)|-(\d+))?")
_PATH = re.compile(
    r"/(?:api/v1|apis/[^/]+/[^/]+)(?:/namespaces/(?P<namespace>[^/]+)(?=/[^/]))?"
    r"/(?P<resource>[^/]+)(?:/(?P<name>[^/]+))?(?:/(?P<sub>[^/]+))?"
)


@dataclass(frozen=True)
class Asked:
    """A request as rules see it."""

    verb: str
    resource: str
    namespace: str = ""
    name: str = ""
    sub: str = ""
    dry_run: bool = False

    @property
    def writes(self) -> bool:
        """True when executing it changes something."""
        return self.verb in _WRITES and not self.dry_run


def asked(method: str, target: str, headers: Mapping[str, str]) -> Asked:
    """What a request line asks for."""
    url = urlsplit(target)
    query = dict(parse_qsl(url.query))
    match = _PATH.fullmatch(url.path)
    if match is None:
        return Asked("get", url.path.strip("/").partition("/")[0])
    resource, name, sub = match["resource"], unquote(match["name"] or ""), match["sub"] or ""
    verb = {
        "GET": "get" if name else "list",
        "POST": "create",
        "PUT": "update",
        "PATCH": "apply" if "apply-patch" in (headers.get("Content-Type") or "") else "patch",
        "DELETE": "delete",
    }[method]
    if query.get("watch") == "true":
        verb = "watch"
    elif sub == "log":
        verb = "log"
    return Asked(verb, resource, unquote(match["namespace"] or ""), name, sub, "dryRun" in query)


@dataclass(frozen=True)
class Rule:
    """One line of the language."""

    verb: str
    resource: str
    first: int
    last: int | None
    fault: str

    @classmethod
    def parse(cls, text: str) -> Rule:
        """Reads a line; raises ValueError with the word that is wrong."""
        verb, *middle, fault = text.split()
        if verb not in _VERBS:
            raise ValueError(f"{text!r}: no verb {verb!r}")
        if fault not in FAULTS:
            raise ValueError(f"{text!r}: no fault {fault!r}")
        resource, first, last = "", 1, None if "every" in middle else 1
        for word in middle:
            if match := _WHICH.fullmatch(word):
                first = int(match[1])
                last = None if match[2] else int(match[3] or match[1])
            elif word != "every":
                if resource:
                    raise ValueError(f"{text!r}: two resources")
                resource = word
        return cls(verb, resource, first, last, fault)

    def matches(self, request: Asked) -> bool:
        """Whether the request counts for this rule."""
        if self.resource and self.resource != request.resource:
            return False
        match self.verb:
            case "any":
                return True
            case "read":
                return request.verb in _READS
            case "write":
                return request.writes
        return self.verb == request.verb


class Rules:
    """Several lines; the first that has come to its turn decides. Thread-safe."""

    def __init__(self, lines: Sequence[str]) -> None:
        self._rules = [Rule.parse(line) for line in lines]
        self._counts = [0] * len(self._rules)
        self._lock = threading.Lock()
        self.hits = 0
        """How many requests got a fault."""

    def fault_for(self, request: Asked) -> str:
        """The fault of this request, ``""`` for none. Counts."""
        chosen = ""
        with self._lock:
            for place, rule in enumerate(self._rules):
                if not rule.matches(request):
                    continue
                self._counts[place] += 1
                count = self._counts[place]
                if not chosen and rule.first <= count and (rule.last is None or count <= rule.last):
                    chosen = rule.fault
            self.hits += bool(chosen)
        return chosen
