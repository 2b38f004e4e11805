"""How the pods of REANA 0.6.1 start and find each other: commands, variables, volumes.

What each program reads was looked up in reana-server, reana-workflow-controller and reana-commons at v0.6.1.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from k8s.reana.deployed import LOGIN_OF_0_6, NAMESPACE, Deployed
from k8s.reana.layout import BROKER, CONTROLLER, SERVER, Mount
from k8s.reana.settings import Settings

Object = dict[str, Any]

SHARED_CLAIM = "manila-cephfs-pvc"
"""The one claim that reana-commons 0.6 mounts into runs, whatever its class is."""
DB_SECRET, CACHE_SECRET, BROKER_SECRET = (
    "reana-db-secrets",
    "reana-cache-secrets",
    "reana-message-broker-secrets",
)
SERVER_SECRET, SSO_SECRET, GITLAB_SECRET = (
    "reana-server-secrets",
    "reana-cern-sso-secrets",
    "reana-cern-gitlab-secrets",
)
SETUP_LOG = "/var/log/reana-server-init-output.log"

# uWSGI and RabbitMQ make tables as long as the number of files they may open, which runtimes set to a million
# or a billion: hundreds of megabytes before the first request. Where there are fewer, root may not raise it.
_FEWER_FILES = 'if [ "$(ulimit -n)" = unlimited ] || [ "$(ulimit -n)" -gt 65536 ]; then ulimit -n 65536; fi'
# Its log has the administrator's token, so it stays in its file; only a failure is told, without those lines.
_SETUP = (
    f"./scripts/setup > {SETUP_LOG} 2>&1 || "
    f"{{ echo 'scripts/setup failed:' >&2; grep -vi token {SETUP_LOG} | tail -n 40 >&2; exit 1; }}"
)
_UWSGI = (
    "exec uwsgi --module {module} --http-socket 0.0.0.0:5000 --master "
    '--processes "$UWSGI_PROCESSES" --threads "$UWSGI_THREADS" --stats /tmp/stats.socket '
    "--wsgi-disable-file-wrapper --die-on-term"
)
# With a deadline, so that a pod which waits in vain says for what.
_WAIT = """\
wait_for() {
  tries=0
  until eval "$2"; do
    tries=$((tries + 1))
    if [ "$tries" -eq 1 ]; then echo "waiting for $1"; fi
    if [ "$tries" -ge 150 ]; then echo "$1 did not answer within 300 s" >&2; exit 1; fi
    sleep 2
  done
}
wait_for db:5432 'pg_isready -q -h db -p 5432'
wait_for message-broker:5672 "bash -c ': < /dev/tcp/message-broker/5672' 2> /dev/null"
"""


def _shell(*steps: str) -> Sequence[str]:
    return ("/bin/sh", "-c", "; ".join(("set -e", *steps)))


def commands(found: Deployed) -> Mapping[str, Sequence[str]]:
    """What the containers run; in development what reloads itself when a source changes."""
    server: Sequence[str]
    controller: Sequence[str]
    if found.dev:
        server = (_SETUP, "exec invenio run -h 0.0.0.0 -p 5000")
        controller = ("exec flask run --host=0.0.0.0",)
    else:
        server = (_FEWER_FILES, _SETUP, _UWSGI.format(module="invenio_app.wsgi:application"))
        controller = (_FEWER_FILES, _UWSGI.format(module="reana_workflow_controller.app:app"))
    return {
        "server_command": _shell(*server),
        "controller_command": _shell(*controller),
        "wait_command": ("/bin/sh", "-c", _WAIT),
        # exec, so that the stop signal reaches the server; the image's own script lacks it, and has the
        # password in its arguments.
        "broker_command": _shell(_FEWER_FILES, "chown rabbitmq /var/lib/rabbitmq", "exec rabbitmq-server"),
    }


def environments(s: Settings, found: Deployed) -> Mapping[str, Sequence[Object]]:
    """The variables of every container, by the name that the manifests have for them."""
    shared = {
        "REANA_DB_NAME": "reana",
        "REANA_DB_HOST": "db",
        "REANA_DB_PORT": "5432",
        "REANA_DB_USERNAME": "reana",
        "RABBIT_MQ_URL": f"message-broker.{NAMESPACE}.svc.cluster.local",
        "RABBIT_MQ_PORT": "5672",
        "RABBIT_MQ_USER": LOGIN_OF_0_6[0],
        "SHARED_VOLUME_PATH": found.shared_path,
        # Else the kubelet's variables of the Service count, which only a pod has that started after it.
        "WORKFLOW_CONTROLLER_SERVICE_HOST": "workflow-controller",
        "WORKFLOW_CONTROLLER_SERVICE_PORT_HTTP": "80",
    }
    if found.host:
        shared["REANA_URL"] = found.host
    if found.dev:
        shared |= {"WDB_SOCKET_SERVER": "wdb", "WDB_NO_BROWSER_AUTO_OPEN": "True"}
        shared |= {"FLASK_ENV": "development", "FLASK_DEBUG": "1"}
        if s.insecure_tls:
            shared |= {"CURL_CA_BUNDLE": "", "GIT_SSL_NO_VERIFY": "true"}
    cors = {"INVENIO_CORS_SEND_WILDCARD": "False", "INVENIO_CORS_SUPPORTS_CREDENTIALS": "True"}
    server = shared | (cors if found.dev else {})
    controller = {
        **shared,
        "K8S_REANA_SERVICE_ACCOUNT_NAME": "reana-system",
        "REANA_DEPLOYMENT_TYPE": "local",
        "REANA_JOB_CONTROLLER_IMAGE": s.job_controller_image,
        "REANA_WORKFLOW_ENGINE_IMAGE_CWL": s.cwl_image,
        "REANA_WORKFLOW_ENGINE_IMAGE_YADAGE": s.yadage_image,
        "REANA_WORKFLOW_ENGINE_IMAGE_SERIAL": s.serial_image,
    }
    if not found.shared_on_node:
        controller["REANA_STORAGE_BACKEND"] = "cephfs"  # its word for "a claim"
    if found.eos:
        controller["K8S_CERN_EOS_AVAILABLE"] = "True"
    if s.gitlab_host:
        server["REANA_GITLAB_HOST"] = controller["REANA_GITLAB_HOST"] = s.gitlab_host
    logins = [_secret("REANA_DB_PASSWORD", DB_SECRET, "password"), *_broker_password(s)]
    of_server = [*logins, *_server_secrets(s)]
    by_file = found.said_by_file
    return {
        "server_env": _env({**server, **by_file(SERVER)}, of_server),
        "scheduler_env": _env({**server, **by_file(SERVER)}, logins),
        "controller_env": _env({**controller, **by_file(CONTROLLER)}, logins),
        "broker_env": _env(
            {
                "RABBITMQ_NODENAME": "rabbit@localhost",  # the pod's name must not be in its data
                "RABBITMQ_CONFIG_FILE": "/etc/reana-broker/rabbitmq",
                **by_file(BROKER),
            },
            (),
        ),
    }


def _server_secrets(s: Settings) -> Sequence[Object]:
    found = [
        _secret("INVENIO_SECRET_KEY", SERVER_SECRET, "secret-key"),
        _secret("INVENIO_SECURITY_PASSWORD_SALT", SERVER_SECRET, "password-salt"),
        _secret("REANA_CACHE_PASSWORD", CACHE_SECRET, "password"),
        {
            "name": "INVENIO_ACCOUNTS_SESSION_REDIS_URL",
            "value": "redis://:$(REANA_CACHE_PASSWORD)@cache:6379/1",
        },
    ]
    if s.cern_sso:
        found += [_secret(name, SSO_SECRET, name) for name in ("CERN_CONSUMER_KEY", "CERN_CONSUMER_SECRET")]
    if s.gitlab_host:
        names = ("REANA_GITLAB_OAUTH_APP_ID", "REANA_GITLAB_OAUTH_APP_SECRET")
        found += [_secret(name, GITLAB_SECRET, name) for name in names]
    return found


def _broker_password(s: Settings) -> Sequence[Object]:
    if s.broker_login == "fixed":
        return ({"name": "RABBIT_MQ_PASS", "value": LOGIN_OF_0_6[1]},)
    return (_secret("RABBIT_MQ_PASS", BROKER_SECRET, "password"),)


def _secret(variable: str, secret: str, key: str) -> Object:
    return {"name": variable, "valueFrom": {"secretKeyRef": {"name": secret, "key": key}}}


def _env(values: Mapping[str, str], more: Sequence[Object]) -> Sequence[Object]:
    return [*({"name": name, "value": value} for name, value in values.items()), *more]


_BROKER_VOLUMES = (
    {"name": "config", "secret": {"secretName": "reana-broker-config"}},
    {"name": "data", "persistentVolumeClaim": {"claimName": "reana-message-broker"}},
)
_BROKER_MOUNTS = (
    {"name": "config", "mountPath": "/etc/reana-broker", "readOnly": True},
    {"name": "data", "mountPath": "/var/lib/rabbitmq"},
)


def db_security(found: Deployed) -> Mapping[str, Object]:
    """On a claim the database runs as the image's user postgres. A folder of the node belongs to root, so
    there the image starts as root, gives it to postgres and becomes that user."""
    profile = {"seccompProfile": {"type": "RuntimeDefault"}}
    if found.db_path:
        step_down = ["CHOWN", "DAC_OVERRIDE", "FOWNER", "SETGID", "SETUID"]
        return {"db_pod_security": profile, "db_capabilities": {"drop": ["ALL"], "add": step_down}}
    user = {"runAsNonRoot": True, "runAsUser": 999, "runAsGroup": 999, "fsGroup": 999}
    return {
        "db_pod_security": {**user, "fsGroupChangePolicy": "OnRootMismatch", **profile},
        "db_capabilities": {"drop": ["ALL"]},
    }


def volumes(found: Deployed) -> Mapping[str, Any]:
    """Volumes and mounts of the pods: the workspaces, the database's folder, sources in development."""
    source: Object = {"persistentVolumeClaim": {"claimName": SHARED_CLAIM}}
    if found.shared_on_node:
        source = {"hostPath": {"path": found.shared_path, "type": "DirectoryOrCreate"}}
    shared = {"name": "reana-shared-volume", **source}
    seen = {"name": "reana-shared-volume", "mountPath": found.shared_path}
    server, controller, broker = (found.parts[part].mounts for part in (SERVER, CONTROLLER, BROKER))
    db: Object = {"persistentVolumeClaim": {"claimName": "reana-db"}}
    if found.db_path:
        db = {"hostPath": {"path": found.db_path, "type": "DirectoryOrCreate"}}
    checked = (*server, *controller, *broker)
    return {
        "server_volumes": [shared, *map(_volume, server)],
        "server_mounts": [seen, *map(_mount, server)],
        "controller_volumes": [shared, *map(_volume, controller)],
        "controller_mounts": [seen, *map(_mount, controller)],
        "broker_volumes": [*_BROKER_VOLUMES, *map(_volume, broker)],
        "broker_mounts": [*_BROKER_MOUNTS, *map(_mount, broker)],
        "db_volume": {"name": "data", **db},
        # Made where it is missing: a kubelet that waits for a folder tries again after minutes only.
        "source_volumes": [_volume(mount, "DirectoryOrCreate") for mount in checked],
        "source_mounts": [{**_mount(m), "mountPath": f"/sources{m.node_path}"} for m in checked],
        "source_command": ("/bin/sh", "-c", _look_at(checked)),
    }


def _volume(mount: Mount, kind: str = "Directory") -> Object:
    """Of type Directory: an empty folder that the kubelet makes would hide the image's own code."""
    return {"name": mount.name, "hostPath": {"path": mount.node_path, "type": kind}}


def _mount(mount: Mount) -> Object:
    return {"name": mount.name, "mountPath": mount.path, "readOnly": True}


def _look_at(mounts: Sequence[Mount]) -> str:
    """A script that ends badly, and says why, when a folder of the node does not hold a checkout."""
    checks = [
        f"test -n \"$(ls -A '/sources{mount.node_path}')\" || "
        f"{{ echo '{mount.node_path} is empty on the node: the sources are not mounted there' >&2; exit 1; }}"
        for mount in mounts
    ]
    return "\n".join((*checks, "echo 'the sources are there'"))
