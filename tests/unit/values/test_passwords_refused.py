"""Passwords that are refused, log-ins to registries, and the hash that Jupyter takes."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from datetime import UTC, datetime

import pytest

from allup.configs import jupyter_hash
from allup.errors import InputError
from allup.model.live import KnownLater
from allup.model.secrets import Password, RegistryLogin, Secret, SecretKey
from allup.secretvalues import SecretRandom, SecretValues, resolve_secret


def resolved(
    key: SecretKey,
    *,
    existing: Mapping[str, str] | None = None,
    environ: dict[str, str] | None = None,
    files: Mapping[str, str] | None = None,
) -> SecretValues:
    return resolve_secret(
        Secret("one", {"key": key}),
        existing=existing,
        environ={} if environ is None else environ,
        read_file=(files or {}).get,
        sandbox=True,
        random=SecretRandom(),
        now=datetime(2026, 3, 1, tzinfo=UTC),
    )


PASSWORD = Password(env="JUPYTER_PASSWORD", refused=("changeme",), refused_because="everybody knows it")


def test_a_refused_password_is_refused_whether_given_or_kept() -> None:
    for given in ({"environ": {"JUPYTER_PASSWORD": "changeme"}}, {"existing": {"key": "changeme"}}):
        with pytest.raises(InputError) as error:
            resolved(PASSWORD, **given)
        assert str(error.value).endswith("Everybody knows it. Set JUPYTER_PASSWORD to another one.")
    assert resolved(PASSWORD, environ={"JUPYTER_PASSWORD": "open-sesame"}).values == {"key": "open-sesame"}
    assert len(resolved(PASSWORD).values["key"]) == 24


LOGIN = RegistryLogin(env="DOCKER_PASSWORD", server="registry.example.org", user="me")


def test_a_log_in_is_made_of_the_variable_which_no_child_inherits() -> None:
    environ = {"DOCKER_PASSWORD": "open-sesame\n"}
    made = resolved(LOGIN, environ=environ)
    assert json.loads(made.values["key"])["auths"]["registry.example.org"]["password"] == "open-sesame"
    assert environ == {}


def test_a_log_in_that_the_cluster_keeps_counts_only_for_the_same_registry_and_user() -> None:
    kept = resolved(LOGIN, environ={"DOCKER_PASSWORD": "open-sesame"}).values
    assert resolved(LOGIN, existing=kept).values == kept
    for other in ("other.example.org", ""):
        with pytest.raises(InputError, match="the cluster holds none for it"):
            resolved(RegistryLogin(env="DOCKER_PASSWORD", server=other, user="me"), existing=kept)
    with pytest.raises(InputError, match="the cluster holds none for it"):
        resolved(RegistryLogin(env="DOCKER_PASSWORD", server=LOGIN.server, user="you"), existing=kept)


def test_a_log_in_comes_from_a_docker_config_when_one_is_named() -> None:
    config = json.dumps(
        {"auths": {"registry.example.org": {"auth": "bWU6cHc="}, "x.example": {"auth": "eDp5"}}}
    )
    key = RegistryLogin(env="DOCKER_PASSWORD", file="config.json", server="registry.example.org")
    made = resolved(key, files={"config.json": config}).values["key"]
    assert list(json.loads(made)["auths"]) == ["registry.example.org"]
    with pytest.raises(InputError, match=r"there is no file config\.json"):
        resolved(key)


def test_a_log_in_without_a_user_is_refused() -> None:
    with pytest.raises(InputError, match="no user to log in as"):
        resolved(RegistryLogin(env="DOCKER_PASSWORD"), environ={"DOCKER_PASSWORD": "open-sesame"})


def test_jupyters_hash_is_what_jupyter_checks_and_the_same_each_time() -> None:
    made = jupyter_hash("open-sesame", b"key")
    kind, salt, digest = made.split(":")
    assert kind == "sha256"
    assert digest == hashlib.sha256(("open-sesame" + salt).encode()).hexdigest()
    assert jupyter_hash("open-sesame", b"key") == made
    assert jupyter_hash("open-sesame", b"other") != made
    later = KnownLater("known after the first up")
    assert jupyter_hash(later, b"key") is later
