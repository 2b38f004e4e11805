"""The public name of Cytomine: both fronts, uploads, the name inside pods, its certificate."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping

from k8s.cytomine import routes
from k8s.cytomine.platform import platform
from k8s.cytomine.settings import Settings
from tests.unit.platforms.cytomine_for_tests import Object, objects, pod, text, with_settings


def paths_of(found: Mapping[str, Object]) -> dict[str, tuple[str, int]]:
    (rule,) = found["Ingress/cytomine"]["spec"]["rules"]
    assert rule["host"] == "cytomine.test"
    return {
        one["path"]: (one["backend"]["service"]["name"], one["backend"]["service"]["port"]["number"])
        for one in rule["http"]["paths"]
    }


def test_front_nginx_leads_all_to_nginx() -> None:
    assert paths_of(with_settings()) == {"/": ("cytomine-nginx", 80)}


def test_front_ingress_leads_each_path_to_its_part_and_uploads_to_nginx() -> None:
    found = with_settings(front="ingress")
    paths = paths_of(found)
    assert paths["/"] == ("cytomine-web-ui", 8080)
    assert paths["/api"] == ("cytomine-core", 8001)
    assert paths["/image"] == ("cytomine-ims", 8081)
    assert paths["/upload"] == ("cytomine-nginx", 80)
    assert "/upload" not in paths_of(with_settings(front="ingress", deploy_ims=False))
    for name, port in paths.values():  # each is a Service with that port, and lets the controller in
        assert port in [p["port"] for p in found[f"Service/{name}"]["spec"]["ports"]]
    policy = found["NetworkPolicy/cytomine-from-ingress-controller"]["spec"]
    assert set(policy["podSelector"]["matchExpressions"][0]["values"]) == {n for n, _ in paths.values()}


def test_both_fronts_lead_the_same_paths_to_the_same_parts() -> None:
    conf = text("cytomine-nginx-config", "nginx.conf")
    by_nginx = dict(re.findall(r"location (/\S*) \{\s+proxy_pass http://(\S+);", conf))
    by_ingress = {p: f"{n}:{port}" for p, (n, port) in paths_of(with_settings(front="ingress")).items()}
    assert by_nginx == {p: to for p, to in by_ingress.items() if p != routes.UPLOAD}


def test_uploads_of_any_size_may_take_their_time() -> None:
    annotations = with_settings(ingress_annotations='{"x": "y"}')["Ingress/cytomine"]["metadata"][
        "annotations"
    ]
    ours = {k.rpartition("/")[2]: v for k, v in annotations.items()}
    assert ours == {
        "proxy-body-size": "0",
        "proxy-read-timeout": "600",
        "proxy-send-timeout": "600",
        "proxy-request-buffering": "off",
        "x": "y",
    }


def test_the_public_name_is_the_ingress_controller_inside_pods() -> None:
    alias = [{"ip": "192.0.2.9", "hostnames": ["cytomine.test"]}]
    found = objects(platform(Settings()), live=alias)
    aliased = {name for name, o in found.items() if "hostAliases" in json.dumps(o)}
    assert aliased == {"Deployment/cytomine-core", "Deployment/cytomine-ims"}
    assert pod(found, "cytomine-core")["hostAliases"] == alias
    assert "hostAliases" not in pod(with_settings(), "cytomine-core")
    (wish,) = platform(Settings()).component("core").requires
    assert (str(wish.ref), wish.needed) == ("Service/ingress-nginx/ingress-nginx-controller", False)
    assert platform(Settings(ingress=False)).component("core").requires == []


def test_https_makes_a_certificate_that_core_and_ims_trust() -> None:
    found = with_settings(protocol="https")
    assert found["Ingress/cytomine"]["spec"]["tls"] == [
        {"hosts": ["cytomine.test"], "secretName": "cytomine-ingress-tls"}
    ]
    for name in ("cytomine-core", "cytomine-ims"):
        volumes = {v["name"]: v for v in pod(found, name)["volumes"]}
        assert [i["key"] for i in volumes["public-ca"]["secret"]["items"]] == ["ca.crt"]
    assert "grails.serverURL='https://cytomine.test'" in text(
        "cytomine-core-config", "cytomineconfig.groovy", protocol="https"
    )
    own = with_settings(protocol="https", tls_secret="mine")
    assert own["Ingress/cytomine"]["spec"]["tls"][0]["secretName"] == "mine"
    assert "Secret/cytomine-ingress-tls" not in own
