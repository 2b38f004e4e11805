"""REANA 0.6.1: reproducible analyses. A server that takes workflows, a controller that runs them as Jobs.

What each part is, and what differs from reana-cluster: docs/reana.md.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import fields
from typing import Any

from allup import (
    Component,
    Export,
    ExtraTask,
    HealthCheck,
    ImageTask,
    Password,
    Platform,
    Provided,
    Quantity,
    Secret,
    Token,
    Verify,
    command,
    config_map,
    config_secret,
    http,
    tcp,
    tls_secret,
)
from k8s.reana import admin, wiring
from k8s.reana.deployed import LOGIN_OF_0_6, NAMESPACE, Deployed, deployed
from k8s.reana.layout import BROKER, CONTROLLER, SERVER
from k8s.reana.settings import Settings

__all__ = ["ALIASES", "NAMESPACE", "Settings", "platform"]

NAME = "reana"
ALIASES = {"all-up": ["init"], "all-down": ["down"]}

# Over TCP and not from 127.0.0.1, which the image's pg_hba.conf trusts.
_PSQL = 'psql -h "$POD_IP" -U "$POSTGRES_USER" -d "$POSTGRES_DB" -Atc "select 1"'
_DB_LOGIN = f'PGPASSWORD="$POSTGRES_PASSWORD" {_PSQL}'
_DB_REFUSES = f'! PGPASSWORD="not-$POSTGRES_PASSWORD" {_PSQL}'
_CACHE_REFUSES = 'test "$(REDISCLI_AUTH="not-$REDISCLI_AUTH" redis-cli ping 2>&1 | tail -n 1)" != PONG'


def platform(s: Settings) -> Platform:
    """The platform for these settings; reads the file that ``cluster_file`` names, and no other.

    Raises InputError, with file and line, for what cannot be.
    """
    found = deployed(s)
    instance = s.instance or NAME
    return Platform(
        NAME,
        namespace=NAMESPACE,
        instance=instance,
        values=_values(s, found, instance),
        urls=_urls(s, found),
        exports=[
            Export(variable="REANA_SERVER_URL", target="svc/server:80"),
            Export(variable="REANA_ACCESS_TOKEN", task="admin-token"),
        ],
        tasks=_tasks(s, found),
        warnings=_warnings(s, found),
        components=[
            Component(
                "accounts",
                "manifests/accounts.yaml",
                help="service accounts, and what they may do",
                values={
                    "cvmfs_claims": _CLAIMS if s.cvmfs else None,
                    "cvmfs_classes": _CLASSES if s.cvmfs else None,
                },
            ),
            Component(
                "network",
                "manifests/network.yaml",
                enabled=s.network_policies,
                help="who may reach database, cache, broker and controller",
            ),
            Component(
                "sources",
                "manifests/sources.yaml",
                enabled=found.dev and any(part.mounts for part in found.parts.values()),
                help="whether the sources are on the node, asked before anything mounts them",
            ),
            Component(
                "workspaces",
                [] if found.shared_on_node else "manifests/workspaces.yaml",
                help="the disk that all workflows share",
            ),
            _db(found),
            Component(
                "cache",
                "manifests/cache.yaml",
                help="Redis: sessions of the web interface",
                secrets=[
                    Secret(
                        wiring.CACHE_SECRET,
                        {"password": Password()},
                        help="the cache's password",
                        rotation="cache and server restart",
                    )
                ],
                configs=[config_secret("reana-cache-config", "redis.conf")],
                checks=[
                    command("sts/cache", "redis-cli", "ping", expect="PONG", name="the cache answers"),
                    _shell("sts/cache", _CACHE_REFUSES, "no other password opens the cache"),
                ],
            ),
            Component(
                "message-broker",
                "manifests/message-broker.yaml",
                after=["sources"],
                help="RabbitMQ: submitted workflows, and how their jobs are",
                secrets=[_broker_secret()] if s.broker_login == "generated" else [],
                initialised_by={"reana-message-broker": wiring.BROKER_SECRET}
                if s.broker_login == "generated"
                else {},
                configs=[config_secret("reana-broker-config", "rabbitmq.config")],
                checks=[tcp("svc/message-broker:5672", name="the broker answers")],
            ),
            Component(
                "logins",
                enabled=s.cern_sso or bool(s.gitlab_host),
                help="what CERN's log-in and GitLab know this REANA by",
                secrets=_login_secrets(s),
            ),
            Component(
                "server",
                "manifests/server.yaml",
                after=["accounts", "sources", "workspaces", "db", "cache", "message-broker", "logins"],
                help="the REST API, and the scheduler of workflows",
                secrets=[
                    Secret(
                        wiring.SERVER_SECRET,
                        {"secret-key": Token(), "password-salt": Token()},
                        help="what the server signs sessions and hashes passwords with",
                        rotation="everybody is logged out, and local passwords have to be set anew",
                    )
                ],
                checks=[
                    http(
                        "svc/server:80",
                        "/api/ping",
                        expect='.message == "OK"',
                        headers={"Host": found.host or "server", "X-Forwarded-Proto": "https"},
                        name="the server answers",
                    ),
                    *_sees_sources(found, SERVER, "deploy/server", "server"),
                ],
            ),
            Component(
                "workflow-controller",
                "manifests/workflow-controller.yaml",
                after=["server"],
                help="starts a Job for every workflow, and hears how it goes",
                configs=[config_map("krb5-conf", "krb5.conf")],
                checks=[
                    tcp("svc/workflow-controller:80", name="the controller answers"),
                    *_sees_sources(found, CONTROLLER, "deploy/workflow-controller", "rest-api-server"),
                ],
            ),
            Component(
                "ui",
                "manifests/ui.yaml",
                after=["server"],
                enabled=found.ui,
                help="the web interface",
                checks=[http("svc/ui:80", "/", name="the web interface answers")],
            ),
            Component(
                "wdb",
                "manifests/wdb.yaml",
                enabled=found.dev,
                help="the debugger of development",
                checks=[http("svc/wdb:1984", "/", name="the debugger answers")],
            ),
            Component(
                "ingress",
                "manifests/ingress.yaml",
                after=["server", "ui"],
                enabled=bool(found.host),
                help="REANA under its host name (setting reana_url)",
                secrets=[_certificate(found.host)] if found.host and s.ingress_tls else [],
            ),
        ],
    )


_CLAIMS = {"apiGroups": [""], "resources": ["persistentvolumeclaims"], "verbs": ["create"]}
_CLASSES = {"apiGroups": ["storage.k8s.io"], "resources": ["storageclasses"], "verbs": ["create"]}


def _db(found: Deployed) -> Component:
    on_claim = not found.db_path
    return Component(
        "db",
        ["manifests/db-claim.yaml", "manifests/db.yaml"] if on_claim else "manifests/db.yaml",
        help="PostgreSQL: users, workflows, jobs",
        secrets=[
            Secret(
                wiring.DB_SECRET,
                {"password": Password(length=20, env="REANA_DB_PASSWORD")},
                help="the password of the database's user reana",
                rotation="a database that is there keeps the old one: change it there first (ALTER ROLE), "
                "or purge it",
            )
        ],
        initialised_by={"reana-db": wiring.DB_SECRET} if on_claim else {},
        checks=[
            _shell("sts/db", _DB_LOGIN, "the password opens the database"),
            _shell("sts/db", _DB_REFUSES, "no other password opens the database"),
        ],
    )


def _shell(target: str, script: str, name: str) -> HealthCheck:
    return command(target, "sh", "-c", script, name=name)


def _broker_secret() -> Secret:
    return Secret(
        wiring.BROKER_SECRET,
        {"password": Password()},
        help=f"the password of the broker's user {LOGIN_OF_0_6[0]}",
        rotation="a broker that has data keeps the old one: purge its claim, or change it there first",
    )


def _login_secrets(s: Settings) -> Sequence[Secret]:
    found = []
    if s.cern_sso:
        names = ("CERN_CONSUMER_KEY", "CERN_CONSUMER_SECRET")
        found.append(Secret(wiring.SSO_SECRET, {n: Provided(env=n, help=f"Set {n}") for n in names}))
    if s.gitlab_host:
        names = ("REANA_GITLAB_OAUTH_APP_ID", "REANA_GITLAB_OAUTH_APP_SECRET")
        found.append(Secret(wiring.GITLAB_SECRET, {n: Provided(env=n, help=f"Set {n}") for n in names}))
    return found


def _certificate(host: str) -> Secret:
    return tls_secret(
        "reana-tls",
        bundle="ingress",
        dns_names=(host,),
        help="the Ingress' certificate, with a CA of its own",
        rotation="browsers and clients that trusted the old CA ask again",
    )


def _sees_sources(found: Deployed, part: str, target: str, container: str) -> Sequence[HealthCheck]:
    """In development: the mount did not go away since, as those of ``minikube mount`` do."""
    return [
        command(
            target, "sh", "-c", f'test -n "$(ls -A {mount.path})"', container=container,
            name=f"{target.partition('/')[2]} sees its sources",
        )
        for mount in found.parts[part].mounts
        if found.dev
    ]  # fmt: skip


def _warnings(s: Settings, found: Deployed) -> Sequence[str]:
    warnings = []
    if s.broker_login == "fixed" and not s.network_policies:
        warnings.append("every pod of the cluster may log in to the broker: its login is known to everybody")
    if found.dev and s.insecure_tls:
        warnings.append("server and controller trust any certificate (insecure_tls)")
    return warnings


def _urls(s: Settings, found: Deployed) -> Sequence[tuple[str, str]]:
    urls = [("REANA", "svc/server:80")]
    if found.ui:
        urls.append(("Web interface", "svc/ui:80"))
    if found.dev:
        urls.append(("Debugger", "svc/wdb:1984"))
    return urls


def _values(s: Settings, found: Deployed, instance: str) -> Mapping[str, Any]:
    """What the manifests may name: every setting, and what follows from several."""
    own = ("server_image", "workflow_controller_image", "message_broker_image", "shared_size")
    return {
        **{f.name: getattr(s, f.name) for f in fields(s) if f.name not in own},
        "instance": instance,
        "namespace": NAMESPACE,
        "server_image": found.parts[SERVER].image,
        "workflow_controller_image": found.parts[CONTROLLER].image,
        "message_broker_image": found.parts[BROKER].image,
        "shared_size": found.shared_size,
        "shared_claim": wiring.SHARED_CLAIM,
        "pull_secrets": [{"name": s.pull_secret}] if s.pull_secret else None,
        "host": found.host or "server",
        "ingress_tls_hosts": [{"hosts": [found.host], "secretName": "reana-tls"}] if s.ingress_tls else None,
        "ingress_paths": _paths(found.ui),
        "terminal": True if found.dev else None,
        "broker_bytes": int(Quantity(s.broker_mem).amount),
        "broker_request": Quantity(s.broker_mem).scaled(0.5),
        "broker_user": LOGIN_OF_0_6[0],
        "broker_fixed_password": LOGIN_OF_0_6[1] if s.broker_login == "fixed" else "",
        **wiring.commands(found),
        **wiring.environments(s, found),
        **wiring.volumes(found),
        **wiring.db_security(found),
    }


_API_PATHS = ("/api", "/oauth", "/account", "/lost-password", "/confirm", "/login", "/logout", "/sign-up")


def _paths(ui: bool) -> Sequence[Mapping[str, Any]]:
    """The routes of the Ingress: what the server answers, and with the web interface all else."""
    routes = [(path, "server") for path in _API_PATHS] + ([("/", "ui")] if ui else [])
    return [
        {"path": path, "pathType": "Prefix", "backend": {"service": {"name": name, "port": {"name": "http"}}}}
        for path, name in routes
    ]


def _tasks(s: Settings, found: Deployed) -> Sequence[ExtraTask]:
    return (
        Verify(
            name="verify",
            help="Compare the cluster with the layout: its version, its context, every container's image.",
            version=found.layout.version,
            version_from=found.layout.where("cluster.version", "cluster_file"),
            strict=s.strict_version,
            context=found.layout.context,
            kubeconfig=found.layout.kubeconfig,
        ),
        *admin.tasks(),
        *(
            ImageTask(
                name=f"build-{part.removeprefix('reana-')}",
                help=f"Build {part} of its checkout for development, with its sources editable.",
                action="build",
                image=found.parts[part].image,
                context=f"{s.sources.rstrip('/')}/{part}",
                arguments={"DEBUG": "1"},
            )
            for part in (SERVER, CONTROLLER, BROKER)
        ),
    )
