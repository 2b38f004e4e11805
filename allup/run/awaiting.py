"""Waits until what is there is ready, changing nothing."""

from __future__ import annotations

from allup.errors import AllupError, Terminated
from allup.model.platform import Component, Platform
from allup.refs import GroupKind
from allup.run import explaining
from allup.run.beside import Beside
from allup.run.ledger import Ledger
from allup.run.options import RunOptions
from allup.run.progress import Phase, Reporter, RunFinished, RunStarted
from allup.run.schedule import Schedule
from allup.run.seeing import Sight
from allup.run.session import Session
from allup.run.surroundings import Surroundings
from allup.run.waiting import NotReady, Stopped, Switchboard, Wait


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
        platform = self._platform
        self._ledger.say(
            RunStarted(
                at=self._session.clock.monotonic(),
                verb="wait",
                platform=platform.name,
                instance=platform.instance,
                namespace=platform.namespace,
                context=self._session.context,
                components=tuple(wanted),
            )
        )
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
        self._ledger.moved(name, Phase.WAITING)
        # What is no longer in the code is waited for as a component that says nothing special.
        declared = next((c for c in self._platform.components if c.name == name), Component(name))
        try:
            Wait(
                name,
                tuple(self._sight.objects(name)),
                watches=self._sight.watches,
                discovery=self._session.discovery,
                switchboard=self._switchboard,
                beside=Beside(
                    self._sight.watches.store, name, self._surroundings.binding_mode, self._surroundings.look
                ),
                clock=self._session.clock,
                stopped=self._session.stop.is_set,
                on_message=lambda text: self._ledger.moved(name, Phase.WAITING, text),
                deadline=self._deadline,
                grace=declared.grace if self._options.grace is None else self._options.grace,
                stable=declared.stable,
            ).run()
        except Stopped:
            return False
        except NotReady as not_ready:
            findings = explaining.explain(
                self._session, self._sight.watches.store, name, not_ready, self._platform.collection
            )
            for each in findings:
                self._ledger.found(name, each)
            self._ledger.moved(name, Phase.FAILED, findings[0].message)
            return False
        except AllupError as error:
            self._ledger.moved(name, Phase.FAILED, str(error))
            return False
        self._ledger.moved(name, Phase.READY)
        return True
