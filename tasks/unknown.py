"""The command line is read once before Invoke reads it: what it cannot mean is refused with a suggestion and
exit code 2, where Invoke would say "No idea what …" and exit 1.

It also tells tasks whether they are given their optional argument (see tasks/optional.py).
"""

from __future__ import annotations

import copy
import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from invoke.collection import Collection
from invoke.parser.argument import Argument

from allup.errors import AllupError, did_you_mean
from tasks.optional import OptionalArgument

# Invoke's own flags; "?" is one that takes a word if one follows.
_CORE = {
    **dict.fromkeys(("-c", "--collection", "-f", "--config", "-F", "--list-format", "--hide"), "value"),
    **dict.fromkeys(("-r", "--search-root", "-T", "--command-timeout", "-D", "--list-depth"), "value"),
    "--print-completion-script": "value",
    **dict.fromkeys(("-h", "--help", "-l", "--list"), "?"),
    **dict.fromkeys(("-d", "--debug", "-R", "--dry", "-e", "--echo", "-p", "--pty", "-V", "--version"), ""),
    **dict.fromkeys(("-w", "--warn-only", "--write-pyc", "--no-dedupe", "--prompt-for-sudo-password"), ""),
    "--complete": "",
}
_DRY = ("-R", "--dry")


@dataclass
class Reading:
    """What a command line asks for: by task the words that are no flag's value; Invoke's -f; or a refusal."""

    refusal: str = ""
    words: dict[str, list[str]] = field(default_factory=dict)
    config: str = ""


def refuse(ns: Collection, argv: Sequence[str]) -> None:
    """Ends the program when the command line or the settings files are wrong. Only under inv or invoke."""
    if os.path.basename(argv[0] if argv else "") not in ("inv", "invoke") or "--complete" in argv:
        return
    reading = read(ns, argv)
    if reading.refusal:
        _leave(reading.refusal, 2)
    from tasks import configfiles

    try:
        configfiles.check(reading.config)
    except AllupError as error:
        _leave(str(error), error.exit_code)
    for task in reading.words:
        if isinstance(ns[task], OptionalArgument):
            ns[task].given = True


def _leave(paragraph: str, code: int) -> None:
    sys.stderr.write(paragraph + "\n")
    sys.exit(code)


def read(ns: Collection, argv: Sequence[str]) -> Reading:
    """The command line *argv* of inv, as its parser will read it."""
    return _Reader(ns, list(argv[1:])).read()


class _Refused(Exception):
    """Carries the paragraph."""


class _Reader:
    def __init__(self, ns: Collection, words: list[str]) -> None:
        self._ns = ns
        self._words = words
        self._known = _names(ns)
        self._task = ""
        self._flags: Mapping[str, bool] = {}  # of the task: whether it takes a value
        self._positional: list[str] = []  # the names of its positional arguments
        self._required = 0  # how many of them it cannot do without
        self._once: set[str] = set()  # those of its flags that may be given once
        self._given: set[str] = set()
        self._dry = False
        self._reading = Reading()

    def read(self) -> Reading:
        try:
            while self._words:
                word = self._words.pop(0)
                if word == "--":
                    break
                if word.startswith("-") and word != "-":
                    self._flag(word)
                else:
                    self._word(word)
            self._end()
        except _Refused as refused:
            self._reading.refusal = str(refused)
        return self._reading

    def _word(self, word: str) -> None:
        given = self._reading.words.get(self._task, [])
        if word in self._known and len(given) >= self._required:
            self._begin(word)
        elif self._task and len(given) < len(self._positional):
            self._reading.words[self._task] = [*given, word]
        elif given:
            raise _Refused(f"{self._task}: {word!r} is a word too many. See inv --help {self._task}.")
        else:
            raise _Refused(_unknown_task(word, self._known))

    def _end(self) -> None:
        """The words of the task end here."""
        given = len(self._reading.words.get(self._task, []))
        if given < self._required:
            missing = self._positional[given].upper()
            raise _Refused(f"{self._task}: {missing} is missing. See inv --help {self._task}.")

    def _begin(self, task: str) -> None:
        self._end()
        self._task, self._given = task, set()
        arguments = _arguments(self._ns, task)
        flags = {f"--{name}": a.takes_value for a in arguments for name in a.names}
        flags |= {f"--no-{name}": False for a in arguments for name in a.names if a.default is True}
        self._flags = flags
        self._once = {
            f"--{name}" for a in arguments if a.takes_value and a.kind is not list for name in a.names
        }
        self._positional = [str(a.name) for a in arguments if a.positional]
        self._required = sum(a.positional and a.default is None for a in arguments)
        self._refuse_dry()

    def _flag(self, word: str) -> None:
        flag, equals, value = word.partition("=")
        if flag in self._flags:
            if flag in self._given:
                raise _Refused(f"{self._task}: {flag} is given twice. Leave one out.")
            self._given |= {flag} & self._once
            if self._flags[flag] and not equals:
                self._value_of(flag)
            elif equals and not self._flags[flag]:
                raise _Refused(f"{self._task}: {flag} takes no value. See inv --help {self._task}.")
        elif flag in _CORE:
            self._core(flag, value if equals else None)
        elif flag.startswith("--") or flag[:2] not in _CORE:
            where, known = (
                (f"{self._task}:", {**self._flags, "--help": False})
                if self._task
                else ("Before the first task", _CORE)
            )
            see = f"inv --help {self._task}".rstrip()
            raise _Refused(f"{where} there is no flag {flag}{did_you_mean(flag, known)}. See {see}.")

    def _value_of(self, flag: str) -> None:
        if not self._words or self._words[0].startswith("--"):
            raise _Refused(f"{self._task}: {flag} needs a value. See inv --help {self._task}.")
        self._words.pop(0)

    def _core(self, flag: str, value: str | None) -> None:
        if flag in _DRY:
            self._dry = True
            if self._task:
                self._refuse_dry()
        takes = _CORE[flag]
        follows = self._words[0] if self._words and not self._words[0].startswith("-") else None
        if takes and value is None and follows is not None and not self._task:
            value = self._words.pop(0)
        if flag in ("-f", "--config"):
            self._reading.config = value or ""
        if flag in ("-h", "--help") and value and value not in self._known:
            raise _Refused(_unknown_task(value, self._known))
        if flag in ("-l", "--list") and value and not _is_collection(value, self._known):
            collections = sorted({name.partition(".")[0] for name in self._known})
            raise _Refused(
                f"There is no group of tasks {value!r}{did_you_mean(value, collections)}. "
                f"There are {', '.join(collections)}."
            )

    def _refuse_dry(self) -> None:
        # Invoke's --dry is about shell commands, of which there are none; a person who types it means ours.
        if self._dry and "--dry-run" not in self._flags:
            raise _Refused(f"{self._task}: there is no dry run of it. See inv --help {self._task}.")


def _is_collection(name: str, known: frozenset[str]) -> bool:
    return any(task.startswith(f"{name}.") for task in known)


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
    return frozenset(_all(ns))


def _all(ns: Collection) -> Iterator[str]:
    for name, aliases in ns.task_names.items():
        yield name
        yield from aliases
