"""``python -m bench [NAME …] [--sizes 100,1000] [--rounds 3] [--keep]``."""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from allup.errors import AllupError
from bench import critical_path, deployments, listing, platforms, reaction
from bench.place import Place, machine, place
from bench.processes import Broken


def main(arguments: Sequence[str]) -> int:
    """Measures; 0 whatever the figures are, 1 for what could not be measured, 2 for a wrong argument."""
    parser = argparse.ArgumentParser(prog="python -m bench", description="Figures, beside a peer in one run.")
    parser.add_argument(
        "names", nargs="*", metavar="NAME", help="deployments, reaction, listing, critical-path, platforms"
    )
    parser.add_argument("--sizes", default="100,1000", help="numbers of Deployments (default: 100,1000)")
    parser.add_argument("--rounds", type=int, default=3, help="rounds of sizes below 1,000 (default: 3)")
    parser.add_argument("--keep", action="store_true", help="leave the sandbox running")
    given = parser.parse_args(arguments)
    try:
        sizes = [int(size) for size in given.sizes.split(",")]
    except ValueError:
        parser.error(f"--sizes {given.sizes}: not numbers with commas")
    measures: Mapping[str, Callable[[Place], None]] = {
        "listing": listing.measure,
        "reaction": reaction.measure,
        "critical-path": critical_path.measure,
        "platforms": platforms.measure,
        "deployments": lambda here: deployments.measure(here, sizes, given.rounds),
    }
    if unknown := set(given.names) - measures.keys():
        parser.error(f"no measurement is called {', '.join(sorted(unknown))}")
    say(f"Machine: {machine()}")
    with tempfile.TemporaryDirectory() as folder, place(Path(folder), say, keep=given.keep) as here:
        for name in given.names or measures:
            try:
                measures[name](here)
            except (Broken, AllupError) as error:
                say(f"\n{name} could not be measured: {error}")
                return 1
    return 0


def say(text: str) -> None:
    """Prints at once: a run takes minutes."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
