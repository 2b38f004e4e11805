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

_LASTING = (
    *("HOME", "PATH", "USER", "LOGNAME", "LANG", "LC_ALL", "TZ", "TMPDIR", "SSH_AUTH_SOCK"),
    *("XDG_STATE_HOME", "XDG_RUNTIME_DIR", "PYTHONPATH", "VIRTUAL_ENV"),
)
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
        return background.start(folder.keeper, argv, _lasting(environ), _PACKAGE)
    except ClusterError as error:
        raise ClusterError(
            f"remote {remote.name}", "its tunnels did not open", evidence=error.evidence
        ) from None


def _lasting(environ: Mapping[str, str]) -> Mapping[str, str]:
    """What a process that stays needs of the environment, and nothing that might be a secret of a task's."""
    return {name: environ[name] for name in _LASTING if name in environ}


def end(folder: Folder) -> bool:
    """Ends the keeper and what it left, its connection too; True when there was one. Raises AllupError when
    it cannot be ended."""
    ended = background.stop(folder.keeper, "all")
    keeper.close_control(folder)
    folder.state.unlink(missing_ok=True)
    if find(folder) is not None:
        raise AllupError(f"process {ended[0].pid if ended else '?'}", "keeps the tunnels and cannot be ended")
    return bool(ended)
