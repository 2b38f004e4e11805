"""Manifests and values into objects."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from allup.errors import InputError
from allup.manifests import Desired, builtin_scope, render, with_crds
from allup.model.labels import COMPONENT, INSTANCE, standard_labels
from allup.model.live import KnownLater, later_texts
from allup.quantities import Quantity
from allup.refs import ObjectRef
from allup.substitution import mentioned, substitute
from allup.yamlfiles import parse_documents

LABELS = standard_labels("shop", "blue", "web")


def rendered(text: str, **values: Any) -> tuple[Desired, ...]:
    documents = parse_documents(text, "web.yaml")
    return render(
        documents,
        values,
        platform="shop",
        instance="blue",
        component="web",
        namespace="blue-ns",
        scope=with_crds(documents),
    )


def one(text: str, **values: Any) -> Desired:
    (desired,) = rendered(text, **values)
    return desired


def substituted(text: str, **values: Any) -> Any:
    (document,) = parse_documents(text, "web.yaml")
    return substitute(document.node, values, "web.yaml")


def refusal(text: str, **values: Any) -> InputError:
    with pytest.raises(InputError) as caught:
        rendered(text, **values)
    return caught.value


CONFIG_MAP = "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: a\n"


# ── ${name} ──


@pytest.mark.parametrize(
    "value", [3, 0.5, True, False, "8080", "", ["a", 1], {"cpu": "1"}, {"a": [{"b": 1}]}]
)
def test_a_plain_scalar_takes_the_type_of_the_value(value: object) -> None:
    assert substituted("a: ${x}", x=value) == {"a": value}
    assert type(substituted("a: ${x}", x=value)["a"]) is type(value)


@pytest.mark.parametrize(
    ("value", "text"), [(3, "3"), (True, "true"), (False, "false"), (0.5, "0.5"), (Quantity("1Gi"), "1Gi")]
)
def test_a_quoted_scalar_and_a_longer_text_are_always_text(value: object, text: str) -> None:
    assert substituted("a: '${x}'\nb: \"${x}\"\nc: v${x}!\nd: |\n  ${x}\n", x=value) == {
        "a": text,
        "b": text,
        "c": f"v{text}!",
        "d": f"{text}\n",
    }


def test_a_quantity_becomes_plain_text_and_a_tuple_a_list() -> None:
    data = substituted("a: ${q}\nb: ${t}", q=Quantity("512Mi"), t=(1, Quantity("2")))
    assert data == {"a": "512Mi", "b": [1, "2"]}
    assert type(data["a"]) is str
    assert type(data["b"][1]) is str


def test_none_removes_the_key_or_the_list_item_and_a_written_null_stays() -> None:
    text = "a: ${x}\nb: ['${x}', 1]\nc:\n- ${x}\nd: null\ne: {f: '${x}'}"
    assert substituted(text, x=None) == {"b": [1], "c": [], "d": None, "e": {}}


def test_two_dollars_keep_a_brace_literal() -> None:
    assert substituted("a: $${x}\nb: ${x} $${x} $$ $x $(x)", x=1) == {"a": "${x}", "b": "1 ${x} $$ $x $(x)"}


def test_keys_are_substituted_too() -> None:
    assert substituted("${label}: 1", label="disk") == {"disk": 1}
    with pytest.raises(InputError, match="'disk' is already"):
        substituted("disk: 1\n${label}: 1", label="disk")


def test_a_value_known_later_stays_so_inside_a_text() -> None:
    later = KnownLater("known after nfs is up")
    data = substituted("a: ${ip}\nb: nfs://${ip}/\nc: plain", ip=later)
    assert isinstance(data["a"], KnownLater)
    assert isinstance(data["b"], KnownLater)
    assert data["b"] == "nfs://known after nfs is up/"
    assert not isinstance(data["c"], KnownLater)
    assert later_texts(data) == {"known after nfs is up"}


@pytest.mark.parametrize(
    ("text", "values", "fact"),
    [
        ("\na: ${workr}", {"worker": 1}, "did you mean 'worker'"),
        ("\na: ${x:-1}", {"x": 1}, "does not hold a name"),
        ("\na: ${}", {}, "does not hold a name"),
        ("\na: ${x", {"x": 1}, "not closed"),
        ("\na: v${x}", {"x": None}, "None"),
        ("\na: v${x}", {"x": [1]}, "a list"),
        ("\na: '${x}'", {"x": {}}, "a mapping"),
        ("\na: ${x}", {"x": {1, 2}}, "a set"),
    ],
)
def test_a_reference_that_cannot_be_filled_names_file_and_line(
    text: str, values: dict[str, Any], fact: str
) -> None:
    with pytest.raises(InputError) as caught:
        substituted(text, **values)
    assert caught.value.subject == "web.yaml:2"
    assert fact in str(caught.value)


def test_mentioned_finds_names_in_values_and_keys_but_no_literals() -> None:
    documents = parse_documents("${k}: a ${v} b\nc: $${no}\nd: ['${w}']", "web.yaml")
    assert mentioned(documents) == {"k", "v", "w"}


@settings(deadline=None)
@given(st.text(st.characters(exclude_characters="${", codec="utf-8")), st.text(st.characters(codec="utf-8")))
def test_a_value_is_never_substituted_again(before: str, value: str) -> None:
    written = json.dumps(f"{before}${{x}}{before}", ensure_ascii=True)
    # PyYAML reads a surrogate pair of JSON escapes as two characters, so those cannot be compared.
    if max(map(ord, before), default=0) < 0x10000:
        assert substituted(f"a: {written}", x=value) == {"a": f"{before}{value}{before}"}


@settings(deadline=None)
@given(st.text(st.characters(exclude_characters="{", codec="ascii")))
def test_text_without_a_brace_is_left_alone(text: str) -> None:
    assert substituted(f"a: {json.dumps(text)}") == {"a": text}


# ── objects ──


def test_an_object_gets_its_namespace_and_the_standard_labels() -> None:
    desired = one(CONFIG_MAP + "  labels: {mine: '1'}\ndata: {p: '${platform} ${instance} ${component}'}")
    assert desired.ref == ObjectRef("", "ConfigMap", "blue-ns", "a")
    assert desired.body["metadata"] == {
        "name": "a",
        "namespace": "blue-ns",
        "labels": {"mine": "1", **LABELS},
    }
    assert desired.body["data"] == {"p": "shop blue web"}
    assert (desired.component, desired.source, desired.known_later) == ("web", "web.yaml:1", False)


WORKLOAD = """
apiVersion: {api}
kind: {kind}
metadata: {{name: w}}
spec:
  selector:
    matchLabels: &labels {{app: w}}
  template:
    metadata:
      labels: *labels
    spec: {{}}
"""


@pytest.mark.parametrize(
    ("api", "kind"),
    [
        ("apps/v1", "Deployment"),
        ("apps/v1", "StatefulSet"),
        ("apps/v1", "DaemonSet"),
        ("apps/v1", "ReplicaSet"),
        ("batch/v1", "Job"),
    ],
)
def test_pods_carry_the_labels_and_selectors_never_do(api: str, kind: str) -> None:
    body = one(WORKLOAD.format(api=api, kind=kind)).body
    assert body["metadata"]["labels"] == LABELS
    assert body["spec"]["template"]["metadata"]["labels"] == {"app": "w", **LABELS}
    assert body["spec"]["selector"] == {"matchLabels": {"app": "w"}}


def test_the_jobs_and_pods_of_a_cronjob_and_the_claims_of_a_statefulset_carry_the_labels() -> None:
    cron, db = rendered(
        """
apiVersion: batch/v1
kind: CronJob
metadata: {name: c}
spec: {jobTemplate: {spec: {ttlSecondsAfterFinished: 5, template: {spec: {}}}}}
---
apiVersion: apps/v1
kind: StatefulSet
metadata: {name: db}
spec: {volumeClaimTemplates: [{metadata: {name: data}}], template: {}}
"""
    )
    job = cron.body["spec"]["jobTemplate"]
    assert job["metadata"]["labels"] == LABELS
    assert job["spec"]["template"]["metadata"]["labels"] == LABELS
    assert db.body["spec"]["volumeClaimTemplates"][0]["metadata"] == {"name": "data", "labels": LABELS}


def test_a_service_selector_stays_as_written() -> None:
    body = one("apiVersion: v1\nkind: Service\nmetadata: {name: s}\nspec: {selector: {app: s}}").body
    assert body["spec"]["selector"] == {"app": "s"}


def test_a_list_comes_apart_into_its_items_each_with_its_own_line() -> None:
    text = "apiVersion: v1\nkind: List\nitems:\n- apiVersion: v1\n  kind: ConfigMap\n  metadata: {name: a}\n"
    a, b = rendered(text + "- {apiVersion: v1, kind: Secret, metadata: {name: b}}\n")
    assert (str(a.ref), a.source) == ("ConfigMap/blue-ns/a", "web.yaml:4")
    assert (str(b.ref), b.source) == ("Secret/blue-ns/b", "web.yaml:7")


def test_known_later_is_seen_however_deep_it_stands() -> None:
    assert one(CONFIG_MAP + "data: {a: {b: ['x ${ip}']}}", ip=KnownLater("later")).known_later


def test_the_same_documents_render_for_two_components_without_touching_each_other() -> None:
    documents = parse_documents(CONFIG_MAP + "data: ${data}\n", "web.yaml")
    data = {"list": [1]}
    place: dict[str, Any] = {
        "platform": "p",
        "instance": "i",
        "namespace": "n",
        "scope": builtin_scope,
    }
    (first,) = render(documents, {"data": data}, component="a", **place)
    (second,) = render(documents, {"data": data}, component="b", **place)
    first.body["data"]["list"].append(2)
    assert second.body["data"] == data == {"list": [1]}
    assert (first.body["metadata"]["labels"][COMPONENT], second.component) == ("a", "b")


@pytest.mark.parametrize(
    ("text", "where", "fact"),
    [
        ("kind: A\nmetadata: {name: a}", 1, "no apiVersion"),
        ("apiVersion: v1\nmetadata: {name: a}", 1, "no kind"),
        ("apiVersion: v1\nkind: ConfigMap\nmetadata: {}", 3, "no metadata.name"),
        ("apiVersion: v1\nkind: ConfigMap", 1, "no metadata.name"),
        ("apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: 12", 4, "not a text"),
        ("- a", 1, "is not an object"),
        (CONFIG_MAP + "status: {}", 5, "status"),
        ("apiVersion: v1\nkind: Namespace\nmetadata: {name: blue}", 2, "Namespace"),
        (
            "apiVersion: batch/v1\nkind: Job\nmetadata: {name: j}\nspec:\n  ttlSecondsAfterFinished: 1",
            5,
            "vanish",
        ),
        (CONFIG_MAP + "  namespace: other\n", 5, "names the namespace 'other'"),
        ("apiVersion: v1\nkind: PersistentVolume\nmetadata:\n  name: nfs", 4, "must begin with 'blue-'"),
        (
            "apiVersion: v1\nkind: PersistentVolume\nmetadata:\n  name: blue-nfs\n  namespace: blue-ns",
            5,
            "has no namespace",
        ),
        (CONFIG_MAP + f"  labels:\n    {INSTANCE}: red", 6, "has to set it to 'blue'"),
        (CONFIG_MAP + "  labels: [a]", 5, "labels is not a mapping"),
        (CONFIG_MAP + "---\n" + CONFIG_MAP, 6, "ConfigMap/blue-ns/a is described twice. Also in web.yaml:1"),
    ],
)
def test_what_must_not_be_applied_is_refused_with_file_and_line(text: str, where: int, fact: str) -> None:
    error = refusal(text)
    assert error.subject == f"web.yaml:{where}"
    assert fact in str(error)
    assert error.exit_code == 2


def test_who_an_object_is_must_not_be_known_later() -> None:
    assert "metadata.name would only be known later" in str(
        refusal("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: 'a-${x}'}", x=KnownLater("later"))
    )


def test_the_right_namespace_and_the_right_label_may_be_written_out() -> None:
    text = CONFIG_MAP + f"  namespace: ${{namespace}}\n  labels: {{{INSTANCE}: '${{instance}}'}}\n"
    assert one(text).ref.namespace == "blue-ns"


def test_cluster_scoped_names_begin_with_the_instance_unless_others_name_them() -> None:
    text = """
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: {name: "${instance}-reader"}
---
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: things.example.org}
spec: {group: example.org, scope: Cluster, names: {kind: Thing}}
---
apiVersion: example.org/v1
kind: Thing
metadata: {name: blue-thing}
---
apiVersion: elsewhere.org/v1
kind: Thing
metadata: {name: t}
"""
    assert [str(desired.ref) for desired in rendered(text)] == [
        "ClusterRole/blue-reader",
        "CustomResourceDefinition/things.example.org",
        "Thing/blue-thing",
        "Thing/blue-ns/t",
    ]


@pytest.mark.parametrize(
    ("group", "kind", "namespaced"),
    [
        ("", "Pod", True),
        ("", "PersistentVolume", False),
        ("storage.k8s.io", "StorageClass", False),
        ("storage.k8s.io", "CSIStorageCapacity", True),
        ("networking.k8s.io", "Ingress", True),
        ("networking.k8s.io", "IngressClass", False),
        ("example.org", "Pod", None),
    ],
)
def test_the_scope_of_kubernetes_own_kinds_is_known(group: str, kind: str, namespaced: bool | None) -> None:
    assert builtin_scope(group, kind) is namespaced


def test_a_thousand_deployments_are_assembled_within_half_a_second() -> None:
    text = "\n---\n".join(
        f"""apiVersion: apps/v1
kind: Deployment
metadata: {{name: d{number}}}
spec:
  replicas: ${{n}}
  selector: {{matchLabels: {{app: d{number}}}}}
  template:
    metadata: {{labels: {{app: d{number}}}}}
    spec:
      containers:
      - {{name: a, image: "busybox:${{tag}}", env: [{{name: A, value: "1"}}]}}"""
        for number in range(1000)
    )
    documents = parse_documents(text, "many.yaml")
    place: dict[str, Any] = {"platform": "p", "instance": "i", "namespace": "n", "component": "c"}
    begun = time.process_time()
    desired = render(documents, {"n": 1, "tag": "1"}, scope=builtin_scope, **place)
    assert time.process_time() - begun < 0.5
    assert len(desired) == 1000
    assert desired[-1].body["spec"]["replicas"] == 1
