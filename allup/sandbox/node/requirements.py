"""What a real node needs of the machine, and how to get what is missing."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from allup.errors import InputError
from allup.sandbox.node.configs import CNI_FOLDERS, PLUGINS

# What is looked for, and the Debian package that has it.
PROGRAMS = {
    "runc": "runc",
    "iptables": "iptables",
    "iptables-save": "iptables",
    "iptables-restore": "iptables",
    "ip": "iproute2",
    "nsenter": "util-linux",
    "mount": "mount",
}
_CNI_PACKAGE = "containernetworking-plugins"
_ELSEWHERE = "kind, minikube and Docker Desktop run real nodes where this cannot"


@dataclass(frozen=True)
class Missing:
    """What is not there: *names* of programs, and the Debian *packages* that have them."""

    names: tuple[str, ...]
    packages: tuple[str, ...]

    def __bool__(self) -> bool:
        return bool(self.names)

    @property
    def command(self) -> str:
        """What installs it on Debian and Ubuntu."""
        return f"apt-get install --no-install-recommends {' '.join(self.packages)}"


def search_path(environ: Mapping[str, str]) -> str:
    """PATH and the folders for root's programs, which PATH may lack."""
    given = environ.get("PATH", "/usr/bin:/bin")
    return ":".join(
        [given, *(f for f in ("/usr/local/sbin", "/usr/sbin", "/sbin") if f not in given.split(":"))]
    )


def missing(environ: Mapping[str, str]) -> Missing:
    """Look; nothing is changed."""
    path = search_path(environ)
    names = [program for program in PROGRAMS if shutil.which(program, path=path) is None]
    packages = {PROGRAMS[program] for program in names}
    if plugins() is None:
        names.append("CNI plugins")
        packages.add(_CNI_PACKAGE)
    return Missing(tuple(names), tuple(sorted(packages)))


def plugins() -> Path | None:
    """The folder that has every CNI plugin needed."""
    for folder in map(Path, CNI_FOLDERS):
        if all((folder / plugin).exists() for plugin in PLUGINS):
            return folder
    return None


def possible(platform: str, user: int) -> str:
    """Why there can be no real node here, "" if there can."""
    if platform != "linux":
        return f"needs Linux, and this is {platform}"
    if user != 0:
        return "needs root, for namespaces, mounts and cgroups"
    return ""


def check(environ: Mapping[str, str], *, platform: str = sys.platform, user: int | None = None) -> None:
    """InputError, with the way out, unless a real node can run here."""
    why = possible(platform, os.geteuid() if user is None else user)
    if why:
        raise InputError(
            "a real node",
            why,
            next_step=f"Leave --nodes out for simulated ones (no root needed); {_ELSEWHERE}",
        )
    lacking = missing(environ)
    if lacking:
        raise InputError(
            "a real node",
            f"{', '.join(lacking.names)} missing on this machine",
            next_step=f"Install with: {lacking.command}. {_ELSEWHERE[0].upper()}{_ELSEWHERE[1:]}",
        )
