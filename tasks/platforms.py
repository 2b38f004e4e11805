"""Finds the platforms under ``k8s/`` and makes a collection of tasks of each. The only importer of them."""

from __future__ import annotations

import importlib
import re
import sys
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from invoke.collection import Collection

from allup import AllupError, InputError
from allup.errors import did_you_mean
from tasks import daily_objects, daily_streams, extra, withheld
from tasks.checkout import CHECKOUT
from tasks.platform_folder import PlatformFolder
from tasks.platform_task import PlatformTask
from tasks.verbs import component_verbs, platform_verbs

FOLDER = CHECKOUT / "k8s"


def collections(argv: Sequence[str]) -> Iterator[Collection]:
    """A collection per platform. One that cannot be loaded is named on standard error and left out, unless
    it is the one that is asked for: then InputError's paragraph ends the program with exit code 2."""
    groups = ("cluster", "compose", "images")
    taken = {name: f"tasks/{name}.py" for name in groups}
    for folder in folders():
        try:
            platform = load(folder)
            other = taken.setdefault(platform.collection, f"k8s/{folder.name}/platform.py")
            if other != f"k8s/{folder.name}/platform.py":
                raise InputError(
                    f"k8s/{folder.name}/platform.py",
                    f"its tasks cannot be called {platform.collection}: those of {other} are",
                    next_step="Give it a COLLECTION of its own",
                )
            yield _collection(platform)
        except InputError as error:
            if any(word.partition(".")[0] == _collection_name(folder) for word in argv[1:]):
                sys.exit(_say(str(error), error.exit_code))
            _say(f"{error} Its tasks are left out.", 0)


def folders() -> list[Path]:
    """The folder of every platform, those included that do not load."""
    return sorted(file.parent for file in FOLDER.glob("*/platform.py"))


def _collection_name(folder: Path) -> str:
    """What the tasks of a platform would be called that does not load."""
    text = (folder / "platform.py").read_text(encoding="utf-8", errors="replace")
    found = re.search(r"""^COLLECTION\s*=\s*["']([\w-]+)["']""", text, re.MULTILINE)
    return found[1] if found else folder.name


def load(folder: Path) -> PlatformFolder:
    """Imports ``platform.py``; raises InputError with file and line when it does not load."""
    try:
        module = importlib.import_module(f"k8s.{folder.name}.platform")
        return PlatformFolder(
            collection=getattr(module, "COLLECTION", folder.name),
            folder=folder,
            settings=module.Settings,
            build=module.platform,
            aliases=getattr(module, "ALIASES", {}),
            chart_values=getattr(module, "CHART_VALUES", {}),
            chart_refused=getattr(module, "CHART_REFUSED", {}),
            namespace=getattr(module, "NAMESPACE", ""),
            chart_unused=getattr(module, "CHART_UNUSED", {}),
        )
    except AllupError:
        raise
    except (Exception, SystemExit) as error:
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
    except (Exception, SystemExit) as error:
        raise InputError(
            f"k8s/{platform.folder.name}/platform.py{_line_of(error, platform.folder)}",
            f"platform() fails on its defaults: {type(error).__name__}: {error}",
        ) from error
    withheld.declare(default)
    collection = Collection(platform.collection)
    makers = (platform_verbs, daily_objects.verbs, daily_streams.verbs, extra.verbs, component_verbs)
    verbs = {verb.name: verb for maker in makers for verb in maker(default)}
    for name in platform.aliases:
        if name not in verbs:
            raise InputError(
                f"k8s/{platform.folder.name}/platform.py",
                f"ALIASES has no task {name!r} to name{did_you_mean(name, verbs)}",
            )
    for name, verb in verbs.items():
        aliases = (*verb.aliases, *platform.aliases.get(name, ()))
        collection.add_task(PlatformTask(platform, replace(verb, aliases=aliases)))
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
