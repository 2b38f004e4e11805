"""Commands of other programs: what they print is kept, heard line by line, and they end in time."""

from __future__ import annotations

import os
import sys

import pytest

from allup.commands import Command, Here, NoProgram
from allup.errors import AllupError

HERE = Here(os.environ)


def python(code: str, **more: object) -> Command:
    """A small program."""
    return Command((sys.executable, "-c", code), **more)  # type: ignore[arg-type]


def test_what_a_program_prints_is_kept_with_its_exit_code() -> None:
    ended = HERE(python("import sys; print('out'); print('err', file=sys.stderr); sys.exit(3)"))
    assert (ended.code, ended.out, ended.err) == (3, "out\n", "err\n")


def test_each_line_is_heard_too_and_none_is_lost() -> None:
    heard: list[str] = []
    code = "import sys; [print(n) for n in range(3000)]; print(sys.stdin.read(), file=sys.stderr)"
    ended = HERE(python(code, stdin="given"), heard.append)
    assert ended.out.split() == [str(number) for number in range(3000)]
    assert ended.err == "given\n"
    assert sorted(heard) == sorted([*map(str, range(3000)), "given"])


@pytest.mark.parametrize("listening", [True, False])
def test_one_that_takes_too_long_is_ended_and_named(listening: bool) -> None:
    stuck = python("import signal; signal.pause()", patience=0.2)
    with pytest.raises(AllupError, match=r"did not end within 0\.2 s and was stopped"):
        HERE(stuck, (lambda line: None) if listening else None)


def test_a_program_that_is_not_there_is_its_own_kind_of_error() -> None:
    with pytest.raises(NoProgram, match="is not on this machine's PATH"):
        HERE(Command(("no-such-program",)))


def test_a_variable_is_put_over_the_environment_or_taken_away() -> None:
    here = Here({"PATH": os.environ["PATH"], "GONE": "1"})
    code = "import os; print(os.environ.get('GONE'), os.environ.get('NEW'))"
    assert here(python(code, environ={"GONE": None, "NEW": "2"})).out == "None 2\n"
