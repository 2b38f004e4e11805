"""Whoever knows the old Makefile's targets gets there by them."""

from __future__ import annotations

import re
import subprocess

import pytest

import tasks
from tests.cli.invoking import ROOT

# The targets of the RStudio demonstration's Makefile.
OLD_TARGETS = """
    k8s-setup k8s-nfs-up k8s-nfs-ip-fix k8s-nfs-launcher-mounts k8s-nfs-pv-up k8s-ldap-up k8s-secret-rsp
    k8s-launcher-keys k8s-launcher-conf k8s-launcher-k8s-conf k8s-launcher-k8s-prof-conf k8s-rsp-ldap-up
    k8s-launcher-ldap-up k8s-ldap-all-up k8s-nfs-down k8s-nfs-pv-down k8s-ldap-down k8s-rsp-ldap-down
    k8s-launcher-ldap-down k8s-ldap-all-down
"""

# The targets of ARL's Makefile that were about Kubernetes and images; launch_dask is left out.
ARL_TARGETS = """
    k8s_deploy k8s_delete k8s_deploy_scheduler k8s_deploy_worker k8s_deploy_notebook k8s_delete_scheduler
    k8s_delete_worker k8s_delete_notebook checkvars docker_build docker_push docker_nfs_arl_data
    docker_notebook docker_tests docker_pytest docker_lint docker_shell docker_test_data
    namespace delete_namespace
    arl-show arl-lint arl-logs arl-describe arl-localip arl-push
"""


@pytest.fixture(scope="module")
def names() -> set[str]:
    """The names of all tasks, the further ones too."""
    found = tasks.ns.task_names
    return {*found, *(alias for aliases in found.values() for alias in aliases)}


@pytest.mark.parametrize("target", OLD_TARGETS.split())
def test_every_old_target_leads_to_a_task(target: str, names: set[str]) -> None:
    printed = subprocess.run(["make", "-n", target], cwd=ROOT, capture_output=True, text=True, check=True)
    called = re.findall(r"bin/inv (k8s\.\S+)", printed.stdout)
    assert len(called) == 1
    assert called[0] in names


@pytest.mark.parametrize("target", OLD_TARGETS.split())
def test_most_old_targets_are_names_of_tasks_as_well(target: str, names: set[str]) -> None:
    by_hand = "mounts" in target or "conf" in target
    assert (f"k8s.{target.removeprefix('k8s-')}" in names) is not by_hand


@pytest.mark.parametrize("target", ARL_TARGETS.split())
def test_every_old_target_of_arl_leads_to_a_task(target: str, names: set[str]) -> None:
    printed = subprocess.run(["make", "-n", target], cwd=ROOT, capture_output=True, text=True, check=True)
    called = re.findall(r"bin/inv (arl\.\S+)", printed.stdout)
    assert len(called) == 1
    assert called[0] in names


# The scripts of qed_kube, without .sh; set-absolute-path.sh and data-setup.sh have nothing left to do.
QED_SCRIPTS = "qed-start qed-stop qed-volume-start qed-service-start qed-deploy-start"


@pytest.mark.parametrize("script", QED_SCRIPTS.split())
def test_every_script_of_qed_leads_to_a_task(script: str, names: set[str]) -> None:
    printed = subprocess.run(["make", "-n", script], cwd=ROOT, capture_output=True, text=True, check=True)
    assert re.findall(r"bin/inv (\S+)", printed.stdout) == [f"qed.{script.removeprefix('qed-')}"]
    assert f"qed.{script.removeprefix('qed-')}" in names
