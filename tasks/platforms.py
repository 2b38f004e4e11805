"""Finds the platforms under ``k8s/`` and makes a collection of tasks of each. The only importer of them."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from invoke.collection import Collection

from allup import AllupError, InputError
from tasks import daily_objects, daily_streams, extra
from tasks.checkout import CHECKOUT
from tasks.platform_folder import PlatformFolder
from tasks.platform_task import PlatformTask
from tasks.verbs import component_verbs, platform_verbs

FOLDER = CHECKOUT / "k8s"


def collections(argv: Sequence[str]) -> Iterator[Collection]:
    """A collection per platform. One that cannot be loaded is named on standard error and left out, unless
    it is the one that is asked for: then InputError's paragraph ends the program with exit code 2."""
    for folder in sorted(FOLDER.iterdir()) if FOLDER.is_dir() else ():
        if (folder / "platform.py").is_file():
            try:
                yield _collection(load(folder))
            except InputError as error:
                if any(word.partition(".")[0] in (folder.name, "k8s") for word in argv[1:]):
                    sys.exit(_say(str(error), error.exit_code))
                _say(f"{error} (Its tasks are left out.)", 0)


def load(folder: Path) -> PlatformFolder:
    """Imports ``platform.py``; raises InputError with file and line when it does not load."""
    try:
        module = importlib.import_module(f"k8s.{folder.name}.platform")
        return PlatformFolder(
            collection=getattr(module, "COLLECTION", folder.name),
            folder=folder,
            settings=module.Settings,
            build=module.platform,
        )
    except AllupError:
        raise
    except Exception as error:
        raise InputError(
            f"k8s/{folder.name}/platform.py{_line_of(error, folder)}",
            f"does not load: {type(error).__name__}: {error}",
            next_step="docs/write-a-platform.md shows what it has to define",
        ) from error


def _collection(platform: PlatformFolder) -> Collection:
    try:
        default = platform.with_defaults()
    except AllupError:
        raise
    except Exception as error:
        raise InputError(
            f"k8s/{platform.folder.name}/platform.py{_line_of(error, platform.folder)}",
            f"platform() fails on its defaults: {type(error).__name__}: {error}",
        ) from error
    collection = Collection(platform.collection)
    verbs = (platform_verbs, daily_objects.verbs, daily_streams.verbs, extra.verbs, component_verbs)
    for verb in (one for some in verbs for one in some(default)):
        collection.add_task(PlatformTask(platform, verb))
    return collection


def _line_of(error: BaseException, folder: Path) -> str:
    if isinstance(error, SyntaxError) and error.lineno:
        return f":{error.lineno}"
    line = ""
    trace = error.__traceback__
    while trace is not None:
        if Path(trace.tb_frame.f_code.co_filename).parent == folder:
            line = f":{trace.tb_lineno}"
        trace = trace.tb_next
    return line


def _say(text: str, code: int) -> int:
    sys.stderr.write(text + "\n")
    return code
