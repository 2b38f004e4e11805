"""Starting, finding and ending the keeper of a remote."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path

from allup.daily import background
from allup.daily.background import Record
from allup.errors import AllupError, ClusterError
from allup.remote import keeper
from allup.remote.record import Folder, Remote

_PACKAGE = Path(__file__).parents[2]


def find(folder: Folder) -> Record | None:
    """The keeper, if it runs."""
    return next(iter(background.listed(folder.keeper)), None)


def start(folder: Folder, remote: Remote, environ: Mapping[str, str]) -> Record:
    """The keeper: the one that runs, else a new one, once its tunnels are open. Raises ClusterError with its
    own sentence."""
    there = find(folder)
    if there is not None:
        return there
    keeper.close_control(folder)
    argv = [sys.executable, "-m", "allup.remote.keeper", str(folder.root)]
    try:
        return background.start(folder.keeper, argv, environ, _PACKAGE)
    except ClusterError as error:
        raise ClusterError(
            f"remote {remote.name}", "its tunnels did not open", evidence=error.evidence
        ) from None


def end(folder: Folder) -> bool:
    """Ends the keeper and what it left, its connection too; True when there was one. Raises AllupError when
    it cannot be ended."""
    ended = background.stop(folder.keeper, "all")
    keeper.close_control(folder)
    folder.state.unlink(missing_ok=True)
    if find(folder) is not None:
        raise AllupError(f"process {ended[0].pid if ended else '?'}", "keeps the tunnels and cannot be ended")
    return bool(ended)
