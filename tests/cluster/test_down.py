"""All-down always ends: in order, with what is kept and what is stuck named."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from allup import Children, Component, Password, Platform, Provided, Secret, scale_to_zero
from allup.errors import InputError
from allup.loading import LoadedPlatform, assemble, live_values, load
from allup.model import labels
from allup.model.live import KnownLater
from allup.refs import GroupKind, ObjectRef
from allup.run.down import Down
from allup.run.options import RunOptions
from allup.run.progress import THE_REST, Action, ObjectDone, Phase, Progress
from allup.run.up import Up
from allup.sandbox import SandboxStatus
from k8s.rstudio import platform as rstudio
from tests.cluster.platforms_for_tests import (
    HELD,
    Instance,
    Recorder,
    Told,
    claim,
    config,
    deployment,
    job,
    obj,
    service,
    unique_name,
)

pytestmark = pytest.mark.cluster

KINDS = frozenset({GroupKind("", "ConfigMap"), GroupKind("", "Service"), GroupKind("apps", "Deployment")})


def three(instance: Instance) -> tuple[Component, ...]:
    return (
        instance.part("base", config("base"), service("base"), deployment("base")),
        instance.part("middle", deployment("middle"), after=["base"]),
        instance.part("top", config("top"), after=["middle"]),
    )


def test_components_go_in_reverse_order_and_pods_before_services(instance: Instance) -> None:
    parts = three(instance)
    instance.up(*parts)
    pods_when_deleted: dict[str, bool] = {}

    def heard(progress: Progress) -> None:
        if isinstance(progress, ObjectDone):
            names = [pod["metadata"]["name"] for pod in instance.items("Pod")]
            component = progress.component
            pods_when_deleted[f"{progress.ref.kind}/{progress.ref.name}"] = any(
                name.startswith(component) for name in names
            )

    told = instance.down(*parts, heard=heard)
    assert told.outcome == "done"
    order = list(told.did(Action.DELETED))
    assert order[:3] == ["ConfigMap/top", "Deployment/middle", "Deployment/base"]
    assert set(order[3:]) == {"Service/base", "ConfigMap/base"}
    assert told.at("middle", Phase.GONE) < told.at("base", Phase.DELETING)
    assert not pods_when_deleted["Service/base"]
    assert not pods_when_deleted["ConfigMap/base"]


def test_nothing_there_is_fine_and_so_is_a_second_down(instance: Instance) -> None:
    parts = three(instance)
    nothing = instance.down(*parts)
    assert nothing.outcome == "done"
    assert nothing.did() == {}
    assert instance.find(f"Namespace/{instance.namespace}") is None
    instance.up(*parts)
    instance.down(*parts)
    again = instance.down(*parts)
    assert (again.outcome, again.did()) == ("done", {})


def test_without_the_inventory_everything_still_goes(instance: Instance) -> None:
    parts = three(instance)
    instance.up(*parts)
    instance.delete(f"ConfigMap/{labels.inventory_name(instance.name)}")
    told = instance.down(*parts, kinds=KINDS)
    assert told.outcome == "done"
    assert told.phases == {"top": Phase.GONE, "middle": Phase.GONE, "base": Phase.GONE}
    assert instance.left() <= {f"Secret/{labels.inventory_name(instance.name)}"} | our_records(instance)


def our_records(instance: Instance) -> set[str]:
    name = labels.inventory_name(instance.name)
    return {f"ConfigMap/{name}", f"Secret/{name}"}


def test_what_is_no_longer_in_the_code_still_goes_in_order(instance: Instance) -> None:
    instance.up(*three(instance))
    told = instance.down(instance.part("base"))
    assert told.outcome == "done"
    assert list(told.phases) == ["top", "middle", "base"]
    assert instance.left() == our_records(instance)


def test_claims_and_generated_secrets_stay_and_provided_ones_go(instance: Instance) -> None:
    instance.environ["TOKEN"] = "a-provided-token"
    part = instance.part(
        "data",
        claim("data"),
        service("kept"),
        secrets=[
            Secret("generated", {"password": Password()}),
            Secret("provided", {"token": Provided(env="TOKEN")}),
        ],
        keep=["Service/kept"],
    )
    instance.up(part)
    told = instance.down(part)
    assert told.did(Action.DELETED) == {"Secret/provided": Action.DELETED}
    assert told.kept == {
        "PersistentVolumeClaim/data": "a claim holds data",
        "Service/kept": "the platform keeps it for the next up",
        "Secret/generated": "generated once: passwords and keys must stay the same",
        f"Namespace/{instance.namespace}": "it holds what is kept",
    }
    password = instance.get("Secret/generated")["data"]
    instance.environ["TOKEN"] = "a-provided-token"
    again = instance.up(part)
    assert again.did(Action.CREATED) == {"Secret/provided": Action.CREATED}
    assert instance.get("Secret/generated")["data"] == password


def test_a_purge_leaves_nothing_of_ours_cluster_scoped_objects_included(instance: Instance) -> None:
    role = obj("ClusterRole", f"{instance.name}-reader", "rbac.authorization.k8s.io/v1", rules=[])
    volume_spec = {
        "capacity": {"storage": "1Gi"},
        "accessModes": ["ReadWriteMany"],
        "storageClassName": "none",
        "nfs": {"server": "192.0.2.1", "path": "/"},
    }
    part = instance.part(
        "all-kinds",
        role,
        obj("PersistentVolume", f"{instance.name}-disk", spec=volume_spec),
        claim("data"),
        deployment("web"),
        secrets=[Secret("key", {"password": Password()})],
    )
    instance.up(part)
    told = instance.down(part, purge=True)
    assert told.outcome == "done"
    assert instance.find(f"Namespace/{instance.namespace}") is None
    assert instance.left() == set()


def test_a_purge_after_the_namespace_has_gone_takes_what_is_cluster_scoped(instance: Instance) -> None:
    role = obj("ClusterRole", f"{instance.name}-reader", "rbac.authorization.k8s.io/v1", rules=[])
    part = instance.part("reader", role)
    instance.up(part)
    instance.delete(f"Namespace/{instance.namespace}")
    kinds = frozenset({GroupKind("rbac.authorization.k8s.io", "ClusterRole")})
    assert instance.down(part, kinds=kinds, purge=True).outcome == "done"
    assert instance.left() == set()


def test_one_component_is_refused_while_others_use_it_and_cascade_takes_them_first(
    instance: Instance,
) -> None:
    parts = three(instance)
    instance.up(*parts)
    before = instance.settled()
    with pytest.raises(InputError, match=r"component base: is used by middle, top") as raised:
        instance.down(*parts, only=("base",))
    assert raised.value.exit_code == 2
    assert instance.settled() == before
    told = instance.down(*parts, only=("base",), cascade=True)
    assert told.phases == {"top": Phase.GONE, "middle": Phase.GONE, "base": Phase.GONE}


def test_one_component_goes_once_its_dependants_are_down(instance: Instance) -> None:
    parts = three(instance)
    instance.up(*parts)
    instance.down(*parts, only=("top",))
    told = instance.down(*parts, only=("middle",))
    assert told.phases == {"middle": Phase.GONE}
    assert instance.find("Deployment/base") is not None


def test_a_finalizer_nobody_serves_is_named_within_the_budget(instance: Instance) -> None:
    parts = (instance.part("held", config("held")), instance.part("top", config("top"), after=["held"]))
    instance.up(*parts)
    instance.patch("ConfigMap/held", {"metadata": {"finalizers": [HELD]}})
    told = instance.down(*parts, timeout=2)
    assert told.outcome == "stuck"
    assert told.finished.seconds < 5
    assert told.phases == {"top": Phase.GONE, "held": Phase.STUCK}
    [finding] = told["held"].findings
    assert str(finding.ref) == f"ConfigMap/{instance.namespace}/held"
    assert HELD in finding.message


def test_what_a_stuck_component_needs_stays_and_what_is_independent_goes(instance: Instance) -> None:
    parts = (
        instance.part("server", config("server")),
        instance.part("client", config("client"), after=["server"]),
        instance.part("apart", config("apart")),
    )
    instance.up(*parts)
    instance.patch("ConfigMap/client", {"metadata": {"finalizers": [HELD]}})
    told = instance.down(*parts, timeout=2)
    assert told.phases == {"client": Phase.STUCK, "server": Phase.SKIPPED, "apart": Phase.GONE}
    assert instance.find("ConfigMap/server") is not None


def test_a_purge_that_is_held_up_names_object_and_finalizer(instance: Instance) -> None:
    part = instance.part("base", config("base"))
    instance.up(part)
    instance.create(config("foreign"), finalizers=[HELD])
    told = instance.down(part, purge=True, timeout=4)
    assert told.outcome == "stuck"
    assert told[THE_REST].verdict == "stuck"
    assert told[THE_REST].message == f"Namespace/{instance.namespace} does not go"
    [finding] = told[THE_REST].findings
    assert str(finding.ref) == f"ConfigMap/{instance.namespace}/foreign"
    assert HELD in finding.message


def test_children_are_removed_in_a_namespace_we_made(instance: Instance) -> None:
    part = session_maker(instance)
    instance.up(part)
    instance.create(job("session", fault="never-ready"), labels={"made-by": "app"})
    instance.create(job("foreign"), labels={"made-by": "somebody"})
    told = instance.down(part)
    assert told.outcome == "done"
    assert told.did(Action.DELETED).keys() == {"Deployment/app", "Job/session"}
    assert instance.find("Job/session") is None
    assert instance.find("Job/foreign") is not None


def test_children_are_left_and_named_in_a_namespace_somebody_else_made(instance: Instance) -> None:
    part = session_maker(instance)
    instance.create_namespace()
    instance.up(part)
    instance.create(job("session", fault="never-ready"), labels={"made-by": "app"})
    told = instance.down(part)
    assert told.outcome == "done"
    assert "its children (Job) are left" in told.notes
    assert instance.find("Job/session") is not None


def session_maker(instance: Instance) -> Component:
    """A component whose processes make Jobs."""
    return instance.part("app", deployment("app"), children=[Children("Job", "made-by=app")])


def test_a_workload_is_scaled_to_zero_before_anything_else_goes(instance: Instance) -> None:
    part = instance.part(
        "app",
        deployment("app"),
        config("settings"),
        before_down=[scale_to_zero("Deployment/app", why="the licence is given back")],
    )
    instance.up(part)
    told = instance.down(part)
    assert told.outcome == "done"
    messages = [getattr(p, "message", "") for p in told.progress]
    assert any("the licence is given back" in message for message in messages)


def test_objects_of_others_survive_a_down(instance: Instance) -> None:
    part = instance.part("web", deployment("web"))
    instance.up(part)
    instance.create(config("foreign"))
    copied = {k: v for k, v in instance.get("Deployment/web")["metadata"]["labels"].items() if "app" in k}
    owner = instance.get(f"ConfigMap/{labels.inventory_name(instance.name)}")["metadata"]
    reference = {"apiVersion": "v1", "kind": "ConfigMap", "name": owner["name"], "uid": owner["uid"]}
    instance.create(config("owned"), labels=copied, ownerReferences=[reference])
    assert instance.down(part).outcome == "done"
    assert instance.find("ConfigMap/foreign") is not None
    assert instance.find("ConfigMap/owned") is not None


# RStudio, whole


def rstudio_of(instance: Instance) -> LoadedPlatform:
    settings = replace(rstudio.Settings(), instance=instance.name, namespace=instance.namespace)
    platform = rstudio.platform(settings)
    return load(replace(platform, collection="k8s"), Path(rstudio.__file__).parent)


def rstudio_up(instance: Instance, **options: Any) -> Told:
    recorder = Recorder()
    loaded = rstudio_of(instance)
    run = Up(instance.session(), loaded, RunOptions(timeout=60, **options), recorder, instance.given())
    return Told(run.run(), recorder.progress)


def rstudio_down(instance: Instance, **options: Any) -> Told:
    platform = rstudio_of(instance).platform
    kinds = frozenset(ref.group_kind for ref in rstudio_objects())
    recorder = Recorder()
    run = Down(instance.session(), platform, kinds, RunOptions(timeout=60, **options), recorder)
    return Told(run.run(), recorder.progress)


def rstudio_objects() -> tuple[ObjectRef, ...]:
    """Every object of RStudio, of an instance called rstudio."""
    loaded = load(
        rstudio.platform(replace(rstudio.Settings(), instance="rstudio", namespace="rstudio")),
        Path(rstudio.__file__).parent,
    )
    platform: Platform = loaded.platform
    found = []
    for component in platform.components:
        if component.enabled:
            live = dict.fromkeys(_lives(loaded, component.name), KnownLater("later"))
            found += [
                desired.ref
                for desired in assemble(
                    loaded, component.name, live=live, secrets={}, salt_key=b"", scope=lambda g, k: None
                )
            ]
    return tuple(found)


def _lives(loaded: LoadedPlatform, name: str) -> tuple[Any, ...]:
    return live_values(loaded, name)


def remembers(ref: ObjectRef) -> bool:
    """True for what an up after a down minds: data, and the Secret that data was made with."""
    return ref.kind in ("PersistentVolume", "PersistentVolumeClaim") or ref.name == "ldap-passwords"


def name_of(ref: ObjectRef) -> str:
    return f"{ref.kind}-{ref.name}"


@pytest.fixture(scope="module")
def rstudio_instance(sandbox: SandboxStatus, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Instance]:
    """One for all objects that an up simply makes again: a fresh namespace each would take a minute more."""
    ours = Instance(sandbox.kubeconfig, sandbox.context, unique_name(), tmp_path_factory.mktemp("rstudio"))
    try:
        yield ours
    finally:
        ours.discard()


@pytest.mark.parametrize("missing", [r for r in rstudio_objects() if not remembers(r)], ids=name_of)
def test_rstudio_goes_down_with_any_one_object_already_gone(
    rstudio_instance: Instance, missing: ObjectRef
) -> None:
    # Applied without waiting: the downs meet pods in every state.
    assert rstudio_up(rstudio_instance, wait=False).outcome == "done"
    rstudio_instance.delete(f"{missing.kind}/{missing.name}")
    told = rstudio_down(rstudio_instance)
    assert told.outcome == "done", told.finished
    assert rstudio_instance.pods() == {}


@pytest.mark.parametrize("missing", [r for r in rstudio_objects() if remembers(r)], ids=name_of)
def test_rstudio_goes_down_with_any_of_its_data_on_its_way_out(
    instance: Instance, missing: ObjectRef
) -> None:
    assert rstudio_up(instance, wait=False).outcome == "done"
    name = missing.name.replace("rstudio-", f"{instance.name}-")
    instance.delete(f"{missing.kind}/{name}", wait=False)  # data goes only after its users
    told = rstudio_down(instance)
    assert told.outcome == "done", told.finished
    assert instance.pods() == {}


def test_rstudio_binds_its_kept_claim_again_with_the_service_at_its_old_address(instance: Instance) -> None:
    assert rstudio_up(instance).outcome == "done"
    address = instance.get("Service/nfs01")["spec"]["clusterIP"]
    claim_uid = instance.get("PersistentVolumeClaim/nfs")["metadata"]["uid"]
    told = rstudio_down(instance)
    assert told.outcome == "done"
    assert {"PersistentVolumeClaim/nfs", f"PersistentVolume/{instance.name}-nfs"} <= told.kept.keys()
    instance.delete("Service/nfs01")
    assert rstudio_up(instance).outcome == "done"
    assert instance.get("Service/nfs01")["spec"]["clusterIP"] == address
    found = instance.get("PersistentVolumeClaim/nfs")
    assert found["metadata"]["uid"] == claim_uid
    assert found["status"]["phase"] == "Bound"
    assert rstudio_down(instance, purge=True).outcome == "done"
    assert instance.find(f"Namespace/{instance.namespace}") is None
    assert instance.left() == set()
