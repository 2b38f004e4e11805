import pytest

from allup.report.state import RunView
from allup.report.summary import closing, heading, in_full, problems, sentence
from allup.run.progress import (
    Action,
    CheckDone,
    CheckOutcome,
    ComponentResult,
    Finding,
    Phase,
    RunFinished,
)
from tests.unit.report.report_samples import failed_up, feed, finished, ref, result, started


def words(end: RunFinished, *components: str) -> str:
    view = RunView()
    view.fold(started(*components or ("nfs",), verb=end.verb))
    view.fold(end)
    return sentence(view)


def ready(name: str, **actions: int) -> ComponentResult:
    return result(name, Phase.READY, actions={Action(action): number for action, number in actions.items()})


def check(name: str, outcome: CheckOutcome, detail: str = "") -> CheckDone:
    return CheckDone(at=1, component="nfs", check=name, outcome=outcome, detail=detail)


def test_an_up_that_changed_nothing_says_so_first() -> None:
    text = words(finished("done", ready("nfs", unchanged=34), seconds=0.4))
    assert text == (
        "rstudio: nothing changed. 1 component ready, 34 objects unchanged in 0.4 s (0 created, 0 changed)."
    )


def test_an_up_counts_created_changed_and_unchanged_even_at_zero() -> None:
    text = words(finished("done", ready("nfs", created=30), ready("ldap", created=4), seconds=12.3))
    assert text == "rstudio is up: 2 components ready in 12.3 s (34 created, 0 changed, 0 unchanged)."


def test_a_run_about_one_component_does_not_say_that_the_platform_is_up_or_down() -> None:
    view = RunView()
    view.fold(started("setup", "ldap", only=("ldap",)))
    view.fold(finished("done", ready("setup", unchanged=5), ready("ldap", created=4)))
    assert sentence(view).startswith("rstudio: ldap is up: 2 components ready in ")
    view.fold(finished("failed", result("ldap", Phase.FAILED)))
    assert sentence(view).startswith("rstudio: ldap is not up: ldap failed")
    view = RunView()
    view.fold(started("ldap", "nfs", verb="down", only=("ldap", "nfs")))
    view.fold(finished("done", result("ldap", Phase.GONE, actions={Action.DELETED: 2}), verb="down"))
    assert sentence(view).startswith("rstudio: ldap, nfs are down: 2 objects deleted")


def test_a_wait_only_says_what_is_ready() -> None:
    assert words(finished("done", ready("nfs"), ready("ldap"), verb="wait", seconds=0.4)) == (
        "rstudio: 2 components ready in 0.4 s."
    )


def test_an_up_names_replaced_and_pruned_only_when_there_are_any() -> None:
    text = words(finished("done", ready("nfs", changed=1, replaced=2, pruned=3)))
    assert "(0 created, 1 changed, 0 unchanged, 2 replaced, 3 pruned)" in text


@pytest.mark.parametrize("action", ["created", "changed", "replaced", "pruned"])
def test_a_run_that_wrote_anything_never_says_nothing_changed(action: str) -> None:
    assert "nothing changed" not in words(finished("done", ready("nfs", unchanged=9, **{action: 1})))


def test_checks_are_counted_and_skipped_ones_are_never_called_passed() -> None:
    passed = [check(f"p{i}", CheckOutcome.PASSED) for i in range(3)]
    skipped = [check(f"s{i}", CheckOutcome.SKIPPED, "simulated node") for i in range(5)]
    end = finished("done", result("nfs", Phase.READY, checks=(*passed, *skipped)))
    assert words(end).endswith(" 3 checks passed, 5 skipped: simulated node.")


def test_different_reasons_to_skip_are_not_thrown_together() -> None:
    skipped = (check("a", CheckOutcome.SKIPPED, "simulated node"), check("b", CheckOutcome.SKIPPED, "no pod"))
    assert words(finished("done", result("nfs", Phase.READY, checks=skipped))).endswith(" 2 checks skipped.")


def test_a_failed_up_names_the_failed_and_counts_the_others() -> None:
    end = finished(
        "failed",
        result("ldap", Phase.FAILED),
        *(result(f"s{i}", Phase.SKIPPED) for i in range(3)),
        *(ready(f"r{i}") for i in range(4)),
        seconds=45.1,
    )
    assert words(end, "ldap") == "rstudio is not up: ldap failed, 3 skipped, 4 ready (45.1 s)."


def test_a_down_counts_what_was_deleted_and_lists_what_was_kept() -> None:
    view = RunView()
    kept = tuple((ref("PersistentVolumeClaim", f"c{i}"), "data") for i in range(5))
    gone = result("nfs", Phase.GONE, actions={Action.DELETED: 20})
    view.fold(finished("done", gone, verb="down", seconds=3.1, kept=kept))
    end = closing(view)
    assert end.sentence == "the platform is down: 20 objects deleted in 3.1 s."
    assert end.kept[0] == ("PersistentVolumeClaim/rstudio/c0", "data")
    assert len(end.kept) == 5


def test_a_second_down_has_nothing_to_take_down() -> None:
    end = finished("done", result("nfs", Phase.GONE, actions={Action.MISSING: 3}), verb="down")
    assert words(end) == "rstudio: nothing to take down."


def test_a_stuck_down_names_what_is_still_there() -> None:
    end = finished("stuck", result("nfs", Phase.STUCK), result("ldap", Phase.GONE), verb="down", seconds=60)
    assert words(end) == "rstudio is not down: nfs stuck, 1 gone (1 min 00 s)."


def test_an_interrupted_up_says_what_is_ready_what_is_half_done_and_that_the_command_continues() -> None:
    end = finished(
        "interrupted", ready("nfs"), result("ldap", Phase.WAITING), result("rsp", Phase.PENDING), seconds=4
    )
    assert words(end) == (
        "rstudio up was interrupted after 4.0 s. Ready: nfs; half done: ldap; not started: rsp. "
        "The same command continues where it stopped."
    )


def test_an_installation_under_another_name_is_named() -> None:
    view = RunView()
    view.fold(started("nfs", instance="blue"))
    view.fold(finished("done", ready("nfs", created=1)))
    assert sentence(view).startswith("rstudio (blue) is up")


def test_a_problem_holds_the_object_the_message_the_event_the_log_and_the_next_step() -> None:
    view = RunView()
    feed(view.fold, failed_up())
    (problem,) = problems(view)
    assert in_full(problem).splitlines() == [
        "ldap failed after 5.8 s: image not found",
        "  Pod/rstudio/ldap-7d9c",
        "    the image ldap:1.5 of container ldap does not exist",
        '    last event  Failed to pull image "ldap:1.5": not found',
        "    log         | starting slapd",
        "                | bdb_db_open: locked",
        "    next        inv k8s.describe --component ldap",
    ]


def test_what_a_finding_says_is_not_said_twice() -> None:
    finding = Finding(ref=ref("Secret", "s"), cause="request-failed", message="spec cannot be changed")
    view = RunView()
    text = "Secret/rstudio/s: spec cannot be changed. Take it down."
    view.fold(finished("failed", result("a", Phase.FAILED, 2.0, text, findings=(finding,))))
    assert heading(problems(view)[0]) == ("a failed after 2.0 s", "")


def test_a_failed_check_is_a_problem_that_quotes_the_answer() -> None:
    view = RunView()
    failed = check("GET Service/rsp:8787/", CheckOutcome.FAILED, "answered 503, wants 200")
    view.fold(finished("failed", result("rsp", Phase.FAILED, 2.0, "its check failed", checks=(failed,))))
    title, message = heading(problems(view)[0])
    assert title == "rsp failed after 2.0 s"
    assert message.splitlines() == ["its check failed", "GET Service/rsp:8787/: answered 503, wants 200"]
