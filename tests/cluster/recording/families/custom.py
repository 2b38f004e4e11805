"""Custom resources, their definitions, and APIs served by somebody else."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tests.cluster.platforms_for_tests import obj
from tests.cluster.recording.scenario import CASE, NAMESPACE, Scenario, condition, in_turn

if TYPE_CHECKING:
    from tests.cluster.recording.place import Place

_GROUP = f"{NAMESPACE}.example"
OPERATOR = "the API server of the sandbox; the status is the recorder's, in place of an operator"


def definition(plural: str = "widgets", kind: str = "Widget", **spec: Any) -> dict[str, Any]:
    """A CustomResourceDefinition in a group of the scenario's own."""
    schema = {"openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": True}}
    version = {
        "name": "v1",
        "served": True,
        "storage": True,
        "subresources": {"status": {}},
        "schema": schema,
    }
    return obj(
        "CustomResourceDefinition",
        f"{plural}.{_GROUP}",
        "apiextensions.k8s.io/v1",
        spec={
            "group": _GROUP,
            "scope": "Namespaced",
            "names": {"plural": plural, "singular": plural[:-1], "kind": kind},
            "versions": [version],
            **spec,
        },
    )


def _two_versions() -> dict[str, Any]:
    first = definition()["spec"]["versions"][0]
    service = {"namespace": NAMESPACE, "name": "converter", "path": "/convert"}
    webhook = {"conversionReviewVersions": ["v1"], "clientConfig": {"service": service}}
    return definition(
        versions=[first, {**first, "name": "v2", "storage": False}],
        conversion={"strategy": "Webhook", "webhook": webhook},
    )


_WIDGET = obj("Widget", CASE, f"{_GROUP}/v1", spec={"size": 1})


def make_one(place: Place) -> None:
    place.until_served("Widget")
    place.create(_WIDGET)


def make_one_that_says(place: Place, **condition_: str) -> None:
    make_one(place)
    status = {"observedGeneration": 1, "conditions": [condition_]}
    place.patch(f"Widget/{CASE}", {"status": status}, subresource="status")


SCENARIOS = [
    Scenario(
        name="custom-resource-says-why-not",
        family="custom",
        cause="condition-failed",
        hopeless=False,
        words=("no answer from db:5432",),
        subject=f"Widget/{CASE}",
        objects=(definition(),),
        then=lambda place: make_one_that_says(
            place,
            type="Ready",
            status="False",
            reason="DatabaseUnreachable",
            message="no answer from db:5432",
            lastTransitionTime="2026-01-01T00:00:00Z",
        ),
        visible=condition("Widget", "Ready", "False"),
        also=("Widget",),
        source=OPERATOR,
        seen_after=60,
    ),
    Scenario(
        name="custom-resource-stalled",
        family="custom",
        cause="condition-failed",
        hopeless=True,
        words=("Stalled", "spec.size must not be 1"),
        subject=f"Widget/{CASE}",
        objects=(definition(),),
        then=lambda place: make_one_that_says(
            place,
            type="Stalled",
            status="True",
            reason="InvalidSpec",
            message="spec.size must not be 1",
            lastTransitionTime="2026-01-01T00:00:00Z",
        ),
        visible=condition("Widget", "Stalled"),
        also=("Widget",),
        source=f"{OPERATOR} (kstatus: Stalled)",
    ),
    Scenario(
        name="custom-resource-that-nobody-serves",
        family="custom",
        cause="no-conditions",
        hopeless=False,
        words=("condition",),
        subject=f"Widget/{CASE}",
        objects=(definition(),),
        then=make_one,
        also=("Widget",),
        seen_after=120,
    ),
    Scenario(
        name="definition-whose-names-are-taken",
        family="custom",
        cause="crd-not-established",
        hopeless=True,
        words=("Widget", "already in use"),
        subject=f"CustomResourceDefinition/gadgets.{_GROUP}",
        objects=(definition(),),
        then=in_turn(
            lambda place: place.until_served("Widget"),
            lambda place: place.create(definition("gadgets", "Widget")),
        ),
        visible=condition("CustomResourceDefinition", "NamesAccepted", "False"),
    ),
    Scenario(
        name="conversion-webhook-down",
        family="custom",
        cause="conversion-webhook-down",
        hopeless=False,
        words=("converter",),
        subject=f"Widget/{CASE}",
        objects=(_two_versions(),),
        then=lambda place: place.until_served("Widget", "v2"),
        refused={**_WIDGET, "apiVersion": f"{_GROUP}/v2"},
    ),
    Scenario(
        name="api-service-without-a-service",
        family="custom",
        cause="apiservice-unavailable",
        hopeless=False,
        words=("measures",),
        subject=f"APIService/v1.{_GROUP}",
        objects=(
            obj(
                "APIService",
                f"v1.{_GROUP}",
                "apiregistration.k8s.io/v1",
                spec={
                    "group": _GROUP,
                    "version": "v1",
                    "service": {"namespace": NAMESPACE, "name": "measures"},
                    "insecureSkipTLSVerify": True,
                    "groupPriorityMinimum": 100,
                    "versionPriority": 100,
                },
            ),
        ),
        visible=condition("APIService", "Available", "False"),
        after=lambda place: place.delete(f"APIService/v1.{_GROUP}"),
        alone=True,
    ),
]
