"""What is mounted, as the system says: Linux' ``/proc/self/mountinfo`` (proc(5)) and macOS' ``mount``. Pure.

The folders themselves are never looked at: a look into a dead mount can hang for ever.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

_MAC_TYPES = ("macfuse", "osxfuse")
_FUSE_T = "fuse-t:"  # it shows its mounts as NFS of a server of this name


@dataclass(frozen=True)
class Mounted:
    """One mount: what is shown (*source*), where (*target*), and its type."""

    source: str
    target: str
    type: str

    @property
    def sshfs(self) -> bool:
        """Whether sshfs made it, as far as the system can tell."""
        of_mac = self.type in _MAC_TYPES and ":" in self.source
        return self.type == "fuse.sshfs" or of_mac or self.source.startswith(_FUSE_T)


def from_mountinfo(text: str) -> Sequence[Mounted]:
    """Lines of mountinfo; blanks and the like are octal escapes there. A line that is none is skipped."""
    found = []
    for line in text.splitlines():
        before, dash, after = line.partition(" - ")
        fields, rest = before.split(" "), after.split(" ")
        if dash and len(fields) >= 6 and len(rest) >= 2:
            found.append(Mounted(_unescaped(rest[1]), _unescaped(fields[4]), rest[0]))
    return found


def from_mount(text: str) -> Sequence[Mounted]:
    """Lines of macOS' ``mount``: ``SOURCE on TARGET (TYPE, flags)``."""
    found = []
    for line in text.splitlines():
        match = re.fullmatch(r"(.+?) on (/.*) \(([^,)]+)(?:,[^)]*)?\)", line)
        if match:
            found.append(Mounted(match[1], match[2], match[3].strip()))
    return found


def at(mounts: Sequence[Mounted], target: str) -> Sequence[Mounted]:
    """What is mounted at exactly *target*, the uppermost last."""
    return [one for one in mounts if one.target == target]


def _unescaped(text: str) -> str:
    return re.sub(r"\\([0-7]{3})", lambda match: chr(int(match[1], 8)), text)
