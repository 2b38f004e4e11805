"""Given now, else kept, else made, else refused; and never shown."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key

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
from allup.secretvalues import SecretRandom, SecretValues, resolve_secret

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
NAMES = ("openldap", "openldap.rstudio.svc")


class Counting(SecretRandom):
    """Predictable, and never the same twice."""

    def __init__(self) -> None:
        self.made = 0

    def password(self, length: int) -> str:
        self.made += 1
        return f"{self.made:0{length}d}"


def license_key(**more: Any) -> Provided:
    return Provided(env="RSP_LICENSE", help="Set RSP_LICENSE or give --license-file", **more)


def resolved(
    keys: Mapping[str, SecretKey],
    *,
    existing: Mapping[str, str] | None = None,
    environ: dict[str, str] | None = None,
    files: Mapping[str, str] | None = None,
    sandbox: bool = False,
    random: SecretRandom | None = None,
    now: datetime = NOW,
) -> SecretValues:
    return resolve_secret(
        Secret("license", keys),
        existing=existing,
        environ={} if environ is None else environ,
        read_file=(files or {}).get,
        sandbox=sandbox,
        random=random or SecretRandom(),
        now=now,
    )


EVERYWHERE: list[tuple[str, str]] = [
    ("file given.lic", "from-file"),
    ("variable RSP_LICENSE", "from-variable"),
    ("file ../rsp", "from-fallback"),
    ("kept", "from-cluster"),
    ("evaluation value", "evaluation-only"),
]


@pytest.mark.parametrize("absent", range(len(EVERYWHERE)))
def test_a_provided_value_is_looked_for_in_the_documented_order(absent: int) -> None:
    there = {origin for origin, _ in EVERYWHERE[absent:]}
    found = resolved(
        {
            "rsp": license_key(
                file="given.lic" if "file given.lic" in there else "",
                fallbacks=("secrets/rsp", "../rsp"),
                evaluation="evaluation-only",
            )
        },
        environ={"RSP_LICENSE": "from-variable\n"} if "variable RSP_LICENSE" in there else {},
        files={
            "given.lic": "from-file \r\n\n",
            **({"../rsp": "from-fallback\n"} if "file ../rsp" in there else {}),
        },
        existing={"rsp": "from-cluster"} if "kept" in there else None,
        sandbox=True,
    )
    origin, value = EVERYWHERE[absent]
    assert found.values == {"rsp": value}
    assert found.origins == {"rsp": origin}
    assert found.evaluation == (origin == "evaluation value")


def test_a_dash_reads_standard_input_once_for_all_keys() -> None:
    answers = iter(["typed-by-hand\n"])
    found = resolve_secret(
        Secret("license", {"a": license_key(file="-"), "b": license_key(file="-")}),
        existing=None,
        environ={},
        read_file=lambda path: next(answers) if path == "-" else None,
        sandbox=False,
        random=SecretRandom(),
        now=NOW,
    )
    assert found.values == {"a": "typed-by-hand", "b": "typed-by-hand"}
    assert found.origins["a"] == "standard input"


def test_a_missing_value_is_refused_with_every_place_that_was_tried() -> None:
    with pytest.raises(InputError) as caught:
        resolved({"rsp": license_key(fallbacks=("secrets/rsp", "../rsp"), evaluation="x")})
    assert str(caught.value) == (
        "Secret 'license', key 'rsp': has no value: the variable RSP_LICENSE is not set, there is no file"
        " secrets/rsp or ../rsp, the cluster holds none. Refused before anything is touched."
        " Set RSP_LICENSE or give --license-file."
    )


def test_a_named_file_that_is_not_there_is_refused_even_if_the_variable_is_set() -> None:
    with pytest.raises(InputError, match=r"there is no file gone\.lic"):
        resolved({"rsp": license_key(file="gone.lic")}, environ={"RSP_LICENSE": "a-long-value"})


@pytest.mark.parametrize("blank", ["", "  \n"])
def test_a_blank_value_is_refused_wherever_it_came_from(blank: str) -> None:
    with pytest.raises(InputError, match="variable RSP_LICENSE is blank"):
        resolved({"rsp": license_key()}, environ={"RSP_LICENSE": blank}, existing={"rsp": "in-cluster"})
    with pytest.raises(InputError, match="file given is blank"):
        resolved({"rsp": license_key(file="given")}, files={"given": blank})
    with pytest.raises(InputError, match="file fallback is blank"):
        resolved({"rsp": license_key(fallbacks=("fallback",))}, files={"fallback": blank})
    with pytest.raises(InputError, match="variable LDAP_PASSWORD is blank"):
        resolved({"p": Password(env="LDAP_PASSWORD")}, environ={"LDAP_PASSWORD": blank})


@pytest.mark.parametrize("file", ["", "given", "gone"])
def test_the_variable_is_gone_from_the_environment_afterwards(file: str) -> None:
    environ = {"RSP_LICENSE": "a-long-value", "PATH": "/bin"}
    try:
        resolved({"rsp": license_key(file=file)}, environ=environ, files={"given": "another-value"})
    except InputError:
        assert file == "gone"
    assert environ == {"PATH": "/bin"}


def test_a_short_value_is_taken_with_a_warning_that_does_not_show_it() -> None:
    found = resolved({"rsp": license_key()}, environ={"RSP_LICENSE": "seven77"})
    assert found.values == {"rsp": "seven77"}
    assert len(found.warnings) == 1
    assert "fewer than 8 characters" in found.warnings[0]
    assert "seven77" not in found.warnings[0]


def test_its_repr_shows_no_value() -> None:
    found = resolved({"rsp": license_key()}, environ={"RSP_LICENSE": "a-long-value"})
    assert "a-long-value" not in repr(found)
    assert "variable RSP_LICENSE" in repr(found)


def test_a_passwords_variable_wins_over_what_the_cluster_holds() -> None:
    keys = {"p": Password(env="LDAP_PASSWORD")}
    found = resolved(keys, environ={"LDAP_PASSWORD": " a-new-one \n"}, existing={"p": "the-old-one"})
    assert found.values == {"p": " a-new-one "}
    assert found.origins == {"p": "variable LDAP_PASSWORD"}


def test_only_the_missing_keys_are_made() -> None:
    random = Counting()
    keys = {"old": Password(), "new": Password(length=9), "empty": Password(length=8)}
    found = resolved(keys, existing={"old": "the-old-one", "empty": ""}, random=random)
    assert found.values == {"old": "the-old-one", "new": "000000001", "empty": "00000002"}
    assert found.origins == {"old": "kept", "new": "generated", "empty": "generated"}


def test_what_is_made_has_the_declared_shape() -> None:
    found = resolved({"p": Password(length=30), "t": Token(bytes=33), "u": Uuid()}).values
    assert len(found["p"]) == 30
    assert found["p"].isalnum()
    assert len(found["t"]) == 44
    assert uuid.UUID(found["u"]).version == 4
    assert resolved({"p": Password()}).values != resolved({"p": Password()}).values


RSA: dict[str, SecretKey] = {"launcher.pub": RsaPublicKey(of="launcher.pem"), "launcher.pem": RsaPrivateKey()}


def test_the_public_key_is_always_the_half_of_the_private_one() -> None:
    first = resolved(RSA)
    assert first.values["launcher.pem"].startswith("-----BEGIN RSA PRIVATE KEY-----\n")
    private = load_pem_private_key(first.values["launcher.pem"].encode(), password=None)
    public = private.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    assert first.values["launcher.pub"] == public.decode()
    again = resolved(RSA, existing={**first.values, "launcher.pub": "of another key"})
    assert again.values == first.values
    assert again.origins == {"launcher.pub": "generated", "launcher.pem": "kept"}
    assert set(resolved(RSA, existing=first.values).origins.values()) == {"kept"}


def test_a_kept_private_key_that_cannot_be_read_is_refused_without_showing_it() -> None:
    with pytest.raises(InputError, match="not an RSA private key") as caught:
        resolved(RSA, existing={"launcher.pem": "rubbish-in-there"})
    assert "rubbish-in-there" not in str(caught.value)


TLS: dict[str, SecretKey] = {
    "ldap.crt": Tls(bundle="ldap", part="certificate", dns_names=NAMES),
    "ldap.key": Tls(bundle="ldap", part="private-key", dns_names=NAMES),
    "ca.crt": Tls(bundle="ldap", part="ca-certificate", dns_names=NAMES),
}


def test_a_certificate_is_for_its_names_and_signed_by_its_ca() -> None:
    made = resolved(TLS).values
    server = x509.load_pem_x509_certificate(made["ldap.crt"].encode())
    ca = x509.load_pem_x509_certificate(made["ca.crt"].encode())
    key = load_pem_private_key(made["ldap.key"].encode(), password=None)
    server.verify_directly_issued_by(ca)
    ca.verify_directly_issued_by(ca)
    assert isinstance(key, RSAPrivateKey)
    assert key.key_size == 2048
    assert key.public_key() == server.public_key()
    alternatives = server.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert tuple(alternatives.get_values_for_type(x509.DNSName)) == NAMES
    assert server.not_valid_before_utc <= NOW
    assert server.not_valid_after_utc == NOW + timedelta(days=3650)


def test_a_client_that_trusts_the_ca_accepts_the_certificate() -> None:
    from cryptography.x509 import verification

    made = resolved(TLS).values
    ca = x509.load_pem_x509_certificate(made["ca.crt"].encode())
    verifier = (
        verification.PolicyBuilder()
        .store(verification.Store([ca]))
        .time(NOW)
        .build_server_verifier(x509.DNSName(NAMES[1]))
    )
    assert verifier.verify(x509.load_pem_x509_certificate(made["ldap.crt"].encode()), [])


def named_otherwise(*names: str) -> dict[str, SecretKey]:
    return {name: replace(key, dns_names=names) for name, key in TLS.items() if isinstance(key, Tls)}


def test_a_certificate_is_made_anew_when_a_name_is_missing_and_kept_when_one_is_too_many() -> None:
    first = resolved(TLS)
    assert set(resolved(named_otherwise(NAMES[0]), existing=first.values).origins.values()) == {"kept"}
    moved = resolved(named_otherwise(*NAMES, "openldap.elsewhere.svc"), existing=first.values)
    assert set(moved.origins.values()) == {"generated"}
    (warning,) = moved.warnings
    assert warning.endswith("the certificate is not for openldap.elsewhere.svc; it is made anew")
    again = resolved(named_otherwise(*NAMES, "openldap.elsewhere.svc"), existing=moved.values)
    assert again.values == moved.values
    assert again.warnings == ()


@pytest.mark.parametrize(
    ("days", "passed", "origin"), [(90, 59, "kept"), (90, 61, "generated"), (3, 1, "kept")]
)
def test_a_certificate_is_made_anew_in_its_last_month(days: int, passed: int, origin: str) -> None:
    limited = {name: replace(key, days=days) for name, key in TLS.items() if isinstance(key, Tls)}
    made = resolved(limited).values
    found = resolved(limited, existing=made, now=NOW + timedelta(days=passed))
    assert set(found.origins.values()) == {origin}
    assert [("ends on" in text) for text in found.warnings] == [True] * (origin == "generated")


def test_a_certificate_that_somebody_else_made_is_left_with_a_warning() -> None:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "Example Corp")])
    theirs = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(NOW)
        .not_valid_after(NOW + timedelta(days=365))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("ldap.example.com")]), critical=False)
        .sign(key, SHA256())
    )
    kept = {**resolved(TLS).values, "ldap.crt": theirs.public_bytes(Encoding.PEM).decode()}
    found = resolved(TLS, existing=kept)
    assert found.values == kept
    assert "it is left, since it was not made here" in found.warnings[0]


def test_a_whole_bundle_is_kept_and_a_part_of_one_is_made_anew() -> None:
    first = resolved(TLS)
    assert resolved(TLS, existing=first.values).values == first.values
    rest = {name: value for name, value in first.values.items() if name != "ca.crt"}
    anew = resolved(TLS, existing=rest)
    assert all(anew.values[name] != first.values[name] for name in TLS)
    assert set(anew.origins.values()) == {"generated"}


def test_a_uuid_may_be_given_by_its_variable_and_is_kept_from_then_on() -> None:
    keys: dict[str, SecretKey] = {"key": Uuid(env="OUR_KEY")}
    environ = {"OUR_KEY": "the-key-of-an-old-database"}
    given = resolved(keys, existing={"key": "another"}, environ=environ)
    assert given.values == {"key": "the-key-of-an-old-database"}
    assert given.origins == {"key": "variable OUR_KEY"}
    assert environ == {}
    assert resolved(keys, existing=given.values).origins == {"key": "kept"}


def test_a_public_half_may_be_a_line_for_authorized_keys() -> None:
    keys: dict[str, SecretKey] = {"key": RsaPrivateKey(), "line": RsaPublicKey(of="key", form="openssh")}
    made = resolved(keys)
    private = load_pem_private_key(made.values["key"].encode(), password=None)
    expected = private.public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH).decode()
    assert made.values["line"] == expected + "\n"
    assert set(resolved(keys, existing=made.values).origins.values()) == {"kept"}
