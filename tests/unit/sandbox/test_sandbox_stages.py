"""Standard stages spare pods that are to go wrong."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from allup.sandbox.stages import FAULT_LABEL, spare_faults, standard, storage_class, volume_stages, written

SPARING = {"key": f'.metadata.labels["{FAULT_LABEL}"]', "operator": "DoesNotExist"}


def stage(kind: str, **spec: Any) -> dict[str, Any]:
    return {"kind": "Stage", "metadata": {"name": "s"}, "spec": {"resourceRef": {"kind": kind}, **spec}}


def expressions(document: dict[str, Any]) -> list[dict[str, Any]]:
    return list(document["spec"].get("selector", {}).get("matchExpressions", []))


def test_a_stage_that_makes_pods_ready_passes_faulty_pods_by() -> None:
    phase = {"key": ".status.phase", "operator": "In", "values": ["Pending"]}
    ready = stage("Pod", selector={"matchExpressions": [phase]}, next={"statusTemplate": "phase: Running"})
    assert expressions(spare_faults(ready)) == [phase, SPARING]


def test_a_stage_without_expressions_gets_its_first() -> None:
    assert expressions(spare_faults(stage("Pod", next={}))) == [SPARING]


def test_a_stage_that_deletes_pods_applies_to_faulty_pods_too() -> None:
    for deleting in ({"next": {"delete": True}}, {"steps": [{"event": {}}, {"delete": True}]}):
        assert expressions(spare_faults(stage("Pod", **deleting))) == []


def test_stages_of_nodes_and_other_documents_stay_as_they_are() -> None:
    for document in (stage("Node", next={}), {"kind": "ClusterLogs", "spec": {}}):
        assert spare_faults(document) == document


def test_the_document_given_is_not_changed() -> None:
    given = stage("Pod", selector={"matchExpressions": []}, next={})
    spare_faults(given)
    assert given["spec"]["selector"]["matchExpressions"] == []


def test_the_standard_set_is_every_file_and_the_stages_of_our_own(tmp_path: Path) -> None:
    (tmp_path / "b.yaml").write_text(written([stage("Pod", next={}), stage("Node", next={})]))
    (tmp_path / "a.yaml").write_text("---\n" + written([stage("Node", next={})]))
    documents = standard(tmp_path)
    assert len(documents) == 3 + 1 + len(volume_stages())
    assert all(SPARING in expressions(d) for d in documents if d["spec"]["resourceRef"]["kind"] == "Pod")
    assert list(yaml.safe_load_all(written(documents))) == documents


def test_claims_are_served_for_the_class_that_is_the_default() -> None:
    annotations = storage_class()["metadata"]["annotations"]
    assert annotations == {"storageclass.kubernetes.io/is-default-class": "true"}
    assert f"'{storage_class()['metadata']['name']}'" in written(volume_stages())
