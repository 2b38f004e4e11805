"""All-up on the real control plane: order, parallelism, and what reaches what."""

from __future__ import annotations

import pytest

from allup import http, jq, live
from allup.model import labels
from allup.run.progress import Action, ComponentMoved, Phase, Progress
from tests.cluster.platforms_for_tests import (
    Instance,
    claim,
    config,
    definition,
    deployment,
    job,
    obj,
    pod_spec,
    service,
)

pytestmark = pytest.mark.cluster

ADDRESS = live("Service/web", ".spec.clusterIP")


def test_components_come_up_in_the_order_of_the_graph(instance: Instance) -> None:
    told = instance.up(
        instance.part("last", config("c"), after=["middle"]),
        instance.part("middle", deployment("b"), after=["first"]),
        instance.part("first", deployment("a")),
    )
    assert told.phases == {"first": Phase.READY, "middle": Phase.READY, "last": Phase.READY}
    assert told.at("first", Phase.READY) < told.at("middle", Phase.APPLYING)
    assert told.at("middle", Phase.READY) < told.at("last", Phase.APPLYING)


def test_what_does_not_depend_on_each_other_comes_up_at_the_same_time(instance: Instance) -> None:
    told = instance.up(
        instance.part("left", deployment("left", fault="slow")),
        instance.part("right", deployment("right", fault="slow")),
    )
    assert told.outcome == "done"
    assert max(told.at("left", Phase.APPLYING), told.at("right", Phase.APPLYING)) < min(
        told.at("left", Phase.READY), told.at("right", Phase.READY)
    )


def test_services_are_there_before_the_pods_of_their_component(instance: Instance) -> None:
    told = instance.up(instance.part("web", deployment("web"), service("web"), config("settings")))
    assert list(told.did()) == ["ConfigMap/settings", "Service/web", "Deployment/web"]


def test_every_kind_a_platform_uses_becomes_ready(instance: Instance) -> None:
    subjects = [{"kind": "ServiceAccount", "name": "worker", "namespace": instance.namespace}]
    rules = [{"apiGroups": [""], "resources": ["pods"], "verbs": ["get"]}]
    rbac = "rbac.authorization.k8s.io"
    told = instance.up(
        instance.part(
            "everything",
            obj("ServiceAccount", "worker"),
            obj("Role", "worker", f"{rbac}/v1", rules=rules),
            obj(
                "RoleBinding",
                "worker",
                f"{rbac}/v1",
                subjects=subjects,
                roleRef={"apiGroup": rbac, "kind": "Role", "name": "worker"},
            ),
            config("settings", key="value"),
            obj("Secret", "plain", stringData={"key": "plain-text-value"}),
            claim("data"),
            service("web"),
            deployment("web", replicas=2),
            job("once"),
            obj(
                "StatefulSet",
                "ordered",
                "apps/v1",
                spec={
                    "serviceName": "web",
                    "selector": {"matchLabels": {"app": "ordered"}},
                    "template": deployment("ordered")["spec"]["template"],
                },
            ),
            obj(
                "DaemonSet",
                "everywhere",
                "apps/v1",
                spec={
                    "selector": {"matchLabels": {"app": "everywhere"}},
                    "template": deployment("everywhere")["spec"]["template"],
                },
            ),
            obj("Pod", "bare", spec=pod_spec("bare")),
            obj("NetworkPolicy", "closed", "networking.k8s.io/v1", spec={"podSelector": {}}),
            obj(
                "Ingress",
                "web",
                "networking.k8s.io/v1",
                spec={"defaultBackend": {"service": {"name": "web", "port": {"number": 80}}}},
            ),
        )
    )
    assert told.outcome == "done", told.notes
    assert set(told.did().values()) == {Action.CREATED}
    assert instance.get("Job/once")["status"]["succeeded"] == 1
    assert instance.get("Deployment/web")["status"]["availableReplicas"] == 2


def test_a_custom_resource_comes_up_in_the_same_run_as_its_definition(instance: Instance) -> None:
    plural = instance.name.replace("-", "") + "s"
    kind = plural.title()
    told = instance.up(
        instance.part("custom", obj(kind, "one", "tests.example/v1", spec={}), definition(plural, kind))
    )
    assert told.outcome == "done", told.finished
    assert list(told.did()) == [f"CustomResourceDefinition/{plural}.tests.example", f"{kind}/one"]


def test_a_live_value_reaches_the_object_that_needs_it_and_orders_the_components(
    instance: Instance,
) -> None:
    told = instance.up(
        instance.part("reader", config("reader", address="${address}"), values={"address": ADDRESS}),
        instance.part("maker", service("web"), deployment("web")),
    )
    assert told.at("maker", Phase.READY) < told.at("reader", Phase.APPLYING)
    address = instance.get("Service/web")["spec"]["clusterIP"]
    assert instance.get("ConfigMap/reader")["data"] == {"address": address}


def test_a_component_is_up_only_when_its_checks_pass(instance: Instance) -> None:
    def heard(progress: Progress) -> None:
        if isinstance(progress, ComponentMoved) and "go" in progress.message:
            instance.patch("ConfigMap/gate", {"data": {"go": "yes"}})

    check = jq("ConfigMap/gate", '.data.go == "yes"', name="go")
    told = instance.up(
        instance.part("gate", config("gate"), checks=[check]),
        instance.part("after", config("after"), after=["gate"]),
        heard=heard,
    )
    assert told.outcome == "done"
    assert [(c.check, str(c.outcome)) for c in told["gate"].checks] == [("go", "passed")]
    assert told.at("gate", Phase.CHECKING) < told.at("gate", Phase.READY) < told.at("after", Phase.APPLYING)


def test_a_check_on_a_simulated_node_is_skipped_and_never_called_passed(instance: Instance) -> None:
    told = instance.up(
        instance.part("web", deployment("web"), service("web"), checks=[http("svc/web:80", "/health")])
    )
    assert [(str(c.outcome), c.detail) for c in told["web"].checks] == [("skipped", "simulated node")]


def test_one_component_brings_what_it_needs_and_no_more(instance: Instance) -> None:
    parts = (
        instance.part("base", config("base")),
        instance.part("wanted", config("wanted"), after=["base"]),
        instance.part("other", config("other")),
    )
    told = instance.up(*parts, only=("wanted",))
    assert told.did() == {"ConfigMap/base": Action.CREATED, "ConfigMap/wanted": Action.CREATED}
    alone = instance.up(*parts, only=("other",), no_deps=True)
    assert alone.did() == {"ConfigMap/other": Action.CREATED}


def test_objects_pod_templates_and_claim_templates_carry_our_labels_and_selectors_do_not(
    instance: Instance,
) -> None:
    instance.up(instance.part("web", deployment("web")))
    found = instance.get("Deployment/web")
    ours = labels.standard_labels("small", instance.name, "web")
    assert ours.items() <= found["metadata"]["labels"].items()
    assert ours.items() <= found["spec"]["template"]["metadata"]["labels"].items()
    assert found["spec"]["selector"] == {"matchLabels": {"app": "web"}}
    assert labels.APPLYSET_PART_OF not in found["spec"]["template"]["metadata"]["labels"]
