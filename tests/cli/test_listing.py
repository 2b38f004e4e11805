"""What ``inv --list`` and ``inv --help`` tell."""

from __future__ import annotations

import os
import re
import shlex
import statistics
import subprocess
from pathlib import Path

import pytest

import tasks
from tasks.unknown import read
from tests.cli.invoking import INV, Inv

ALL_TASKS = sorted(tasks.ns.task_names)


def test_the_list_names_every_task_and_what_it_does(alone: Inv) -> None:
    listed = alone.fine("--list")
    words = set(listed.split())
    assert words >= set(ALL_TASKS)


def test_the_list_of_one_platform_leaves_the_others_out(alone: Inv) -> None:
    listed = alone.fine("--list", "k8s")
    assert ".all-up" in listed
    assert "doctor" not in listed


def test_a_reader_of_the_list_may_leave_early(alone: Inv) -> None:
    read_end, write_end = os.pipe()
    os.close(read_end)
    done = subprocess.run(
        [INV, "--list"], cwd=alone.checkout, env=alone.environ, stdout=write_end, stderr=subprocess.PIPE
    )
    os.close(write_end)
    assert (done.returncode, done.stderr) == (141, b"")


def test_inv_works_from_a_folder_below(alone: Inv) -> None:
    below = alone.checkout / "k8s" / "rstudio"
    assert alone("k8s.graph", cwd=below).out == alone("k8s.graph").out != ""


def test_listing_is_quick(alone: Inv) -> None:
    """150 ms are asked for. What is measured is work, not waiting for a machine that others use as well."""

    def seconds() -> float:
        before = os.times()
        alone.fine("--list")
        after = os.times()
        return (after.children_user - before.children_user) + (after.children_system - before.children_system)

    assert statistics.median(seconds() for _ in range(5)) < 0.2


@pytest.mark.parametrize("name", ALL_TASKS)
def test_every_task_says_what_it_does_and_shows_an_example_that_could_be_typed(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    what, _, example = (tasks.ns[name].__doc__ or "").rpartition("Example: ")
    first = what.strip().split("\n\n")[0]
    assert first[0].isupper()
    assert first.endswith(".")
    argv = shlex.split(example[example.index("inv ") :].replace(")", ""), comments=True)
    assert name in argv
    monkeypatch.setattr("sys.argv", argv)
    assert read(tasks.ns, argv).refusal == ""


def test_help_shows_each_setting_with_its_type_default_and_variable(alone: Inv) -> None:
    told = re.sub(r"\s+", " ", alone.fine("--help", "k8s.all-up"))
    assert "--rsp-port=STRING port of the web server (a whole number; default: 8787)" in told
    assert "--home-size=STRING disk for everybody's homes (a quantity such as 512Mi; default: 10Gi)" in told
    assert "--ldap-domain=STRING LDAP domain; the base DN follows (default: example.org; variable:" in told
    assert "one of debug, info, warn, error; default: info" in told
    assert "--no-ldap-admin the opposite of --ldap-admin" in told


def test_help_of_one_task_can_be_asked_in_three_ways(alone: Inv) -> None:
    ways = [("--help", "k8s.plan"), ("--help=k8s.plan",), ("k8s.plan", "--help")]
    told = {alone.fine(*way) for way in ways}
    assert len(told) == 1
    assert "--check" in told.pop()


def test_many_tasks_in_one_command_line_run_in_their_order(alone: Inv, tmp_path: Path) -> None:
    assert alone.fine(*["k8s.graph"] * 130) == alone.fine("k8s.graph") * 130
    both = alone.fine("k8s.graph", "k8s.render", "--out", str(tmp_path / "out"))
    assert both.index("setup") < both.index("manifests are in")


def test_a_task_that_fails_is_the_last_of_its_command_line(alone: Inv) -> None:
    ended = alone("k8s.graph", "k8s.render", "--only", "nonsense", "k8s.graph")
    assert ended.code == 2
    assert ended.out == alone.fine("k8s.graph")
    assert "component 'nonsense'" in ended.paragraph
