"""QED's demo on a real node, with images made here of packages: the site, the models, the queue.

Not MongoDB, which Debian does not have, and not Tomcat, whose web apps are not public. The tests follow one
installation through its life, in the order they are written.
"""

from __future__ import annotations

import io
import json
import os
import tarfile
import urllib.request
from collections.abc import Iterator
from typing import Any

import pytest

from allup.sandbox import Sandboxes, SandboxStatus
from tests.cluster.platforms_for_tests import Instance, eventually
from tests.nodes.installed import Installed, own_image
from tests.nodes.node_for_tests import NAME, PATIENCE

pytestmark = [pytest.mark.nodes, pytest.mark.timeout(900)]  # the node takes ten images first

APPS = ("qed-django", "qed-flask", "qed-cts-celery", "qed-cts-nodejs", "qed-hms")
# Instead of the demo's public images, which cannot be pulled everywhere.
PUBLIC = {"nginx": "nginx", "redis": "redis", "postgres": "postgres", "flower": "qed-flower", "dask": "dask"}
SITE = b"[]\n"
CHECKS = {
    *("Redis answers", "PostgreSQL answers", "Dask's scheduler answers", "the scheduler counts every worker"),
    *("manager_worker answers its ping", "cts_worker answers its ping", "CTS' Node answers"),
    *("qed_worker answers its ping", "Flower answers", "HMS describes itself", "flask answers"),
    *("Django shows its first page", "nginx answers"),
}


@pytest.fixture(scope="module")
def up(node: SandboxStatus, sandboxes: Sandboxes, sandbox_environ: dict[str, str]) -> tuple[str, ...]:
    """The flags of all-up, once the node has the images."""
    for app in APPS:
        sandboxes.load_image(NAME, own_image(app, sandbox_environ).file)
    flags = ["--preset", "demo", "--no-mongodb", "--dask-worker-cpu", "200m"]
    for setting, name in PUBLIC.items():
        made = own_image(name, sandbox_environ)
        sandboxes.load_image(NAME, made.file)
        flags += [f"--{setting}-image", str(made.reference)]
    return tuple(flags)


@pytest.fixture(scope="module")
def qed(
    node: SandboxStatus, sandbox_environ: dict[str, str], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Installed]:
    seen = Instance(node.kubeconfig, node.context, f"qed{os.getpid()}", tmp_path_factory.mktemp("qed"))
    ours = Installed("qed", sandbox_environ, node.context, seen)
    try:
        yield ours
    finally:
        ours.run("forward", "--stop", "all")
        seen.discard()


@pytest.fixture(scope="module")
def site(qed: Installed) -> str:
    return f"http://{qed.forwarded('qed-nginx', 80)}"


def get(url: str, *, post: bool = False) -> str:
    request = urllib.request.Request(url, data=b"" if post else None, method="POST" if post else "GET")
    with urllib.request.urlopen(request, timeout=60) as answer:
        return str(answer.read().decode())


def test_it_comes_up_with_every_check_passed_and_a_second_run_changes_nothing(
    qed: Installed, up: tuple[str, ...]
) -> None:
    lines = qed.told("all-up", *up)
    # A check is told when its outcome changes, so the last line of each counts.
    outcomes = {line["check"]: line["outcome"] for line in lines if line["type"] == "check"}
    assert outcomes == dict.fromkeys(CHECKS, "passed")
    again = qed.told("all-up", *up)
    assert {line["action"] for line in again if line["type"] == "object"} == {"unchanged"}
    level = qed.seen.get(f"Namespace/{qed.seen.namespace}")["metadata"]["labels"]
    assert level["pod-security.kubernetes.io/enforce"] == "restricted"


def test_a_model_asked_for_through_nginx_runs_in_celery_and_its_result_comes_back(qed: Installed) -> None:
    rest = f"http://{qed.forwarded('qed-nginx', 7777)}/rest"
    job = json.loads(get(f"{rest}/square/12", post=True))["job"]
    found: dict[str, Any] = {}

    def ended() -> bool:
        found.update(json.loads(get(f"{rest}/jobs/{job}")))
        return bool(found["state"] == "SUCCESS")

    eventually(ended, "the model's result", within=PATIENCE)
    assert found["result"] == 144
    assert "work together" in qed.done("verify")


def test_a_task_of_cts_goes_through_both_of_its_queues(qed: Installed) -> None:
    code = (
        "from tasks import app, manage; from celery.result import AsyncResult as R; "
        "print(R(manage.delay('CCO').get(timeout=60), app=app).get(timeout=60))"
    )
    assert qed.done("exec", "cts-manager", "--", "python3", "-c", code).strip() == "3"


def test_nginx_shows_the_site_its_static_files_and_flower_under_its_prefix(site: str) -> None:
    assert "<h1>QED</h1>" in get(f"{site}/")
    assert "{" in get(f"{site}/static_qed/admin/css/base.css")  # collected by Django, read by nginx
    assert "report" in get(f"{site}/static_qed/reports/report.txt")  # written by flask
    assert "/flower/static/" in get(f"{site}/flower/")  # its links keep the prefix
    assert get(f"{site}/healthz") == "ok\n"


def test_django_reaches_the_database_with_the_generated_password_and_flask_through_nginx(site: str) -> None:
    assert json.loads(get(f"{site}/pisces/")) == {"user": "postgres", "database": "postgres"}
    assert json.loads(get(f"{site}/models/")) == {"hms": "works"}


def test_a_shell_fills_the_data_volume_in_the_restricted_namespace(qed: Installed) -> None:
    """No flag says that it is the demo: what is up is remembered."""
    assert "reports" in qed.done("data-shell", "--", "ls", "/data/data/collected-static")
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w") as tar:
        member = tarfile.TarInfo("temp_config/server_configs.json")
        member.size = len(SITE)
        tar.addfile(member, io.BytesIO(SITE))
    qed.done("data-shell", "--", "tar", "x", "-C", "/data", feed=archive.getvalue())
    assert qed.done("data-shell", "--", "cat", f"/data/{member.name}").encode() == SITE


def test_secrets_are_in_no_processs_arguments_and_no_log(qed: Installed) -> None:
    password = qed.done("secrets", "postgres", "--reveal", "password").strip()
    key = qed.done("secrets", "django", "--reveal", "key").strip()
    look = "cat /proc/[0-9]*/cmdline 2>/dev/null | tr '\\0' '\\n'"
    for component in ("postgres", "django", "celery"):
        seen = qed.done("exec", component, "--", "sh", "-c", look) + qed.done("logs", component)
        assert seen
        assert password not in seen
        assert key not in seen


def test_a_broker_that_goes_away_restarts_no_worker_and_keeps_what_it_held(qed: Installed) -> None:
    qed.done("exec", "redis", "--", "redis-cli", "set", "kept", "still here")
    before = {app: qed.restarts(app) for app in ("qed-celery", "cts-worker")}
    qed.done("restart", "redis")
    assert qed.done("exec", "redis", "--", "redis-cli", "get", "kept").strip() == "still here"
    eventually(qed.checks_pass, "everything answers again", within=PATIENCE)
    assert {app: qed.restarts(app) for app in before} == before


def test_down_is_clean_and_purge_leaves_nothing(qed: Installed) -> None:
    assert qed.told("all-down")[-1]["outcome"] == "done"
    assert qed.seen.pods() == {}
    assert qed.seen.find("PersistentVolumeClaim/postgres-data") is not None
    qed.done("all-down", "--purge", "--yes")
    assert qed.seen.find(f"Namespace/{qed.seen.namespace}") is None
