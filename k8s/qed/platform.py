"""QED: the EPA's Quantitative Ecological Decision tools, fifteen parts behind one nginx.

What each part is, the data it needs, and which old script is which task: docs/qed.md.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from allup import (
    Component,
    HealthCheck,
    Password,
    Platform,
    PodShell,
    RunTrials,
    Secret,
    Token,
    command,
    config_map,
    config_secret,
    http,
    jq,
    tcp,
)
from k8s.qed import data, pods, trials
from k8s.qed.settings import Settings, refuse_impossible
from k8s.qed.values import certificate, login, values

NAME = "qed"
ALIASES = {"all-up": ["start", "deploy-start"], "all-down": ["stop"]}
"""The names of QED's scripts: qed-start.sh, qed-deploy-start.sh, qed-stop.sh."""


DJANGO_FILES = config_secret(
    "qed-django",
    **{
        "secret_key_django_dropbox.txt": "django-key.jinja",
        "secret_key_database.txt": "database-password.jinja",
    },
)
"""Where QED's Django looks for them: files under /src/secrets."""


def platform(s: Settings) -> Platform:
    """The platform for these settings.

    Raises InputError for settings that contradict each other or that nothing could run with.
    """
    demo = s.preset == "demo"
    sets = data.chosen(s.data if s.data is not None else "" if demo else "site")
    refuse_impossible(s, sets)
    instance = s.instance or NAME
    known = values(s, instance, sets)
    tomcat, https = "tomcat" in sets, s.https != "none"
    port = 443 if https and not s.ingress else 80
    off = {
        "certificate": "" if https else "nginx speaks HTTP only (--https made, or given)",
        "ingress": "" if s.ingress else "the site has no host name of its own (--ingress)",
        "login": "" if s.login else "nobody is asked for a password (--login)",
        "tomcat": "" if tomcat else "ChemAxon's web apps and licence are not public (--data tomcat)",
        "mongodb": _unless(s.mongodb, "mongodb"),
        "flower": _unless(s.flower, "flower"),
        "cts": _unless(s.cts, "cts"),
        "hms": _unless(s.hms, "hms"),
        "dask": _unless(s.dask, "dask"),
    }

    def part(name: str, *, switch: str = "", manifests: Sequence[str] = (), **more: Any) -> Component:
        why = off.get(switch, "")
        return Component(
            name, [f"manifests/{m}.yaml" for m in manifests], enabled=not why, off_because=why, **more
        )

    return Platform(
        NAME,
        namespace=s.namespace or instance,
        instance=instance,
        values=known,
        pod_security="restricted" if known["app_user"] is not None else "baseline",
        urls=[
            ("QED", f"svc/qed-nginx:{port}"),
            ("Flower", f"svc/qed-nginx:{port}/flower/"),
            ("Dask dashboard", "svc/dask-scheduler:8787/status"),
        ],
        tasks=_tasks(s, known),
        components=[
            part(
                "environment",
                manifests=["environment"],
                help="what the apps are told: variables, settings, keys",
                secrets=[
                    Secret(
                        "django",
                        {"key": Token(bytes=48)},
                        help="Django's SECRET_KEY",
                        rotation="everybody is logged out",
                    ),
                    Secret(
                        "postgres",
                        {"password": Password(env="POSTGRES_PASSWORD")},
                        help="PostgreSQL's password",
                        rotation="a database that is there keeps the old one: its claim is refused then",
                    ),
                ],
                configs=[
                    config_map("qed-settings", **{"settings_allup.py": "settings_allup.py.jinja"}),
                    DJANGO_FILES,
                ],
            ),
            part(
                "login",
                switch="login",
                help="the password that people give (setting login)",
                secrets=[login(s)],
            ),
            part(
                "certificate",
                switch="certificate",
                help="nginx' certificate (setting https)",
                secrets=[certificate(s, instance)],
            ),
            part(
                "volumes",
                manifests=["data-volume" if s.data_root else "data-claim"],
                aliases=["volume-start"],
                help="what QED reads and writes; databases have claims of their own",
                replace=[f"PersistentVolume/{instance}-data", f"PersistentVolumeClaim/{data.VOLUME}"]
                if s.data_root
                else [],
                # A class may wait for the first pod before it makes the disk.
                checks=[_bound(instance)] if s.data_root else [],
            ),
            part(
                "services",
                manifests=_services(off),
                aliases=["service-start"],
                help="all Services, so that every name resolves before anything starts",
            ),
            part(
                "redis",
                manifests=["redis"],
                after=["services"],
                help="broker and results of Celery",
                checks=[command("sts/redis", "redis-cli", "ping", expect="PONG", name="Redis answers")],
            ),
            part(
                "mongodb",
                switch="mongodb",
                manifests=["mongodb"],
                after=["services"],
                help="results of models",
                checks=[
                    command(
                        *("sts/mongodb", "mongosh", "--quiet", "--eval", "db.adminCommand('ping').ok"),
                        expect="1",
                        name="MongoDB answers",
                    )
                ],
            ),
            part(
                "postgres",
                manifests=["postgres"],
                after=["services", "environment", *(["volumes"] if "pisces" in sets else [])],
                help="the database pisces",
                initialised_by={"postgres-data": "postgres"},
                checks=[
                    command(
                        *("sts/postgres", "pg_isready", "-U", "postgres", "-h", "127.0.0.1"),
                        expect="accepting connections",
                        name="PostgreSQL answers",
                    )
                ],
            ),
            part(
                "dask-scheduler",
                switch="dask",
                manifests=["dask-scheduler"],
                after=["services"],
                help="Dask's scheduler",
                checks=[
                    http(
                        "svc/dask-scheduler:8787",
                        known["dask_health_path"],
                        name="Dask's scheduler answers",
                    )
                ],
            ),
            part(
                "dask-worker",
                switch="dask",
                manifests=["dask-worker"],
                after=["dask-scheduler", *(["volumes"] if "dask-source" in sets else [])],
                help="Dask's workers",
                checks=[
                    http(
                        "svc/dask-scheduler:8787",
                        "/json/counts.json",
                        beside="Deployment/dask-worker",
                        expect=".workers == $beside.spec.replicas",
                        name="the scheduler counts every worker",
                    )
                ],
            ),
            part(
                "tomcat",
                switch="tomcat",
                manifests=["tomcat"],
                after=["services", "volumes"],
                help="ChemAxon's web apps (data set tomcat)",
                checks=[tcp("svc/qed-tomcat:8080", name="Tomcat's port is open")],
            ),
            part(
                "cts-manager",
                switch="cts",
                manifests=["cts-manager"],
                after=["environment", "redis", "mongodb"],
                help="gives CTS' work out",
                checks=[_pong("cts-manager", "manager_worker")],
            ),
            part(
                "cts-worker",
                switch="cts",
                manifests=["cts-worker"],
                after=["environment", "redis", "mongodb"],
                help="does CTS' work",
                checks=[_pong("cts-worker", "cts_worker")],
            ),
            part(
                "cts-nodejs",
                switch="cts",
                manifests=["cts-nodejs"],
                after=["services", "redis"],
                help="tells browsers what CTS found",
                checks=[http("svc/cts-nodejs:4000", "/test", name="CTS' Node answers")],
            ),
            part(
                "celery",
                manifests=["celery"],
                after=["environment", "volumes", "redis"],
                help="runs the models that take long",
                checks=[_pong("qed-celery", "qed_worker")],
            ),
            part(
                "flower",
                switch="flower",
                manifests=["flower"],
                after=["services"],
                help="shows Celery at work",
                checks=[http("svc/celery-flower:5555", "/flower/healthcheck", name="Flower answers")],
            ),
            part(
                "hms",
                switch="hms",
                manifests=["hms"],
                after=["services", *(["volumes"] if sets & {"hms-app-data", "hms-databases"} else [])],
                help="hydrologic micro services, in .NET",
                checks=[
                    http(
                        "svc/hms-dotnetcore:80",
                        "/swagger/v1/swagger.json",
                        expect='has("paths")',
                        name="HMS describes itself",
                    )
                ],
            ),
            part(
                "flask",
                manifests=["flask"],
                after=["environment", "volumes", "redis"],
                help="the models' REST service",
                checks=[http("deploy/qed-flask:8081", "/hms/gis/test/", name="flask answers")],
            ),
            part(
                "django",
                manifests=["django"],
                after=["environment", "login", "volumes", "services", "redis", "mongodb"],
                help="the web site",
                checks=[http("deploy/qed-django:8081", "/", name="Django shows its first page")],
            ),
            part(
                "nginx",
                manifests=["nginx"],
                after=["certificate", "volumes", "services"],
                help="the front: the site, and flask for the others on 7777",
                configs=[config_map("nginx", "nginx.conf")],
                checks=[http("svc/qed-nginx:80", "/healthz", name="nginx answers")],
            ),
            part(
                "ingress",
                switch="ingress",
                manifests=["ingress"],
                after=["certificate", "services"],
                help="the site under a host name (setting ingress)",
            ),
        ],
    )


def _unless(on: bool, name: str) -> str:
    return "" if on else f"switched off (--{name} switches it on)"


def _services(off: Mapping[str, str]) -> Sequence[str]:
    """The manifests of the Services whose parts are on, and who may reach the databases."""
    optional = ("mongodb", "flower", "cts", "hms", "dask", "tomcat")
    return ["services", "databases-policy", *(f"services-{name}" for name in optional if not off[name])]


def _bound(instance: str) -> HealthCheck:
    return jq(
        f"PersistentVolumeClaim/{data.VOLUME}",
        f'.status.phase == "Bound" and .spec.volumeName == "{instance}-data"',
        name="the claim has its volume",
    )


def _pong(deployment: str, worker: str) -> HealthCheck:
    return command(
        f"deploy/{deployment}",
        *pods.ping(worker),
        expect="pong",
        timeout=30,
        name=f"{worker} answers its ping",
    )


def _tasks(s: Settings, known: Mapping[str, Any]) -> Sequence[PodShell | RunTrials]:
    return (
        trials.verify(),
        PodShell(
            name="data-shell",
            help="Open a shell in a pod that has the data volume at /data, or run what stands behind --.",
            image=known["flask_image"],
            component="volumes",
            pull_policy=s.image_pull_policy,
            pull_secret=s.image_pull_secret or "",
            claims={data.VOLUME: "/data"},
            user=known["app_user"],
        ),
    )
