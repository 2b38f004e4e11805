"""A healthcheck as probes, and what is known to be a sign of life of a database."""

from __future__ import annotations

import math
import shlex
from collections.abc import Mapping

from allup.compose.amounts import seconds, whole_seconds
from allup.compose.findings import Taking
from allup.compose.images import Known
from allup.compose.made import Object
from allup.compose.source import refuse, texts

_START_PERIOD = 5  # Docker asks every five seconds while a container starts
_LEAST_START = 60.0


def of_healthcheck(check: Taking, hidden: Mapping[str, str]) -> dict[str, Object]:
    """``startupProbe`` and ``readinessProbe``; empty when the check is switched off.

    A container that is unhealthy is not restarted by Docker either, so there is no liveness probe: a startup
    probe covers ``start_period`` and the retries after it, asking as often as Docker does while it starts.
    *hidden* are secret values with the variables that the container has them in.
    """
    disabled = check.boolean("disable")
    node = check.take("test")
    test = [one.text for one in texts(node, "test of healthcheck")]
    times = {key: check.take(key) for key in ("interval", "timeout", "start_period", "start_interval")}
    retries = check.integer("retries")
    if disabled or not test or test[0] == "NONE":
        return {}
    if test[0] not in ("CMD", "CMD-SHELL") or len(test) < 2:
        assert node is not None
        refuse(node.place, "a healthcheck's test begins with CMD, CMD-SHELL or NONE")
    said = {key: value for key, value in times.items() if value is not None}
    interval = whole_seconds(said["interval"], "interval") if "interval" in said else 30
    timeout = whole_seconds(said["timeout"], "timeout") if "timeout" in said else 30
    start = seconds(said["start_period"], "start_period") if "start_period" in said else 0.0
    often = (
        whole_seconds(said["start_interval"], "start_interval")
        if "start_interval" in said
        else min(interval, _START_PERIOD)
    )
    retries = retries or 3
    action = {"exec": {"command": _command(test, hidden)}}
    until = max(start + interval * retries, _LEAST_START)
    return {
        "startupProbe": {
            **action,
            "periodSeconds": often,
            "timeoutSeconds": timeout,
            "failureThreshold": math.ceil(until / often),
        },
        "readinessProbe": {
            **action,
            "periodSeconds": interval,
            "timeoutSeconds": timeout,
            "failureThreshold": retries,
        },
    }


def _command(test: list[str], hidden: Mapping[str, str]) -> list[str]:
    if test[0] == "CMD-SHELL":
        script = test[1]
        for value, variable in hidden.items():
            script = script.replace(value, f"${{{variable}}}")
        return ["/bin/sh", "-c", script]
    if not any(value in word for value in hidden for word in test[1:]):
        return test[1:]
    script = shlex.join(test[1:])  # a probe's words are not expanded, so a shell has to
    for value, variable in hidden.items():
        script = script.replace(value, f"'\"${{{variable}}}\"'" if "'" in script else f'"${{{variable}}}"')
    return ["/bin/sh", "-c", script]


def of_known(known: Known | None) -> dict[str, Object]:
    """What can be asked of a database that says nothing of its health: whether its port is open."""
    if known is None or not known.database:
        return {}
    action = {"tcpSocket": {"port": known.ports[0]}}
    return {
        "startupProbe": {**action, "periodSeconds": 5, "failureThreshold": 60},
        "readinessProbe": {**action, "periodSeconds": 10},
    }


def of_labels(labels: Mapping[str, str]) -> dict[str, Object]:
    """What kompose's labels say of probes."""
    found: dict[str, Object] = {}
    for which in ("readiness", "liveness"):
        prefix = f"kompose.service.healthcheck.{which}."
        path, port = labels.get(f"{prefix}http_get_path"), labels.get(f"{prefix}http_get_port")
        tcp, test = labels.get(f"{prefix}tcp_port"), labels.get(f"{prefix}test")
        action: Object = {}
        if path and port:
            action = {"httpGet": {"path": path, "port": int(port)}}
        elif tcp:
            action = {"tcpSocket": {"port": int(tcp)}}
        elif test:
            words = shlex.split(test.strip("[]").replace(",", " "))
            action = {"exec": {"command": words[1:] if words[:1] == ["CMD"] else words}}
        if not action:
            continue
        for name, field in (
            ("interval", "periodSeconds"),
            ("timeout", "timeoutSeconds"),
            ("start_period", "initialDelaySeconds"),
        ):
            if value := labels.get(prefix + name):
                action[field] = int(value.rstrip("s"))
        if value := labels.get(f"{prefix}retries"):
            action["failureThreshold"] = int(value)
        found[f"{which}Probe"] = action
    return found
