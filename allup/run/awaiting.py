"""Waits until what is there is ready, changing nothing."""

from __future__ import annotations

from allup.errors import AllupError, Terminated
from allup.model.platform import Platform
from allup.refs import GroupKind
from allup.run.componentwait import ComponentWait
from allup.run.ledger import Ledger
from allup.run.options import RunOptions
from allup.run.progress import Reporter, RunFinished
from allup.run.schedule import Schedule
from allup.run.seeing import Sight
from allup.run.session import Session
from allup.run.surroundings import Surroundings
from allup.run.waiting import Switchboard


class Await:
    """One wait for an instance, or for one component of it (*component* not empty)."""

    def __init__(
        self,
        session: Session,
        platform: Platform,
        component: str,
        options: RunOptions,
        report: Reporter,
        kinds: frozenset[GroupKind] = frozenset(),
    ) -> None:
        self._session = session
        self._platform = platform
        self._component = component
        self._options = options
        self._deadline = session.started + options.timeout
        self._ledger = Ledger(report, session.clock)
        self._switchboard = Switchboard()
        self._kinds = kinds
        self._surroundings = Surroundings(session.objects)

    def run(self) -> RunFinished:
        """Every component at once: they have no order any more. Raises AllupError when nothing is there."""
        sight = Sight(self._session, self._platform, self._kinds)
        self._sight = sight
        sight.watches.store.listen(self._switchboard.changed)
        present = [name for name in sight.graph().order() if sight.objects(name)]
        wanted = [name for name in present if self._component in ("", name)]
        if not wanted:
            what = self._component or self._platform.instance
            raise AllupError(what, "nothing of it is there to wait for", next_step="Bring it up first")
        self._ledger.say(self._session.begins("wait", self._platform, tuple(wanted)))
        outcome = "failed"
        try:
            ready = Schedule(dict.fromkeys(wanted, ()), self._wait, lambda _: None, self._ledger.tick).run()
            outcome = "done" if ready else "failed"
        except (KeyboardInterrupt, Terminated):
            outcome = "interrupted"
            raise
        finally:
            self._session.stop.set()
            self._switchboard.wake()
            finished = self._finished(outcome, tuple(wanted))
            sight.watches.close()
        return finished

    def _finished(self, outcome: str, names: tuple[str, ...]) -> RunFinished:
        finished = RunFinished(
            at=self._session.clock.monotonic(),
            verb="wait",
            outcome=outcome,
            seconds=self._session.clock.monotonic() - self._session.started,
            components=self._ledger.results(names),
            requests=self._session.api.requests,
        )
        self._ledger.say(finished)
        self._ledger.close()
        return finished

    def _wait(self, name: str) -> bool:
        waits = ComponentWait(
            self._session,
            self._platform,
            self._options,
            self._sight.watches,
            self._switchboard,
            self._ledger,
            self._surroundings,
        )
        refs = tuple(self._sight.objects(name))
        return waits.attempt(name, lambda: waits.until_ready(waits.declared(name), refs, self._deadline))
