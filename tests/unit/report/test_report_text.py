import pytest
from hypothesis import given
from hypothesis import strategies as st

from allup.report.text import duration, plain, some, stopwatch, whole_seconds


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0.04, "0.0 s"),
        (2.14, "2.1 s"),
        (59.94, "59.9 s"),
        (59.96, "1 min 00 s"),
        (65, "1 min 05 s"),
        (3725, "1 h 02 min"),
        (-1, "0.0 s"),
    ],
)
def test_a_duration_reads_as_a_person_would_say_it(seconds: float, words: str) -> None:
    assert duration(seconds) == words


def test_a_counting_figure_has_no_tenths() -> None:
    assert whole_seconds(2.6) == "3 s"


def test_a_stopwatch_gets_hours_only_when_there_are_any() -> None:
    assert (stopwatch(3.9), stopwatch(754), stopwatch(3723)) == ("00:03", "12:34", "1:02:03")


def test_many_names_are_cut_with_their_number() -> None:
    assert some(["a", "b", "c"], most=2) == "a, b and 1 more"


@pytest.mark.parametrize(
    ("raw", "clean"),
    [
        ("\x1b[31mred\x1b[0m", "red"),
        ("\x1b]0;your terminal is mine\x07title", "title"),
        ("\x1b]8;;http://x\x1b\\link\x1b]8;;\x1b\\", "link"),
        ("10%\r20%\r\ndone", "10%\n20%\ndone"),
        ("bell\a, backspace\b, null\0", "bell, backspace, null"),
        ("\u202eevil", "evil"),
        ("tab\tstays", "tab\tstays"),
        ("half \ud800 pair", "half \ufffd pair"),
        ("\x9b2Jcleared", "cleared"),
    ],
)
def test_what_steers_a_terminal_is_taken_out_and_the_words_stay(raw: str, clean: str) -> None:
    assert plain(raw) == clean


@given(st.text(st.characters(codec=None), max_size=60))
def test_no_text_whatever_leaves_a_control_character(text: str) -> None:
    clean = plain(text)
    assert all(char in "\t\n" or not (ord(char) < 32 or 127 <= ord(char) < 160) for char in clean)
    clean.encode("utf-8")
    assert plain(clean) == clean
