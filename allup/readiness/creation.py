"""What it means that a controller cannot create its pods."""

from __future__ import annotations

import re

from allup.readiness.causes import Cause
from allup.readiness.fields import shorten
from allup.readiness.verdict import Readiness, failed, not_yet

_QUOTA = re.compile(r"exceeded quota: (?P<quota>[^,]+), (?P<rest>.*)", re.S)
_QUOTA_WANTS = re.compile(r"failed quota: (?P<quota>[^:]+): (?P<rest>must specify .*)", re.S)
_MAY_HEAL = re.compile(
    r"failed calling webhook|error looking up service account|no API token found|being terminated"
    r"|timed? ?out|connection refused|try again",
    re.I,
)
_REFUSED = re.compile(r"is forbidden|denied the request|violates PodSecurity|is invalid", re.I)


def creation_refused(message: str) -> Readiness:
    """The verdict on the text of a ``FailedCreate`` condition or event.

    ReplicaSets keep that text in a condition; StatefulSets, DaemonSets and Jobs only emit it as an event.
    A webhook that does not answer and a ServiceAccount that is not there yet may heal; a quota, an
    admission rule and an invalid pod do not.
    """
    quota = _QUOTA.search(message)
    if quota:
        return failed(f"quota {quota['quota']} exceeded: {shorten(quota['rest'])}", Cause.QUOTA)
    wants = _QUOTA_WANTS.search(message)
    if wants:
        return failed(f"quota {wants['quota']}: pods {shorten(wants['rest'])}", Cause.QUOTA)
    if not _MAY_HEAL.search(message) and _REFUSED.search(message):
        return failed(f"pods are refused: {shorten(_without_pod_name(message))}", Cause.ADMISSION)
    return not_yet(f"pods cannot be created: {shorten(_without_pod_name(message))}", Cause.CREATE_FAILED)


def _without_pod_name(message: str) -> str:
    """The generated name of a pod that never was helps nobody."""
    return re.sub(r'^pods? "[^"]*" (is forbidden: )?', "", message, flags=re.I)
