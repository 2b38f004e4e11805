"""The values of a Secret: given now, else kept in the cluster, else generated, else refused.

Nothing here prints, stores or logs a value, and no repr shows one.
"""

from __future__ import annotations

import string
import uuid
from collections.abc import Callable, Mapping, MutableMapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import PurePath
from typing import TYPE_CHECKING, Protocol

from allup.errors import InputError, did_you_mean
from allup.model.secrets import (
    Password,
    Provided,
    RsaPrivateKey,
    RsaPublicKey,
    Secret,
    Tls,
    Token,
    Uuid,
)

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric import rsa

SHORTEST_MASKED = 8
"""Shorter values cannot be masked by value (``allup.redaction``)."""

KEPT = "kept in the cluster"
GENERATED = "generated"
EVALUATION = "evaluation"

ReadFile = Callable[[str], str | None]
"""A path in (``-`` is standard input), its text out; None when there is no such file."""


class SecretRandom(Protocol):
    """Where random bytes come from. Keys and certificates always use the operating system's."""

    def bytes(self, count: int) -> bytes:
        """*count* unpredictable bytes."""


class SystemRandom:
    """The operating system's cryptographic source."""

    def bytes(self, count: int) -> bytes:
        """*count* bytes of ``secrets.token_bytes``."""
        import secrets

        return secrets.token_bytes(count)


@dataclass(frozen=True)
class SecretValues:
    """The values of one Secret by key, and in words where each is from; *values* is not in the repr.

    *evaluation* is True when one of them is the stand-in for a sandbox.
    """

    values: dict[str, str] = field(repr=False)
    origins: dict[str, str]
    evaluation: bool = False
    warnings: tuple[str, ...] = ()


def resolve_secret(
    secret: Secret,
    *,
    existing: Mapping[str, str] | None,
    environ: MutableMapping[str, str],
    read_file: ReadFile,
    sandbox: bool,
    random: SecretRandom,
    now: datetime,
    folder: str = "",
) -> SecretValues:
    """All keys of *secret* with their values.

    *existing* are the decoded values that the cluster has, None when there is no such Secret. Variables
    that were looked at are removed from *environ*, so that no child process inherits them; so a variable
    serves one key. Fallback files are relative to *folder*. *now* is aware (UTC) and begins the validity
    of new certificates.

    Raises InputError when a value is missing, or was given and is empty, blank or not UTF-8.
    """
    resolution = _Resolution(secret, dict(existing or {}), environ, read_file, sandbox, random, now, folder)
    for key, spec in secret.keys.items():
        if isinstance(spec, Provided):
            resolution.provided(key, spec)
        elif isinstance(spec, (Password, Token, Uuid, RsaPrivateKey)):
            resolution.generated(key, spec)
    for key, spec in secret.keys.items():
        if isinstance(spec, RsaPublicKey):
            resolution.public_half(key, spec)
    for bundle in dict.fromkeys(spec.bundle for spec in secret.keys.values() if isinstance(spec, Tls)):
        resolution.tls_bundle(bundle)
    return SecretValues(
        {key: resolution.values[key] for key in secret.keys},
        {key: resolution.origins[key] for key in secret.keys},
        resolution.evaluation,
        tuple(resolution.warnings),
    )


class _Resolution:
    def __init__(
        self,
        secret: Secret,
        existing: dict[str, str],
        environ: MutableMapping[str, str],
        read_file: ReadFile,
        sandbox: bool,
        random: SecretRandom,
        now: datetime,
        folder: str,
    ) -> None:
        self.secret = secret
        self.existing = {key: value for key, value in existing.items() if value}
        self.environ = environ
        self.read_file = read_file
        self.sandbox = sandbox
        self.random = random
        self.now = now
        self.folder = folder
        self.values: dict[str, str] = {}
        self.origins: dict[str, str] = {}
        self.warnings: list[str] = []
        self.evaluation = False

    def subject(self, key: str) -> str:
        return f"Secret {self.secret.name!r}, key {key!r}"

    def take(self, key: str, value: str, origin: str) -> None:
        self.values[key] = value
        self.origins[key] = origin

    # ── provided ─────────────────────────────────────────────────────────────────────────────────────

    def provided(self, key: str, spec: Provided) -> None:
        given = self.given(key, spec)
        if given is not None:
            value, origin = given
            self.take(key, value, origin)
            self.warn_when_short(key, value)
        elif key in self.existing:
            self.take(key, self.existing[key], KEPT)
        elif self.sandbox and spec.evaluation is not None:
            self.take(key, spec.evaluation, EVALUATION)
        else:
            raise self.missing(key, spec)
        if self.values[key] == spec.evaluation:
            self.evaluation = True

    def given(self, key: str, spec: Provided) -> tuple[str, str] | None:
        """Value and origin from file, variable or fallback file. The variable is taken away in any case."""
        variable = self.environ.pop(spec.env, None) if spec.env else None
        if spec.file:
            origin = "standard input" if spec.file == "-" else f"file {spec.file}"
            text = self.read_file(spec.file)
            if text is None:
                raise InputError(
                    self.subject(key), f"its file {spec.file} does not exist", next_step=spec.help
                )
            return self.sound(key, text, origin, spec.help), origin
        if variable is not None:
            origin = f"variable {spec.env}"
            return self.sound(key, variable, origin, spec.help), origin
        for fallback in spec.fallbacks:
            path = str(PurePath(self.folder, fallback))
            text = self.read_file(path)
            if text is not None:
                return self.sound(key, text, f"file {path}", spec.help), f"file {path}"
        return None

    def sound(self, key: str, text: str, origin: str, help: str) -> str:
        """*text* without trailing newlines; raises InputError when nothing or no text is left."""
        if not text.strip():
            raise InputError(self.subject(key), f"the value from {origin} is empty", next_step=help)
        if any(0xD800 <= ord(character) <= 0xDFFF for character in text):
            raise InputError(self.subject(key), f"the value from {origin} is not UTF-8 text", next_step=help)
        return text.rstrip("\r\n")

    def warn_when_short(self, key: str, value: str) -> None:
        if len(value) < SHORTEST_MASKED:
            self.warnings.append(
                f"{self.subject(key)}: the value has fewer than {SHORTEST_MASKED} characters, so it cannot be"
                " masked where it turns up in logs or messages."
            )

    def missing(self, key: str, spec: Provided) -> InputError:
        ways = [f"set the variable {spec.env}"] if spec.env else []
        if spec.fallbacks:
            paths = (str(PurePath(self.folder, fallback)) for fallback in spec.fallbacks)
            ways.append("put it in the file " + " or ".join(paths))
        way = ", or ".join(ways)
        way = way[:1].upper() + way[1:] + ("" if not way or way.endswith(".") else ".")
        evidence = "" if self.sandbox or spec.evaluation is None else "Its stand-in is for sandboxes only"
        return InputError(
            self.subject(key),
            "has no value: none was given and the cluster has none",
            evidence=evidence,
            next_step=f"{way} {spec.help}".strip(),
        )

    # ── generated ────────────────────────────────────────────────────────────────────────────────────

    def generated(self, key: str, spec: Password | Token | Uuid | RsaPrivateKey) -> None:
        if isinstance(spec, Password) and spec.env:
            variable = self.environ.pop(spec.env, None)
            if variable is not None:
                origin = f"variable {spec.env}"
                value = self.sound(key, variable, origin, f"Unset {spec.env} to have one generated")
                self.take(key, value, origin)
                self.warn_when_short(key, value)
                return
        if key in self.existing:
            self.take(key, self.existing[key], KEPT)
            return
        match spec:
            case Password():
                value = _password(self.random, spec.length)
            case Token():
                value = _token(self.random, spec.bytes)
            case Uuid():
                value = str(uuid.UUID(bytes=self.random.bytes(16), version=4))
            case RsaPrivateKey():
                value = _rsa_private_key(spec.bits)
        self.take(key, value, GENERATED)

    def public_half(self, key: str, spec: RsaPublicKey) -> None:
        if not isinstance(self.secret.keys.get(spec.of), RsaPrivateKey):
            raise InputError(
                self.subject(key),
                f"is the public half of {spec.of!r}, which is no RsaPrivateKey of this Secret"
                f"{did_you_mean(spec.of, self.secret.keys)}",
            )
        if self.origins[spec.of] == KEPT and key in self.existing:
            self.take(key, self.existing[key], KEPT)
            return
        public = _rsa_public_key(self.values[spec.of])
        if public is None:
            raise InputError(
                self.subject(key),
                f"cannot be derived: what the cluster has under {spec.of!r} is no RSA private key",
            )
        self.take(key, public, f"derived from {spec.of}")

    def tls_bundle(self, bundle: str) -> None:
        parts = {
            key: spec
            for key, spec in self.secret.keys.items()
            if isinstance(spec, Tls) and spec.bundle == bundle
        }
        if all(key in self.existing for key in parts):
            for key in parts:
                self.take(key, self.existing[key], KEPT)
            return
        names = tuple(dict.fromkeys(name for spec in parts.values() for name in spec.dns_names))
        if not names:
            raise InputError(
                self.subject(next(iter(parts))), "a server certificate needs at least one DNS name"
            )
        made = _tls(names, min(spec.days for spec in parts.values()), self.now, self.secret.name)
        for key, spec in parts.items():
            self.take(key, made[spec.part], GENERATED)


_ALPHABET = string.ascii_letters + string.digits


def _password(random: SecretRandom, length: int) -> str:
    """Letters and digits, each as likely: bytes beyond the last whole multiple of 62 are thrown away."""
    limit = 256 - 256 % len(_ALPHABET)
    characters: list[str] = []
    while len(characters) < length:
        fair = (byte for byte in random.bytes(2 * length) if byte < limit)
        characters += (_ALPHABET[byte % len(_ALPHABET)] for byte in fair)
    return "".join(characters[:length])


def _token(random: SecretRandom, count: int) -> str:
    import base64

    return base64.urlsafe_b64encode(random.bytes(count)).rstrip(b"=").decode()


def _new_rsa_key(bits: int) -> rsa.RSAPrivateKey:
    from cryptography.hazmat.primitives.asymmetric import rsa

    return rsa.generate_private_key(public_exponent=65537, key_size=bits)


def _private_pem(key: rsa.RSAPrivateKey) -> str:
    from cryptography.hazmat.primitives import serialization as form

    return key.private_bytes(
        form.Encoding.PEM, form.PrivateFormat.TraditionalOpenSSL, form.NoEncryption()
    ).decode()


def _rsa_private_key(bits: int) -> str:
    return _private_pem(_new_rsa_key(bits))


def _rsa_public_key(private_pem: str) -> str | None:
    """The public half (``BEGIN PUBLIC KEY``, as ``openssl rsa -pubout`` writes it), None for no RSA key."""
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives import serialization as form
    from cryptography.hazmat.primitives.asymmetric import rsa

    try:
        key = form.load_pem_private_key(private_pem.encode(), password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        return None
    if not isinstance(key, rsa.RSAPrivateKey):
        return None
    public = key.public_key()
    return public.public_bytes(form.Encoding.PEM, form.PublicFormat.SubjectPublicKeyInfo).decode()


_CLOCK_SKEW = timedelta(minutes=5)


def _tls(names: tuple[str, ...], days: int, now: datetime, owner: str) -> dict[str, str]:
    """The parts of a new bundle: a server certificate for *names*, its RSA key, and the CA that signed it.

    Clients need authority and subject key identifiers and a critical CA constraint (RFC 5280, 4.2.1).
    """
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives import serialization as form
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

    def named(common_name: str) -> x509.Name:
        return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name[:64])])

    def usage(*, ca: bool) -> x509.KeyUsage:
        return x509.KeyUsage(
            digital_signature=True,
            content_commitment=False,
            key_encipherment=not ca,
            data_encipherment=False,
            key_agreement=False,
            key_cert_sign=ca,
            crl_sign=ca,
            encipher_only=False,
            decipher_only=False,
        )

    ca_key = ec.generate_private_key(ec.SECP256R1())
    server_key = _new_rsa_key(2048)
    issuer = named(f"allup CA for {owner}")
    ca_id = x509.SubjectKeyIdentifier.from_public_key(ca_key.public_key())

    def begun(
        subject: x509.Name, key: rsa.RSAPublicKey | ec.EllipticCurvePublicKey
    ) -> x509.CertificateBuilder:
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(issuer)
            .public_key(key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - _CLOCK_SKEW)
            .not_valid_after(now + timedelta(days=days))
        )

    ca = (
        begun(issuer, ca_key.public_key())
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(usage(ca=True), critical=True)
        .add_extension(ca_id, critical=False)
        .sign(ca_key, hashes.SHA256())
    )
    server = (
        begun(named(names[0]), server_key.public_key())
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(usage(ca=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name) for name in names]), critical=False)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(server_key.public_key()), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(ca_id), critical=False)
        .sign(ca_key, hashes.SHA256())
    )
    return {
        "certificate": server.public_bytes(form.Encoding.PEM).decode(),
        "private-key": _private_pem(server_key),
        "ca-certificate": ca.public_bytes(form.Encoding.PEM).decode(),
    }
