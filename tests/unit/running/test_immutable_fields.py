"""What cannot be changed in place: told from what to what, with a way out that leads on."""

from __future__ import annotations

from allup.errors import AllupError, ImmutableField
from allup.manifests import Desired
from allup.refs import ObjectRef
from allup.run.conflicts import immutable

# As Kubernetes 1.36 answers, shortened.
CLAIM = """PersistentVolumeClaim "data" is invalid: spec: Forbidden: spec is immutable after creation
@@ -10,7 +10,7 @@
  "VolumeName": "pvc-1",
- "StorageClassName": "standard",
+ "StorageClassName": "slow",
  "VolumeMode": "Filesystem","""
SELECTOR = 'Deployment.apps "web" is invalid: spec.selector: Invalid value: field is immutable'


def told(kind: str, fact: str, field: str) -> AllupError:
    desired = Desired(
        ObjectRef("", kind, "n", "data"), {"kind": kind, "metadata": {}}, "store", "store.yaml:1"
    )
    return immutable(
        ImmutableField("PATCH", fact, details={"causes": [{"field": field}]}), desired, "inv p.store-down"
    )


def test_a_claim_is_told_by_what_would_change_and_its_data_is_not_given_up_lightly() -> None:
    assert str(told("PersistentVolumeClaim", CLAIM, "spec")) == (
        "PersistentVolumeClaim/n/data: spec cannot be changed in place: "
        'StorageClassName "standard" → "slow". '
        "Go back to what it was; or give up its data (inv p.store-down --purge) and bring it up again."
    )


def test_what_holds_no_data_is_made_anew_by_down_and_up() -> None:
    error = told("Deployment", SELECTOR, "spec.selector")
    assert error.fact == "spec.selector cannot be changed in place"
    assert error.evidence == SELECTOR
    assert error.next_step == "Take the component down (inv p.store-down) and up again"


def test_the_values_of_a_secret_are_not_told() -> None:
    assert "standard" not in str(told("Secret", CLAIM.replace("StorageClassName", "password"), "data"))
