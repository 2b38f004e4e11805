"""Watches that end, break, expire or are not allowed: a run never hangs on one."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import urllib3
import yaml

from allup.cluster.requests import Lines
from allup.errors import ClusterError
from allup.run.progress import Action
from allup.run.session import Session
from tests.cluster.platforms_for_tests import Instance, config, deployment, obj

pytestmark = pytest.mark.cluster


class Scripted:
    """Stands for an open answer: yields lines, then ends as told."""

    def __init__(self, lines: list[dict[str, Any]], end: Exception | None = None) -> None:
        self._lines = lines
        self._end = end

    def __iter__(self) -> Iterator[bytes]:
        for line in self._lines:
            yield json.dumps(line).encode()
        if self._end is not None:
            raise self._end

    def close(self) -> None:
        """Nothing is open."""


class Interposed:
    """A session whose first watch of each kind is answered by *answer*, all of them with *always*."""

    def __init__(self, instance: Instance, answer: Callable[[], Any], *, always: bool = False) -> None:
        self.session: Session = instance.session()
        self.opened: list[str] = []
        self.listed: list[str] = []
        api: Any = self.session.api
        really, get = api.lines, api.get

        def lines(path: str, query: Any, *, read_timeout: float) -> Lines:
            first = path not in self.opened
            self.opened.append(path)
            if first or always:
                answered: Lines = answer()
                return answered
            opened: Lines = really(path, query, read_timeout=read_timeout)
            return opened

        def getting(path: str, *args: Any, **more: Any) -> Any:
            self.listed.append(path)
            return get(path, *args, **more)

        api.lines, api.get = lines, getting


def slow(instance: Instance) -> Any:
    """What is not ready at the first look: watches are needed."""
    return instance.part("slow", deployment("slow", fault="slow"))


def test_an_expired_watch_lists_again_and_the_run_goes_on(instance: Instance) -> None:
    gone = {"type": "ERROR", "object": {"kind": "Status", "code": 410, "message": "too old resource version"}}
    interposed = Interposed(instance, lambda: Scripted([gone]))
    told = instance.up(slow(instance), session=interposed.session)
    assert told.outcome == "done"
    pods = [path for path in interposed.listed if path.endswith("/pods")]
    assert len(pods) == 2


def test_a_watch_that_breaks_is_resumed_where_it_was(instance: Instance) -> None:
    broken = urllib3.exceptions.ProtocolError("Connection broken")
    interposed = Interposed(instance, lambda: Scripted([], broken))
    told = instance.up(slow(instance), session=interposed.session)
    assert told.outcome == "done"
    assert len([path for path in interposed.listed if path.endswith("/pods")]) == 1
    assert len([path for path in interposed.opened if path.endswith("/pods")]) == 2


def test_a_watch_that_the_server_ends_is_opened_again(instance: Instance) -> None:
    interposed = Interposed(instance, lambda: Scripted([]))
    assert instance.up(slow(instance), session=interposed.session).outcome == "done"


def test_a_watch_that_cannot_be_kept_alive_fails_the_run(
    instance: Instance, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("allup.cluster.watch.GIVE_UP_AFTER", 0.5)
    broken = urllib3.exceptions.ProtocolError("Connection broken")
    interposed = Interposed(instance, lambda: Scripted([], broken), always=True)
    with pytest.raises(ClusterError, match="the connection to the server broke"):
        instance.up(
            instance.part("stuck", deployment("stuck", fault="never-ready")), session=interposed.session
        )


def test_a_watch_that_dies_of_a_fault_of_ours_fails_the_run_too(instance: Instance) -> None:
    def die() -> Any:
        raise RuntimeError("a fault")

    interposed = Interposed(instance, die)
    with pytest.raises(ClusterError, match=r"watch of \w+: ended by RuntimeError\('a fault'\)"):
        instance.up(
            instance.part("stuck", deployment("stuck", fault="never-ready")), session=interposed.session
        )


def test_a_watch_that_dies_during_down_fails_the_run_too(instance: Instance) -> None:
    part = instance.part("held", config("held"))
    instance.up(part)
    instance.patch("ConfigMap/held", {"metadata": {"finalizers": ["tests.example/held"]}})

    def die() -> Any:
        raise RuntimeError("a fault")

    with pytest.raises(ClusterError, match="a fault"):
        instance.down(part, session=Interposed(instance, die).session)


def test_nothing_is_watched_when_the_first_look_shows_everything_ready(instance: Instance) -> None:
    part = instance.part("base", config("base"), deployment("web"))
    instance.up(part)
    interposed = Interposed(instance, lambda: Scripted([]))
    instance.up(part, session=interposed.session)
    assert interposed.opened == []


# Somebody who may do less


def user_with(instance: Instance, tmp_path: Path, *verbs: str, kinds: tuple[str, ...] = ("*",)) -> Session:
    """A session as a ServiceAccount that may do *verbs* in the instance's namespace, and nothing else."""
    instance.create_namespace()
    instance.create(obj("ServiceAccount", "limited"))
    rbac = "rbac.authorization.k8s.io"
    rules = [{"apiGroups": ["*"], "resources": list(kinds), "verbs": list(verbs)}]
    instance.create(obj("Role", "limited", f"{rbac}/v1", rules=rules))
    subject = {"kind": "ServiceAccount", "name": "limited", "namespace": instance.namespace}
    role = {"apiGroup": rbac, "kind": "Role", "name": "limited"}
    instance.create(obj("RoleBinding", "limited", f"{rbac}/v1", subjects=[subject], roleRef=role))
    path = f"/api/v1/namespaces/{instance.namespace}/serviceaccounts/limited/token"
    request = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {}}
    token = instance.outside.api.request("POST", path, (), request)[1]["status"]["token"]
    kubeconfig = yaml.safe_load(instance.kubeconfig.read_text())
    for user in kubeconfig["users"]:
        user["user"] = {"token": token}
    file = tmp_path / "kubeconfig-of-limited"
    file.write_text(yaml.safe_dump(kubeconfig))
    return instance.session(kubeconfig=file)


def test_where_watching_is_forbidden_lists_are_repeated_and_said_so(
    instance: Instance, tmp_path: Path
) -> None:
    session = user_with(instance, tmp_path, "get", "list", "create", "update", "patch", "delete")
    told = instance.up(slow(instance), session=session)
    assert told.outcome == "done"
    assert "watching pods is not allowed here; listing them every 2 s instead" in told.notes
    assert any("watching pods is not allowed" in warning for warning in told.finished.warnings)


def test_who_may_only_read_is_refused_before_any_object_is_touched(
    instance: Instance, tmp_path: Path
) -> None:
    session = user_with(instance, tmp_path, "get", "list", "watch")
    before = instance.settled()
    with pytest.raises(ClusterError, match="we may not write in its namespace") as raised:
        instance.up(instance.part("base", config("base")), session=session)
    assert raised.value.exit_code == 3
    assert instance.settled() == before


def test_who_may_not_make_the_namespace_is_told_so(instance: Instance, tmp_path: Path) -> None:
    session = user_with(instance, tmp_path, "get", "list", "watch")
    elsewhere = instance.platform(instance.part("base", config("base")), namespace=f"{instance.name}-new")
    with pytest.raises(ClusterError) as raised:
        instance.up(platform=elsewhere, session=session)
    assert raised.value.exit_code == 3
    assert "forbidden" in str(raised.value)


def test_a_kind_we_may_not_write_fails_its_component_with_the_servers_words(
    instance: Instance, tmp_path: Path
) -> None:
    session = user_with(
        instance,
        tmp_path,
        *("get", "list", "watch", "create", "update", "patch"),
        kinds=("configmaps", "secrets", "leases", "namespaces"),
    )
    told = instance.up(
        instance.part("base", config("base")), instance.part("web", deployment("web")), session=session
    )
    assert told.outcome == "failed"
    assert told["base"].actions == {Action.CREATED: 1}
    [finding] = told["web"].findings
    assert 'cannot list resource "deployments"' in finding.message or "forbidden" in finding.message
