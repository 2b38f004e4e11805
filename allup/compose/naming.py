"""Names: a service's as a DNS label (RFC 1123), and texts that name a renamed service."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field

from allup.model.platform import RESERVED_NAMES

_ADDRESS = re.compile(
    r"HOST|SERVER|ADDR|URL|URI|ENDPOINT|BROKER|UPSTREAM|PEER|SEED|NODE|CONNECT|LISTENER|SERVICE|TARGET|"
    r"BACKEND|PROXY|DSN|MASTER|SENTINEL|BOOTSTRAP|QUORUM|VOTERS|CLUSTER"
)


def dns_label(text: str, *, longest: int = 63) -> str:
    """*text* as a DNS label that also begins with a letter, as a Service's name must.

    >>> dns_label("QED_django.web"), dns_label("2nd")
    ('qed-django-web', 'n2nd')
    """
    label = re.sub(r"-+", "-", re.sub(r"[^a-z0-9-]", "-", text.lower())).strip("-") or "unnamed"
    label = label if label[0].isalpha() else f"n{label}"
    return label[:longest].rstrip("-")


def unique(wanted: str, taken: Collection[str]) -> str:
    """*wanted*, with a number when it is taken."""
    if wanted not in taken:
        return wanted
    return next(n for i in range(2, 1000) if (n := f"{wanted[:58]}-{i}") not in taken)


@dataclass
class Names:
    """*objects*: what a service's objects are called; *components*: its component (another name where that
    is a task's); *hosts*: every old host name that has to be written in another way."""

    objects: dict[str, str] = field(default_factory=dict)
    components: dict[str, str] = field(default_factory=dict)
    hosts: dict[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, services: Iterable[str], reserved: Collection[str] = ()) -> Names:
        """The names for *services*; *reserved* are components of our own."""
        names = cls()
        for service in sorted(services, key=lambda s: dns_label(s) != s):  # who can keep its name does
            label = unique(dns_label(service), names.objects.values())
            names.objects[service] = label
            part = f"{label}-service" if label in {*RESERVED_NAMES, *reserved} else label
            names.components[service] = unique(part, names.components.values())
            if label != service:
                names.hosts[service] = label
        return names


def mentions(text: str, host: str) -> bool:
    """Whether *host* stands in *text* as a word of its own."""
    return re.search(rf"(?<![\w.-]){re.escape(host)}(?![\w-])(?!\.\w)", text) is not None


def looks_like_address(variable: str) -> bool:
    """Whether a variable of that name holds a host."""
    return _ADDRESS.search(variable.upper()) is not None


def followed(text: str, hosts: Mapping[str, str], *, whole: bool) -> str:
    """*text* with renamed hosts where they are surely hosts: after ``//`` or ``@``, or before ``:PORT``.

    With *whole*, also where one stands as a word of its own: the text is known to be about hosts.
    """
    for old, new in sorted(hosts.items(), key=lambda pair: -len(pair[0])):
        name = re.escape(old)
        text = re.sub(rf"(?<=//){name}(?![\w.-])", new, text)
        text = re.sub(rf"(?<=@){name}(?![\w.-])", new, text)
        text = re.sub(rf"(?<![\w.-]){name}(?=:\d)", new, text)
        if whole:
            text = re.sub(rf"(?<![\w.-]){name}(?![\w-])(?!\.\w)", new, text)
    return text
