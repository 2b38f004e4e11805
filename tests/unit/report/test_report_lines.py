from allup.report import github
from allup.report.lines import LineReport
from allup.run.progress import Action, Finding, Note, Phase
from tests.unit.report.report_samples import (
    Clock,
    Tape,
    failed_up,
    feed,
    finished,
    made,
    moved,
    ref,
    result,
    started,
)


def report(clock: Clock | None = None, **how: bool) -> tuple[LineReport, Tape]:
    tape = Tape()
    return LineReport(tape, now=clock or Clock(100.0), **how), tape


def test_a_failed_run_reads_from_top_to_bottom() -> None:
    lines, tape = report()
    feed(lines, failed_up())
    assert tape.getvalue().splitlines() == [
        "00:00 rstudio up: 3 components, context kind-lab, namespace rstudio",
        "00:00 worker_replicas 4 → 1 (last up: flag)",
        "00:00 nfs: applying",
        "00:00 nfs: created Deployment/rstudio/nfs",
        "00:00 nfs: waiting, Deployment/rstudio/nfs: 0/1 pods ready",
        "00:03 nfs: check connect Service/nfs01:2049 skipped: simulated node",
        "00:03 nfs: ready in 3.0 s (1 created, 1 unchanged, 1 check skipped)",
        "00:03 ldap: applying",
        "00:03 ldap: created Deployment/rstudio/ldap",
        "00:03 ldap: waiting, Deployment/rstudio/ldap: 0/1 pods ready",
        "00:03 ldap: warning: the tag latest moves",
        "00:09 ldap: failed after 5.8 s: image not found",
        "00:09 rsp: skipped: needs ldap",
        "",
        "component  state    elapsed",
        "nfs        ready      3.0 s  1 created, 1 unchanged, 1 check skipped",
        "ldap       failed     5.8 s  image not found",
        "rsp        skipped           needs ldap",
        "",
        "ldap failed after 5.8 s: image not found",
        "  Pod/rstudio/ldap-7d9c",
        "    the image ldap:1.5 of container ldap does not exist",
        '    last event  Failed to pull image "ldap:1.5": not found',
        "    log         | starting slapd",
        "                | bdb_db_open: locked",
        "    next        inv k8s.describe --component ldap",
        "",
        "Warning: ldap: the tag latest moves",
        "Warning: RSP_LICENSE wins over the file",
        "",
        "rstudio is not up: ldap failed, 1 skipped, 1 ready (9.4 s). 1 check skipped: simulated node.",
    ]


def test_unchanged_objects_are_counted_and_not_listed() -> None:
    lines, tape = report()
    lines(started("nfs"))
    for i in range(200):
        lines(made(101, "nfs", ref("ConfigMap", f"c{i}"), Action.UNCHANGED))
    lines(moved(102, "nfs", Phase.READY))
    assert len(tape.getvalue().splitlines()) == 2
    assert "200 unchanged" in tape.getvalue()


def test_a_message_that_changes_within_a_phase_is_left_to_the_heartbeat() -> None:
    lines, tape = report()
    feed(lines, [started("nfs"), *(moved(101, "nfs", Phase.WAITING, f"{i}/9 pods ready") for i in range(9))])
    assert tape.getvalue().count("pods ready") == 1


def test_after_15_silent_seconds_it_names_what_is_waited_for_and_only_then() -> None:
    clock = Clock(100.0)
    lines, tape = report(clock)
    feed(lines, [started("nfs", "ldap"), moved(100, "nfs", Phase.WAITING, "0/1 pods ready")])
    clock.at = 114.9
    lines.tick()
    assert "waiting for" not in tape.getvalue()
    clock.at = 115.0
    lines.tick()
    lines.tick()
    assert tape.getvalue().splitlines()[-1] == "00:15 waiting for nfs (0/1 pods ready)"
    assert tape.getvalue().count("waiting for") == 1


def test_progress_that_is_worth_no_line_still_lets_the_heart_beat() -> None:
    clock = Clock(100.0)
    lines, tape = report(clock)
    feed(lines, [started("nfs"), moved(100, "nfs", Phase.WAITING, "0/2 pods ready")])
    clock.at = 120.0
    lines(moved(120, "nfs", Phase.WAITING, "1/2 pods ready"))
    assert tape.getvalue().splitlines()[-1] == "00:20 waiting for nfs (1/2 pods ready)"


def test_nothing_beats_after_the_end() -> None:
    clock = Clock(100.0)
    lines, tape = report(clock)
    feed(lines, [started("nfs"), finished("done", result("nfs", Phase.READY))])
    clock.at = 500.0
    written = tape.getvalue()
    lines.tick()
    assert tape.getvalue() == written


def test_kept_objects_stand_in_a_table_with_their_reasons() -> None:
    lines, tape = report()
    kept = (
        (ref("PersistentVolumeClaim", "nfs"), "data"),
        (ref("Secret", "ldap"), "generated; --purge removes it"),
    )
    feed(lines, [started("nfs", verb="down"), finished("done", verb="down", kept=kept)])
    assert tape.getvalue().splitlines()[-5:] == [
        "Kept 2:",
        "  PersistentVolumeClaim/rstudio/nfs  data",
        "  Secret/rstudio/ldap                generated; --purge removes it",
        "",
        "rstudio: nothing to take down.",
    ]


def test_colours_and_cursor_movements_of_others_never_reach_the_log() -> None:
    lines, tape = report()
    feed(lines, [started("nfs"), moved(101, "nfs", Phase.WAITING, "\x1b[2J\x1b[31mgone\x1b[0m\r\nnext")])
    assert "waiting, gone next" in tape.getvalue()
    assert "\x1b" not in tape.getvalue()


def test_an_ascii_stream_gets_every_line() -> None:
    tape = Tape("ascii")
    feed(LineReport(tape, now=Clock(100.0)), failed_up())
    assert "worker_replicas 4 \\u2192 1" in tape.getvalue()


def test_on_github_a_component_is_one_fold_and_folds_never_interleave() -> None:
    lines, tape = report(annotate=True)
    feed(
        lines,
        [
            started("a", "b"),
            moved(101, "a", Phase.APPLYING),
            moved(101, "b", Phase.APPLYING),
            made(102, "a", ref("Service", "a")),
            made(102, "b", ref("Service", "b")),
            moved(103, "b", Phase.READY),
            moved(104, "a", Phase.READY),
        ],
    )
    assert tape.getvalue().splitlines()[1:] == [
        "::group::00:03 b: ready in 2.0 s (1 created)",
        "00:01 b: applying",
        "00:02 b: created Service/rstudio/b",
        "::endgroup::",
        "::group::00:04 a: ready in 3.0 s (1 created)",
        "00:01 a: applying",
        "00:02 a: created Service/rstudio/a",
        "::endgroup::",
    ]


def test_on_github_a_failed_component_is_not_folded_away_and_annotated() -> None:
    lines, tape = report(annotate=True)
    feed(lines, failed_up())
    text = tape.getvalue()
    assert "::group::00:09 ldap" not in text
    (error,) = (line for line in text.splitlines() if line.startswith("::error"))
    assert error == (
        "::error title=ldap failed after 5.8 s%3A Pod/rstudio/ldap-7d9c::"
        "the image ldap:1.5 of container ldap does not exist%0A"
        'Failed to pull image "ldap:1.5": not found%0Ainv k8s.describe --component ldap'
    )
    assert "::warning title=rstudio::RSP_LICENSE wins over the file\n" in text


def test_on_github_lines_of_an_unfinished_component_come_out_when_the_run_is_left() -> None:
    lines, tape = report(annotate=True)
    feed(lines, [started("a"), moved(101, "a", Phase.APPLYING), made(102, "a", ref("Service", "a"))])
    assert "created" not in tape.getvalue()
    lines.close("Interrupted.")
    assert "created Service/rstudio/a" in tape.getvalue()


def test_a_pod_cannot_give_orders_to_github_through_its_log() -> None:
    lines, tape = report(annotate=True)
    orders = ("::set-env name=PATH::/tmp", "  ::add-mask::x", "##[add-path]/tmp")
    finding = Finding(ref=ref("Pod", "a"), cause="crash", message=orders[1], log_lines=orders)
    feed(
        lines,
        [
            started("a"),
            Note(at=101, text="first\n::stop-commands::x"),
            finished("failed", result("a", Phase.FAILED, message="crash", findings=(finding,))),
        ],
    )
    obeyed = [
        line for line in tape.getvalue().splitlines() if line.lstrip().startswith("::") or "##[" in line
    ]
    assert [line.split("::")[1].split(" ")[0] for line in obeyed] == ["error"]


def test_annotations_escape_what_would_end_them() -> None:
    assert github.error("a: b, 100%", "50%\r\nnext: line, too") == (
        "::error title=a%3A b%2C 100%25::50%25%0D%0Anext: line, too"
    )
