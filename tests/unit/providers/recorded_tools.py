"""What the real kind and minikube printed (tests/data/providers), and a runner that answers so."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from allup.commands import Command, Ended, Heard, NoProgram

DATA = Path(__file__).parents[2] / "data" / "providers"


def recorded(name: str) -> Ended:
    """``minikube/version`` and the like."""
    read = json.loads((DATA / f"{name}.json").read_text())
    return Ended(read["exit_code"], read["stdout"], read["stderr"])


class Answers:
    """A runner that answers by the first key whose words all stand in the command, and keeps them."""

    def __init__(self, answers: Mapping[str, Ended]) -> None:
        self.answers = dict(answers)
        self.asked: list[Command] = []

    def __call__(self, command: Command, heard: Heard | None = None) -> Ended:
        self.asked.append(command)
        words = " ".join(command.argv)
        for key, ended in self.answers.items():
            if all(word in words for word in key.split()):
                for line in (ended.out + ended.err).splitlines() if heard else ():
                    heard(line) if heard else None
                return ended
        raise NoProgram(command.argv[0], "is not on this machine's PATH")

    def argv(self, word: str) -> Sequence[tuple[str, ...]]:
        """The commands that have *word* among theirs."""
        return [command.argv for command in self.asked if word in command.argv]
