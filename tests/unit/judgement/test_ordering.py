"""The order of objects within one component."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from allup.ordering import in_apply_order, in_delete_order, is_workload
from allup.refs import GroupKind, ObjectRef

APPLIED = (
    *("Namespace", "CustomResourceDefinition.apiextensions.k8s.io", "ServiceAccount", "ConfigMap"),
    *("PersistentVolume", "PersistentVolumeClaim", "Role.rbac.authorization.k8s.io"),
    *("RoleBinding.rbac.authorization.k8s.io", "Service", "Deployment.apps", "Widget.example.com"),
    *("Ingress.networking.k8s.io", "ValidatingWebhookConfiguration.admissionregistration.k8s.io"),
)
DELETED = (
    *("ValidatingWebhookConfiguration.admissionregistration.k8s.io", "Ingress.networking.k8s.io"),
    *("Widget.example.com", "Deployment.apps", "Service", "ConfigMap"),
    *("RoleBinding.rbac.authorization.k8s.io", "Role.rbac.authorization.k8s.io", "ServiceAccount"),
    *("PersistentVolumeClaim", "PersistentVolume", "CustomResourceDefinition.apiextensions.k8s.io"),
    "Namespace",
)
KINDS = st.permutations(APPLIED)


def _ref(kind: str, name: str = "x") -> ObjectRef:
    found = GroupKind.parse(kind)
    return ObjectRef(found.group, found.kind, "demo", name)


@given(KINDS)
def test_what_is_named_is_applied_before_what_names_it(kinds: list[str]) -> None:
    assert tuple(in_apply_order(kinds, _ref)) == APPLIED


@given(KINDS)
def test_doors_close_first_and_data_goes_last(kinds: list[str]) -> None:
    assert tuple(in_delete_order(kinds, _ref)) == DELETED


def test_objects_of_one_rank_keep_the_order_of_the_manifest() -> None:
    refs = [
        _ref("StatefulSet.apps", "b"),
        _ref("Deployment.apps", "a"),
        _ref("Secret", "z"),
        _ref("ConfigMap"),
    ]
    assert in_apply_order(refs, lambda ref: ref) == [refs[2], refs[3], refs[0], refs[1]]
    assert in_delete_order(refs, lambda ref: ref) == refs


def test_a_kind_is_known_by_its_group_too() -> None:
    assert is_workload(_ref("Deployment.apps"))
    assert not is_workload(_ref("Deployment.example.com"))
    knative = _ref("Service.serving.knative.dev")
    assert in_apply_order([knative, _ref("Deployment.apps"), _ref("Service")], lambda ref: ref)[2] == knative
