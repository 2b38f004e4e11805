"""Our images of PostgreSQL, Redis, RabbitMQ, nginx and memcached, in real containers.

They run as the official images do: without root in a namespace that enforces the Pod Security level
"restricted", and with the step down from root where nobody says a user. The tests of the first namespace
follow one installation through its life, in the order they are written.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pytest

from allup import Component
from allup.cluster import streams
from allup.cluster.streams import CommandResult
from allup.sandbox import Sandboxes, SandboxStatus
from tests.cluster.platforms_for_tests import Instance, Object, Told, eventually, obj
from tests.nodes.installed import own_image
from tests.nodes.node_for_tests import NAME, PATIENCE

pytestmark = pytest.mark.nodes

NAMES = ("postgres", "redis", "rabbitmq", "nginx", "memcached")
PORTS = {"postgres": 5432, "redis": 6379, "rabbitmq": 5672, "nginx": 80, "memcached": 11211}
UIDS = {"postgres": 999, "redis": 999, "rabbitmq": 999, "nginx": 101, "memcached": 11211}
CANARY = "canary 'of' \"every\" $kind \\ `of` sign"
PLAIN_CANARY = "canary-in-a-configuration"
RABBIT_IS_SLOW = 240.0
PROBES: Mapping[str, Object] = {
    "postgres": {"exec": {"command": ["pg_isready", "-h", "127.0.0.1", "-U", "ada", "-d", "numbers"]}},
    "redis": {"exec": {"command": ["sh", "-c", '[ "$(redis-cli ping)" = PONG ]']}},
    "rabbitmq": {"tcpSocket": {"port": 5672}},  # a command would start an Erlang machine each time
    "nginx": {"httpGet": {"path": "/", "port": 80}},
    "memcached": {"tcpSocket": {"port": 11211}},
}


@pytest.fixture(scope="module")
def images(node: SandboxStatus, sandboxes: Sandboxes, sandbox_environ: dict[str, str]) -> Mapping[str, str]:
    """The node has all of them: what each is called."""
    found = {}
    for name in NAMES:
        made = own_image(name, sandbox_environ)
        sandboxes.load_image(NAME, made.file)
        found[name] = made.reference.full
    return found


# What runs

SECRETS = obj(
    "Secret",
    "words",
    stringData={"password": CANARY, "redis.conf": f'requirepass "{PLAIN_CANARY}"\nappendonly yes\n'},
)
SCRIPTS = obj(
    "ConfigMap",
    "scripts",
    data={
        "10-table.sql": "CREATE TABLE seeds (n int);",
        "20-row.sh": 'psql -d "$POSTGRES_DB" -c "INSERT INTO seeds VALUES (42)"',
    },
)
TEMPLATES = obj(
    "ConfigMap",
    "templates",
    data={"default.conf.template": 'server { listen 80; location / { return 200 "${GREETING} $host"; } }'},
)


def workload(
    name: str, image: str, *, claim: str = "", pod: Object | None = None, **container: Any
) -> Object:
    """A StatefulSet of one pod that Pod Security calls restricted; *claim* is where its data are."""
    mounts = container.pop("volumeMounts", [])
    templates = []
    if claim:
        mounts = [*mounts, {"name": "data", "mountPath": claim}]
        size = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}
        templates = [{"metadata": {"name": "data"}, "spec": size}]
    main = {
        "name": "main",
        "image": image,
        "imagePullPolicy": "Never",
        "securityContext": {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}},
        "readinessProbe": {**PROBES[name], "periodSeconds": 2, "timeoutSeconds": 10},
        "volumeMounts": mounts,
        **container,
    }
    user = UIDS[name]
    spec = {
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "securityContext": {
            "runAsNonRoot": True,
            "runAsUser": user,
            "runAsGroup": user,
            "fsGroup": user,
            "fsGroupChangePolicy": "OnRootMismatch",
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "containers": [main],
        **(pod or {}),
    }
    return obj(
        "StatefulSet",
        name,
        "apps/v1",
        spec={
            "serviceName": name,
            "selector": {"matchLabels": {"app": name}},
            "template": {"metadata": {"labels": {"app": name}}, "spec": spec},
            "volumeClaimTemplates": templates,
        },
    )


def service(name: str) -> Object:
    return obj("Service", name, spec={"selector": {"app": name}, "ports": [{"port": PORTS[name]}]})


def volume(name: str, **source: Any) -> Object:
    return {"name": name, **source}


def mounted(name: str, path: str) -> Object:
    return {"name": name, "mountPath": path}


WORDS = volume("words", secret={"secretName": "words"})


def parts(ours: Instance, images: Mapping[str, str]) -> Sequence[Component]:
    """The five, each with its Service."""
    empty: Object = {"emptyDir": {}}
    made = {
        "postgres": workload(
            "postgres",
            images["postgres"],
            claim="/var/lib/postgresql/data",
            env=[
                {"name": "POSTGRES_USER", "value": "ada"},
                {"name": "POSTGRES_DB", "value": "numbers"},
                {"name": "POSTGRES_PASSWORD_FILE", "value": "/run/words/password"},
                {"name": "POSTGRES_INITDB_ARGS", "value": "--data-checksums --auth-local=trust"},
                {"name": "PGDATA", "value": "/var/lib/postgresql/data/pgdata"},
            ],
            volumeMounts=[mounted("words", "/run/words"), mounted("scripts", "/docker-entrypoint-initdb.d")],
            pod={"volumes": [WORDS, volume("scripts", configMap={"name": "scripts"})]},
        ),
        "redis": workload(
            "redis",
            images["redis"],
            claim="/data",
            args=["/run/words/redis.conf"],
            env=[{"name": "REDISCLI_AUTH", "value": PLAIN_CANARY}],
            volumeMounts=[mounted("words", "/run/words")],
            pod={"volumes": [WORDS]},
        ),
        "rabbitmq": workload(
            "rabbitmq",
            images["rabbitmq"],
            claim="/var/lib/rabbitmq",
            env=[
                {"name": "RABBITMQ_NODENAME", "value": "rabbit@localhost"},
                {"name": "RABBITMQ_DEFAULT_USER", "value": "ada"},
                {"name": "RABBITMQ_DEFAULT_PASS_FILE", "value": "/run/words/password"},
            ],
            volumeMounts=[mounted("words", "/run/words")],
            pod={"volumes": [WORDS]},
        ),
        "nginx": workload(
            "nginx",
            images["nginx"],
            env=[{"name": "GREETING", "value": "hello from"}],
            volumeMounts=[
                mounted("templates", "/etc/nginx/templates"),
                mounted("conf", "/etc/nginx/conf.d"),
                mounted("cache", "/var/cache/nginx"),
                mounted("run", "/run"),
            ],
            pod={
                "volumes": [
                    volume("templates", configMap={"name": "templates"}),
                    *(volume(name, **empty) for name in ("conf", "cache", "run")),
                ]
            },
        ),
        "memcached": workload("memcached", images["memcached"], args=["-m", "16"]),
    }
    return [
        ours.part(name, service(name), body, deadline=RABBIT_IS_SLOW, stable=0.0)
        for name, body in made.items()
    ]


@pytest.fixture(scope="module")
def ours(node: SandboxStatus, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Instance]:
    """An instance whose namespace lets nothing in that is not restricted."""
    made = Instance(node.kubeconfig, node.context, f"data{os.getpid()}", tmp_path_factory.mktemp("data"))
    made.create_namespace(**{"pod-security.kubernetes.io/enforce": "restricted"})
    for body in (SECRETS, SCRIPTS, TEMPLATES):
        made.create(body)
    try:
        yield made
    finally:
        made.discard()


@pytest.fixture(scope="module")
def told(ours: Instance, images: Mapping[str, str]) -> Told:
    return ours.up(*parts(ours, images), timeout=RABBIT_IS_SLOW)


def inside(ours: Instance, name: str, *command: str) -> CommandResult:
    """That command in the one pod of *name*."""
    api, words = ours.outside.api, list(command)
    return streams.execute(api, ours.namespace, f"{name}-0", words, timeout=120)


def said(ours: Instance, name: str, script: str) -> str:
    """What a shell script prints there; it has to end well."""
    done = inside(ours, name, "bash", "-c", script)
    assert done.exit_code == 0, (done.stdout, done.stderr, done.failure)
    return done.stdout.strip()


def sql(ours: Instance, statement: str) -> str:
    """Its answer, asked with the password and by the Service, which trusts nobody."""
    connect = 'PGPASSWORD="$(cat /run/words/password)" psql -h postgres -U ada -d numbers -tA'
    return said(ours, "postgres", f"{connect} -c '{statement}'")


# One installation through its life


def test_every_image_runs_restricted_and_its_usual_probe_answers(told: Told) -> None:
    assert told.outcome == "done", told.finished
    assert set(told.phases) == set(NAMES)


def test_postgresql_has_the_database_the_role_and_what_the_scripts_made(told: Told, ours: Instance) -> None:
    assert sql(ours, "SELECT current_user, current_database(), n FROM seeds") == "ada|numbers|42"
    assert sql(ours, "SHOW data_checksums") == "on"


def test_postgresql_refuses_another_password(told: Told, ours: Instance) -> None:
    refused = inside(
        ours, "postgres", "env", "PGPASSWORD=wrong", "psql", "-h", "postgres", "-U", "ada", "numbers"
    )
    assert refused.exit_code == 2
    assert "password authentication failed" in refused.stderr


def test_redis_answers_those_who_know_its_password_and_nobody_else(told: Told, ours: Instance) -> None:
    assert said(ours, "redis", "redis-cli -h redis set kept 1; redis-cli -h redis ping") == "OK\nPONG"
    assert "NOAUTH" in said(ours, "redis", "unset REDISCLI_AUTH; redis-cli -h redis ping")
    assert "WRONGPASS" in inside(ours, "redis", "redis-cli", "--pass", "wrong", "ping").stderr


def test_rabbitmq_knows_its_user_by_the_password_and_refuses_another(told: Told, ours: Instance) -> None:
    said(ours, "rabbitmq", "rabbitmq-diagnostics -q ping && rabbitmq-diagnostics -q check_port_connectivity")
    said(ours, "rabbitmq", "rabbitmqctl -q add_vhost kept")
    said(ours, "rabbitmq", "rabbitmqctl -q authenticate_user ada </run/words/password")
    wrong = inside(ours, "rabbitmq", "bash", "-c", "echo wrong | rabbitmqctl -q authenticate_user ada")
    assert wrong.exit_code == 65
    assert "guest" not in said(ours, "rabbitmq", "rabbitmqctl -q list_users")


def test_nginx_serves_what_a_template_and_a_variable_say(told: Told, ours: Instance) -> None:
    assert said(ours, "nginx", "nginx -t -q && curl -sS http://nginx/") == "hello from nginx"


def test_memcached_tells_its_version_and_keeps_what_it_is_given(told: Told, ours: Instance) -> None:
    talk = (
        "exec 3<>/dev/tcp/memcached/11211; "
        r"printf 'version\r\nset kept 0 0 3\r\nyes\r\nget kept\r\nquit\r\n' >&3; cat <&3"
    )
    answers = said(ours, "nginx", talk).split()
    assert answers[0] == "VERSION"
    assert answers[1].startswith("1.6.")
    assert answers[2:] == ["STORED", "VALUE", "kept", "0", "3", "yes", "END"]


def test_no_password_stands_in_an_argument_or_in_a_log(told: Told, ours: Instance) -> None:
    for name in NAMES:
        arguments = said(ours, name, r"cat /proc/[0-9]*/cmdline | tr '\0' ' '")
        log = streams.logs(ours.outside.api, ours.namespace, f"{name}-0")
        assert "canary" not in arguments + log, name


def test_a_new_pod_finds_the_data_and_initialises_nothing(told: Told, ours: Instance) -> None:
    before = ours.pods()
    kept = ("postgres", "redis", "rabbitmq")
    for name in kept:
        ours.delete(f"Pod/{name}-0", wait=False)

    def anew() -> bool:
        ready = {
            pod["metadata"]["name"]
            for pod in ours.items("Pod")
            if pod["metadata"]["uid"] not in before.values()
            and all(c.get("ready") for c in pod["status"].get("containerStatuses") or [{}])
        }
        return ready >= {f"{name}-0" for name in kept}

    eventually(anew, "new pods to be ready", within=RABBIT_IS_SLOW)
    assert sql(ours, "SELECT count(*) FROM seeds") == "1"
    assert "nothing is initialised" in streams.logs(ours.outside.api, ours.namespace, "postgres-0")
    assert said(ours, "redis", "redis-cli get kept") == "1"
    assert "kept" in said(ours, "rabbitmq", "rabbitmqctl -q list_vhosts").split()
    said(ours, "rabbitmq", "rabbitmqctl -q authenticate_user ada </run/words/password")


# Started as root, and started wrongly

STEP_DOWN = {"drop": ["ALL"], "add": ["CHOWN", "DAC_OVERRIDE", "FOWNER", "SETGID", "SETUID"]}


def pod(name: str, image: str, *arguments: str, **env: str) -> Object:
    """A pod as the official image is run without a word about users, with what the step from root takes."""
    container = {
        "name": "main",
        "image": image,
        "imagePullPolicy": "Never",
        "args": list(arguments),
        "env": [{"name": key, "value": value} for key, value in env.items()],
        "securityContext": {"allowPrivilegeEscalation": False, "capabilities": STEP_DOWN},
    }
    spec = {"restartPolicy": "Never", "terminationGracePeriodSeconds": 1, "containers": [container]}
    return obj("Pod", name, spec=spec)


def phase(ours: Instance, name: str, wanted: str) -> None:
    eventually(
        lambda: ours.get(f"Pod/{name}")["status"].get("phase") == wanted,
        f"pod {name} to be {wanted}",
        within=PATIENCE,
    )


def test_started_as_root_they_become_who_they_are_in_the_official_images(
    instance: Instance, images: Mapping[str, str]
) -> None:
    instance.create_namespace()
    instance.create(pod("postgres", images["postgres"], POSTGRES_PASSWORD=CANARY))
    instance.create(pod("redis", images["redis"]))
    instance.create(pod("rabbitmq", images["rabbitmq"]))
    instance.create(pod("memcached", images["memcached"]))
    instance.create(pod("nginx", images["nginx"]))  # its master stays root, and its workers do not
    users = {name: {str(UIDS[name])} for name in ("postgres", "redis", "rabbitmq", "memcached")}
    users["nginx"] = {"0", str(UIDS["nginx"])}
    of_all = "sed -n 's/^Uid:\\t\\([0-9]*\\).*/\\1/p' /proc/[0-9]*/status"
    of_first = of_all.replace("[0-9]*/status", "1/status")
    for name, wanted in users.items():
        phase(instance, name, "Running")

        def stepped_down(name: str = name, wanted: set[str] = wanted) -> bool:
            words = ["sh", "-c", of_all if name == "nginx" else of_first]
            done = streams.execute(instance.outside.api, instance.namespace, name, words, timeout=30)
            return set(done.stdout.split()) == wanted

        eventually(stepped_down, f"{name} to run as {wanted}", within=PATIENCE)


@pytest.mark.parametrize(
    ("name", "env", "words"),
    [
        ("none", {}, "set POSTGRES_PASSWORD or POSTGRES_PASSWORD_FILE"),
        (
            "both",
            {"POSTGRES_PASSWORD": CANARY, "POSTGRES_PASSWORD_FILE": "/etc/passwd"},
            "both POSTGRES_PASSWORD and POSTGRES_PASSWORD_FILE are set",
        ),
        ("missing", {"POSTGRES_PASSWORD_FILE": "/nowhere"}, "names /nowhere, which cannot be read"),
    ],
)
def test_postgresql_without_one_clear_password_ends_with_a_sentence(
    instance: Instance, images: Mapping[str, str], name: str, env: dict[str, str], words: str
) -> None:
    instance.create_namespace()
    instance.create(pod(name, images["postgres"], **env))
    phase(instance, name, "Failed")
    log = streams.logs(instance.outside.api, instance.namespace, name)
    assert words in log
    assert "canary" not in log
