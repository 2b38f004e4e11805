"""What the doctor makes of facts: one case a fault, and one a thing that is right."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import Any

import pytest

from allup.cluster.connect import Entry
from allup.commands import Ended
from allup.doctor import access, hosts, machine, plugin, server
from allup.sandbox.doctor import Finding

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
V1 = "client.authentication.k8s.io/v1"
BETA = "client.authentication.k8s.io/v1beta1"
CANARY = "ya29.canary-of-a-token"


def node(name: str = "n", version: str = "v1.36.1", ready: str = "True", **spec: Any) -> dict[str, Any]:
    """A node."""
    status = {"conditions": [{"type": "Ready", "status": ready}], "nodeInfo": {"kubeletVersion": version}}
    return {"metadata": {"name": name}, "spec": spec, "status": status}


def state(finding: Finding | None) -> str:
    """Its state."""
    assert finding is not None
    return finding.state


# ── credentials ──────────────────────────────────────────────────────────────────────────────────────


def answer(version: str = BETA, **status: str) -> str:
    """What a plugin prints."""
    return json.dumps({"kind": "ExecCredential", "apiVersion": version, "status": status})


def gke(version: str = BETA, **more: Any) -> plugin.Plugin:
    """A user of GKE's."""
    spec = {"command": "gke-gcloud-auth-plugin", "apiVersion": version, **more}
    return plugin.Plugin(spec, Path("/home/ada/.kube"), {"server": "https://192.0.2.1"})


@pytest.mark.parametrize(
    ("asked", "ended", "expected", "said"),
    [
        (gke(), Ended(0, answer(token=CANARY), ""), "ok", "gives a token"),
        (
            gke(),
            Ended(0, answer(token=CANARY, expirationTimestamp="2026-11-21T12:30:00Z"), ""),
            "ok",
            "12:30 UTC",
        ),
        (gke(), Ended(0, answer(clientCertificateData="c", clientKeyData="k"), ""), "ok", "a certificate"),
        (
            gke(),
            Ended(0, answer(token=CANARY, expirationTimestamp="2026-11-21T11:59:00Z"), ""),
            "fail",
            "ended at",
        ),
        (
            gke(),
            Ended(1, CANARY, "You do not have an active account"),
            "fail",
            "You do not have an active account",
        ),
        (gke(), Ended(1, CANARY, ""), "fail", "it said nothing"),
        (gke(), Ended(0, CANARY, ""), "fail", "did not answer with JSON"),
        (gke(), Ended(0, json.dumps({"kind": CANARY}), ""), "fail", "with an ExecCredential"),
        (gke(), Ended(0, answer(V1, token=CANARY), ""), "fail", "the kubeconfig asks for"),
        (gke(), Ended(0, answer(), ""), "fail", "neither a token nor a certificate"),
        (gke("client.authentication.k8s.io/v1alpha1"), Ended(0, "", ""), "fail", "does not take any more"),
        (gke(V1), Ended(0, answer(V1, token=CANARY), ""), "warn", "interactiveMode"),
        (gke(V1, interactiveMode="Never"), Ended(0, answer(V1, token=CANARY), ""), "ok", "gives a token"),
    ],
)
def test_a_plugin_is_judged_by_its_answer_and_its_token_is_shown_nowhere(
    asked: plugin.Plugin, ended: Ended, expected: str, said: str
) -> None:
    found = plugin.judge(asked, ended, NOW)
    assert found.state == expected
    assert said in found.fact
    assert CANARY not in repr(found)


def test_a_plugin_is_run_as_kubectl_runs_it() -> None:
    spec = {
        "command": "./bin/login",
        "args": ["--for", "me"],
        "env": [{"name": "REGION", "value": "here"}],
        "apiVersion": BETA,
        "provideClusterInfo": True,
    }
    command = plugin.Plugin(spec, Path("/home/ada/.kube"), {"server": "https://192.0.2.1"}).command()
    assert command.argv == ("/home/ada/.kube/bin/login", "--for", "me")
    assert command.environ["REGION"] == "here"
    info = json.loads(str(command.environ["KUBERNETES_EXEC_INFO"]))
    assert info["spec"] == {"interactive": False, "cluster": {"server": "https://192.0.2.1"}}


def test_a_plugin_that_is_not_there_comes_with_a_way_to_get_it() -> None:
    assert "gcloud components install" in plugin.missing(gke(), "linux").remedy
    assert plugin.missing(gke(installHint="ask  Ada"), "linux").remedy == "ask Ada"


# ── the cluster ──────────────────────────────────────────────────────────────────────────────────────


def test_nodes_have_to_be_ready_and_take_pods() -> None:
    assert state(server.nodes([node(), node("m")])) == "ok"
    assert state(server.nodes([])) == "unknown"
    assert "m is not Ready" in server.nodes([node(), node("m", ready="Unknown")]).fact
    assert state(server.nodes([node(unschedulable=True)])) == "fail"
    assert state(server.nodes([node(unschedulable=True), node("m")])) == "ok"


@pytest.mark.parametrize(
    ("kubelet", "kubectl", "expected"),
    [
        ("v1.36.1", "1.36.0", "ok"),
        ("v1.33.9", "1.35.2", "ok"),
        ("v1.32.0", "", "warn"),
        ("v1.37.0", "", "warn"),
        ("v1.36.1", "1.34.0", "warn"),
        ("kwok-0.8.0", "", "ok"),
    ],
)
def test_versions_may_be_as_far_apart_as_kubernetes_says(kubelet: str, kubectl: str, expected: str) -> None:
    assert state(server.versions("v1.36.3", [node(version=kubelet)], kubectl)) == expected


@pytest.mark.parametrize(
    ("theirs", "expected", "said"),
    [
        (timedelta(0), "ok", "agrees"),
        (timedelta(seconds=-4), "ok", "agrees"),
        (timedelta(seconds=20), "warn", "20 s behind"),
        (timedelta(seconds=-21), "warn", "20 s ahead of"),
        (timedelta(hours=1), "fail", "3600 s behind"),
        (timedelta(hours=-1), "fail", "ahead of"),
    ],
)
def test_the_clock_is_compared_with_the_date_of_an_answer(
    theirs: timedelta, expected: str, said: str
) -> None:
    header = format_datetime(NOW + theirs, usegmt=True)
    found = server.clock(header, NOW, NOW + timedelta(milliseconds=10))
    assert (found.state, said in found.fact) == (expected, True), found


def test_without_a_date_the_clock_is_not_known() -> None:
    assert state(server.clock("", NOW, NOW)) == "unknown"


def storage_class(name: str, *, default: bool) -> dict[str, Any]:
    """A StorageClass."""
    annotations = {"storageclass.kubernetes.io/is-default-class": "true"} if default else {}
    return {"metadata": {"name": name, "annotations": annotations}}


def test_one_storage_class_is_the_default() -> None:
    assert (
        state(server.storage([storage_class("a", default=True), storage_class("b", default=False)])) == "ok"
    )
    assert (
        state(server.storage([storage_class("a", default=True), storage_class("b", default=True)])) == "warn"
    )
    assert "kubectl annotate storageclass b" in server.storage([storage_class("b", default=False)]).remedy
    assert state(server.storage([])) == "fail"
    assert state(server.storage(None)) == "unknown"


def test_metrics_that_answer_wrongly_are_worse_than_none() -> None:
    found = {status: state(server.metrics(status)) for status in (200, 403, 404, 503)}
    assert found == {200: "ok", 403: "unknown", 404: "note", 503: "fail"}


def test_an_ingress_needs_somebody_who_serves_it() -> None:
    nginx = {"metadata": {"name": "nginx"}, "spec": {"controller": "k8s.io/ingress-nginx"}}
    assert server.ingress_classes([nginx]).fact == "nginx (k8s.io/ingress-nginx)"
    assert state(server.ingress_classes([])) == "note"
    assert state(server.ingress_classes(None)) == "unknown"


def event(message: str, ago: timedelta, pod: str = "web", reason: str = "Failed") -> dict[str, Any]:
    """An Event of a pod."""
    about = {"kind": "Pod", "namespace": "here", "name": pod}
    when = (NOW - ago).isoformat()
    return {"involvedObject": about, "message": message, "reason": reason, "lastTimestamp": when}


FAILED = event('Failed to pull image "x:1": unauthorized', timedelta(minutes=5))
PULLED = event('Successfully pulled image "x:1" in 2s', timedelta(minutes=1))


@pytest.mark.parametrize(
    ("events", "simulated", "expected"),
    [
        ([FAILED], False, "fail"),
        ([FAILED, PULLED], False, "ok"),
        ([PULLED], False, "ok"),
        ([], False, "unknown"),
        ([event(FAILED["message"], timedelta(hours=2))], False, "unknown"),
        (None, False, "unknown"),
        ([], True, "note"),
    ],
)
def test_pulls_are_known_by_events_and_unknown_without(
    events: list[Mapping[str, Any]] | None, simulated: bool, expected: str
) -> None:
    assert state(server.pulls(events, NOW, simulated=simulated)) == expected


def test_a_node_can_mount_nfs_if_a_pod_has_it_mounted_there() -> None:
    claim = {"persistentVolumeClaim": {"claimName": "home"}}
    pod = {
        "metadata": {"namespace": "here", "name": "web"},
        "spec": {"nodeName": "n", "volumes": [claim]},
        "status": {"phase": "Running"},
    }
    volume = {"spec": {"nfs": {"server": "192.0.2.1"}, "claimRef": {"namespace": "here", "name": "home"}}}
    assert server.nfs([pod], [volume], [], simulated=False).fact == "pods have NFS mounted on n"
    assert state(server.nfs([pod], [], [], simulated=False)) == "unknown"
    said = "bad option; for several filesystems you might need a /sbin/mount.<type> helper program"
    hurt = event(said, timedelta(minutes=1), reason="FailedMount")
    assert state(server.nfs([pod], [volume], [hurt], simulated=False)) == "fail"


# ── this machine ─────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("config", "helpers", "platform", "expected"),
    [
        ("", [], "linux", "ok"),
        ('{"auths":{}}', [], "linux", "ok"),
        ('{"credsStore":"osxkeychain"}', ["osxkeychain"], "darwin", "warn"),
        ('{"credsStore":"desktop"}', [], "linux", "fail"),
        ('{"credsStore":"ecr-login"}', ["ecr-login"], "linux", "ok"),
        ("{", [], "linux", "fail"),
    ],
)
def test_passwords_in_a_keychain_are_told(
    config: str, helpers: list[str], platform: str, expected: str
) -> None:
    assert state(machine.log_ins(config, platform, helpers)) == expected


@pytest.mark.parametrize(
    ("printed", "device"),
    [
        ("192.168.49.2 dev br-0a1b src 192.168.49.1 uid 0 \\    cache ", "br-0a1b"),
        ("192.0.2.1 via 10.8.0.1 dev tun0 src 10.8.0.2 uid 1000", "tun0"),
        (
            "   route to: 192.168.64.2\ndestination: 192.168.64.0\n  interface: utun4\n      flags: <UP>",
            "utun4",
        ),
        ("RTNETLINK answers: Network is unreachable", ""),
    ],
)
def test_the_device_of_a_route_is_read_on_linux_and_macos(printed: str, device: str) -> None:
    assert machine.device(printed) == device


def test_a_vpn_may_lead_to_a_far_cluster_and_not_to_one_on_this_machine() -> None:
    taken = {"192.168.49.2": "utun4"}
    assert state(machine.routes(taken, local=True)) == "fail"
    assert state(machine.routes(taken, local=False)) == "ok"
    assert state(machine.routes({"192.168.49.2": "br-0a1b"}, local=True)) == "ok"
    assert state(machine.routes({}, local=True)) == "unknown"


def test_missing_and_old_programs_come_with_a_way_to_get_them_on_this_system() -> None:
    found = {f.name: f for f in machine.programs({"docker": "28.2.2", "kind": "0.11.1"}, "darwin")}
    assert found["programs"].fact == "docker 28.2.2, kind 0.11.1"
    assert found["minikube"].remedy == "brew install minikube"
    assert found["kind"].state == "warn"
    linux = {f.name: f for f in machine.programs({}, "linux")}
    assert linux["sshfs"].remedy == "apt-get install -y sshfs"


def entry(**cluster: Any) -> Entry:
    """A context."""
    return Entry("there", {"server": "https://192.0.2.1", **cluster}, {}, Path("/home/ada/.kube/config"))


def test_a_kubeconfig_is_for_its_owner_alone_and_verifies_the_server() -> None:
    assert state(machine.kubeconfig(entry(), 0o600)) == "ok"
    assert machine.kubeconfig(entry(), 0o644).remedy == "chmod 600 /home/ada/.kube/config"
    assert state(machine.kubeconfig(entry(**{"insecure-skip-tls-verify": True}), 0o600)) == "warn"


# ── names and permissions ────────────────────────────────────────────────────────────────────────────


def test_an_ingress_host_leads_to_its_ingress_here_and_in_pods() -> None:
    rule = {"host": "app.test"}
    status = {"loadBalancer": {"ingress": [{"ip": "192.0.2.7"}]}}
    found = hosts.of([{"spec": {"rules": [rule, {"host": "*.test"}, {}]}, "status": status}])
    assert found == {"app.test": ("192.0.2.7",)}
    assert state(hosts.here("app.test", ["192.0.2.7"], ["192.0.2.7"], [])) == "ok"
    assert state(hosts.here("app.test", ["192.0.2.7"], ["10.0.0.1"], ["10.0.0.1"])) == "ok"
    nowhere = hosts.here("app.test", ["192.0.2.7"], [], [])
    assert (nowhere.state, nowhere.remedy) == ("warn", "A line in /etc/hosts: 192.0.2.7 app.test")
    assert state(hosts.here("app.test", ["192.0.2.7"], ["127.0.0.1"], [])) == "warn"
    assert state(hosts.in_pods("app.test", "web", 0, "192.0.2.7 app.test\n")) == "ok"
    assert state(hosts.in_pods("app.test", "web", 2, "")) == "warn"
    assert state(hosts.in_pods("app.test", "web", 127, "")) == "unknown"
    assert state(hosts.in_pods("app.test", "", None, "")) == "unknown"


def test_refused_permissions_are_told_by_verb_and_resource() -> None:
    asked = access.needs([("apps", "deployments", True), ("", "persistentvolumes", False)], "here")
    assert access.Need("patch", "deployments", "apps", "here") in asked
    assert access.Need("create", "persistentvolumes") in asked
    assert state(access.judge("ada", "k8s", asked, [])) == "ok"
    refused = [need for need in asked if need.resource == "deployments" and need.verb == "create"]
    daily = access.Need("create", "pods", "", "here", "exec", needed=False)
    assert daily in asked
    assert state(access.judge("ada", "k8s", asked, [daily])) == "warn"
    refused.append(daily)
    found = access.judge("ada", "k8s", asked, refused)
    assert found.fact.startswith(
        f"ada may not do 2 of the {len(asked)} things that k8s needs in namespace here"
    )
    assert found.fact.endswith("create: deployments.apps, pods/exec")


def test_a_question_has_what_it_is_about_and_nothing_empty() -> None:
    body = access.Need("create", "pods", "", "here", "exec").review()
    told = {"verb": "create", "resource": "pods", "namespace": "here", "subresource": "exec"}
    assert body["spec"] == {"resourceAttributes": told}
