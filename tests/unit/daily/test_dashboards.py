"""Which Deployments are dashboards, which of several is used, and what its address is."""

from __future__ import annotations

from typing import Any

import pytest

from allup.daily.dashboards import HEADLAMP, OLD, Token, judge, product_of
from allup.model.labels import standard_labels


def made(name: str, image: str, namespace: str = "ns", **labels: str) -> dict[str, Any]:
    template = {"metadata": {"labels": {"app": name}}, "spec": {"containers": [{"image": image}]}}
    metadata = {"name": name, "namespace": namespace, "labels": labels}
    return {"metadata": metadata, "spec": {"template": template}}


def service(name: str, port: int, app: str, namespace: str = "ns") -> dict[str, Any]:
    spec = {"selector": {"app": app}, "ports": [{"port": port}]}
    return {"metadata": {"name": name, "namespace": namespace}, "spec": spec}


@pytest.mark.parametrize(
    ("image", "product"),
    [
        ("ghcr.io/headlamp-k8s/headlamp:v0.45.0", HEADLAMP),
        ("mirror:5000/team/headlamp@sha256:00", HEADLAMP),
        ("kubernetesui/dashboard:v2.7.0", OLD),
        ("docker.io/kubernetesui/dashboard-web:1.7.0", OLD),
        ("docker.io/kubernetesui/dashboard-metrics-scraper:1.2.2", ""),
        ("grafana/dashboard:1", ""),
        ("ghcr.io/headlamp-k8s/plugins:1", ""),
    ],
)
def test_a_dashboard_is_known_by_its_image(image: str, product: str) -> None:
    assert product_of(made("x", image)) == product


def test_a_dashboard_is_known_by_its_label_when_the_image_has_another_name() -> None:
    assert product_of(made("x", "mirror/a:1", **{"app.kubernetes.io/name": "headlamp"})) == HEADLAMP
    assert product_of(made("x", "mirror/a:1", **{"k8s-app": "kubernetes-dashboard"})) == OLD
    assert product_of(made("x", "mirror/a:1", **standard_labels("headlamp", "headlamp", "headlamp")))


def test_ours_is_used_before_anothers_and_headlamp_before_the_archived_one() -> None:
    old = made("old", "kubernetesui/dashboard:v2.7.0", "a")
    theirs = made("theirs", "x/headlamp:1", "b")
    ours = made("ours", "x/headlamp:1", "c", **standard_labels("headlamp", "headlamp", "headlamp"))
    assert [d.name for d in judge([old, theirs, ours], [])] == ["ours", "theirs", "old"]


def test_a_headlamp_that_another_platform_of_ours_brought_up_is_not_the_dashboards_own() -> None:
    (found,) = judge([made("x", "x/headlamp:1", **standard_labels("shop", "shop", "admin"))], [])
    assert not found.ours


def test_the_service_is_the_one_that_selects_its_pods_and_the_port_tells_the_scheme() -> None:
    services = [service("other", 80, "y"), service("far", 80, "x", "elsewhere"), service("near", 443, "x")]
    (found,) = judge([made("x", "kubernetesui/dashboard:v2.7.0")], services)
    assert (found.service, found.port, found.scheme) == ("near", 443, "https")


def test_the_archived_one_of_seven_is_reached_through_its_gateway() -> None:
    services = [service("web", 8000, "x"), service("kd-kong-proxy", 443, "kong")]
    (found,) = judge([made("x", "kubernetesui/dashboard-web:1.7.0")], services)
    assert found.service == "kd-kong-proxy"


def test_one_that_is_being_deleted_is_none() -> None:
    leaving = made("x", "x/headlamp:1")
    leaving["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z"
    assert judge([leaving], []) == ()


def test_a_token_is_not_shown_by_accident() -> None:
    assert "secret" not in repr(Token("secret-token", "2026-01-01T00:00:00Z"))
