"""Records the fault corpus anew: ``python -m tests.cluster.recording [NAME …] [--expectations]``.

Without names every scenario is recorded, and cases that no scenario speaks of any more are removed.
``--expectations`` only writes what the scenarios expect into the cases; it needs no cluster.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from pathlib import Path

from allup.sandbox import Sandboxes, progress_to
from tests.cluster.recording.kubelet import written
from tests.cluster.recording.record import CORPUS, Outcome, Recorder, renew_expectations
from tests.cluster.recording.scenarios import SCENARIOS
from tests.cluster.recording.webhook import denying

_SANDBOX = "faults"
_CHECKOUT = Path(__file__).parents[3]


def main(arguments: list[str]) -> int:
    """0 when everything asked for was recorded."""
    parser = argparse.ArgumentParser(prog="python -m tests.cluster.recording", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME")
    parser.add_argument("--expectations", action="store_true")
    asked = parser.parse_args(arguments)
    unknown = [name for name in asked.names if name not in SCENARIOS]
    if unknown:
        parser.error(f"no scenario is called {', '.join(unknown)}")
    chosen = [one for one in SCENARIOS.values() if not asked.names or one.name in asked.names]
    if asked.expectations:
        sys.stdout.write(f"{renew_expectations(chosen)} of {len(chosen)} expectations changed\n")
        return 0
    with tempfile.TemporaryDirectory() as scratch, denying(Path(scratch)) as server:
        folder = Path(scratch)
        sandboxes = Sandboxes(_CHECKOUT, {**os.environ, "XDG_STATE_HOME": scratch})
        try:
            sandbox = sandboxes.up(
                _SANDBOX, extra_stages=[written(folder)], progress=progress_to(sys.stderr, os.environ)
            )
            outcomes = Recorder(sandbox, folder, server, tuple(SCENARIOS), _tell).record(chosen)
        finally:
            sandboxes.delete(_SANDBOX)
    if not asked.names:
        _remove_forgotten()
    failed = [outcome for outcome in outcomes if outcome.problem]
    sys.stdout.write(f"{len(outcomes) - len(failed)} recorded, {len(failed)} not\n")
    return 1 if failed else 0


def _tell(outcome: Outcome) -> None:
    family = SCENARIOS[outcome.name].family
    said = outcome.problem or "recorded"
    sys.stdout.write(f"{family:14} {outcome.name:45} {outcome.seconds:5.1f} s  {said}\n")
    sys.stdout.flush()


def _remove_forgotten() -> None:
    for file in CORPUS.glob("*/*.json"):
        if file.stem not in SCENARIOS or SCENARIOS[file.stem].family != file.parent.name:
            file.unlink()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
