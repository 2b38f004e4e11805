"""A second up changes nothing; a changed input changes exactly what uses it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from allup import Component, Password, Platform, Provided, Secret, config_map, config_secret, live, pin
from allup.errors import ApiError
from allup.loading import load
from allup.model import labels
from allup.run.options import RunOptions
from allup.run.progress import Action
from allup.run.up import Up
from k8s.rstudio import platform as rstudio
from tests.cluster.platforms_for_tests import (
    Instance,
    Recorder,
    Told,
    config,
    deployment,
    eventually,
    job,
    obj,
    service,
)

pytestmark = pytest.mark.cluster


def with_environment(name: str, kind: str, source: str) -> Mapping[str, Any]:
    """A Deployment whose container takes its environment from a ConfigMap or Secret."""
    made = deployment(name)
    reference = {"configMapRef" if kind == "ConfigMap" else "secretRef": {"name": source}}
    made["spec"]["template"]["spec"]["containers"][0]["envFrom"] = [reference]
    return made


def template_of(instance: Instance, name: str) -> Any:
    return instance.get(f"Deployment/{name}")["spec"]["template"]


def test_a_second_up_moves_no_resource_version_and_says_unchanged(instance: Instance) -> None:
    parts = (
        instance.part("base", config("base", key="value"), service("web")),
        instance.part("web", deployment("web"), job("once"), after=["base"]),
    )
    instance.up(*parts)
    before = instance.settled()
    again = instance.up(*parts)
    assert instance.settled() == before
    assert set(again.did().values()) == {Action.UNCHANGED}


def test_an_unchanged_up_costs_one_list_a_kind_and_one_request_an_object_and_ten(instance: Instance) -> None:
    objects = [
        *(config(f"config-{n}", key="value") for n in range(6)),
        *(deployment(f"web-{n}") for n in range(3)),
        *(service(f"web-{n}") for n in range(3)),
    ]
    part = instance.part("everything", *objects)
    instance.up(part)
    told = instance.up(part)
    assert set(told.did().values()) == {Action.UNCHANGED}
    # ConfigMap, Deployment, Service; Secret for our own keys; EndpointSlice beside the Services.
    assert told.finished.requests <= 5 + len(objects) + 10


def rstudio_up(instance: Instance, **options: Any) -> Told:
    settings = replace(rstudio.Settings(), instance=instance.name, namespace=instance.namespace)
    recorder = Recorder()
    loaded = load(rstudio.platform(settings), Path(rstudio.__file__).parent)
    run = Up(instance.session(), loaded, RunOptions(timeout=60, **options), recorder, instance.given())
    return Told(run.run(), recorder.progress)


def test_rstudio_comes_up_and_a_second_up_is_cheap_and_moves_nothing(instance: Instance) -> None:
    first = rstudio_up(instance)
    assert first.outcome == "done", first.notes
    before = instance.settled()
    again = rstudio_up(instance)
    assert set(again.did().values()) == {Action.UNCHANGED}
    assert instance.settled() == before
    kinds = {short.partition("/")[0] for short in again.did()} | {"EndpointSlice", "Pod"}
    assert again.finished.requests <= len(kinds) + len(again.did()) + 10
    assert again.finished.seconds < 1.0


def test_a_changed_config_text_rolls_the_pods_that_use_it_and_no_others(instance: Instance) -> None:
    folder = instance.folder / "config"
    folder.mkdir()
    (folder / "greeting.txt").write_text("hello {{ who }}\n")
    parts = (
        instance.part(
            "app",
            with_environment("user", "ConfigMap", "texts"),
            deployment("bystander"),
            configs=[config_map("texts", "greeting.txt")],
            values={"who": "world"},
        ),
    )
    instance.up(*parts)
    before = instance.pods()
    (folder / "greeting.txt").write_text("good morning {{ who }}\n")
    told = instance.up(*parts)
    assert told.did() == {
        "ConfigMap/texts": Action.CHANGED,
        "Deployment/bystander": Action.UNCHANGED,
        "Deployment/user": Action.CHANGED,
    }
    kept = before.items() & instance.pods().items()
    assert [name.rsplit("-", 2)[0] for name, _ in kept] == ["bystander"]
    text = instance.get("ConfigMap/texts")["data"]["greeting.txt"]
    assert text == "good morning world\n"


def test_a_changed_setting_rolls_exactly_what_it_reaches(instance: Instance) -> None:
    def parts(tag: str) -> tuple[Component, ...]:
        web = deployment("web")
        web["spec"]["template"]["spec"]["containers"][0]["image"] = "example.invalid/web:${tag}"
        return (
            instance.part("web", web, values={"tag": tag}),
            instance.part("other", deployment("other")),
        )

    instance.up(*parts("1"))
    before = instance.pods()
    told = instance.up(*parts("2"))
    assert told.did(Action.CHANGED) == {"Deployment/web": Action.CHANGED}
    assert [n.rsplit("-", 2)[0] for n, _ in before.items() & instance.pods().items()] == ["other"]


def test_a_changed_secret_value_rolls_the_pods_that_use_it(instance: Instance) -> None:
    part = instance.part(
        "app",
        with_environment("user", "Secret", "key"),
        deployment("bystander"),
        secrets=[Secret("key", {"value": Provided(env="APP_KEY")})],
    )
    instance.environ["APP_KEY"] = "the-first-value"
    instance.up(part)
    first = template_of(instance, "user")["metadata"]["annotations"][labels.CHECKSUM]
    instance.environ["APP_KEY"] = "the-second-value"
    told = instance.up(part)
    assert told.did(Action.CHANGED) == {"Secret/key": Action.CHANGED, "Deployment/user": Action.CHANGED}
    assert template_of(instance, "user")["metadata"]["annotations"][labels.CHECKSUM] != first
    del instance.environ["APP_KEY"]
    assert set(instance.up(part).did().values()) == {Action.UNCHANGED}


def test_a_secret_text_with_a_generated_value_is_the_same_on_the_second_up(instance: Instance) -> None:
    (instance.folder / "config").mkdir()
    (instance.folder / "config" / "app.conf").write_text("password={{ secrets.admin.password }}\n")
    part = instance.part(
        "app",
        with_environment("app", "Secret", "app-conf"),
        secrets=[Secret("admin", {"password": Password()})],
        configs=[config_secret("app-conf", "app.conf")],
    )
    instance.up(part)
    before = instance.settled()
    assert set(instance.up(part).did().values()) == {Action.UNCHANGED}
    assert instance.settled() == before


def test_replicas_changed_by_somebody_else_go_back_to_the_manifest_only_when_told(
    instance: Instance,
) -> None:
    part = instance.part("web", deployment("web"))
    instance.up(part)
    instance.patch("Deployment/web", {"spec": {"replicas": 3}}, manager="kubectl")
    told = instance.up(part)
    assert told.outcome == "failed"
    [finding] = told["web"].findings
    assert "kubectl" in finding.message
    assert ".spec.replicas" in finding.message
    assert "there 3, ours 1" in finding.message


# A Service whose address a volume holds


def storage(instance: Instance, server: str = "${server}") -> Platform:
    """What RStudio has: a Service, and a volume with its address."""
    volume = f"{instance.name}-share"
    claim_spec = {
        "accessModes": ["ReadWriteMany"],
        "storageClassName": "",
        "volumeName": volume,
        "resources": {"requests": {"storage": "1Gi"}},
    }
    volume_spec = {
        "capacity": {"storage": "1Gi"},
        "accessModes": ["ReadWriteMany"],
        "persistentVolumeReclaimPolicy": "Retain",
        "storageClassName": "",
        "claimRef": {"namespace": instance.namespace, "name": "share"},
        "nfs": {"server": server, "path": "/"},
    }
    return instance.platform(
        instance.part(
            "server",
            service("share"),
            keep=["Service/share"],
            pins=[
                pin(
                    "Service/share",
                    "spec.clusterIP",
                    recreate_from=live(f"PersistentVolume/{volume}", ".spec.nfs.server", default=None),
                )
            ],
        ),
        instance.part(
            "volume",
            obj("PersistentVolume", volume, spec=volume_spec),
            obj("PersistentVolumeClaim", "share", spec=claim_spec),
            after=["server"],
            values={"server": live("Service/share", ".spec.clusterIP")},
            replace=[f"PersistentVolume/{volume}", "PersistentVolumeClaim/share"],
        ),
    )


def address(instance: Instance) -> Any:
    return instance.get("Service/share")["spec"]["clusterIP"]


def server_of_the_volume(instance: Instance) -> Any:
    return instance.get(f"PersistentVolume/{instance.name}-share")["spec"]["nfs"]["server"]


def test_a_service_that_was_deleted_comes_back_at_the_address_its_volume_holds(instance: Instance) -> None:
    platform = storage(instance)
    assert instance.up(platform=platform).outcome == "done"
    before = address(instance)
    claim = instance.get("PersistentVolumeClaim/share")["metadata"]["uid"]
    instance.delete("Service/share")
    told = instance.up(platform=platform)
    assert told.outcome == "done"
    assert address(instance) == before == server_of_the_volume(instance)
    assert instance.get("PersistentVolumeClaim/share")["metadata"]["uid"] == claim


def take_the_address(instance: Instance) -> str:
    """Deletes the Service and lets another one have its address."""
    taken = str(address(instance))
    instance.delete("Service/share")
    squatter = service("squatter", clusterIP=taken)
    eventually(lambda: created(instance, squatter), "the address to be free")
    return taken


def created(instance: Instance, body: Mapping[str, Any]) -> bool:
    try:
        instance.create(body)
    except ApiError as error:
        if error.status != 422:
            raise
        return False
    return True


def test_when_its_address_is_taken_volume_and_claim_are_replaced_together(instance: Instance) -> None:
    platform = storage(instance)
    instance.up(platform=platform)
    taken = take_the_address(instance)
    told = instance.up(platform=platform)
    assert told.outcome == "done", told.finished
    assert address(instance) == server_of_the_volume(instance) != taken
    assert instance.get("PersistentVolumeClaim/share")["status"]["phase"] == "Bound"
    assert "replacing" in told.notes
    assert set(instance.up(platform=platform).did().values()) == {Action.UNCHANGED}


def test_volume_and_claim_are_not_replaced_while_a_pod_uses_them(instance: Instance) -> None:
    platform = storage(instance)
    instance.up(platform=platform)
    user = deployment("user", volumes=[{"name": "v", "persistentVolumeClaim": {"claimName": "share"}}])
    instance.create(user)
    eventually(lambda: instance.pods(), "the pod that uses the claim")
    claim = instance.get("PersistentVolumeClaim/share")["metadata"]["uid"]
    take_the_address(instance)
    told = instance.up(platform=platform)
    assert told.outcome == "failed"
    [finding] = told["volume"].findings
    assert "is in use by user-" in finding.message
    found = instance.get("PersistentVolumeClaim/share")["metadata"]
    assert found["uid"] == claim
    assert "deletionTimestamp" not in found


# What cannot be changed in place


def test_a_changed_job_is_replaced_and_runs_again(instance: Instance) -> None:
    instance.up(instance.part("once", job("once")))
    before = instance.get("Job/once")["metadata"]["uid"]
    told = instance.up(instance.part("once", job("once", image="example.invalid/job:2")))
    assert told.outcome == "done"
    assert told.did() == {"Job/once": Action.REPLACED}
    after = instance.get("Job/once")
    assert after["metadata"]["uid"] != before
    assert after["status"]["succeeded"] == 1


def test_a_finished_job_that_did_not_change_is_not_run_again(instance: Instance) -> None:
    part = instance.part("once", job("once"))
    instance.up(part)
    before = instance.get("Job/once")["metadata"]["uid"]
    assert instance.up(part).did() == {"Job/once": Action.UNCHANGED}
    assert instance.get("Job/once")["metadata"]["uid"] == before


def test_a_job_that_failed_runs_again_when_an_up_asks_for_it_and_a_plan_says_so(instance: Instance) -> None:
    part = instance.part("once", job("once", fault="failed"))
    assert instance.up(part).outcome == "failed"
    before = instance.get("Job/once")["metadata"]["uid"]
    assert [entry.action for entry in instance.plan(part).entries] == ["replace"]
    again = instance.up(part)
    assert again.did() == {"Job/once": Action.REPLACED}
    assert instance.get("Job/once")["metadata"]["uid"] != before
    healed = instance.up(instance.part("once", job("once")))
    assert healed.outcome == "done"
    assert instance.get("Job/once")["status"]["succeeded"] == 1


def test_an_immutable_field_is_named_with_the_way_out(instance: Instance) -> None:
    instance.up(instance.part("web", service("web")))
    own = instance.get("Service/web")["spec"]["clusterIP"]
    told = instance.up(instance.part("web", service("web", clusterIP=other_address(own))))
    [finding] = told["web"].findings
    assert "spec.clusterIPs" in finding.message or "spec.clusterIP" in finding.message
    assert "cannot be changed in place" in finding.message
    assert "web-down" in finding.next_step
    assert instance.get("Service/web")["spec"]["clusterIP"] == own


def other_address(own: str) -> str:
    head, _, last = own.rpartition(".")
    return f"{head}.{int(last) % 250 + 1}"


def test_a_volume_whose_source_changes_is_explained_unless_the_component_may_replace_it(
    instance: Instance,
) -> None:
    name = f"{instance.name}-disk"

    def disk(server: str, **more: Any) -> Component:
        spec = {
            "capacity": {"storage": "1Gi"},
            "accessModes": ["ReadWriteMany"],
            "storageClassName": "none",
            "nfs": {"server": server, "path": "/"},
        }
        return instance.part("disk", obj("PersistentVolume", name, spec=spec), **more)

    instance.up(disk("192.0.2.1"))
    told = instance.up(disk("192.0.2.2"))
    [finding] = told["disk"].findings
    assert "spec.persistentvolumesource cannot be changed in place" in finding.message
    told = instance.up(disk("192.0.2.2", replace=[f"PersistentVolume/{name}"]))
    assert told.did() == {f"PersistentVolume/{name}": Action.REPLACED}
    assert instance.get(f"PersistentVolume/{name}")["spec"]["nfs"]["server"] == "192.0.2.2"


def test_a_changed_workload_selector_is_immutable_and_said_to_be(instance: Instance) -> None:
    instance.up(instance.part("web", deployment("web")))
    changed = deployment("web")
    changed["spec"]["selector"]["matchLabels"]["tier"] = "front"
    changed["spec"]["template"]["metadata"]["labels"]["tier"] = "front"
    told = instance.up(instance.part("web", changed))
    [finding] = told["web"].findings
    assert "spec.selector cannot be changed in place" in finding.message
