"""Runs health checks: the protocol's own answer, after Kubernetes says ready.

A check whose pods are on a simulated node (label ``type=kwok``) is skipped and said to be: no process
runs there that could answer. Only a jq check on an object means something everywhere.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from allup import expressions
from allup.cluster import streams
from allup.cluster.requests import Api
from allup.cluster.store import Store
from allup.cluster.tunnels import tunnel
from allup.errors import AllupError, ApiError, InputError
from allup.model.checks import (
    TIMEOUT,
    CheckTarget,
    CommandCheck,
    HealthCheck,
    HttpCheck,
    JqCheck,
    TcpCheck,
)
from allup.run.progress import CheckOutcome

EVERY = 1.0
SIMULATED = "simulated node"


@dataclass(frozen=True)
class Answer:
    """What one try of a check gave."""

    outcome: CheckOutcome
    detail: str


class Checker:
    """Tries checks of one instance; the store must have listed Pods, and Services a check names."""

    def __init__(self, api: Api, store: Store, namespace: str, simulated_nodes: frozenset[str]) -> None:
        self._api = api
        self._store = store
        self._namespace = namespace
        self._simulated = simulated_nodes

    def try_once(self, check: HealthCheck) -> Answer:
        """One try; raises only InputError, for a check that makes no sense."""
        try:
            if isinstance(check, JqCheck):
                return self._jq(check)
            found = self.ready_pod(check.target)
            return found if isinstance(found, Answer) else self._knock(check, found)
        except InputError:
            raise
        except (AllupError, OSError) as error:
            fact = error.fact if isinstance(error, AllupError) else str(error)
            return Answer(CheckOutcome.FAILED, fact)

    def ready_pod(self, target: CheckTarget) -> Mapping[str, Any] | Answer:
        """A ready pod behind *target*; an Answer that says why there is none that could answer."""
        pods = self._pods(target)
        if any((pod.get("spec") or {}).get("nodeName") in self._simulated for pod in pods):
            return Answer(CheckOutcome.SKIPPED, SIMULATED)
        ready = [pod for pod in pods if _is_ready(pod)]
        return ready[0] if ready else Answer(CheckOutcome.FAILED, f"no ready pod behind {target}")

    def _knock(self, check: HttpCheck | TcpCheck | CommandCheck, pod: Mapping[str, Any]) -> Answer:
        name = pod["metadata"]["name"]
        if isinstance(check, HttpCheck):
            return self._http(check, name, self._port(check.target, pod))
        if isinstance(check, TcpCheck):
            port = self._port(check.target, pod)
            refusal = streams.connects(self._api, self._namespace, name, port, timeout=TIMEOUT)
            return _answer(not refusal, refusal or f"port {port} accepts connections")
        result = streams.execute(
            self._api,
            self._namespace,
            name,
            check.command,
            container=check.container,
            timeout=check.timeout,
        )
        said = (result.stdout or result.stderr).strip().splitlines()
        last = said[-1][:200] if said else ""
        if result.exit_code != 0:
            how = result.failure or f"exit code {result.exit_code}: {last}"
            return Answer(CheckOutcome.FAILED, how)
        if check.expect and check.expect not in result.stdout:
            return Answer(CheckOutcome.FAILED, f"{check.expect!r} is not in its output: {last}")
        return Answer(CheckOutcome.PASSED, last or "exit code 0")

    def _http(self, check: HttpCheck, pod: str, port: int) -> Answer:
        status, text = self._get(check, pod, port)
        if status != check.status:
            return Answer(CheckOutcome.FAILED, f"answers {status}, not {check.status}")
        if not check.expect:
            return Answer(CheckOutcome.PASSED, f"answers {status}")
        try:
            answer: object = json.loads(text)
        except ValueError:
            answer = text
        expression = check.expect
        if check.beside is not None:
            beside = next((obj for ref, obj in self._store.all() if check.beside.matches(ref)), None)
            if beside is None:
                return Answer(CheckOutcome.FAILED, f"{check.beside} is not there")
            expression = f".beside as $beside | .answer | ({check.expect})"
            answer = {"answer": answer, "beside": dict(beside)}
        try:
            met = expressions.first(expression, answer)
        except ValueError as error:
            return Answer(CheckOutcome.FAILED, f"{check.expect} does not apply to the answer ({error})")
        return _answer(met is True, f"{check.expect} is {json.dumps(met)}")

    def _get(self, check: HttpCheck, pod: str, port: int) -> tuple[int, str]:
        """Through the API server's pod proxy; through a port-forward when the proxy is refused to us or
        cannot get there, and for the headers that the proxy does not pass on."""
        if not {name.lower() for name in check.headers} & {"host", "authorization"}:
            try:
                return streams.http_get(
                    self._api, self._namespace, pod, port, check.path, timeout=TIMEOUT, headers=check.headers
                )
            except ApiError as error:
                if error.status not in (403, 502, 503, 504):
                    raise
        with tunnel(self._api, self._namespace, pod, port, timeout=TIMEOUT) as connection:
            return streams.http_get_tunnelled(connection, check.path, headers=check.headers)

    def _jq(self, check: JqCheck) -> Answer:
        found = next((obj for ref, obj in self._store.all() if check.ref.matches(ref)), None)
        if found is None:
            return Answer(CheckOutcome.FAILED, f"{check.ref} is not there")
        try:
            met = expressions.first(check.expect, dict(found))
        except ValueError as error:
            return Answer(CheckOutcome.FAILED, f"{check.expect} does not apply ({error})")
        return _answer(met is True, f"{check.expect} is {json.dumps(met)}")

    def _pods(self, target: CheckTarget) -> Sequence[Mapping[str, Any]]:
        selector = self._selector(target)
        if target.kind == "Pod":
            return [o for r, o in self._store.all() if r.kind == "Pod" and r.name == target.name]
        return self._store.pods_matching(self._namespace, selector) if selector else ()

    def _selector(self, target: CheckTarget) -> Mapping[str, str]:
        for ref, obj in self._store.all():
            if (ref.kind, ref.namespace, ref.name) == (target.kind, self._namespace, target.name):
                selector = (obj.get("spec") or {}).get("selector") or {}
                found: Mapping[str, str] = selector.get("matchLabels", selector)
                return found
        return {}

    def _port(self, target: CheckTarget, pod: Mapping[str, Any]) -> int:
        """The container's port behind the target's: through the Service's targetPort, names resolved."""
        wanted: int | str = target.port
        if target.kind == "Service":
            for ref, obj in self._store.all():
                if (ref.kind, ref.namespace, ref.name) == ("Service", self._namespace, target.name):
                    for port in obj["spec"].get("ports", ()):
                        if target.port in (0, port.get("port"), port.get("name")):
                            wanted = port.get("targetPort", port["port"])
                            break
        if isinstance(wanted, int):
            return wanted
        for container in pod["spec"].get("containers", ()):
            for port in container.get("ports", ()):
                if port.get("name") == wanted:
                    return int(port["containerPort"])
        raise InputError(f"check of {target}", f"no container names a port {wanted!r}")


def _answer(passed: bool, detail: str) -> Answer:
    return Answer(CheckOutcome.PASSED if passed else CheckOutcome.FAILED, detail)


def _is_ready(pod: Mapping[str, Any]) -> bool:
    conditions = (pod.get("status") or {}).get("conditions") or ()
    return any(c["type"] == "Ready" and c["status"] == "True" for c in conditions)
