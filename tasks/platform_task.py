"""An Invoke task whose flags come from data: the fixed flags of its verb and the platform's settings."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from typing import Any

from invoke.context import Context
from invoke.parser.argument import Argument

from allup.model.settings import SettingSpec, setting_specs
from tasks.edge import edge
from tasks.flags import FIXED, POSITIONAL, Flag
from tasks.optional import OptionalArgument
from tasks.platform_folder import PlatformFolder
from tasks.verb import Call, Verb
from tasks.words import words_after


class PlatformTask(OptionalArgument):
    """One verb of one platform.

    Invoke builds the arguments of every task for ``--list``, which is most of its time; so a task shows its
    flags only when its name is on the command line.
    """

    def __init__(self, platform: PlatformFolder, verb: Verb) -> None:
        self._platform = platform
        self._verb = verb

        @edge
        def body(c: Context, **given: Any) -> None:
            verb.run(Call(context=c, platform=platform, verb=verb, given=given))

        example = verb.example.replace("P.", f"{platform.collection}.")
        body.__doc__ = f"{verb.help}\n\nExample: inv {example}"
        super().__init__(body, name=verb.name, aliases=verb.aliases, positional=(), auto_shortflags=False)

    def __eq__(self, other: object) -> bool:
        # Invoke leaves out a call that equals an earlier one, so that up, down, up would end after down.
        return False

    __hash__ = OptionalArgument.__hash__

    def __deepcopy__(self, memo: object) -> PlatformTask:
        # Invoke copies every task it loads, with all it refers to: a tenth of the time of --list.
        return self

    def get_arguments(self, ignore_unknown_help: bool | None = None) -> list[Argument]:
        """The flags, when anybody could see them."""
        if not self._asked_for():
            return []
        arguments = [_positional(name, None) for name in self._verb.positional]
        arguments += [_positional(name, None if self.given else "") for name in self._verb.optional]
        arguments += [_word(number) for number in range(1, self._words() + 1)]
        arguments += [_fixed(FIXED[name]) for name in self._verb.flags]
        if self._verb.settings and self._platform.chart_values:
            arguments.append(_fixed(FIXED["values"]))
        if self._verb.settings:
            for spec in setting_specs(self._platform.settings):
                arguments += _setting(spec)
        return arguments

    def _words(self) -> int:
        """How many words there are: Invoke knows no optional positional, so there are as many as given."""
        if not self._verb.words:
            return 0
        names = [f"{self._platform.collection}.{n}" for n in (self._verb.name, *self._verb.aliases)]
        with_value = [f"--{n.replace('_', '-')}" for n in self._verb.flags if FIXED[n].kind != "switch"]
        return min(len(words_after(names, with_value, sys.argv)), self._verb.words)

    def _asked_for(self) -> bool:
        words = {word.rpartition("=")[2] for word in sys.argv}  # --help=NAME names it too
        return not words.isdisjoint(self._called())

    def _called(self) -> frozenset[str]:
        names = (self._verb.name, *self._verb.aliases)
        return frozenset(f"{self._platform.collection}.{name}" for name in names)


def _positional(name: str, default: str | None) -> Argument:
    shown = POSITIONAL.get(name, "which one")
    return Argument(name=name, positional=True, default=default, help=shown)


def _word(number: int) -> Argument:
    return Argument(name=f"word-{number}", attr_name=f"word_{number}", positional=True)


def _fixed(flag: Flag) -> Argument:
    kind = {"switch": bool, "text": str, "many": list}[flag.kind]
    several = " (one word, or several with commas)" if flag.kind == "many" else ""  # Invoke shows no =STRING
    return _argument(flag.name, kind, flag.help + several)


def _argument(name: str, kind: type, help: str) -> Argument:
    dashed = name.replace("_", "-")
    # An attribute name that is the flag's own sends Invoke's parser round in circles.
    return Argument(names=(dashed,), attr_name=name if name != dashed else None, kind=kind, help=help)


def _setting(spec: SettingSpec) -> Iterable[Argument]:
    if spec.kind is bool:
        yield _argument(spec.name, bool, _help(spec))
        yield _argument(f"no_{spec.name}", bool, f"the opposite of {spec.flag}")
    else:
        yield _argument(spec.name, str, _help(spec))


def _help(spec: SettingSpec) -> str:
    """What a setting is, its type, default and variable."""
    kind = {bool: "", int: "a whole number", float: "a number", str: ""}.get(
        spec.kind, "a quantity such as 512Mi"
    )
    facts = [kind] if kind else []
    if spec.choices:
        facts.append("one of " + ", ".join(spec.choices))
    if "default:" not in spec.help:
        default = str(spec.default).lower() if spec.kind is bool else str(spec.default)
        facts.append(f"default: {default if spec.default not in (None, '') else 'none'}")
    if spec.env:
        facts.append(f"variable: {spec.env}")
    return f"{spec.help} ({'; '.join(facts)})" if facts else spec.help
