"""Secrets in a cluster: made once, kept, never shown, and remembered by the data they opened."""

from __future__ import annotations

import base64

import pytest

from allup import Password, Provided, RsaPrivateKey, RsaPublicKey, Secret, Tls, Token, Uuid, config_secret
from allup.errors import AllupError, InputError
from allup.model import labels
from allup.model.secrets import SecretKey
from allup.run.progress import Action
from tests.cluster.platforms_for_tests import Instance, claim, deployment

pytestmark = pytest.mark.cluster

CANARY = "canary-5f3a9c-value"


def values(instance: Instance, name: str) -> dict[str, str]:
    data = instance.get(f"Secret/{name}")["data"]
    return {key: base64.b64decode(value).decode() for key, value in data.items()}


def test_generated_values_are_made_once_and_kept(instance: Instance) -> None:
    keys: dict[str, SecretKey] = {
        "password": Password(length=20),
        "token": Token(),
        "uuid": Uuid(),
        "key.pem": RsaPrivateKey(),
        "key.pub": RsaPublicKey(of="key.pem"),
        "tls.crt": Tls(bundle="web", part="certificate", dns_names=("web",)),
        "tls.key": Tls(bundle="web", part="private-key", dns_names=("web",)),
    }
    part = instance.part("keys", secrets=[Secret("keys", keys)])
    instance.up(part)
    before = values(instance, "keys")
    assert len(before["password"]) == 20
    assert "BEGIN RSA PRIVATE KEY" in before["key.pem"]
    told = instance.up(part)
    assert told.did() == {"Secret/keys": Action.UNCHANGED}
    instance.down(part)
    instance.up(part)
    assert values(instance, "keys") == before


def test_only_a_key_that_is_missing_is_made(instance: Instance) -> None:
    one = {"one": Password()}
    instance.up(instance.part("keys", secrets=[Secret("keys", one)]))
    before = values(instance, "keys")["one"]
    told = instance.up(instance.part("keys", secrets=[Secret("keys", {**one, "two": Password()})]))
    assert told.did() == {"Secret/keys": Action.CHANGED}
    after = values(instance, "keys")
    assert after["one"] == before
    assert len(after["two"]) == 24


def test_a_provided_value_that_nobody_gives_is_refused_before_anything_is_touched(
    instance: Instance,
) -> None:
    part = instance.part("key", secrets=[Secret("key", {"token": Provided(env="THE_TOKEN")})])
    with pytest.raises(InputError, match="THE_TOKEN"):
        instance.up(part)
    assert instance.find(f"Namespace/{instance.namespace}") is None


def test_a_value_once_given_is_kept_and_taken_out_of_the_environment(instance: Instance) -> None:
    part = instance.part("key", secrets=[Secret("key", {"token": Provided(env="THE_TOKEN")})])
    given = instance.given()
    given.environ["THE_TOKEN"] = CANARY
    with given.variables() as variables:
        assert variables.pop("THE_TOKEN") == CANARY
    assert "THE_TOKEN" not in given.environ
    instance.environ["THE_TOKEN"] = CANARY
    instance.up(part)
    del instance.environ["THE_TOKEN"]
    assert instance.up(part).did() == {"Secret/key": Action.UNCHANGED}
    assert values(instance, "key") == {"token": CANARY}


def test_an_evaluation_value_stands_in_on_a_sandbox_is_marked_and_gives_way(instance: Instance) -> None:
    secret = Secret("license", {"key": Provided(env="THE_KEY", evaluation="EVALUATION-ONLY")})
    part = instance.part("license", secrets=[secret])
    instance.up(part)
    found = instance.get("Secret/license")
    assert found["metadata"]["annotations"][labels.EVALUATION] == "true"
    instance.environ["THE_KEY"] = CANARY
    instance.up(part)
    found = instance.get("Secret/license")
    assert labels.EVALUATION not in (found["metadata"].get("annotations") or {})
    assert values(instance, "license") == {"key": CANARY}


def test_no_secret_value_is_in_any_report_or_any_object_but_its_own(instance: Instance) -> None:
    (instance.folder / "config").mkdir()
    (instance.folder / "config" / "app.conf").write_text("token={{ secrets.given.token }}\n")
    bad = deployment("app", fault="cannot-pull")
    bad["spec"]["template"]["spec"]["containers"][0]["envFrom"] = [{"secretRef": {"name": "given"}}]
    part = instance.part(
        "app",
        bad,
        secrets=[
            Secret("given", {"token": Provided(env="THE_TOKEN")}),
            Secret("made", {"password": Password()}),
        ],
        configs=[config_secret("app-conf", "app.conf")],
    )
    instance.environ["THE_TOKEN"] = CANARY
    told = instance.up(part)
    assert told.outcome == "failed"
    hidden = [CANARY, values(instance, "made")["password"]]
    hidden += [base64.b64encode(value.encode()).decode() for value in hidden]
    text = "\n".join(map(repr, told.progress))
    own = {"Secret/given", "Secret/made", "Secret/app-conf"}
    for kind in ("ConfigMap", "Secret", "Deployment", "ReplicaSet", "Pod", "Event"):
        for item in instance.items(kind):
            if f"{kind}/{item['metadata']['name']}" not in own:
                text += repr(item)
    for value in hidden:
        assert value not in text


def test_data_made_with_another_secret_is_refused_with_the_way_out(instance: Instance) -> None:
    part = instance.part(
        "db",
        claim("data"),
        secrets=[Secret("db", {"password": Password()})],
        initialised_by={"data": "db"},
    )
    instance.up(part)
    assert labels.INITIALISED_BY in instance.get("PersistentVolumeClaim/data")["metadata"]["annotations"]
    instance.delete("Secret/db")
    with pytest.raises(AllupError, match="its data was made with other values than Secret db has now"):
        instance.up(part)
    assert instance.find("Secret/db") is None
