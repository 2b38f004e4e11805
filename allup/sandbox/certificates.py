"""A certificate authority of the sandbox's own, and what it signs.

Everything that listens asks for a certificate of this authority, and every client checks the server's, so
nobody else on the machine can use the cluster although it listens on a port all users can reach.
"""

from __future__ import annotations

import datetime
import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from allup.sandbox.names import of_node
from allup.sandbox.paths import write_private

_LIFETIME = datetime.timedelta(days=3650)
_SERVER_NAMES = ("localhost", "kubernetes", "kubernetes.default", "kubernetes.default.svc")


@dataclass(frozen=True)
class Wanted:
    """One certificate: file name, common name and organisation (Kubernetes reads them as user and group)."""

    file: str
    common_name: str
    organization: str = ""
    server: bool = False
    client: bool = True


# Components of a sandbox act with full rights: whoever owns the folder owns the cluster anyway.
CERTIFICATES = (
    Wanted("apiserver", "kube-apiserver", server=True, client=False),
    Wanted("etcd", "etcd", server=True),
    Wanted("kwok-server", "kwok", server=True, client=False),
    Wanted("apiserver-etcd-client", "kube-apiserver-etcd-client"),
    Wanted("apiserver-kubelet-client", "kube-apiserver-kubelet-client", "system:masters"),
    Wanted("admin", "kubernetes-admin", "system:masters"),
    Wanted("kube-controller-manager", "system:kube-controller-manager", "system:masters"),
    Wanted("kube-scheduler", "system:kube-scheduler", "system:masters"),
    Wanted("kwok", "kwok", "system:masters"),
)


def for_nodes(names: Sequence[str]) -> tuple[Wanted, ...]:
    """What real nodes of these names need besides; a kubelet has no more rights than its node's."""
    each = (
        wanted
        for number, name in enumerate(names, start=1)
        for wanted in (
            Wanted(of_node("kubelet", number), f"system:node:{name}", "system:nodes"),
            Wanted(of_node("kubelet-server", number), name, server=True, client=False),
        )
    )
    return (
        *each,
        Wanted("kube-proxy", "system:kube-proxy"),
        Wanted("coredns", "coredns", "system:masters"),
        Wanted("local-path-provisioner", "local-path-provisioner", "system:masters"),
    )


def write_all(
    folder: Path,
    *,
    now: datetime.datetime,
    server_addresses: Sequence[str],
    more: Sequence[Wanted] = (),
) -> None:
    """Write ca, CERTIFICATES and *more* (``<file>.crt``, ``<file>.key``), and the service accounts' key pair.

    Keys are readable by their owner alone. What is there already stays, so this can be asked at every start;
    ``ca.crt`` is written last and stands for the whole being complete.
    """
    if (folder / "ca.crt").exists():
        return
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "allup sandbox")])
    authority = (
        _builder(name, name, key.public_key(), now)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(signs=True), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )
    write_private(folder / "ca.key", _private(key))
    for wanted in (*CERTIFICATES, *more):
        own = ec.generate_private_key(ec.SECP256R1())
        write_private(folder / f"{wanted.file}.key", _private(own))
        signed = _sign(wanted, own.public_key(), authority, key, now, server_addresses)
        write_private(folder / f"{wanted.file}.crt", signed.public_bytes(serialization.Encoding.PEM))
    accounts = ec.generate_private_key(ec.SECP256R1())
    write_private(folder / "sa.key", _private(accounts))
    write_private(
        folder / "sa.pub",
        accounts.public_key().public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        ),
    )
    write_private(folder / "ca.crt", authority.public_bytes(serialization.Encoding.PEM))


def _sign(
    wanted: Wanted,
    public: ec.EllipticCurvePublicKey,
    authority: x509.Certificate,
    key: ec.EllipticCurvePrivateKey,
    now: datetime.datetime,
    server_addresses: Sequence[str],
) -> x509.Certificate:
    attributes = [x509.NameAttribute(NameOID.COMMON_NAME, wanted.common_name)]
    if wanted.organization:
        attributes.insert(0, x509.NameAttribute(NameOID.ORGANIZATION_NAME, wanted.organization))
    uses = [
        use
        for use, asked in (
            (ExtendedKeyUsageOID.SERVER_AUTH, wanted.server),
            (ExtendedKeyUsageOID.CLIENT_AUTH, wanted.client),
        )
        if asked
    ]
    builder = (
        _builder(x509.Name(attributes), authority.subject, public, now)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(signs=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage(uses), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(key.public_key()), critical=False)
    )
    if wanted.server:
        alternatives: list[x509.GeneralName] = [x509.DNSName(name) for name in _SERVER_NAMES]
        alternatives += [x509.IPAddress(ipaddress.ip_address(address)) for address in server_addresses]
        builder = builder.add_extension(x509.SubjectAlternativeName(alternatives), critical=False)
    return builder.sign(key, hashes.SHA256())


def _builder(
    subject: x509.Name, issuer: x509.Name, public: ec.EllipticCurvePublicKey, now: datetime.datetime
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(public)
        .serial_number(x509.random_serial_number())
        # An hour early: a clock set back a little must not lock the cluster out.
        .not_valid_before(now - datetime.timedelta(hours=1))
        .not_valid_after(now + _LIFETIME)
    )


def _usage(*, signs: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=True,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=signs,
        crl_sign=signs,
        encipher_only=False,
        decipher_only=False,
    )


def _private(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
