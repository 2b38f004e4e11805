"""The wait for the objects of a component, and what is said about how it ended: the same in every run."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from allup.cluster.watch import Watches
from allup.errors import AllupError
from allup.model.platform import Component, Platform
from allup.refs import ObjectRef
from allup.run import explaining
from allup.run.beside import Beside
from allup.run.ledger import Ledger
from allup.run.options import RunOptions
from allup.run.progress import Phase
from allup.run.session import Session
from allup.run.surroundings import Surroundings
from allup.run.waiting import NotReady, Stopped, Switchboard, Wait


@dataclass(frozen=True)
class ComponentWait:
    """Waits as a component's declaration and the options of the run say, and tells the ledger."""

    session: Session
    platform: Platform
    options: RunOptions
    watches: Watches
    switchboard: Switchboard
    ledger: Ledger
    surroundings: Surroundings

    def declared(self, name: str) -> Component:
        """The component; what is no longer in the code is one that says nothing special."""
        return next((c for c in self.platform.components if c.name == name), Component(name))

    def beside(self, name: str) -> Beside:
        """The neighbours of a component's objects, as the watches see them."""
        return Beside(self.watches.store, name, self.surroundings.binding_mode, self.surroundings.look)

    def until_ready(self, component: Component, refs: Sequence[ObjectRef], deadline: float) -> None:
        """Returns when *refs* are ready. Raises what ``Wait.run`` raises."""
        self.ledger.moved(component.name, Phase.WAITING)
        Wait(
            component.name,
            refs,
            watches=self.watches,
            discovery=self.session.discovery,
            switchboard=self.switchboard,
            beside=self.beside(component.name),
            clock=self.session.clock,
            stopped=self.session.stop.is_set,
            on_message=lambda text: self.ledger.moved(component.name, Phase.WAITING, text),
            deadline=deadline,
            grace=component.grace if self.options.grace is None else self.options.grace,
            stable=component.stable,
        ).run()

    def attempt(self, name: str, work: Callable[[], None]) -> bool:
        """Whether *work* brought the component to where it was to go; why not is in the ledger then."""
        try:
            work()
        except Stopped:
            return False
        except NotReady as not_ready:
            findings = explaining.explain(
                self.session, self.watches.store, name, not_ready, self.platform.collection
            )
            for each in findings:
                self.ledger.found(name, each)
            self.ledger.moved(name, Phase.FAILED, findings[0].message)
            return False
        except AllupError as error:
            if not self.session.stop.is_set():  # a request that the end of the run broke off says nothing
                self.ledger.found(name, explaining.of_error(error, self.platform.namespace))
                self.ledger.moved(name, Phase.FAILED, str(error))
            return False
        self.ledger.moved(name, Phase.READY)
        return True
