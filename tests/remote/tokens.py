"""Tokens of another age, signed by the cluster's own key: nobody waits an hour, and no shorter is granted."""

from __future__ import annotations

import base64
import json
import time
from pathlib import Path

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature


def of_age(key_file: Path, good: str, *, made: int, ends: int) -> str:
    """The claims of *good*, a ServiceAccount's token, made and ending so many seconds from now, signed
    with the key in *key_file* (ES256, RFC 7518)."""
    header, payload, _ = good.split(".")
    claims = json.loads(_decoded(payload))
    now = int(time.time())
    claims |= {"iat": now + made, "nbf": now + made, "exp": now + ends}
    key = serialization.load_pem_private_key(key_file.read_bytes(), None)
    assert isinstance(key, ec.EllipticCurvePrivateKey)
    signed = f"{header}.{_encoded(json.dumps(claims).encode())}"
    r, s = decode_dss_signature(key.sign(signed.encode(), ec.ECDSA(hashes.SHA256())))
    return f"{signed}.{_encoded(r.to_bytes(32, 'big') + s.to_bytes(32, 'big'))}"


def _decoded(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def _encoded(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")
