"""Runs trials: in the pods they name, or in a probe pod; and commands of extra tasks."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from allup.cluster import streams
from allup.cluster.streams import CommandResult
from allup.daily import probing
from allup.errors import AllupError, ApiError
from allup.model.checks import CheckTarget
from allup.model.extras import PROBE, ProbePod, RunCommand, RunTrials, Trial
from allup.model.platform import Platform
from allup.refs import ShortRef
from allup.run.checks import SIMULATED, Answer, Checker
from allup.run.progress import CheckOutcome
from allup.run.seeing import Sight
from allup.run.session import Session
from allup.run.surroundings import simulated_nodes
from allup.trials import TrialResult, TrialState, judge, skipped

POD_TIMEOUT = 60.0


class Trying:
    """Runs things in the pods of one instance as it is seen now."""

    def __init__(self, session: Session, platform: Platform, sight: Sight) -> None:
        self._session = session
        self._platform = platform
        self._sight = sight
        self._simulated = simulated_nodes(session.objects)
        self._checker = Checker(session.api, sight.watches.store, platform.namespace, self._simulated)

    def command(self, task: RunCommand) -> CommandResult:
        """Runs the task's command; raises AllupError when there is no pod that could run it."""
        pod = self._checker.ready_pod(CheckTarget.parse(task.target))
        if isinstance(pod, Answer):
            if pod.outcome is CheckOutcome.SKIPPED:
                raise AllupError(task.target, "runs on a simulated node: no process answers there")
            why = f"inv {self._platform.collection}.why tells more"
            raise AllupError(task.target, pod.detail, next_step=why)
        return self._execute(pod["metadata"]["name"], task.container, task.command, task.timeout)

    def trials(self, task: RunTrials, on_result: Callable[[TrialResult], None]) -> Sequence[TrialResult]:
        """Runs the trials in order, the probe pod there only while it is needed; one result each."""
        results: list[TrialResult] = []

        def run(trial: Trial, probe: str) -> None:
            results.append(self._try(trial, probe))
            on_result(results[-1])

        before = [t for t in task.trials if t.where != PROBE]
        in_probe = [t for t in task.trials if t.where == PROBE]
        for trial in before:
            run(trial, "")
        if task.probe is None or not in_probe:
            return results
        try:
            with probing.running(
                self._session.objects,
                self._probe_body(task.probe),
                clock=self._session.clock,
                stop=self._session.stop,
                timeout=POD_TIMEOUT,
            ) as pod:
                if pod["spec"].get("nodeName") in self._simulated:
                    raise AllupError(str(task.name), SIMULATED)
                for trial in in_probe:
                    run(trial, pod["metadata"]["name"])
        except AllupError as error:
            done = {id(result.trial) for result in results}
            for trial in in_probe:
                if id(trial) not in done:
                    results.append(skipped(trial, error.fact))
                    on_result(results[-1])
        order = {id(trial): place for place, trial in enumerate(task.trials)}
        return sorted(results, key=lambda result: order[id(result.trial)])

    def _try(self, trial: Trial, probe: str) -> TrialResult:
        if probe:
            pod, container = probe, probing.CONTAINER
        else:
            found = self._checker.ready_pod(CheckTarget.parse(trial.where))
            if isinstance(found, Answer):
                return skipped(trial, found.detail)
            pod, container = found["metadata"]["name"], ""
        try:
            result = self._execute(pod, container, trial.command, trial.timeout)
        except ApiError as error:
            return skipped(trial, error.fact)
        return judge(trial, result.exit_code, f"{result.stdout}\n{result.stderr}")

    def _execute(self, pod: str, container: str, command: Sequence[str], timeout: float) -> CommandResult:
        return streams.execute(
            self._session.api,
            self._platform.namespace,
            pod,
            command,
            container=container,
            timeout=timeout,
        )

    def _probe_body(self, probe: ProbePod) -> Mapping[str, Any]:
        wanted = ShortRef.parse(probe.image_of)
        for ref, obj in self._sight.watches.store.all():
            if wanted.matches(ref) and ref.namespace == self._platform.namespace:
                name = f"{wanted.name}-probe-{secrets.token_hex(3)}"
                return probing.pod_body(probe, self._platform, name=name, template=obj["spec"]["template"])
        raise AllupError(f"{wanted}", f"{wanted} is not there, and its image is what would be tried with")


def worked(results: Sequence[TrialResult]) -> int:
    """How many trials worked."""
    return sum(result.state is TrialState.WORKS for result in results)
