"""What holds for every platform under k8s/: its manifests, its containers, and what they may do on a node."""

from __future__ import annotations

import importlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

import pytest

from allup.errors import ApiError
from allup.loading import assemble, live_values, load
from allup.manifests import builtin_scope
from allup.model.platform import Platform
from allup.refs import ObjectRef
from allup.run.session import Session
from allup.sandbox import SandboxStatus
from tasks import platforms
from tests.cluster.exemptions import LOOSER, NO_MEMORY_LIMIT, NO_PROBE
from tests.cluster.platforms_for_tests import Instance, unique_name

pytestmark = pytest.mark.cluster

Object = dict[str, Any]
FOLDERS = {folder.name: folder for folder in platforms.folders()}
NAMES = list(FOLDERS)
LEVELS = ("restricted", "baseline", "privileged")
"""The Pod Security Standards, strictest first."""
_ENFORCE = "pod-security.kubernetes.io/enforce"


@dataclass(frozen=True)
class Template:
    """The pod template of one workload of a platform: *who* is ``platform Kind/name``."""

    who: str
    kind: str
    body: Object

    def containers(self) -> Iterator[tuple[str, Object]]:
        """Each container that stays, under ``platform Kind/name/container``."""
        for container in self.body["spec"]["containers"]:
            yield f"{self.who}/{container['name']}", container


def defined(name: str, namespace: str = "", **settings: Any) -> Platform:
    module = importlib.import_module(f"k8s.{name}.platform")
    known = replace(module.Settings(), **settings)
    made: Platform = module.platform(replace(known, namespace=namespace) if namespace else known)
    return made


@cache
def objects(name: str) -> tuple[Object, ...]:
    """The objects of a platform with its default settings, Secrets left out: their values come later."""
    loaded = load(defined(name), FOLDERS[name])
    made: list[Object] = []
    for component in loaded.enabled:
        live: dict[Any, object] = {
            one: "192.0.2.1" if one.required else one.default for one in live_values(loaded, component.name)
        }
        desired = assemble(
            loaded, component.name, live=live, secrets={}, salt_key=b"\0" * 32, scope=builtin_scope
        )
        made += [dict(each.body) for each in desired if each.ref.kind != "Secret"]
    return tuple(made)


def templates(name: str) -> Iterator[Template]:
    for body in objects(name):
        if body["kind"] == "Pod":
            yield Template(f"{name} Pod/{body['metadata']['name']}", "Pod", body)
        elif "template" in body.get("spec", {}):
            who = f"{name} {body['kind']}/{body['metadata']['name']}"
            yield Template(who, body["kind"], body["spec"]["template"])


@pytest.mark.parametrize("name", NAMES)
def test_every_container_says_what_it_needs(name: str) -> None:
    for template in templates(name):
        for who, container in template.containers():
            resources = container.get("resources", {})
            assert {"cpu", "memory"} <= set(resources.get("requests", {})), f"{who} requests too little"
            limited = "memory" in resources.get("limits", {})
            assert limited != (who in NO_MEMORY_LIMIT), f"{who}: limit {limited}, exemption {not limited}"


@pytest.mark.parametrize("name", NAMES)
def test_every_container_that_serves_has_a_readiness_probe_or_a_reason(name: str) -> None:
    for template in templates(name):
        if template.kind in ("Job", "CronJob"):
            continue  # they are done when they end
        for who, container in template.containers():
            assert ("readinessProbe" in container) != (who in NO_PROBE), who


def test_no_exemption_is_left_over() -> None:
    known = {who for name in NAMES for template in templates(name) for who, _ in template.containers()}
    workloads = {template.who for name in NAMES for template in templates(name)}
    assert set(NO_PROBE) <= known
    assert set(NO_MEMORY_LIMIT) <= known
    assert set(LOOSER) <= workloads


@dataclass(frozen=True)
class Guarded:
    """A namespace a Pod Security level, and a session that may ask what would be let in."""

    session: Session
    namespaces: Mapping[str, str]

    def strictest(self, template: Template) -> str:
        """The strictest level that lets a pod of it in."""
        for level in LEVELS:
            if not self.objection(template, level):
                return level
        raise AssertionError(f"{template.who}: {self.objection(template, LEVELS[-1])}")

    def objection(self, template: Template, level: str) -> str:
        """What the API server says against such a pod; empty when it would take it."""
        namespace = self.namespaces[level]
        pod = {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {"name": "asked", "labels": template.body.get("metadata", {}).get("labels", {})},
            # Whose account it runs under is no question of the level, and the account is not there.
            "spec": {k: v for k, v in template.body["spec"].items() if not k.startswith("serviceAccount")},
        }
        try:
            self.session.api.request("POST", f"/api/v1/namespaces/{namespace}/pods", [("dryRun", "All")], pod)
        except ApiError as error:
            return error.fact
        return ""


@pytest.fixture(scope="module")
def guarded(sandbox: SandboxStatus, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Guarded]:
    made: dict[str, Instance] = {}
    for level in LEVELS:
        folder = tmp_path_factory.mktemp(level)
        made[level] = Instance(sandbox.kubeconfig, sandbox.context, unique_name(), folder)
        made[level].create_namespace(**{_ENFORCE: level})
    try:
        yield Guarded(made["restricted"].session(), {level: one.namespace for level, one in made.items()})
    finally:
        for one in made.values():
            one.discard()


@pytest.mark.parametrize("name", NAMES)
def test_no_container_has_a_privilege_it_does_not_need(name: str, guarded: Guarded) -> None:
    """Judged by the API server's own Pod Security admission; a level looser than restricted needs a reason
    in exemptions.py."""
    known = {template.who: LOOSER.get(template.who, ("restricted", ""))[0] for template in templates(name)}
    found = {template.who: guarded.strictest(template) for template in templates(name)}
    assert found == known, "\n".join(
        f"{template.who} needs {found[template.who]}: {guarded.objection(template, 'restricted')}"
        for template in templates(name)
        if found[template.who] != known[template.who]
    )
    assert all(why for _, why in LOOSER.values())


@pytest.mark.parametrize("name", NAMES)
def test_the_server_finds_nothing_wrong_in_any_manifest(name: str, guarded: Guarded) -> None:
    """A server-side apply as a dry run, with strict validation of fields."""
    session, namespace = guarded.session, guarded.namespaces["privileged"]
    for body in objects(name):
        ref = ObjectRef.of(body)
        moved = {**body, "metadata": {**body["metadata"]}}
        if ref.namespace:
            moved["metadata"]["namespace"] = namespace
        session.objects.apply(moved, dry_run=True)
