"""Runs a platform's health checks once, now, outside of any up."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from allup.errors import AllupError
from allup.model.checks import HealthCheck
from allup.model.platform import Component, Platform
from allup.run.checks import Answer, Checker
from allup.run.progress import CheckOutcome
from allup.run.seeing import Sight
from allup.run.session import Session
from allup.run.surroundings import simulated_nodes
from allup.run.workers import Pool


@dataclass(frozen=True)
class Checked:
    """A check of a component and its answer. One that could not be asked is skipped, never passed."""

    component: str
    check: str
    outcome: CheckOutcome
    detail: str


def check_now(
    session: Session, platform: Platform, sight: Sight, *, component: str = "", jobs: int = 16
) -> tuple[Checked, ...]:
    """One try of every check, several at a time, in the platform's order.

    A component that the last up brought up and of which nothing is there has failed its checks; one that
    it did not bring up is skipped. Raises AllupError when nothing of the instance is there at all.
    """
    there = {one.name for one in platform.components if sight.objects(one.name)}
    if not there:
        raise AllupError(
            platform.instance,
            "nothing of it is there to check",
            next_step=f"Bring it up first: inv {platform.collection}.all-up",
        )
    wanted = dict(sight.inventory.graph) if sight.inventory else {}
    checker = Checker(session.api, sight.watches.store, platform.namespace, simulated_nodes(session.objects))

    def ask(one: tuple[Component, HealthCheck]) -> Checked:
        owner, check = one
        if owner.name in there:
            answer = checker.try_once(check)
        elif owner.name in wanted:
            answer = Answer(CheckOutcome.FAILED, "nothing of its component is there")
        else:
            answer = Answer(CheckOutcome.SKIPPED, "its component was not brought up")
        return Checked(owner.name, check.name, answer.outcome, answer.detail)

    asked: Sequence[tuple[Component, HealthCheck]] = [
        (one, check)
        for one in platform.components
        if component in ("", one.name) and (one.enabled or one.name in there)
        for check in one.checks
    ]
    pool = Pool(jobs)
    try:
        return tuple(pool.map(ask, asked))
    finally:
        pool.close()
