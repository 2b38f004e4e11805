"""Secrets as a platform declares them: names, keys, and where each value comes from. Never values.

A key is either *provided* by a person (a variable, a file, standard input) or *generated* once and kept.
One Secret holds keys of one sort only: provided ones go on all-down, generated ones stay.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from allup.errors import InputError


@dataclass(frozen=True, kw_only=True)
class Provided:
    """A value a person gives. Looked for in *file* (``-`` is standard input), then in the variable *env*,
    then in *fallbacks* (paths relative to the platform's folder). Trailing newlines are stripped.

    *evaluation* stands in on a sandbox, and only there, and the Secret is marked for it. Without any of
    them the run is refused before anything is touched; *help* ends that sentence.
    """

    env: str
    file: str = ""
    fallbacks: tuple[str, ...] = ()
    evaluation: str | None = None
    help: str = ""


@dataclass(frozen=True, kw_only=True)
class RegistryLogin(Provided):
    """What a Secret of type ``kubernetes.io/dockerconfigjson`` holds in its key ``.dockerconfigjson``.

    Made of *server*, *user*, *email* and the password in the variable *env*; or taken from the docker config
    in *file*, of which only the log-in to *server* (without one: every log-in) goes in.
    """

    server: str = ""
    user: str = ""
    email: str = ""


@dataclass(frozen=True, kw_only=True)
class Password:
    """Letters and digits from a cryptographic source; *env* may give it instead.

    What is in *refused* is refused, given or kept; *refused_because* ends that sentence.
    """

    length: int = 24
    env: str = ""
    refused: tuple[str, ...] = ()
    refused_because: str = ""


@dataclass(frozen=True, kw_only=True)
class Token:
    """*bytes* random bytes, URL-safe base64."""

    bytes: int = 32


@dataclass(frozen=True, kw_only=True)
class Uuid:
    """A random UUID (version 4); *env* may give the value instead, whatever it looks like."""

    env: str = ""


@dataclass(frozen=True, kw_only=True)
class RsaPrivateKey:
    """An RSA private key, PEM (PKCS#1, ``BEGIN RSA PRIVATE KEY``)."""

    bits: int = 2048


@dataclass(frozen=True, kw_only=True)
class RsaPublicKey:
    """The public half of the private key in the key *of* of the same Secret: PEM, or (*form* ``openssh``) a
    line as in ``authorized_keys``."""

    of: str
    form: Literal["pem", "openssh"] = "pem"


@dataclass(frozen=True, kw_only=True)
class Tls:
    """One part of a server certificate with a CA of its own; parts of the same *bundle* belong together.

    If one part is missing all of the bundle is made anew; so it is, with a warning, when the certificate made
    here lacks one of *dns_names* or is in its last 30 days. The CA's private key is not kept.
    """

    bundle: str
    part: Literal["certificate", "private-key", "ca-certificate"]
    dns_names: tuple[str, ...]
    days: int = 3650


Generated = Password | Token | Uuid | RsaPrivateKey | RsaPublicKey | Tls
SecretKey = Provided | Generated


@dataclass(frozen=True)
class Secret:
    """A Secret object by name with its keys. ``rotation`` says what breaks when its values are made anew."""

    name: str
    keys: Mapping[str, SecretKey]
    type: str = "Opaque"
    help: str = field(default="", kw_only=True)
    rotation: str = field(default="", kw_only=True)

    def __post_init__(self) -> None:
        if len({isinstance(key, Provided) for key in self.keys.values()}) > 1:
            raise InputError(
                f"Secret {self.name!r}",
                "mixes provided and generated keys",
                evidence="Provided values go on all-down and generated ones stay",
                next_step="Declare two Secrets",
            )

    @property
    def generated(self) -> bool:
        """True when its values are made here and kept."""
        return not any(isinstance(key, Provided) for key in self.keys.values())


def tls_secret(
    name: str,
    *,
    bundle: str,
    dns_names: tuple[str, ...],
    help: str,
    days: int = 365,
    rotation: str = "browsers that trusted the old CA ask again",
) -> Secret:
    """A ``kubernetes.io/tls`` Secret with a server certificate made here and, as ``ca.crt``, its CA."""
    parts: Mapping[str, Literal["certificate", "private-key", "ca-certificate"]] = {
        "tls.crt": "certificate",
        "tls.key": "private-key",
        "ca.crt": "ca-certificate",
    }
    keys = {key: Tls(bundle=bundle, part=part, dns_names=dns_names, days=days) for key, part in parts.items()}
    return Secret(name, keys, type="kubernetes.io/tls", help=help, rotation=rotation)
