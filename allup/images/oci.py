"""Writes an image as one tar: an OCI image layout, readable as a ``docker save`` archive too.

So ``ctr images import``, ``docker load``, ``kind load image-archive`` and ``buildah pull`` all take it.
Source: OCI image specification 1.1, "Image Layout"; the archive of Docker Engine 25 and later.
"""

from __future__ import annotations

import hashlib
import io
import json
import tarfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from allup.images.layers import MOMENT, Layer
from allup.images.references import Reference

CONTENT = "allup.content"
"""The label that says what an image was made of: equal means there is nothing to do."""

_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
_CONFIG = "application/vnd.oci.image.config.v1+json"
_LAYER = "application/vnd.oci.image.layer.v1.tar"
_INDEX = "application/vnd.oci.image.index.v1+json"
_CREATED = "2023-11-14T22:13:20Z"  # MOMENT


@dataclass(frozen=True)
class Runs:
    """What a container of the image runs when nobody says otherwise."""

    entrypoint: Sequence[str] = ()
    command: Sequence[str] = ()
    folder: str = "/"
    user: str = ""
    environment: Mapping[str, str] | None = None
    signal: str = ""


def write(
    file: Path, layers: Sequence[Layer], runs: Runs, *, names: Sequence[Reference], content: str, machine: str
) -> str:
    """Writes the image to *file* and returns its ``sha256:…``: that of its manifest, by which nodes know it.

    It has every one of *names*, each with a tag.
    """
    config = {
        "created": _CREATED,
        "architecture": machine,
        "os": "linux",
        "config": {
            "Env": [f"{k}={v}" for k, v in sorted((runs.environment or {}).items())],
            "Entrypoint": list(runs.entrypoint) or None,
            "Cmd": list(runs.command) or None,
            "WorkingDir": runs.folder,
            "User": runs.user,
            "Labels": {CONTENT: content},
            **({"StopSignal": runs.signal} if runs.signal else {}),
        },
        "rootfs": {"type": "layers", "diff_ids": [layer.digest for layer in layers]},
        "history": [{"created": _CREATED, "created_by": "allup"} for _ in layers],
    }
    configured = _json(config)
    manifest = _json(
        {
            "schemaVersion": 2,
            "mediaType": _MANIFEST,
            "config": _descriptor(_CONFIG, _sha256(configured), len(configured)),
            "layers": [_descriptor(_LAYER, layer.digest, layer.size) for layer in layers],
        }
    )
    index = _json(
        {
            "schemaVersion": 2,
            "mediaType": _INDEX,
            "manifests": [
                {
                    **_descriptor(_MANIFEST, _sha256(manifest), len(manifest)),
                    "platform": {"architecture": machine, "os": "linux"},
                    "annotations": {
                        "io.containerd.image.name": name.full,
                        "org.opencontainers.image.ref.name": name.tag,
                    },
                }
                for name in names
            ],
        }
    )
    archive = _json(
        [
            {
                "Config": _blob(_sha256(configured)),
                "RepoTags": [str(name) for name in names],
                "Layers": [_blob(layer.digest) for layer in layers],
            }
        ]
    )
    with tarfile.open(file, "w", format=tarfile.PAX_FORMAT) as tar:
        _bytes(tar, "oci-layout", _json({"imageLayoutVersion": "1.0.0"}))
        _bytes(tar, "index.json", index)
        _bytes(tar, "manifest.json", archive)
        _bytes(tar, _blob(_sha256(configured)), configured)
        _bytes(tar, _blob(_sha256(manifest)), manifest)
        for digest, layer in {layer.digest: layer for layer in layers}.items():
            member = _member(_blob(digest), layer.size)
            with layer.file.open("rb") as contents:
                tar.addfile(member, contents)
    return _sha256(manifest)


def _descriptor(media_type: str, digest: str, size: int) -> dict[str, Any]:
    return {"mediaType": media_type, "digest": digest, "size": size}


def _json(value: object) -> bytes:
    return json.dumps(value, sort_keys=True, separators=(",", ":")).encode()


def _sha256(data: bytes) -> str:
    return f"sha256:{hashlib.sha256(data).hexdigest()}"


def _blob(digest: str) -> str:
    return "blobs/" + digest.replace(":", "/")


def _member(path: str, size: int) -> tarfile.TarInfo:
    member = tarfile.TarInfo(path)
    member.size, member.mtime, member.mode = size, MOMENT, 0o644
    return member


def _bytes(tar: tarfile.TarFile, path: str, data: bytes) -> None:
    tar.addfile(_member(path, len(data)), io.BytesIO(data))
