"""Cytomine: web pages, core, image and tile servers, databases and a broker for microscopic images.

The release is 3.0.1. What each part is and why it is as it is: docs/cytomine.md.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from allup import (
    Component,
    Config,
    HealthCheck,
    HostsLine,
    Platform,
    Secret,
    command,
    config_map,
    config_secret,
    http,
    requirement,
    tcp,
)
from k8s.cytomine import chart, judging, keys, routes, versions
from k8s.cytomine import values as derived
from k8s.cytomine.settings import Settings

NAME = "cytomine"
ALIASES = {"all-up": ["install"], "all-down": ["uninstall"]}
CHART_VALUES, CHART_REFUSED, CHART_UNUSED = chart.VALUES, chart.REFUSED, chart.UNUSED

PARTS = tuple(versions.IMAGES)
CLAIMS = {
    "image": ("bioformat", "iip_official", "iip_cyto", "ims"),
    "temp-image": ("nginx", "ims"),
    "singularity": ("core", "slurm", "software_router"),
}
"""The claims that several parts share, and which parts; one is made when any of its parts is deployed."""

LOGS_IN = (  # by the pod's address: an official image asks nobody on 127.0.0.1 for a password
    # The password stays out of the argument list.
    'PGPASSWORD="$(cat /run/cytomine-database/password)" '
    'psql -h "$POD_IP" -U docker -d docker -Atc "SELECT 7"'
)


def platform(s: Settings) -> Platform:
    """The platform for these settings.

    Raises InputError for settings that contradict each other, for images of another release, and for parts
    that rule their node when that was not allowed.
    """
    deployed = {part for part in PARTS if getattr(s, f"deploy_{part}")}
    images = {part: getattr(s, f"{part}_image") for part in PARTS if part in deployed}
    judging.refuse(s, deployed)
    if not s.mixed_images:
        versions.refuse_mixed(images)
    instance = s.instance or NAME
    return Platform(
        NAME,
        namespace=s.namespace or instance,
        instance=instance,
        pod_security="privileged" if deployed & set(judging.RULE_THEIR_NODE) else "baseline",
        values=derived.values(s, deployed),
        urls=[("Cytomine", "svc/cytomine-nginx:80")] if s.front == "nginx" else [],
        tasks=[
            HostsLine(
                name="localip",
                help="Print the line for /etc/hosts that leads the public name to the cluster.",
                host=s.server_name,
            )
        ],
        warnings=judging.warnings(s, deployed, images),
        components=[
            Component(
                "keys",
                task="init",
                aliases=["keys-up"],
                help="passwords and keys, made once and kept",
                secrets=keys.secrets(),
            ),
            Component(
                "mail",
                help="the password of the address that mail is sent from (setting email_sender)",
                enabled=bool(s.email_sender),
                secrets=[keys.mail()],
            ),
            Component(
                "certificate",
                help="the certificate of the public name (setting protocol)",
                enabled=derived.makes_certificate(s),
                secrets=[keys.certificate(s.server_name)],
            ),
            Component(
                "network",
                "manifests/network.yaml",
                help="who may speak to whom",
                enabled=s.network_policies,
            ),
            Component(
                "storage",
                [f"manifests/claim-{name}.yaml" for name, users in CLAIMS.items() if deployed & set(users)],
                help="the disks that several parts share",
                enabled=any(deployed & set(users) for users in CLAIMS.values()),
            ),
            _part(
                *(s, "memcached"),
                help="the tile servers' cache",
                checks=[tcp("svc/memcached:11211", name="the cache's port is open")],
            ),
            _part(
                *(s, "rabbitmq"),
                after=["keys"],
                help="the broker between core and the software routers",
                configs=[config_secret("cytomine-rabbitmq-config", "rabbitmq.config", "enabled_plugins")],
                initialised_by={"cytomine-rabbitmq-claim": keys.BROKER},
                checks=[tcp("svc/cytomine-rabbitmq:5672", name="the broker's port is open")],
            ),
            _part(
                *(s, "postgis"),
                after=["keys"],
                help="PostgreSQL with PostGIS",
                configs=[
                    config_map(
                        "cytomine-postgis-scripts",
                        *("postgis/prepare.sh", "postgis/password.sh", "postgis/extensions.sql"),
                    )
                ],
                initialised_by={"cytomine-postgres-claim": keys.LOGIN},
                checks=[
                    command(
                        *("sts/cytomine-postgis", "sh", "-ec", LOGS_IN),
                        expect="7",
                        container="postgis",
                        name="PostgreSQL lets core's user in",
                    )
                ],
            ),
            _part(
                *(s, "mongodb"),
                help="MongoDB",
                checks=[tcp("svc/cytomine-mongodb:27017", name="MongoDB's port is open")],
            ),
            _part(
                *(s, "bioformat"),
                after=["storage"],
                help="reads what the tile servers do not",
                checks=[tcp("svc/cytomine-bioformat:4321", name="Bio-Formats' port is open")],
            ),
            _tiles(s, "iip_official", "the tile server for common formats"),
            _tiles(s, "iip_cyto", "the tile server for whole slides"),
            _part(
                *(s, "core"),
                after=["keys", "mail", "certificate", "storage", "postgis", "mongodb", "rabbitmq"],
                help="the application",
                deadline=1200,
                values={"heap_mib": derived.heap(s, "core")},
                configs=[
                    config_secret("cytomine-core-config", "cytomineconfig.groovy"),
                    config_map("cytomine-core-start", **{"start.sh": "tomcat-start.sh"}),
                ],
                requires=[
                    requirement(
                        f"Service/{s.ingress_controller}",
                        otherwise=f"Unless {s.server_name} resolves inside the cluster, uploads fail: core "
                        "and ims call each other by it. Install an Ingress controller, or name its Service "
                        "with --ingress-controller",
                        needed=False,
                    )
                ]
                if derived.finds_controller(s)
                else [],
                checks=_core_checks(s),
            ),
            _part(
                *(s, "ims"),
                after=["keys", "certificate", "storage", "core", "iip-official", "iip-cyto", "bioformat"],
                help="the image server",
                deadline=900,
                values={"heap_mib": derived.heap(s, "ims")},
                configs=[
                    config_secret("cytomine-ims-config", "imageserverconfig.properties"),
                    config_map("cytomine-ims-start", **{"start.sh": "tomcat-start.sh"}),
                ],
                checks=[http("svc/cytomine-ims:8081", "/", name="the image server answers")],
            ),
            _part(
                *(s, "web_ui"),
                help="the web pages",
                configs=[
                    config_map(
                        "cytomine-web-ui-config", "configuration.json", **{"nginx.conf": "web-ui-nginx.conf"}
                    )
                ],
                checks=[http("svc/cytomine-web-ui:8080", "/", name="the pages are there")],
            ),
            _part(
                *(s, "nginx"),
                # nginx ends at once when a Service it names does not resolve.
                after=["storage", "web-ui", "core", "ims", "iip-official", "iip-cyto"],
                help="takes uploads, and leads requests to the parts",
                configs=[config_map("cytomine-nginx-config", "nginx.conf")],
                checks=[
                    http(
                        *("svc/cytomine-nginx:80", "/" if "web_ui" in deployed else "/nginx-alive"),
                        headers={"Host": s.server_name},
                        name="the public name leads to the pages",
                    )
                ],
            ),
            Component(
                "ingress",
                "manifests/ingress.yaml",
                after=["certificate", "nginx", "web-ui", "core", "ims"],
                help="the public name",
                enabled=s.ingress,
            ),
            _part(
                *(s, "k8s_router"),
                name="k8s-software-router",
                after=["keys", "core", "ingress", "rabbitmq"],
                help="runs software as Jobs (setting deploy_k8s_router)",
                configs=[config_secret("cytomine-k8s-router-config", "settings.yaml")],
                secrets=[keys.github()] if s.github_username else [],
            ),
            _part(
                *(s, "slurm"),
                after=["storage"],
                help="where software_router runs its jobs (setting deploy_slurm)",
                configs=[config_map("cytomine-slurm-config", "slurm.conf")],
                secrets=[keys.ssh()],
                checks=[tcp("svc/slurm:22", name="ssh is open")],
            ),
            _part(
                *(s, "software_router"),
                after=["keys", "storage", "core", "ingress", "rabbitmq", "slurm"],
                help="runs software on slurm (setting deploy_software_router)",
                configs=[config_secret("cytomine-software-router-config", "config.groovy")],
                secrets=[] if s.deploy_slurm else [keys.ssh()],
            ),
        ],
    )


def _part(
    s: Settings,
    prefix: str,
    *,
    help: str,
    name: str = "",
    manifest: str = "",
    after: Sequence[str] = (),
    values: Mapping[str, Any] | None = None,
    configs: Sequence[Config] = (),
    secrets: Sequence[Secret] = (),
    checks: Sequence[HealthCheck] = (),
    **more: Any,
) -> Component:
    """A part with the five settings of its *prefix*: whether it is deployed, its image, and what it uses."""
    called = name or prefix.replace("_", "-")
    return Component(
        called,
        f"manifests/{manifest or called}.yaml",
        after=after,
        enabled=getattr(s, f"deploy_{prefix}"),
        help=help,
        values={
            "image": versions.placed(getattr(s, f"{prefix}_image"), s.registry),
            "cpu": getattr(s, f"{prefix}_cpu"),
            "mem": getattr(s, f"{prefix}_mem"),
            "mem_limit": getattr(s, f"{prefix}_mem_limit"),
            **(values or {}),
        },
        configs=configs,
        secrets=secrets,
        checks=checks,
        **more,
    )


def _tiles(s: Settings, prefix: str, help: str) -> Component:
    called, port = "cytomine-" + prefix.replace("_", "-"), routes.TILES[prefix]
    return _part(
        *(s, prefix),
        manifest="iip",
        after=["storage", "memcached"],
        help=help,
        values={"name": called, "port": port},
        configs=[config_map(f"{called}-config", **{"nginx.conf.sample": "iip-nginx.conf.sample"})],
        checks=[tcp(f"svc/{called}:{port}", name="the tile server's port is open")],
    )


def _core_checks(s: Settings) -> Sequence[HealthCheck]:
    if s.core_probe == "tcp":
        return [tcp("svc/cytomine-core:8001", name="core's port is open")]
    return [http("svc/cytomine-core:8001", "/server/ping.json", name="core answers")]
