"""Unknown tasks and flags are refused with a suggestion and exit code 2, before Invoke says "No idea"."""

from __future__ import annotations

import copy
import os
import sys
from collections.abc import Sequence

from invoke.collection import Collection
from invoke.parser.argument import Argument

from allup.errors import did_you_mean

_TAKE_A_VALUE = frozenset(
    (
        *("-c", "--collection", "-f", "--config", "-F", "--list-format", "-r", "--search-root"),
        *("-T", "--command-timeout", "--print-completion-script"),
    )
)
_TAKE_A_TASK = ("-h", "--help", "-l", "--list", "-D", "--list-depth")


def refuse(ns: Collection, argv: Sequence[str]) -> None:
    """Ends the program when a task's name, or a flag of a task, is not known. Only under inv or invoke."""
    if os.path.basename(argv[0] if argv else "") not in ("inv", "invoke") or "--complete" in argv:
        return
    refusal = find(ns, argv)
    if refusal:
        sys.stderr.write(refusal + "\n")
        sys.exit(2)


def find(ns: Collection, argv: Sequence[str]) -> str:
    """The paragraph to refuse a command line with, ``""`` when there is nothing to refuse."""
    known = _names(ns)
    words = list(argv[1:])
    task = ""
    while words:
        word = words.pop(0)
        flag, equals, _ = word.partition("=")
        if not task and flag in _TAKE_A_VALUE:
            if not equals and words:
                words.pop(0)
        elif not task and flag in _TAKE_A_TASK:
            if words and not words[0].startswith("-"):
                words.pop(0)
        elif word == "--":
            return ""
        elif word in known:
            task = word
        elif word.startswith("--") and task:
            refusal, takes_value = _flag(ns, task, flag)
            if refusal:
                return refusal
            if takes_value and not equals and words:
                words.pop(0)
        elif not word.startswith("-") and not _takes_positional(ns, task):
            return _unknown_task(word, known)
    return ""


def _flag(ns: Collection, task: str, flag: str) -> tuple[str, bool]:
    arguments = _arguments(ns, task)
    takes = {f"--{name}": a.takes_value for a in arguments for name in a.names}
    takes |= {f"--no-{name}": False for a in arguments for name in a.names if a.default is True}
    takes |= {"--help": False, "--dry": False}
    if flag in takes:
        return "", takes[flag]
    hint = did_you_mean(flag, takes)
    if flag in ("--dry",):
        hint = " (did you mean '--dry-run'?)"
    return f"{task}: there is no flag {flag}{hint}. See inv --help {task}.", False


def _takes_positional(ns: Collection, task: str) -> bool:
    return bool(task) and any(a.positional for a in _arguments(ns, task))


def _arguments(ns: Collection, task: str) -> list[Argument]:
    # Asking a task for its arguments uses up its help texts.
    asked = copy.copy(ns[task])
    asked.help = dict(asked.help)
    found: list[Argument] = asked.get_arguments(ignore_unknown_help=True)
    return found


def _unknown_task(word: str, known: frozenset[str]) -> str:
    collection = word.partition(".")[0]
    in_it = [name for name in known if name.partition(".")[0] == collection]
    if word == collection and in_it:
        return f"{word} is a group of tasks. See inv --list {word}."
    return f"There is no task {word!r}{did_you_mean(word, in_it or known)}. See inv --list."


def _names(ns: Collection) -> frozenset[str]:
    names: set[str] = set()
    for name, aliases in ns.task_names.items():
        names |= {name, *aliases}
    return frozenset(names)
