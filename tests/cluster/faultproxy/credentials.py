"""An authority of the proxy's own, its way into the cluster, and the kubeconfig that leads to it."""

from __future__ import annotations

import base64
import ssl
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import urllib3
import yaml
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID


class Identity:
    """A self-signed certificate for 127.0.0.1 and its key, in files of *folder*."""

    def __init__(self, folder: Path) -> None:
        key = ec.generate_private_key(ec.SECP256R1())
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "fault proxy")])
        now = datetime.now(UTC)
        certificate = (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(hours=1))
            .not_valid_after(now + timedelta(days=1))
            .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), False)
            .add_extension(x509.BasicConstraints(ca=True, path_length=None), True)
            .sign(key, hashes.SHA256())
        )
        self.certificate = folder / "proxy.crt"
        self.key = folder / "proxy.key"
        self.certificate.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
        self.key.write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.NoEncryption(),
            )
        )

    def context(self) -> ssl.SSLContext:
        """For the server's side of a connection."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.certificate, self.key)
        return context


class Upstream:
    """The real API server, with the client certificate of its kubeconfig."""

    def __init__(self, kubeconfig: Path, folder: Path) -> None:
        settings = yaml.safe_load(kubeconfig.read_text())
        cluster, user = settings["clusters"][0]["cluster"], settings["users"][0]["user"]
        self.server = str(cluster["server"]).rstrip("/")
        self.pool = urllib3.PoolManager(
            maxsize=64,
            ca_certs=_file(cluster, "certificate-authority", folder),
            cert_file=_file(user, "client-certificate", folder),
            key_file=_file(user, "client-key", folder),
        )


def kubeconfig_to(port: int, identity: Identity, file: Path, user: Mapping[str, Any]) -> Path:
    """Writes a kubeconfig with the one context ``proxied``."""
    cluster = {"server": f"https://127.0.0.1:{port}", "certificate-authority": str(identity.certificate)}
    file.write_text(
        yaml.safe_dump(
            {
                "apiVersion": "v1",
                "kind": "Config",
                "clusters": [{"name": "proxied", "cluster": cluster}],
                "users": [{"name": "proxied", "user": dict(user)}],
                "contexts": [{"name": "proxied", "context": {"cluster": "proxied", "user": "proxied"}}],
            }
        )
    )
    return file


def _file(section: Mapping[str, str], key: str, folder: Path) -> str:
    if key in section:
        return section[key]
    path = folder / key
    path.write_bytes(base64.b64decode(section[f"{key}-data"]))
    path.chmod(0o600)
    return str(path)
