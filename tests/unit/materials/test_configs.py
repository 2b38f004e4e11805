"""Config texts into ConfigMaps and Secrets, and checksums on the pods that use them."""

from __future__ import annotations

import base64
import hashlib
from typing import Any

import pytest

from allup.configs import (
    SIZE_LIMIT,
    checksummed,
    config_references,
    contents_of,
    render_config,
    ssha_hash,
    template_names,
)
from allup.errors import InputError
from allup.manifests import Desired
from allup.model.labels import CHECKSUM, standard_labels
from allup.model.live import KnownLater, later_texts
from allup.model.platform import Config, config_map, config_secret
from allup.quantities import Quantity
from allup.refs import ObjectRef

SECRETS: dict[str, dict[str, str]] = {
    "ldap": {"admin": "correct-horse"},
    "new": {"key": KnownLater("generated at the first up")},
}


def rendered(config: Config, template: str, **values: Any) -> dict[str, Any]:
    return render_config(
        config,
        dict.fromkeys(config.files.values(), template),
        values,
        platform="shop",
        instance="blue",
        component="web",
        namespace="blue-ns",
        secrets=SECRETS,
        salt_key=b"salt",
    ).body


def text(template: str, **values: Any) -> str:
    data: dict[str, str] = rendered(config_map("c", "c.conf"), template, **values)["data"]
    return data["c.conf"]


def secret_text(template: str) -> str:
    value: str = rendered(config_secret("c", "c.conf"), template)["data"]["c.conf"]
    return value if isinstance(value, KnownLater) else base64.b64decode(value).decode()


def test_a_config_map_has_a_key_per_template_and_the_standard_labels() -> None:
    body = rendered(config_map("c", "ldap/a.conf", other="b.conf"), "x")
    assert body == {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {
            "name": "c",
            "namespace": "blue-ns",
            "labels": standard_labels("shop", "blue", "web"),
        },
        "data": {"a.conf": "x", "other": "x"},
    }


def test_a_config_secret_is_base64_and_may_quote_secrets() -> None:
    body = rendered(config_secret("c", "c.conf"), "pw={{ secrets['ldap']['admin'] }}\n")
    assert (body["kind"], body["type"]) == ("Secret", "Opaque")
    assert base64.b64decode(body["data"]["c.conf"]) == b"pw=correct-horse\n"


def test_block_tags_leave_no_lines_and_the_last_newline_stays() -> None:
    template = "a\n  {% if on %}\nb\n  {% endif %}\n{{ instance }}/{{ namespace }}/{{ platform }}\n"
    assert text(template, on=True) == "a\nb\nblue/blue-ns/shop\n"


def test_booleans_print_as_in_manifests_and_quantities_as_written() -> None:
    assert text("{{ a }} {{ b }} {{ q }} <&>", a=True, b=False, q=Quantity("1Gi")) == "true false 1Gi <&>"


@pytest.mark.parametrize(
    ("template", "line", "fact"),
    [
        ("\n\n{{ workr }}", 3, "'workr' is not a known value (did you mean 'worker'?)"),
        ("\n{{ worker.size }}", 2, "there is no 'size'"),
        ("\n{{ worker", 2, "not a sound template"),
        ("\n{% oops %}", 2, "oops"),
        ("\n{{ worker | uper }}", 2, "did you mean 'upper'"),
        ("\n{{ nothing }}", 2, "is None"),
        ("\n{{ worker / 0 }}", 2, "division by zero"),
        ("\n\n{{ secrets['ldap']['admin'] }}", 3, "must not quote a secret"),
        ("{% if false %}\n{{ secrets }}{% endif %}", 2, "must not quote a secret"),
    ],
)
def test_a_mistake_in_a_template_is_said_with_file_and_line(template: str, line: int, fact: str) -> None:
    with pytest.raises(InputError) as caught:
        text(template, worker=1, nothing=None)
    assert caught.value.subject == f"config/c.conf:{line}"
    assert fact in str(caught.value)


@pytest.mark.parametrize(
    ("template", "fact"),
    [
        ("{{ secrets['ldpa']['admin'] }}", "no Secret 'ldpa' (did you mean 'ldap'?)"),
        ("{{ secrets.ldap.admn }}", "no key 'admn' (did you mean 'admin'?)"),
        ("{{ secrets['ldap'] }}", "lacks its key"),
        ("{{ secrets }}", "lacks a name"),
    ],
)
def test_a_secret_that_is_not_there_is_refused_without_showing_any(template: str, fact: str) -> None:
    with pytest.raises(InputError) as caught:
        secret_text("\n" + template)
    assert caught.value.subject == "config/c.conf:2"
    assert fact in str(caught.value)
    assert "correct-horse" not in str(caught.value)


def test_a_text_with_a_value_known_later_is_known_later_and_others_are_not() -> None:
    later = KnownLater("known after nfs is up")
    assert isinstance(text("host={{ ip }}", ip=later), KnownLater)
    assert isinstance(text("host={{ nfs.ip }}", nfs={"ip": later}), KnownLater)
    assert not isinstance(text("host=x", ip=later), KnownLater)
    assert isinstance(secret_text("{{ secrets.new.key }}"), KnownLater)
    assert secret_text("{{ secrets.ldap.admin }}") == "correct-horse"


def test_a_long_text_says_in_a_plan_only_what_is_known_later() -> None:
    later = KnownLater("known after nfs is up")
    rendered = text("<h1>Homes</h1>\nhost={{ nfs.ip }}\n", nfs={"ip": later})
    assert later_texts({"page": rendered}) == {"known after nfs is up"}
    assert later_texts(secret_text("a={{ secrets.new.key }}\n")) == {"generated at the first up"}


def test_over_a_mebibyte_is_refused() -> None:
    with pytest.raises(InputError, match=rf"ConfigMap/c: has {SIZE_LIMIT + 1} bytes"):
        text("{{ 'x' * n }}", n=SIZE_LIMIT + 1)
    assert len(text("{{ 'x' * n }}", n=SIZE_LIMIT)) == SIZE_LIMIT


def test_template_names_are_what_it_looks_for_outside_itself() -> None:
    assert template_names("{% set a = b %}{{ a }}{% for c in d %}{{ c.e }}{% endfor %}", "p") == {"b", "d"}


def test_an_ssha_hash_checks_out_and_is_the_same_in_the_next_run() -> None:
    hashed = secret_text("{{ secrets.ldap.admin | ssha }}")
    assert hashed == secret_text("{{ secrets.ldap.admin | ssha }}") == ssha_hash("correct-horse", b"salt")
    raw = base64.b64decode(hashed.removeprefix("{SSHA}"))
    digest, salt = raw[:20], raw[20:]
    assert digest == hashlib.sha1(b"correct-horse" + salt).digest()
    assert ssha_hash("correct-horse", b"other salt key") != hashed
    assert isinstance(secret_text("{{ secrets.new.key | ssha }}"), KnownLater)


# ── checksums ──

CONFIG = ObjectRef("", "ConfigMap", "ns", "config")
KEYS = ObjectRef("", "Secret", "ns", "keys")
CONTENTS = {CONFIG: {"a": "1", "b": "2"}, KEYS: {"k": "djE="}}


def workload(pod_spec: dict[str, Any], kind: str = "Deployment") -> Desired:
    template = {"metadata": {"labels": {"app": "w"}}, "spec": pod_spec}
    spec: dict[str, Any] = {"template": template}
    if kind == "CronJob":
        spec = {"jobTemplate": {"spec": spec}}
    group = "batch" if kind == "CronJob" else "apps"
    return Desired(ObjectRef(group, kind, "ns", "w"), {"kind": kind, "spec": spec}, "web", "web.yaml:1")


def checksum(desired: Desired, contents: Any = CONTENTS, key: bytes | None = b"key") -> Any:
    (done,) = checksummed([desired], contents, key)
    template = done.body["spec"]
    if done.ref.kind == "CronJob":
        template = template["jobTemplate"]["spec"]
    return template["template"]["metadata"].get("annotations", {}).get(CHECKSUM)


VOLUME = {"volumes": [{"name": "c", "configMap": {"name": "config"}}]}


@pytest.mark.parametrize(
    ("pod_spec", "used"),
    [
        (VOLUME, ("ConfigMap", "config")),
        ({"volumes": [{"name": "k", "secret": {"secretName": "keys"}}]}, ("Secret", "keys")),
        ({"volumes": [{"projected": {"sources": [{"secret": {"name": "keys"}}]}}]}, ("Secret", "keys")),
        (
            {"volumes": [{"projected": {"sources": [{"configMap": {"name": "config"}}]}}]},
            ("ConfigMap", "config"),
        ),
        ({"containers": [{"envFrom": [{"configMapRef": {"name": "config"}}]}]}, ("ConfigMap", "config")),
        ({"initContainers": [{"envFrom": [{"secretRef": {"name": "keys"}}]}]}, ("Secret", "keys")),
        (
            {"containers": [{"env": [{"name": "A", "valueFrom": {"secretKeyRef": {"name": "keys"}}}]}]},
            ("Secret", "keys"),
        ),
        (
            {"containers": [{"env": [{"name": "A", "valueFrom": {"configMapKeyRef": {"name": "config"}}}]}]},
            ("ConfigMap", "config"),
        ),
    ],
)
def test_every_way_a_pod_uses_a_config_gives_it_a_checksum(
    pod_spec: dict[str, Any], used: tuple[str, str]
) -> None:
    assert list(config_references(pod_spec)) == [used]
    assert len(checksum(workload(pod_spec))) == 32
    assert len(checksum(workload(pod_spec, "CronJob"))) == 32


def test_what_is_not_of_the_platform_or_not_read_by_the_pod_does_not_count() -> None:
    assert checksum(workload({"volumes": [{"configMap": {"name": "kube-root-ca.crt"}}]})) is None
    assert checksum(workload({"imagePullSecrets": [{"name": "keys"}]})) is None
    assert checksum(workload({})) is None
    service = Desired(ObjectRef("", "Service", "ns", "s"), {"spec": {}}, "web", "web.yaml:1")
    assert checksummed([service], CONTENTS, b"key") == (service,)


def test_the_checksum_moves_with_the_data_and_the_key_but_not_with_their_order() -> None:
    both = {"volumes": [*VOLUME["volumes"], {"secret": {"secretName": "keys"}}]}
    turned = {"volumes": list(reversed(both["volumes"]))}
    reordered = {KEYS: CONTENTS[KEYS], CONFIG: {"b": "2", "a": "1"}}
    first = checksum(workload(both))
    assert first == checksum(workload(turned)) == checksum(workload(both), reordered)
    assert first != checksum(workload(both), {**CONTENTS, KEYS: {"k": "djI="}})
    assert first != checksum(workload(both), key=b"another")
    assert first != checksum(workload(VOLUME))


def test_without_a_key_or_with_data_known_later_the_checksum_is_known_later() -> None:
    assert isinstance(checksum(workload(VOLUME), key=None), KnownLater)
    later = {**CONTENTS, CONFIG: {"a": KnownLater("later")}}
    assert isinstance(checksum(workload(VOLUME), later), KnownLater)
    assert checksum(workload(VOLUME), later) == "known after ConfigMap/ns/config"


def test_the_objects_given_are_left_as_they_are() -> None:
    desired = workload(VOLUME)
    (done,) = checksummed([desired], CONTENTS, b"key")
    assert "annotations" not in desired.body["spec"]["template"]["metadata"]
    assert done.body["spec"]["template"]["metadata"]["labels"] == {"app": "w"}


def test_contents_read_string_data_as_the_data_it_becomes() -> None:
    def secret(**body: Any) -> Desired:
        return Desired(KEYS, {"kind": "Secret", **body}, "web", "web.yaml:1")

    assert contents_of([secret(stringData={"k": "v1"})]) == contents_of([secret(data={"k": "djE="})])
    assert contents_of([workload(VOLUME)]) == {}
