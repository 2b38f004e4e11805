"""What it means that the API server refuses to create a pod (or whatever a controller creates)."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from decimal import Decimal

from allup.diagnosis import configuration
from allup.diagnosis.causes import Cause
from allup.diagnosis.events import seen, warnings_about, with_reason, words_of
from allup.diagnosis.permission import forbidden
from allup.diagnosis.scene import Neighbours
from allup.diagnosis.trouble import Trouble, hopeless, may_heal
from allup.fields import Object, section, shorten, text
from allup.quantities import Quantity
from allup.refs import ObjectRef

FRESH = 30.0
"""Seconds for which an Event is believed to tell the present: controllers try again ever more rarely, and
what made them fail may have been mended since."""

_QUOTA = re.compile(r"exceeded quota: (?P<quota>[^,]+), (?P<rest>.*)", re.S)
_QUOTA_WANTS = re.compile(r"failed quota: (?P<quota>[^:]+): (?P<rest>must specify .*)", re.S)
_LIMIT_RANGE = re.compile(
    r"(?:maximum|minimum) \S+ usage per (?:Container|Pod|PersistentVolumeClaim) is .*"
    r"|\S+ max limit to request ratio .*",
    re.S | re.I,
)
_POD_SECURITY = re.compile(r'violates PodSecurity "(?P<level>[^"]*)": (?P<rest>.*)', re.S)
_DENIED = re.compile(r'admission webhook "(?P<name>[^"]*)" denied the request(?:: (?P<rest>.*))?', re.S)
_DOWN = re.compile(r'failed calling webhook "(?P<name>[^"]*)": (?P<rest>.*)', re.S)
_SERVICE_URL = re.compile(r"https?://(?P<service>[a-z0-9-]+)\.(?P<namespace>[a-z0-9-]+)\.svc[:/.]")
_POLICY = re.compile(
    r"ValidatingAdmissionPolicy '(?P<name>[^']*)' with binding '(?P<binding>[^']*)'"
    r" denied request: (?P<rest>.*)",
    re.S,
)
_MAY_HEAL = re.compile(
    r"failed calling webhook|error looking up service account|no API token found|being terminated"
    r"|timed? ?out|connection refused|try again|object has been modified|already exists",
    re.I,
)
_REFUSED = re.compile(r"is forbidden|denied the request|violates PodSecurity|is invalid", re.I)
_AMOUNT = re.compile(r"(\S+?)=([^,\s]+)")


def creation_refused(message: str) -> Trouble:
    """The verdict on the text of a ``FailedCreate`` condition or event.

    ReplicaSets keep that text in a condition; StatefulSets, DaemonSets and Jobs only emit it as an event.
    A webhook that does not answer and a ServiceAccount that is not there yet may heal; a quota, an
    admission rule and an invalid pod do not.
    """
    refused = _by_rule(message)
    if refused:
        return refused
    words = shorten(_without_pod_name(message))
    if not _MAY_HEAL.search(message) and _REFUSED.search(message):
        return hopeless(f"pods are refused: {words}", Cause.ADMISSION)
    return may_heal(f"pods cannot be created: {words}", Cause.CREATE_FAILED)


def failed_create(owner: Object, beside: Neighbours, now: datetime) -> Trouble | None:
    """What the Events say about the pods (or claims) that *owner*, their controller, could not create lately.
    None when they say nothing, or only about a time that is over."""
    metadata = section(owner, "metadata")
    events = warnings_about(beside.events(ObjectRef.of(owner)), text(metadata, "uid"))
    failures = with_reason(events, "FailedCreate", "FailedUpdate")
    if not failures:
        return None
    last = seen(failures[-1])
    verdict = replace(creation_refused(words_of(failures[-1])), evidence="Event FailedCreate")
    if last is not None and (now - last).total_seconds() > FRESH:
        verdict = replace(verdict, hopeless=False)
    return unless_mended(verdict, words_of(failures[-1]), text(metadata, "namespace"), beside)


def unless_mended(verdict: Trouble, message: str, namespace: str, beside: Neighbours) -> Trouble:
    """*verdict*, which may heal when the quota that *message* names has room by now."""
    found = _QUOTA.search(message)
    if not (found and verdict.hopeless):
        return verdict
    quota = beside.get(ObjectRef("", "ResourceQuota", namespace, found["quota"]))
    asked = re.search(r"requested: (.*?), used:", found["rest"], re.S)
    if quota is None or asked is None:
        return verdict
    hard, used = section(quota, "status", "hard"), section(quota, "status", "used")
    for resource, amount in _AMOUNT.findall(asked[1]):
        if _amount(used.get(resource)) + _amount(amount) > _amount(hard.get(resource)):
            return verdict
    return replace(verdict, hopeless=False, message=f"{verdict.message}; it has room by now")


def refusal(events: Sequence[Object]) -> Trouble | None:
    """What the last FailedCreate of *events* says, whenever it was."""
    failures = with_reason(events, "FailedCreate")
    return creation_refused(words_of(failures[-1])) if failures else None


def refused(message: str) -> Trouble | None:
    """Who refused an object of ours, from the API server's answer; None when it names nobody."""
    return _by_rule(message, pods=False)


def _by_rule(message: str, *, pods: bool = True) -> Trouble | None:
    """Whoever refused, when the text names them; *pods* of a controller, or else the object itself."""
    whom, are = ("pods", "pods are") if pods else ("it", "is")
    cannot = "pods cannot be created" if pods else "cannot be created"
    if found := _QUOTA.search(message):
        return hopeless(f"quota {found['quota']} exceeded: {shorten(found['rest'])}", Cause.QUOTA)
    if found := _QUOTA_WANTS.search(message):
        return hopeless(f"quota {found['quota']}: {whom} {shorten(found['rest'])}", Cause.QUOTA)
    if found := _POD_SECURITY.search(message):
        return hopeless(f"{are} refused: {shorten(found.group(0), 400)}", Cause.POD_SECURITY)
    if found := _POLICY.search(message):
        words = f"ValidatingAdmissionPolicy {found['name']} (binding {found['binding']}) refuses {whom}"
        return hopeless(f"{words}: {shorten(found['rest'])}", Cause.POLICY_DENIED)
    if found := _DENIED.search(message):
        rest = f": {shorten(found['rest'])}" if found["rest"] else ""
        return hopeless(f"admission webhook {found['name']} refuses {whom}{rest}", Cause.WEBHOOK_DENIED)
    if found := _DOWN.search(message):
        return _webhook_down(found["name"], found["rest"], cannot)
    if found := _LIMIT_RANGE.search(message):
        return hopeless(f"a LimitRange refuses {whom}: {shorten(found.group(0))}", Cause.LIMIT_RANGE)
    account = configuration.missing_account(message)
    if account:
        words = f"{cannot}: ServiceAccount {account} is not there"
        return may_heal(words, Cause.SERVICE_ACCOUNT_MISSING)
    denied = forbidden(message)
    if denied is None:
        return None
    return replace(denied, hopeless=False, message=f"{cannot}: {denied.message}")


def _webhook_down(name: str, rest: str, cannot: str) -> Trouble:
    service = _SERVICE_URL.search(rest)
    behind = f" (Service {service['namespace']}/{service['service']})" if service else ""
    step = (
        f"kubectl get endpointslices -n {service['namespace']} "
        f"-l kubernetes.io/service-name={service['service']}"
        if service
        else ""
    )
    said = shorten(rest.rsplit('": ', 1)[-1], 120)
    words = f"{cannot}: webhook {name}{behind} does not answer: {said}"
    return may_heal(words, Cause.WEBHOOK_DOWN, next_step=step)


def _amount(text_: object) -> Decimal:
    try:
        return Quantity(str(text_)).amount if text_ is not None else Decimal("Infinity")
    except ValueError:
        return Decimal("Infinity")


def _without_pod_name(message: str) -> str:
    """The generated name of a pod that never was helps nobody."""
    bare = re.sub(r"^(?:Error creating: |create \S+ \S+ in \S+ \S+ failed error: )", "", message, flags=re.I)
    return re.sub(r'^pods? "[^"]*" (is forbidden: )?', "", bare, flags=re.I)
