"""``inv`` with one platform, a generated one: the very tasks people call, in a process that can be measured.

``python -m bench.program FOLDER TASK [FLAG …]``. Where the environment names a file in BENCH_MEMORY, the
process writes the most memory it ever had in there, in bytes, when it ends.
"""

from __future__ import annotations

import atexit
import os
import sys
from pathlib import Path

from invoke.collection import Collection
from invoke.program import Program

from allup import PlatformSettings
from bench.generated import NAME, Shape
from tasks.platform_folder import PlatformFolder
from tasks.platform_task import PlatformTask
from tasks.verbs import platform_verbs

MEMORY_FILE = "BENCH_MEMORY"


def main(folder: Path, arguments: list[str]) -> None:
    """Runs the task; leaves with its exit code."""
    sys.argv = ["inv", *arguments]  # a platform's task has its flags only when its name is in here
    shape = Shape.read(folder)
    platform = PlatformFolder(NAME, folder, PlatformSettings, shape.platform)
    collection = Collection(NAME)
    for verb in platform_verbs(shape.platform(PlatformSettings(instance=NAME, namespace=NAME))):
        collection.add_task(PlatformTask(platform, verb))
    everything = Collection()
    everything.add_collection(collection)
    Program(namespace=everything, name="inv", binary="inv").run(sys.argv)


def highest_memory() -> int:
    """The most resident memory this process ever had, in bytes; 0 where the system does not tell.

    Not ``ru_maxrss``: that begins with what the process that started this one had.
    """
    try:
        status = Path("/proc/self/status").read_text()
    except OSError:
        return 0
    line = next((line for line in status.splitlines() if line.startswith("VmHWM:")), "VmHWM: 0 kB")
    return int(line.split()[1]) * 1024


def _write_memory(file: str) -> None:
    Path(file).write_text(str(highest_memory()))


if __name__ == "__main__":
    if os.environ.get(MEMORY_FILE):
        atexit.register(_write_memory, os.environ[MEMORY_FILE])
    main(Path(sys.argv[1]), sys.argv[2:])
