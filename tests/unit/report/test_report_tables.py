from allup.report.tables import table


def test_columns_are_aligned_and_no_line_ends_in_a_blank() -> None:
    text = table(("COMPONENT", "STATE", "AGE"), [("nfs", "ready", None), ("secret-rsp", "not yet", "3 d")])
    assert text.splitlines() == [
        "COMPONENT   STATE    AGE",
        "nfs         ready",
        "secret-rsp  not yet  3 d",
    ]


def test_figures_stand_to_the_right_and_are_written_as_given() -> None:
    text = table(("NAME", "SIZE"), [("a", "007"), ("b", "1e3"), ("c", 10000)], right=("SIZE",))
    assert text.splitlines() == ["NAME   SIZE", "a       007", "b       1e3", "c     10000"]


def test_a_table_without_rows_is_its_headers() -> None:
    assert table(("NAME", "KEY"), []).split() == ["NAME", "KEY"]


def test_a_line_break_or_a_colour_in_a_cell_does_not_break_the_table() -> None:
    assert table(("A", "B"), [("one\r\ntwo", "\x1b[31mred\x1b[0m")]).splitlines()[1] == "one two  red"


def test_colour_is_only_there_when_asked_for_and_moves_no_column() -> None:
    rows = [("ready", "x"), ("failed", "y")]
    assert "\x1b" not in table(("STATE", "NAME"), rows)
    coloured = table(("STATE", "NAME"), rows, colour=True)
    assert "\x1b[32mready\x1b[0m" in coloured
    stripped = coloured.replace("\x1b[32m", "").replace("\x1b[31m", "").replace("\x1b[0m", "")
    assert stripped == table(("STATE", "NAME"), rows)


def test_the_last_column_is_cut_to_the_width() -> None:
    lines = table(("NAME", "MESSAGE"), [("nfs", "word " * 40)], width=40).splitlines()
    assert max(map(len, lines)) <= 40
    assert lines[1].endswith("…")
