"""tasks.py hands its name over to the package beside it, and every task is there under its name."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from invoke.collection import Collection
from invoke.config import Config
from invoke.loader import FilesystemLoader

ROOT = Path(__file__).parents[2]

COMPOSE = "convert render up status why down"
CLUSTER = """
    addons address build dashboard delete docker-env doctor down kubeconfig list logs mount status up use
"""

VERBS = """
    all-down all-up check container-id debug describe diff dns env events exec forward get graph history
    kubectl logs orphans plan render
    restart rotate scale secret-from-file secrets settings shell status urls wait why
"""

REMOTE = "docker-env down list mount run status unmount up"
IMAGES = "build tag push load list secret registry-up registry-down check"
ARL = """
    registry-up registry-down data-up data-down scheduler-up scheduler-down worker-up worker-down
    notebook-up notebook-down ingress-up ingress-down data-server-up data-server-status data-server-down
    test-shell localip docker-build docker-push docker-notebook docker-tests docker-pytest docker-lint
    docker-shell docker-test-data
"""
QED = """
    environment-up environment-down login-up login-down certificate-up certificate-down
    volumes-up volumes-down
    services-up services-down redis-up redis-down mongodb-up mongodb-down postgres-up postgres-down
    dask-scheduler-up dask-scheduler-down dask-worker-up dask-worker-down tomcat-up tomcat-down
    cts-manager-up cts-manager-down cts-worker-up cts-worker-down cts-nodejs-up cts-nodejs-down
    celery-up celery-down flower-up flower-down hms-up hms-down flask-up flask-down django-up django-down
    nginx-up nginx-down ingress-up ingress-down verify data-shell
"""
CYTOMINE = """
    init keys-down mail-up mail-down certificate-up certificate-down network-up network-down storage-up
    storage-down memcached-up memcached-down rabbitmq-up rabbitmq-down postgis-up postgis-down mongodb-up
    mongodb-down bioformat-up bioformat-down iip-official-up iip-official-down iip-cyto-up iip-cyto-down
    core-up core-down ims-up ims-down web-ui-up web-ui-down nginx-up nginx-down ingress-up ingress-down
    k8s-software-router-up k8s-software-router-down slurm-up slurm-down
    software-router-up software-router-down localip
"""
RSTUDIO = """
    setup setup-down launcher-keys-up launcher-keys-down secret-rsp license-down nfs-up nfs-down nfs-pv-up
    nfs-pv-down ldap-up ldap-down ldap-admin-up ldap-admin-down launcher-up launcher-down rsp-up rsp-down
    license-status nfs-debug sessions verify
"""
REANA = """
    accounts-up accounts-down network-up network-down sources-up sources-down workspaces-up workspaces-down
    db-up db-down cache-up cache-down message-broker-up message-broker-down logins-up logins-down
    server-up server-down workflow-controller-up workflow-controller-down ui-up ui-down wdb-up wdb-down
    ingress-up ingress-down verify admin-token setup-log build-server build-workflow-controller
    build-message-broker
"""


@pytest.fixture
def loaded() -> Iterator[Collection]:
    """The collection that inv loads, as inv loads it; the modules that were there before come back."""
    ours = ("tasks", "k8s")
    before = {name: module for name, module in sys.modules.items() if name.partition(".")[0] in ours}
    path = list(sys.path)
    for name in before:
        del sys.modules[name]
    try:
        config = Config(overrides={"tasks": {"search_root": str(ROOT)}}, lazy=True)
        module, _ = FilesystemLoader(config=config).load("tasks")
        yield module.ns
    finally:
        for name in [name for name in sys.modules if name.partition(".")[0] in ours]:
            del sys.modules[name]
        sys.modules.update(before)
        sys.path[:] = path


def test_the_tasks_are_the_ones_listed_here(loaded: Collection) -> None:
    expected = {f"cluster.{name}" for name in CLUSTER.split()}
    expected |= {f"compose.{name}" for name in COMPOSE.split()}
    expected |= {f"images.{name}" for name in IMAGES.split()}
    expected |= {f"remote.{name}" for name in REMOTE.split()}
    expected |= {f"k8s.{name}" for name in (VERBS + RSTUDIO).split()}
    expected |= {f"arl.{name}" for name in (VERBS + ARL).split()}
    expected |= {f"qed.{name}" for name in (VERBS + QED).split()}
    expected |= {f"reana.{name}" for name in (VERBS + REANA).split()}
    expected |= {f"cytomine.{name}" for name in (VERBS + CYTOMINE).split()}
    assert set(loaded.task_names) == expected


def test_the_name_tasks_means_the_package(loaded: Collection) -> None:
    package = sys.modules["tasks"]
    assert package.__file__ == str(ROOT / "tasks" / "__init__.py")
    assert package.ns is loaded


def test_the_platforms_are_no_part_of_the_tasks(loaded: Collection) -> None:
    assert sys.modules["k8s"].__name__ == "k8s"
    assert not hasattr(sys.modules["tasks"], "k8s")
    assert "tasks.k8s" not in sys.modules
