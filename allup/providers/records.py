"""Where a checkout keeps its own kubeconfigs of other programs' clusters.

The user's kubeconfig is given to no provider: minikube and kind add and remove contexts in it and switch the
current one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from allup.sandbox.paths import checkout_key, explained, state_home

_FOLDER = "_providers"  # no sandbox can have a name that begins so
_LOCAL = "local"


@dataclass(frozen=True)
class Kept:
    """One kubeconfig of ours: of which provider, its name there, whether the cluster is on this machine."""

    kind: str
    name: str
    kubeconfig: Path
    local: bool

    @property
    def context(self) -> str:
        """The context in it."""
        return f"kind-{self.name}" if self.kind == "kind" else self.name


def folder(checkout: Path, environ: Mapping[str, str]) -> Path:
    """The folder of this checkout."""
    return state_home(environ) / checkout_key(checkout) / _FOLDER


def kubeconfig(root: Path, kind: str, name: str) -> Path:
    """The path of a kubeconfig, in a folder that only its owner may look into; it need not be there yet.

    Raises ClusterError when the folder cannot be made.
    """
    place = root / kind / name
    with explained(root, "XDG_STATE_HOME"):
        place.mkdir(parents=True, exist_ok=True, mode=0o700)
    return place / "kubeconfig"


def forget(root: Path, kind: str, name: str) -> None:
    """Removes it and its folder."""
    place = root / kind / name
    for file in [*place.glob("kubeconfig*"), place / _LOCAL]:
        file.unlink(missing_ok=True)
    if place.is_dir():
        place.rmdir()


def kept(root: Path) -> Sequence[Kept]:
    """Every one that is there."""
    return [
        Kept(file.parent.parent.name, file.parent.name, file, (file.parent / _LOCAL).exists())
        for file in sorted(root.glob("*/*/kubeconfig"))
    ]


def mark(root: Path, kind: str, name: str, *, local: bool) -> None:
    """Remembers whether the cluster is on this machine, as its provider said when it gave the kubeconfig."""
    file = root / kind / name / _LOCAL
    if local:
        file.touch(mode=0o600)
    else:
        file.unlink(missing_ok=True)
