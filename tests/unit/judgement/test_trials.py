"""Trials judged one by one, and the verdict over all of them."""

from __future__ import annotations

import pytest

from allup import PROBE, InputError, RunTrials, Trial
from allup.trials import TrialState, judge, skipped, verdict

READ = Trial(name="read", where="deploy/rsp", command=("ls",), fails="it cannot be read")
CREATE = Trial(
    name="create",
    where="deploy/rsp",
    command=("touch",),
    signs=(("not permitted", "root is squashed"), ("No space", "the disk is full")),
    fails="it cannot be created",
)
OLD = Trial(name="version 3", where="deploy/rsp", command=("mount",), fails="as it should", needed=False)
ALL = RunTrials(name="nfs-debug", help="", trials=(READ, CREATE, OLD), good="Everything works.")


def test_a_trial_works_when_its_command_ends_well_and_says_what_is_expected() -> None:
    owned = Trial(name="o", where="deploy/rsp", command=("stat",), expect=r"^10001:500$", fails="not owned")
    assert judge(owned, 0, "10001:500").state is TrialState.WORKS
    other = judge(owned, 0, "65534:65534")
    assert (other.state, other.meaning) == (TrialState.FAILS, "not owned")
    assert "65534" in other.said
    assert judge(owned, 1, "10001:500").state is TrialState.FAILS


def test_the_first_sign_in_the_output_says_more_than_the_general_word() -> None:
    assert judge(CREATE, 1, "touch: Operation not permitted").meaning == "root is squashed"
    assert judge(CREATE, 1, "touch: No space left on device").meaning == "the disk is full"
    assert judge(CREATE, 1, "touch: something else").meaning == "it cannot be created"


def test_a_trial_without_an_end_fails_and_says_for_how_long_it_was_waited() -> None:
    result = judge(READ, None, "total 4\n")
    assert result.state is TrialState.FAILS
    assert result.said == "no end within 30 s; last: total 4"


def test_the_verdict_names_the_first_needed_failure_since_others_follow_from_it() -> None:
    results = [judge(READ, 0, "x"), judge(CREATE, 1, "not permitted"), judge(OLD, 1, "")]
    found = verdict(ALL, results)
    assert (found.good, found.sentence) == (False, "create fails: root is squashed")
    both = [judge(READ, 1, ""), judge(CREATE, 1, "not permitted")]
    assert verdict(ALL, both).sentence == "read fails: it cannot be read"


def test_what_is_not_needed_may_fail() -> None:
    results = [judge(READ, 0, "x"), judge(CREATE, 0, ""), judge(OLD, 32, "not supported")]
    found = verdict(ALL, results)
    assert (found.good, found.sentence) == (True, "Everything works.")


def test_what_could_not_be_tried_is_never_called_working() -> None:
    nothing = verdict(ALL, [skipped(t, "simulated node") for t in ALL.trials])
    assert (nothing.good, nothing.sentence) == (None, "Nothing could be tried: simulated node.")
    half = verdict(ALL, [judge(READ, 0, "x"), skipped(CREATE, "no ready pod behind Deployment/rsp")])
    assert half.good is None
    assert "not tried: create (no ready pod behind Deployment/rsp)" in half.sentence


def test_a_trial_in_a_probe_pod_needs_one_to_be_declared() -> None:
    mount = Trial(name="mount", where=PROBE, command=("mount",), fails="")
    with pytest.raises(InputError, match="declares none"):
        RunTrials(name="nfs-debug", help="", trials=(mount,), good="")


def test_a_target_that_is_not_understood_is_refused_when_the_platform_is_made() -> None:
    with pytest.raises(InputError, match="not understood"):
        Trial(name="x", where="rsp", command=("ls",), fails="")
