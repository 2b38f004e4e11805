from allup.report.state import RunView
from allup.run.progress import Action, CheckDone, CheckOutcome, Note, Phase
from tests.unit.report.report_samples import failed_up, feed, finished, made, moved, ref, result, started


def view_of(*run: object) -> RunView:
    view = RunView()
    feed(view.fold, run)  # type: ignore[arg-type]
    return view


def test_elapsed_counts_from_the_first_move_and_stops_at_the_final_one() -> None:
    view = view_of(started("nfs"), moved(101, "nfs", Phase.APPLYING), moved(102, "nfs", Phase.WAITING))
    assert view.component("nfs").elapsed(105.0) == 4.0
    view.fold(moved(106, "nfs", Phase.READY))
    assert view.component("nfs").elapsed(200.0) == 5.0


def test_a_component_that_never_began_has_no_elapsed_time() -> None:
    view = view_of(started("nfs"), moved(101, "nfs", Phase.SKIPPED, "needs setup"))
    assert view.component("nfs").elapsed(200.0) is None


def test_a_pending_component_waits_only_for_what_is_not_ready_yet() -> None:
    view = view_of(started("a", "b", "c", needs={"c": ("a", "b")}), moved(101, "a", Phase.READY))
    assert view.waits_for("c") == ("b",)


def test_on_the_way_down_a_component_waits_for_those_that_need_it() -> None:
    view = view_of(started("a", "b", "c", verb="down", needs={"b": ("a",), "c": ("a",)}))
    view.fold(moved(101, "c", Phase.GONE))
    assert view.waits_for("a") == ("b",)


def test_the_result_of_the_run_has_the_last_word_on_counts() -> None:
    view = view_of(started("nfs"), made(101, "nfs", ref("Service", "nfs")))
    view.fold(finished("done", result("nfs", Phase.READY, actions={Action.CREATED: 3})))
    assert view.objects(Action.CREATED) == 3


def test_counts_come_from_the_objects_when_the_result_has_none() -> None:
    view = view_of(started("nfs"), made(101, "nfs", ref("Service", "nfs")))
    view.fold(finished("interrupted", result("nfs", Phase.WAITING)))
    assert view.objects(Action.CREATED) == 1


def test_a_check_that_is_tried_again_counts_once() -> None:
    view = view_of(started("nfs"))
    for at, outcome in ((101, CheckOutcome.FAILED), (102, CheckOutcome.PASSED)):
        view.fold(CheckDone(at=at, component="nfs", check="tcp", outcome=outcome))
    assert not view.checks(CheckOutcome.FAILED)
    assert len(view.checks(CheckOutcome.PASSED)) == 1


def test_a_warning_said_twice_is_kept_once() -> None:
    view = view_of(started("nfs"), Note(at=101, text="careful", warning=True))
    view.fold(finished("done", warnings=("careful",)))
    assert view.warnings == ["careful"]


def test_a_note_on_a_moving_component_is_what_it_shows() -> None:
    view = view_of(started("nfs"), moved(101, "nfs", Phase.WAITING, "0/1 pods ready"))
    view.fold(Note(at=102, component="nfs", text="crash loop, gives up in 40 s"))
    assert view.component("nfs").message == "crash loop, gives up in 40 s"


def test_components_that_the_start_did_not_list_are_shown_too() -> None:
    assert list(view_of(started("nfs"), moved(101, "extra", Phase.READY)).components) == ["nfs", "extra"]


def test_a_failed_run_keeps_findings_where_they_belong() -> None:
    view = view_of(*failed_up())
    assert [view.component(name).phase for name in ("nfs", "ldap", "rsp")] == ["ready", "failed", "skipped"]
    assert view.component("ldap").findings[0].cause == "image-not-found"
