"""Given now, else kept, else generated, else refused."""

from __future__ import annotations

import datetime as dt
import hashlib
import ssl
import string
import uuid
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from allup.errors import InputError
from allup.model.secrets import (
    Password,
    Provided,
    RsaPrivateKey,
    RsaPublicKey,
    Secret,
    SecretKey,
    Tls,
    Token,
    Uuid,
)
from allup.secretvalues import SecretValues, SystemRandom, resolve_secret

NOW = dt.datetime(2026, 1, 2, 3, 4, 5, tzinfo=dt.UTC)


class Counted:
    """Bytes that follow from a seed, so that a test can tell what they became."""

    def __init__(self) -> None:
        self.calls = 0

    def bytes(self, count: int) -> bytes:
        self.calls += 1
        return hashlib.shake_256(str(self.calls).encode()).digest(count)


def resolved(keys: Mapping[str, SecretKey], **given: Any) -> SecretValues:
    files: dict[str, str] = given.pop("files", {})
    arguments: dict[str, Any] = {
        "existing": None,
        "environ": {},
        "read_file": files.get,
        "sandbox": False,
        "random": Counted(),
        "now": NOW,
        "folder": "k8s/shop",
        **given,
    }
    return resolve_secret(Secret("license", keys), **arguments)


def provided(**spec: Any) -> dict[str, SecretKey]:
    return {"key": Provided(**{"env": "LICENSE", "help": "Ask sales.", **spec})}


# ── provided ──

WAYS: dict[str, tuple[str, dict[str, Any]]] = {
    "file": ("file my.lic", {"files": {"my.lic": "from-file\n"}}),
    "variable": ("variable LICENSE", {"environ": {"LICENSE": "from-variable\r\n"}}),
    "fallback": ("file k8s/shop/secrets/rsp", {"files": {"k8s/shop/secrets/rsp": "from-fallback"}}),
    "kept": ("kept in the cluster", {"existing": {"key": "from-kept"}}),
    "evaluation": ("evaluation", {"sandbox": True}),
}


@settings(deadline=None)
@given(st.sets(st.sampled_from(list(WAYS)), min_size=1))
def test_the_first_way_that_has_a_value_wins(ways: set[str]) -> None:
    arguments: dict[str, Any] = {"files": {}}
    for way in ways:
        for name, value in WAYS[way][1].items():
            arguments[name] = {**arguments.get(name, {}), **value} if isinstance(value, dict) else value
    one = resolved(
        provided(
            file="my.lic" if "file" in ways else "",
            fallbacks=("secrets/rsp",),
            evaluation="from-evaluation",
        ),
        **arguments,
    )
    winner = next(way for way in WAYS if way in ways)
    assert one.values == {"key": f"from-{winner}"}
    assert one.origins == {"key": WAYS[winner][0]}
    assert one.evaluation == (winner == "evaluation")


def test_a_value_given_nowhere_is_refused_with_the_ways_to_give_it() -> None:
    with pytest.raises(InputError) as caught:
        resolved(provided(fallbacks=("secrets/rsp",), evaluation="stand-in"))
    assert str(caught.value) == (
        "Secret 'license', key 'key': has no value: none was given and the cluster has none. "
        "Its stand-in is for sandboxes only. "
        "Set the variable LICENSE, or put it in the file k8s/shop/secrets/rsp. Ask sales."
    )


def test_a_variable_is_taken_out_of_the_environment_even_when_a_file_wins() -> None:
    environ = {"LICENSE": "from-variable", "HOME": "/"}
    resolved(provided(file="my.lic"), files={"my.lic": "from-file"}, environ=environ)
    assert environ == {"HOME": "/"}


def test_standard_input_is_called_by_its_name() -> None:
    one = resolved(provided(file="-"), files={"-": "line one\nline two\n\n"})
    assert one.values == {"key": "line one\nline two"}
    assert one.origins == {"key": "standard input"}


@pytest.mark.parametrize(
    ("arguments", "fact"),
    [
        ({"environ": {"LICENSE": ""}}, "the value from variable LICENSE is empty. Ask sales."),
        ({"environ": {"LICENSE": " \n"}}, "the value from variable LICENSE is empty"),
        ({"environ": {"LICENSE": "caf\udce9-license"}}, "is not UTF-8"),
        ({"files": {"k8s/shop/secrets/rsp": "\n"}}, "the value from file k8s/shop/secrets/rsp is empty"),
    ],
)
def test_an_empty_or_unreadable_value_is_refused_although_one_is_kept(
    arguments: dict[str, Any], fact: str
) -> None:
    with pytest.raises(InputError, match=fact.replace(".", r"\.")):
        resolved(provided(fallbacks=("secrets/rsp",)), existing={"key": "from-kept"}, **arguments)


def test_a_file_that_was_asked_for_and_is_not_there_is_refused() -> None:
    with pytest.raises(InputError, match=r"its file my\.lic does not exist"):
        resolved(provided(file="my.lic"), existing={"key": "from-kept"})


def test_a_stand_in_kept_from_an_earlier_run_is_still_marked() -> None:
    one = resolved(provided(evaluation="stand-in"), existing={"key": "stand-in"}, sandbox=True)
    assert one.evaluation
    assert one.origins == {"key": "kept in the cluster"}


def test_a_value_too_short_to_be_masked_is_warned_about_without_showing_it() -> None:
    (warning,) = resolved(provided(), environ={"LICENSE": "s3cret7"}).warnings
    assert "fewer than 8 characters" in warning
    assert "s3cret7" not in warning
    assert resolved(provided(), environ={"LICENSE": "s3cret78"}).warnings == ()


def test_no_value_is_in_the_repr() -> None:
    one = resolved(provided(), environ={"LICENSE": "correct-horse"})
    assert "correct-horse" not in repr(one)
    assert "variable LICENSE" in repr(one)


# ── generated ──


def test_generated_values_have_the_promised_form() -> None:
    one = resolved({"p": Password(length=30), "t": Token(bytes=32), "u": Uuid()})
    assert len(one.values["p"]) == 30
    assert set(one.values["p"]) <= set(string.ascii_letters + string.digits)
    assert len(one.values["t"]) == 43
    assert uuid.UUID(one.values["u"]).version == 4
    assert set(one.origins.values()) == {"generated"}


def test_two_secrets_from_the_system_never_agree() -> None:
    first = resolved({"p": Password(), "t": Token()}, random=SystemRandom())
    second = resolved({"p": Password(), "t": Token()}, random=SystemRandom())
    assert not set(first.values.values()) & set(second.values.values())


def test_only_missing_keys_are_generated() -> None:
    one = resolved({"a": Password(), "b": Password()}, existing={"a": "kept-password", "b": ""})
    assert one.values["a"] == "kept-password"
    assert one.origins == {"a": "kept in the cluster", "b": "generated"}
    again = resolved({"a": Password(), "b": Password()}, existing=one.values)
    assert again.values == one.values


def test_a_password_may_be_given_instead_and_its_variable_goes() -> None:
    environ = {"LDAP_PASSWORD": "correct-horse"}
    one = resolved({"a": Password(env="LDAP_PASSWORD")}, existing={"a": "kept-password"}, environ=environ)
    assert one.values == {"a": "correct-horse"}
    assert environ == {}
    with pytest.raises(InputError, match="Unset LDAP_PASSWORD to have one generated"):
        resolved({"a": Password(env="LDAP_PASSWORD")}, environ={"LDAP_PASSWORD": ""})


RSA: dict[str, SecretKey] = {"launcher.pub": RsaPublicKey(of="launcher.pem"), "launcher.pem": RsaPrivateKey()}


def public_half(private_pem: str) -> str:
    from cryptography.hazmat.primitives import serialization as form

    public = form.load_pem_private_key(private_pem.encode(), password=None).public_key()
    return public.public_bytes(form.Encoding.PEM, form.PublicFormat.SubjectPublicKeyInfo).decode()


def test_the_public_half_belongs_to_the_private_one_and_is_made_again_when_missing() -> None:
    one = resolved(RSA)
    assert list(one.values) == ["launcher.pub", "launcher.pem"]
    private = one.values["launcher.pem"]
    assert private.startswith("-----BEGIN RSA PRIVATE KEY-----\n")
    assert one.values["launcher.pub"] == public_half(private)
    kept = resolved(RSA, existing={"launcher.pem": private})
    assert kept.values == one.values
    assert kept.origins == {
        "launcher.pem": "kept in the cluster",
        "launcher.pub": "derived from launcher.pem",
    }
    assert resolved(RSA, existing=one.values).origins["launcher.pub"] == "kept in the cluster"
    renewed = resolved(RSA, existing={"launcher.pub": one.values["launcher.pub"]})
    assert (
        renewed.values["launcher.pub"] == public_half(renewed.values["launcher.pem"]) != public_half(private)
    )


def test_a_kept_key_that_is_no_rsa_key_and_a_public_half_of_nothing_are_refused() -> None:
    with pytest.raises(InputError, match="no RSA private key") as caught:
        resolved(RSA, existing={"launcher.pem": "not-a-key-at-all"})
    assert "not-a-key-at-all" not in str(caught.value)
    with pytest.raises(InputError, match=r"did you mean 'a\.pem'"):
        resolved({"a.pem": RsaPrivateKey(), "a.pub": RsaPublicKey(of="apem")})


NAMES = ("openldap", "openldap.blue.svc")
BUNDLE: dict[str, SecretKey] = {
    "tls.crt": Tls(bundle="ldap", part="certificate", dns_names=NAMES, days=30),
    "tls.key": Tls(bundle="ldap", part="private-key", dns_names=NAMES, days=30),
    "ca.crt": Tls(bundle="ldap", part="ca-certificate", dns_names=NAMES, days=30),
}


def test_a_tls_bundle_is_a_certificate_its_key_and_the_ca_that_signed_it() -> None:
    from cryptography import x509
    from cryptography.hazmat.primitives import serialization as form
    from cryptography.hazmat.primitives.asymmetric import rsa

    values = resolved(BUNDLE).values
    server = x509.load_pem_x509_certificate(values["tls.crt"].encode())
    ca = x509.load_pem_x509_certificate(values["ca.crt"].encode())
    server.verify_directly_issued_by(ca)
    key = form.load_pem_private_key(values["tls.key"].encode(), password=None)
    assert isinstance(key, rsa.RSAPrivateKey)
    assert key.public_key() == server.public_key()
    names = server.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert tuple(names.get_values_for_type(x509.DNSName)) == NAMES
    assert server.not_valid_before_utc < NOW < server.not_valid_after_utc == NOW + dt.timedelta(days=30)


def test_a_client_that_verifies_strictly_accepts_the_bundle(tmp_path: Any) -> None:
    values = resolved(BUNDLE, now=dt.datetime.now(dt.UTC)).values
    for name, value in values.items():
        (tmp_path / name).write_text(value)
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(tmp_path / "tls.crt", tmp_path / "tls.key")
    client = ssl.create_default_context(cafile=str(tmp_path / "ca.crt"))
    client.verify_flags |= ssl.VERIFY_X509_STRICT
    up, down = ssl.MemoryBIO(), ssl.MemoryBIO()
    here = client.wrap_bio(down, up, server_hostname="openldap.blue.svc")
    there = server.wrap_bio(up, down, server_side=True)
    for _ in range(3):
        for side in (here, there):
            try:
                side.do_handshake()
            except ssl.SSLWantReadError:
                continue
    assert here.version() == there.version() == "TLSv1.3"


def test_a_whole_bundle_is_kept_and_one_with_a_part_missing_is_made_anew() -> None:
    values = resolved(BUNDLE).values
    assert resolved(BUNDLE, existing=values).values == values
    renewed = resolved(BUNDLE, existing={key: values[key] for key in ("tls.crt", "tls.key")})
    assert all(renewed.values[key] != values[key] for key in values)
    assert set(renewed.origins.values()) == {"generated"}
