"""``--force``: after a down that found stuck objects, what may be done about them; that, then down again.

Never silently: ``agree`` is called with the plan before anything is written. Never blindly: each write names
the uid and the resourceVersion of what was judged, so what has changed since is left alone.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any

from allup.cluster import namespaces
from allup.cluster.store import component_of
from allup.daily.locking import locked
from allup.diagnosis.forcing import Forced, Refused, remedies
from allup.errors import ApiError
from allup.model import labels
from allup.model.platform import Platform
from allup.run.holding import Evidence
from allup.run.keeping import is_borrowed
from allup.run.progress import RunFinished
from allup.run.remains import children_of
from allup.run.session import Session

_OUTSIDE = ("Node", "APIService", "Namespace")


@dataclass(frozen=True)
class ForcePlan:
    """What would be done, and what is left alone and why."""

    steps: tuple[Forced, ...]
    refused: tuple[Refused, ...]


class Force:
    """For one platform. *agree* raises when the plan is not agreed to; *tell* is given sentences."""

    def __init__(
        self,
        platform: Platform,
        *,
        lock_timeout: float,
        agree: Callable[[ForcePlan], None],
        tell: Callable[[str], None],
    ) -> None:
        self._platform = platform
        self._lock_timeout = lock_timeout
        self._agree = agree
        self._tell = tell

    def down(self, down: Callable[[Session], RunFinished], sessions: Callable[[], Session]) -> RunFinished:
        """Runs *down*, and while it ends stuck and there is something new that may be forced: that, and
        *down* again. Each time with a session of its own, so with a budget of its own."""
        done: set[tuple[str, tuple[str, ...]]] = set()
        while True:
            finished = down(sessions())
            if finished.outcome != "stuck":
                return finished
            session = sessions()
            plan = self.plan(session, finished)
            new = tuple(step for step in plan.steps if (step.uid, step.finalizers) not in done)
            self._agree(ForcePlan(new, plan.refused))
            if not new:
                return finished
            done |= {(step.uid, step.finalizers) for step in new}
            self._carry_out(session, new)

    def plan(self, session: Session, finished: RunFinished) -> ForcePlan:
        """What may be done about everything that run found stuck. Only reads."""
        evidence = Evidence(session, self._platform.namespace)
        stuck = {
            ref
            for result in finished.components
            for finding in result.findings
            for ref in (finding.ref, finding.culprit)
            if ref is not None and ref.kind not in _OUTSIDE
        }
        children = self._children(session)
        found: list[Forced | Refused] = []
        for ref in sorted(stuck):
            obj = evidence.look(ref)
            if obj is None:
                continue
            child = children.get(str(obj["metadata"]["uid"]), "")
            found += remedies(
                obj,
                evidence.around(obj),
                session.clock.now(),
                component=component_of(obj) or child,
                ours=bool(child) or self._is_ours(obj),
            )
        return ForcePlan(
            tuple(one for one in found if isinstance(one, Forced)),
            tuple(one for one in found if isinstance(one, Refused)),
        )

    def _carry_out(self, session: Session, steps: Sequence[Forced]) -> None:
        with self._lock(session):
            for step in steps:
                if self._do(session, step):
                    self._tell(f"forced: {step.ref}")
                else:
                    self._tell(f"{step.ref} has changed or gone since it was looked at: it was left alone")
        session.stop.set()

    def _do(self, session: Session, step: Forced) -> bool:
        if not step.finalizers:
            return session.objects.delete(step.ref, uid=step.uid, version=step.version, grace=0)
        found = session.objects.get(step.ref)
        if found is None:
            return False
        kept = [f for f in found["metadata"].get("finalizers") or () if f not in step.finalizers]
        # Both stand for a precondition: another object, or another state of it, is a conflict.
        guard = {"uid": step.uid, "resourceVersion": step.version}
        try:
            patch = {"metadata": {**guard, "finalizers": kept}}
            return session.objects.merge(step.ref, patch, manager=labels.FIELD_MANAGER) is not None
        except ApiError as error:
            if error.status in (409, 422):
                return False
            raise

    def _lock(self, session: Session) -> AbstractContextManager[None]:
        state = namespaces.look(session.objects, self._platform.namespace, self._platform.instance)
        if state is None or state.terminating:  # nobody can take a lock in it any more
            return nullcontext()
        return locked(session, self._platform, self._lock_timeout)

    def _is_ours(self, obj: Mapping[str, Any]) -> bool:
        found = obj["metadata"].get("labels") or {}
        return (
            found.get(labels.MANAGED_BY) == labels.TOOL
            and found.get(labels.INSTANCE) == self._platform.instance
            and not is_borrowed(obj)
        )

    def _children(self, session: Session) -> dict[str, str]:
        """The component by the uid of each object that its processes made, in a namespace that we made."""
        state = namespaces.look(session.objects, self._platform.namespace, self._platform.instance)
        if state is None or not state.ours:
            return {}
        found = {}
        for component in self._platform.components:
            for child in component.children:
                for obj in children_of(session, self._platform.namespace, child):
                    found[str(obj["metadata"]["uid"])] = component.name
        return found
