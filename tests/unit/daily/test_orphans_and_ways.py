"""Orphans, ways to a URL, exports for a shell, and a context that has another name today."""

from __future__ import annotations

import subprocess
from typing import Any

import pytest

from allup.daily.reaching import ways
from allup.errors import InputError
from allup.model.checks import CheckTarget
from allup.model.labels import COMPONENT
from allup.refs import GroupKind
from allup.run.orphans import judge
from allup.target import resolve
from tasks.shelling import exports

KINDS = (GroupKind("", "ConfigMap"), GroupKind("apps", "StatefulSet"))
RSP = CheckTarget.parse("svc/rsp:8787")


def obj(kind: str, name: str, component: str = "", **metadata: Any) -> dict[str, Any]:
    labels = {COMPONENT: component} if component else {}
    return {
        "apiVersion": "v1",
        "kind": kind,
        "metadata": {"name": name, "namespace": "ns", "labels": labels} | metadata,
    }


def orphans(*objects: dict[str, Any]) -> dict[str, str]:
    found = judge(objects, instance="small", components=("web",), kinds=KINDS)
    return {f"{one.ref.kind}/{one.ref.name}": one.reason for one in found}


def test_an_orphan_is_what_no_component_of_the_graph_claims_or_of_a_kind_that_left() -> None:
    assert orphans(
        obj("ConfigMap", "fine", "web"),
        obj("ConfigMap", "left", "gone"),
        obj("Service", "strange", "web"),
        obj("ConfigMap", "nobody's"),
    ) == {
        "ConfigMap/left": "component gone is not part of it any more",
        "Service/strange": "nothing of kind Service is part of it any more",
        "ConfigMap/nobody's": "it names no component",
    }


@pytest.mark.parametrize(
    "harmless",
    [
        obj("Pod", "p", "gone", ownerReferences=[{"kind": "ReplicaSet", "name": "r", "uid": "u"}]),
        obj("Endpoints", "e", "gone"),
        obj("EndpointSlice", "e", "gone"),
        obj("ConfigMap", "allup-small"),
        obj("Secret", "allup-small"),
        obj("Namespace", "ns"),
        obj("PersistentVolumeClaim", "data-web-0", "web"),
    ],
    ids=lambda o: f"{o['kind']}/{o['metadata']['name']}",
)
def test_copies_owned_objects_our_records_and_claims_of_a_stateful_set_are_none(
    harmless: dict[str, Any],
) -> None:
    assert orphans(harmless) == {}


def service(**spec: Any) -> dict[str, Any]:
    return {"kind": "Service", "spec": {"ports": [{"port": 8787, **spec}]}}


def reach(svc: dict[str, Any] | None, ingresses: Any = (), nodes: Any = ()) -> list[tuple[str, str]]:
    found = ways(RSP, svc, ingresses, nodes, collection="k8s", component="rsp")
    return [(way.kind, way.text) for way in found]


def test_forwarding_always_works_and_nothing_does_without_the_service() -> None:
    assert reach(service()) == [("forward", "inv k8s.forward rsp")]
    assert reach(None) == []


def test_an_ingress_with_tls_is_an_https_address() -> None:
    backend = {"service": {"name": "rsp", "port": {"number": 8787}}}
    rule = {"host": "rstudio.example.org", "http": {"paths": [{"path": "/r", "backend": backend}]}}
    ingress = {"spec": {"rules": [rule], "tls": [{"hosts": ["rstudio.example.org"]}]}}
    assert ("ingress", "https://rstudio.example.org/r") in reach(service(), [ingress])


def test_a_node_port_is_reached_by_an_external_address_where_there_is_one() -> None:
    addresses = [
        {"type": "InternalIP", "address": "10.0.0.5"},
        {"type": "ExternalIP", "address": "192.0.2.5"},
    ]
    node = {"status": {"addresses": addresses}}
    assert ("node port", "http://192.0.2.5:30001/") in reach(service(nodePort=30001), (), [node])


def test_a_load_balancer_with_an_ipv6_address_is_written_with_brackets() -> None:
    balanced = service() | {"status": {"loadBalancer": {"ingress": [{"ip": "2001:db8::1"}]}}}
    assert ("load balancer", "http://[2001:db8::1]:8787/") in reach(balanced)


@pytest.mark.parametrize("path", ["/plain/config", '/with blank/it\'s $HOME `x` "q"'])
def test_exports_survive_the_shell_whatever_the_path_is_called(path: str) -> None:
    script = exports(path, "a context", "ns") + '\nprintf "%s|%s|" "$KUBECONFIG" "$ALLUP_NAMESPACE"; alias kr'
    ended = subprocess.run(["sh", "-c", script], capture_output=True, text=True, check=True)
    kubeconfig, namespace, alias = ended.stdout.split("|", 2)
    assert (kubeconfig, namespace) == (path, "ns")
    run = f'kubectl() {{ printf "%s|" "$@"; }}\n{exports(path, "a context", "ns")}\neval "kr get pods"'
    ended = subprocess.run(["sh", "-c", run], capture_output=True, text=True, check=True)
    wanted = ["--kubeconfig", path, "--context", "a context", "--namespace", "ns", "get", "pods", ""]
    assert ended.stdout.split("|") == wanted
    assert "kubectl" in alias


def test_several_kubeconfigs_go_into_the_variable_since_the_flag_takes_one() -> None:
    assert "--kubeconfig" not in exports("/a:/b", "c", "ns")


@pytest.mark.parametrize(
    ("known", "hint"),
    [
        (("docker-desktop", "kind-kind"), "docker-desktop"),
        ((), "docker-desktop"),
        (("minikube",), "docker-desktop"),
    ],
)
def test_the_old_name_of_docker_desktops_context_leads_to_the_new_one(
    known: tuple[str, ...], hint: str, tmp_path: Any
) -> None:
    (tmp_path / "config").write_text("")
    with pytest.raises(InputError, match=f"did you mean '{hint}'"):
        resolve(
            context="docker-for-desktop",
            kubeconfig=str(tmp_path / "config"),
            environ={},
            stored=None,
            sandboxes=(),
            allowed=(),
            contexts=lambda _: known,
        )
