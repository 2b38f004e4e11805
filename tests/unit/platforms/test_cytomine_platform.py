"""Cytomine's parts: their order, what is left out, the way to them, their images, what is refused."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

import pytest

from allup.model.checks import CommandCheck, HttpCheck
from k8s.cytomine import versions
from k8s.cytomine.platform import PARTS, platform
from k8s.cytomine.settings import Settings
from tests.unit.platforms.cytomine_for_tests import (
    EVERYTHING,
    Object,
    refused,
    text,
    with_settings,
)

# The graph


def test_components_come_up_in_this_order_under_these_task_names() -> None:
    lines = [
        " ".join([c.up_task, *c.aliases, *(f"<- {needed}" for needed in c.after)])
        for c in platform(Settings()).components
    ]
    assert lines == [
        "init keys-up",
        "mail-up",
        "certificate-up",
        "network-up",
        "storage-up",
        "memcached-up",
        "rabbitmq-up <- keys",
        "postgis-up <- keys",
        "mongodb-up",
        "bioformat-up <- storage",
        "iip-official-up <- storage <- memcached",
        "iip-cyto-up <- storage <- memcached",
        "core-up <- keys <- mail <- certificate <- storage <- postgis <- mongodb <- rabbitmq",
        "ims-up <- keys <- certificate <- storage <- core <- iip-official <- iip-cyto <- bioformat",
        "web-ui-up",
        "nginx-up <- storage <- web-ui <- core <- ims <- iip-official <- iip-cyto",
        "ingress-up <- certificate <- nginx <- web-ui <- core <- ims",
        "k8s-software-router-up <- keys <- core <- ingress <- rabbitmq",
        "slurm-up <- storage",
        "software-router-up <- keys <- storage <- core <- ingress <- rabbitmq <- slurm",
    ]


def test_the_parts_that_never_worked_well_are_off() -> None:
    assert {c.name for c in platform(Settings()).components if not c.enabled} == {
        *("mail", "certificate", "k8s-software-router", "slurm", "software-router")
    }


def test_core_is_asked_for_its_ping_and_the_database_whether_it_lets_core_in() -> None:
    definition = platform(Settings())
    (core,) = definition.component("core").checks
    assert isinstance(core, HttpCheck)
    assert core.path == "/server/ping.json"
    (logs_in,) = definition.component("postgis").checks
    assert isinstance(logs_in, CommandCheck)
    assert "$(cat /run/cytomine-database/password)" in " ".join(logs_in.command)
    assert "127.0.0.1" not in " ".join(logs_in.command)  # official images let everybody in there


# Left out: deploy false


def everything_that_names(found: Mapping[str, Object], word: str) -> list[str]:
    return [
        name
        for name, body in found.items()
        if name.split("/")[0] != "NetworkPolicy" and word in json.dumps(body)
    ]


@pytest.mark.parametrize("part", ["bioformat", "iip_official", "iip_cyto", "web_ui", "memcached"])
def test_what_is_not_deployed_is_in_no_route_no_service_and_no_address(part: str) -> None:
    name = "cytomine-" + part.replace("_", "-")
    assert everything_that_names(with_settings(), name)
    left = everything_that_names(with_settings(**{f"deploy_{part}": False}), f'"{name}"')
    assert left == []
    if part != "bioformat":  # ims is told that there is none, and keeps its name
        assert everything_that_names(with_settings(**{f"deploy_{part}": False}), name) == []
    else:
        ims = text("cytomine-ims-config", "imageserverconfig.properties", deploy_bioformat=False)
        assert "bioformat.application.enabled=false" in ims


@pytest.mark.parametrize(("part", "path"), [("core", "/api"), ("ims", "/image"), ("ims", "/upload")])
def test_nginx_knows_no_way_to_what_is_not_deployed(part: str, path: str) -> None:
    assert f"location {path} " in text("cytomine-nginx-config", "nginx.conf")
    conf = text("cytomine-nginx-config", "nginx.conf", **{f"deploy_{part}": False})
    assert f"location {path} " not in conf
    assert f"cytomine-{part}" not in conf


def test_a_shared_disk_is_made_when_one_of_its_parts_is_deployed() -> None:
    def claims(**settings: Any) -> set[str]:
        return {n.split("/")[1] for n in with_settings(**settings) if n.startswith("PersistentVolumeClaim/")}

    databases = {"cytomine-postgres-claim", "cytomine-mongodb-claim", "cytomine-rabbitmq-claim"}
    shared = {"cytomine-image-claim", "cytomine-temp-image-claim", "cytomine-singularity-claim"}
    assert claims() == databases | shared
    no_images = dict.fromkeys(
        ("deploy_bioformat", "deploy_iip_official", "deploy_iip_cyto", "deploy_ims"), False
    )
    assert claims(**no_images) == databases | shared - {"cytomine-image-claim"}
    assert claims(**no_images, deploy_nginx=False, front="ingress") == databases | {
        "cytomine-singularity-claim"
    }
    assert claims(deploy_core=False) == databases | shared - {"cytomine-singularity-claim"}
    assert claims(deploy_postgis=False) == shared | databases - {"cytomine-postgres-claim"}


# Images


def test_images_are_of_one_release_unless_told_otherwise() -> None:
    assert "is not of v3.0.1, whose image is cytomine/ims:v1.2.6" in refused(ims_image="cytomine/ims:v2.0.0")
    assert "--mixed-images" in refused(core_image="registry.example.org/cytomine/core:v3.2.3")
    platform(Settings(core_image="registry.example.org/cytomine/core:v3.0.3"))
    platform(Settings(postgis_image="postgis/postgis:15-3.5"))
    platform(Settings(ims_image="cytomine/ims:v2.0.0", mixed_images=True))
    platform(Settings(slurm_image="cytomine/slurm:v9"))  # it is not deployed


def test_every_image_is_a_setting_and_comes_from_the_registry_that_is_named() -> None:
    own = {f"{part}_image": f"own/{part}:1" for part in PARTS}
    found = with_settings(**own, **EVERYTHING, registry="r.example.org/x/")
    used = set(re.findall(r'"image": "([^"]+)"', json.dumps(found)))
    assert used == {f"r.example.org/x/own/{part}:1" for part in PARTS} | {"r.example.org/x/busybox:1.36"}
    assert versions.placed("localhost:5000/a", "r") == "localhost:5000/a"


def test_an_image_that_may_change_overnight_is_warned_of() -> None:
    (warning,) = platform(Settings(deploy_k8s_router=True)).warnings
    assert "norling/k8s-software-router:latest may be another one tomorrow" in warning
    pinned = "norling/k8s-software-router@sha256:" + "0" * 64
    assert not platform(Settings(deploy_k8s_router=True, k8s_router_image=pinned)).warnings


# Refused, and warned of


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"server_name": "Cyto_mine"}, "is not a host name"),
        ({"server_name": 'x"; return 200'}, "is not a host name"),
        ({"smtp_host": "a\nb"}, "has a line break"),
        ({"deploy_nginx": False}, "Give --front ingress"),
        ({"ingress_annotations": "[]"}, "takes an object"),
        ({"ingress_annotations": "{"}, "is not JSON"),
    ],
)
def test_what_cannot_be_is_refused(settings: dict[str, Any], words: str) -> None:
    assert words in refused(**settings)


def test_what_is_unwise_is_warned_of() -> None:
    (lacking,) = platform(Settings(deploy_postgis=False)).warnings
    assert "core does not start without postgis" in lacking
    (local,) = platform(Settings(server_name="cytomine.local")).warnings
    assert "multicast DNS" in local
    assert platform(Settings()).warnings == []
