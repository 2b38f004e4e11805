"""What of a recording goes into the repository: nothing of the machine it was made on, in a fixed order."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

Object = dict[str, Any]

_MACHINE = "recorder"
_DROPPED = ("managedFields", "resourceVersion", "selfLink")
# Where kube-proxy runs it refuses the address of a Service without endpoints. The sandbox has none, so the
# connection leaves the machine, and whatever is out there answers with a certificate of its own.
_STRANGER = re.compile(
    r"tls: failed to verify certificate: x509: certificate is valid for .*?, not [\w.-]+\.svc"
)
_REFUSED = "dial tcp 10.96.0.200:443: connect: connection refused"


def objects(found: Iterable[Mapping[str, Any]], instead: Mapping[str, str]) -> list[Object]:
    """Without what nobody reads, by kind, namespace and name; *instead* says what other words become."""
    return sorted((_object(one, instead) for one in found), key=_place)


def events(found: Iterable[Mapping[str, Any]], instead: Mapping[str, str]) -> list[Object]:
    """The same for Events, oldest first. Schedulers and controllers report under the machine's name."""
    cleaned = []
    for one in found:
        event = _object(one, instead)
        if event.get("reportingInstance") and "kubelet" not in event.get("reportingComponent", ""):
            event["reportingInstance"] = f"{event.get('reportingComponent')}-{_MACHINE}"
        if (event.get("source") or {}).get("component") not in (None, "kubelet"):
            event["source"].pop("host", None)
        cleaned.append(event)
    return sorted(cleaned, key=lambda event: (_last_seen(event), event["reason"], event["metadata"]["name"]))


def _object(one: Mapping[str, Any], instead: Mapping[str, str]) -> Object:
    metadata = {key: value for key, value in one["metadata"].items() if key not in _DROPPED}
    whole = {"apiVersion": one["apiVersion"], "kind": one["kind"], **one, "metadata": metadata}
    return {key: _clean(value, instead) for key, value in whole.items()}


def _clean(value: Any, instead: Mapping[str, str]) -> Any:
    if isinstance(value, dict):
        return {key: "" if key == "caBundle" else _clean(one, instead) for key, one in value.items()}
    if isinstance(value, list):
        return [_clean(one, instead) for one in value]
    if isinstance(value, str):
        for word, other in instead.items():
            value = value.replace(word, other)
        value = _STRANGER.sub(_REFUSED, value)
    return value


def _place(one: Mapping[str, Any]) -> tuple[str, str, str]:
    metadata = one["metadata"]
    return (one["kind"], metadata.get("namespace", ""), metadata["name"])


def _last_seen(event: Mapping[str, Any]) -> str:
    series = (event.get("series") or {}).get("lastObservedTime")
    stamps = (series, event.get("lastTimestamp"), event.get("eventTime"))
    return next((stamp for stamp in stamps if stamp), event["metadata"].get("creationTimestamp") or "")
