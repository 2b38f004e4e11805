"""The values of one Secret: given now, else kept in the cluster, else made, else refused.

Nothing here touches a cluster or a file by itself; what exists, the environment, the reading of files,
randomness and time are handed in.
"""

from __future__ import annotations

import base64
import secrets
import string
import uuid
from collections.abc import Callable, Iterable, Mapping, MutableMapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from allup import registrylogin
from allup.errors import InputError
from allup.model.secrets import (
    Password,
    Provided,
    RegistryLogin,
    RsaPrivateKey,
    RsaPublicKey,
    Secret,
    Tls,
    Token,
    Uuid,
)
from allup.redaction import SHORTEST

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

KEPT = "kept"
EVALUATION = "evaluation value"
GENERATED = "generated"

_BY_VARIABLE = (Provided, Password, Uuid)  # the kinds whose value a variable may give
_CLOCK_SKEW = timedelta(hours=1)
_RENEWED_BEFORE = timedelta(days=30)
_CA_OF = "CA of "  # how the CAs made here are called, and known again
_LONGEST_COMMON_NAME = 64  # RFC 5280, ub-common-name-length


@dataclass(frozen=True)
class SecretValues:
    """Values and where each came from, by key. *evaluation* says that a stand-in is among them;
    *warnings* are sentences for the person."""

    values: dict[str, str] = field(repr=False)
    origins: dict[str, str]
    evaluation: bool
    warnings: tuple[str, ...]


class SecretRandom:
    """Cryptographic randomness; a test passes another one."""

    def password(self, length: int) -> str:
        """*length* letters and digits."""
        alphabet = string.ascii_letters + string.digits
        return "".join(secrets.choice(alphabet) for _ in range(length))

    def token(self, nbytes: int) -> str:
        """*nbytes* random bytes as URL-safe base64, with its padding."""
        return base64.urlsafe_b64encode(secrets.token_bytes(nbytes)).decode()

    def uuid4(self) -> str:
        """A random UUID in its usual spelling."""
        return str(uuid.uuid4())


def resolve_secret(
    secret: Secret,
    *,
    existing: Mapping[str, str] | None,
    environ: MutableMapping[str, str],
    read_file: Callable[[str], str | None],
    sandbox: bool,
    random: SecretRandom,
    now: datetime,
) -> SecretValues:
    """The value of every key of *secret*; *existing* is what the cluster holds, None for no such Secret.

    The variables of its keys are gone from *environ* afterwards, also when this raises and when a file
    was used instead: no child process shall inherit them. *read_file* takes a path or ``-`` (standard
    input, read once) and returns None when there is no such file. *now* must know its time zone.

    Raises InputError when a key is neither given nor kept nor can be made, or what was given is blank.
    """
    variables = {key.env for key in secret.keys.values() if isinstance(key, _BY_VARIABLE) and key.env}
    given = {name: environ.pop(name) for name in sorted(variables) if name in environ}
    kept = {key: value for key, value in (existing or {}).items() if value.strip()}
    resolution = _Resolution(secret, kept, given, _read_once(read_file), sandbox, random, now)
    return resolution.resolve()


def _read_once(read_file: Callable[[str], str | None]) -> Callable[[str], str | None]:
    """Two keys may name standard input, which can be read only once."""
    read: dict[str, str | None] = {}

    def cached(path: str) -> str | None:
        if path not in read:
            read[path] = read_file(path)
        return read[path]

    return cached


@dataclass(repr=False)
class _Resolution:
    """One Secret on its way to its values."""

    secret: Secret
    kept: Mapping[str, str]
    variables: Mapping[str, str]
    read_file: Callable[[str], str | None]
    sandbox: bool
    random: SecretRandom
    now: datetime
    values: dict[str, str] = field(default_factory=dict)
    origins: dict[str, str] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)

    def resolve(self) -> SecretValues:
        keys = self.secret.keys
        for name, key in keys.items():
            if isinstance(key, Provided):
                self.provided(name, key)
            elif isinstance(key, Password | Uuid) and key.env in self.variables:
                self.give(name, self.variables[key.env].rstrip("\r\n"), f"variable {key.env}")
            elif isinstance(key, Password | Token | Uuid | RsaPrivateKey):
                self.generated(name, key)
            if isinstance(key, Password) and self.values[name] in key.refused:
                raise InputError(
                    self.subject(name),
                    f"is {self.values[name]!r}, which is refused here",
                    evidence=key.refused_because[:1].upper() + key.refused_because[1:],
                    next_step=f"Set {key.env} to another one" if key.env else "",
                )
        for bundle in dict.fromkeys(key.bundle for key in keys.values() if isinstance(key, Tls)):
            self.bundle({n: k for n, k in keys.items() if isinstance(k, Tls) and k.bundle == bundle})
        for name, key in keys.items():
            if isinstance(key, RsaPublicKey):
                self.public_key(name, key)
        evaluation = EVALUATION in self.origins.values()
        return SecretValues(
            {name: self.values[name] for name in keys},
            {name: self.origins[name] for name in keys},
            evaluation,
            tuple(self.warnings),
        )

    def subject(self, name: str) -> str:
        return f"Secret {self.secret.name!r}, key {name!r}"

    def put(self, name: str, value: str, origin: str) -> None:
        self.values[name] = value
        self.origins[name] = origin

    def give(self, name: str, value: str, origin: str, help: str = "") -> None:
        """Takes what a person gave."""
        if not value.strip():
            raise InputError(
                self.subject(name),
                f"the {origin} is blank" if origin != "standard input" else "standard input is blank",
                evidence="Nothing was touched",
                next_step=help,
            )
        if len(value) < SHORTEST:
            self.warnings.append(
                f"{self.subject(name)}: the value from {origin} has fewer than {SHORTEST} characters,"
                " too few to be masked wherever it turns up"
            )
        self.put(name, value, origin)

    def provided(self, name: str, key: Provided) -> None:
        if isinstance(key, RegistryLogin):
            return self.registry_login(name, key)
        if key.file:
            origin = "standard input" if key.file == "-" else f"file {key.file}"
            text = self.read_file(key.file)
            if text is None:
                raise InputError(
                    self.subject(name),
                    f"there is no file {key.file}" if key.file != "-" else "standard input is closed",
                    evidence="Nothing was touched",
                    next_step=key.help,
                )
            return self.give(name, text.rstrip(), origin, key.help)
        if key.env in self.variables:
            return self.give(name, self.variables[key.env].rstrip(), f"variable {key.env}", key.help)
        for path in key.fallbacks:
            text = self.read_file(path)
            if text is not None:
                return self.give(name, text.rstrip(), f"file {path}", key.help)
        if name in self.kept:
            return self.put(name, self.kept[name], KEPT)
        if key.evaluation is not None and self.sandbox:
            return self.put(name, key.evaluation, EVALUATION)
        raise self.refusal(name, key)

    def registry_login(self, name: str, key: RegistryLogin) -> None:
        if key.file:
            text = self.read_file(key.file)
            if text is None:
                raise InputError(self.subject(name), f"there is no file {key.file}", next_step=key.help)
            made = registrylogin.from_docker_config(text, key.file, key.server)
            return self.put(name, made, f"file {key.file}")
        if key.env in self.variables:
            self.give(name, self.variables[key.env].rstrip("\r\n"), f"variable {key.env}", key.help)
            password = self.values[name]
            made = registrylogin.of_password(key.server, key.user, password, key.email, self.subject(name))
            return self.put(name, made, f"variable {key.env}")
        if name in self.kept and registrylogin.is_of(self.kept[name], key.server, key.user):
            return self.put(name, self.kept[name], KEPT)
        raise self.refusal(name, key)

    def refusal(self, name: str, key: Provided) -> InputError:
        tried = [f"the variable {key.env} is not set"] if key.env else []
        if key.fallbacks:
            tried.append(f"there is no file {' or '.join(key.fallbacks)}")
        tried.append("the cluster holds none" + (" for it" if isinstance(key, RegistryLogin) else ""))
        return InputError(
            self.subject(name),
            f"has no value: {', '.join(tried)}",
            evidence="Refused before anything is touched",
            next_step=key.help or (f"Set {key.env}" if key.env else ""),
        )

    def generated(self, name: str, key: Password | Token | Uuid | RsaPrivateKey) -> None:
        if name in self.kept:
            return self.put(name, self.kept[name], KEPT)
        if isinstance(key, Password):
            value = self.random.password(key.length)
        elif isinstance(key, Token):
            value = self.random.token(key.bytes)
        elif isinstance(key, Uuid):
            value = self.random.uuid4()
        else:
            value = _private_pem(_new_rsa_key(key.bits), pkcs1=True)
        return self.put(name, value, GENERATED)

    def public_key(self, name: str, key: RsaPublicKey) -> None:
        if not isinstance(self.secret.keys.get(key.of), RsaPrivateKey):
            raise InputError(
                self.subject(name),
                f"is the public half of {key.of!r}, which is not an RSA key of this Secret",
            )
        public = _public_half(self.values[key.of], key.form)
        if public is None:
            raise InputError(
                self.subject(key.of),
                "what the cluster holds is not an RSA private key in PEM without a passphrase",
                evidence="Nothing was touched",
                next_step="Put the key back, or delete the Secret to have a new one made",
            )
        same = self.kept.get(name, "").strip() == public.strip()
        self.put(name, public, KEPT if same else GENERATED)

    def bundle(self, keys: Mapping[str, Tls]) -> None:
        names = dict.fromkeys(name for key in keys.values() for name in key.dns_names)
        if not names:
            raise InputError(self.subject(next(iter(keys))), "a server certificate needs a DNS name")
        if all(name in self.kept for name in keys):
            certificate = next((name for name, key in keys.items() if key.part == "certificate"), "")
            state = _judge_certificate(self.kept.get(certificate, ""), names, self.now)
            if state.wrong:
                verdict = "is made anew" if state.ours else "is left, since it was not made here"
                self.warnings.append(f"{self.subject(certificate)}: {state.wrong}; it {verdict}")
            if not (state.wrong and state.ours):
                for name in keys:
                    self.put(name, self.kept[name], KEPT)
                return
        parts = _new_certificate(names, min(key.days for key in keys.values()), self.now)
        for name, key in keys.items():
            self.put(name, parts[key.part], GENERATED)


def _new_rsa_key(bits: int) -> RSAPrivateKey:
    from cryptography.hazmat.primitives.asymmetric import rsa

    return rsa.generate_private_key(public_exponent=65537, key_size=bits)


def _private_pem(key: RSAPrivateKey, *, pkcs1: bool) -> str:
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

    form = PrivateFormat.TraditionalOpenSSL if pkcs1 else PrivateFormat.PKCS8
    return key.private_bytes(Encoding.PEM, form, NoEncryption()).decode()


def _public_half(private: str, form: str) -> str | None:
    """``BEGIN PUBLIC KEY`` (what ``openssl rsa -pubout`` writes), or ``ssh-rsa …`` (what ``ssh-keygen -y``
    writes) in the form ``openssh``; None when *private* is no RSA key."""
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key

    try:
        key = load_pem_private_key(private.encode(), password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        return None
    if not isinstance(key, RSAPrivateKey):
        return None
    public = key.public_key()
    if form == "openssh":
        return public.public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH).decode() + "\n"
    return public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()


@dataclass(frozen=True)
class _Certificate:
    """What is *wrong* with a certificate (``""``: nothing), and whether it is one of *ours*."""

    wrong: str = ""
    ours: bool = True


def _judge_certificate(pem: str, names: Iterable[str], now: datetime) -> _Certificate:
    """A certificate against the names it has to be for. Ours is known by its issuer; what cannot be read, or
    is no part of the bundle, is nobody's business here."""
    from cryptography import x509
    from cryptography.x509.oid import NameOID

    try:
        found = x509.load_pem_x509_certificate(pem.encode())
        issuer = found.issuer.get_attributes_for_oid(NameOID.COMMON_NAME)
        alternatives = found.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except (ValueError, x509.ExtensionNotFound):
        return _Certificate()
    ours = any(str(one.value).startswith(_CA_OF) for one in issuer)
    held = set(alternatives.get_values_for_type(x509.DNSName))
    if lacking := [name for name in names if name not in held]:
        return _Certificate(f"the certificate is not for {', '.join(lacking)}", ours)
    lifetime = found.not_valid_after_utc - found.not_valid_before_utc
    if found.not_valid_after_utc - now < min(_RENEWED_BEFORE, lifetime / 3):
        return _Certificate(f"the certificate ends on {found.not_valid_after_utc:%Y-%m-%d}", ours)
    return _Certificate()


def _new_certificate(dns_names: Iterable[str], days: int, now: datetime) -> dict[str, str]:
    """A server certificate for *dns_names*, its key, and the CA that signed it, PEM, by part.

    The CA's own key is forgotten with this call: nothing else can ever be signed with it.
    """
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.hazmat.primitives.serialization import Encoding
    from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

    def named(text: str) -> x509.Name:
        return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])

    def builder(subject: x509.Name, public: Any) -> x509.CertificateBuilder:
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(issuer)
            .public_key(public)
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - _CLOCK_SKEW)
            .not_valid_after(now + timedelta(days=days))
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
            .add_extension(authority, critical=False)
        )

    names = list(dns_names)
    common_name = next((name for name in names if len(name) <= _LONGEST_COMMON_NAME), "server")
    issuer = named(f"{_CA_OF}{common_name}"[:_LONGEST_COMMON_NAME])
    ca_key, server_key = ec.generate_private_key(ec.SECP256R1()), _new_rsa_key(2048)
    authority = x509.AuthorityKeyIdentifier.from_issuer_public_key(ca_key.public_key())
    ca = (
        builder(issuer, ca_key.public_key())
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(x509, "key_cert_sign", "crl_sign"), critical=True)
        .sign(ca_key, hashes.SHA256())
    )
    server = (
        builder(named(common_name), server_key.public_key())
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(x509, "digital_signature", "key_encipherment"), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name) for name in names]), critical=False)
        .sign(ca_key, hashes.SHA256())
    )
    return {
        "certificate": server.public_bytes(Encoding.PEM).decode(),
        "private-key": _private_pem(server_key, pkcs1=False),
        "ca-certificate": ca.public_bytes(Encoding.PEM).decode(),
    }


def _usage(x509: Any, *allowed: str) -> Any:
    uses = (
        "digital_signature",
        "content_commitment",
        "key_encipherment",
        "data_encipherment",
        "key_agreement",
        "key_cert_sign",
        "crl_sign",
        "encipher_only",
        "decipher_only",
    )
    return x509.KeyUsage(**{use: use in allowed for use in uses})
