"""An image of a few static programs, as the tar file that every container runtime can load."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import platform
import tarfile
from collections.abc import Mapping, Sequence
from pathlib import Path

_ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}


def pack(
    reference: str,
    files: Mapping[str, bytes],
    *,
    links: Mapping[str, str] | None = None,
    entrypoint: Sequence[str] = (),
    user: str = "",
) -> bytes:
    """An OCI image layout as a tar: *files* (path → content, all executable), *links* (path → target).

    *reference* is the image's full name with its tag. The same arguments make the same bytes.
    """
    layer = _tar({path: (content, 0o755) for path, content in files.items()}, links or {})
    packed = gzip.compress(layer, compresslevel=1, mtime=0)
    configuration = _json(
        {
            "architecture": _ARCHITECTURES.get(platform.machine(), platform.machine()),
            "os": "linux",
            "config": {"Entrypoint": list(entrypoint), "Env": ["PATH=/"], "User": user},
            "rootfs": {"type": "layers", "diff_ids": [_digest(layer)]},
        }
    )
    manifest = _json(
        {
            "schemaVersion": 2,
            "mediaType": "application/vnd.oci.image.manifest.v1+json",
            "config": _described("application/vnd.oci.image.config.v1+json", configuration),
            "layers": [_described("application/vnd.oci.image.layer.v1.tar+gzip", packed)],
        }
    )
    index = _json(
        {
            "schemaVersion": 2,
            "manifests": [
                _described("application/vnd.oci.image.manifest.v1+json", manifest)
                | {"annotations": {"io.containerd.image.name": reference}}
            ],
        }
    )
    blobs = {f"blobs/sha256/{_digest(blob)[7:]}": (blob, 0o644) for blob in (packed, configuration, manifest)}
    layout = _json({"imageLayoutVersion": "1.0.0"})
    return _tar({"oci-layout": (layout, 0o644), "index.json": (index, 0o644), **blobs}, {})


def pack_program(reference: str, program: Path, name: str, links: Sequence[str] = ()) -> bytes:
    """An image that is *program* alone, as ``/<name>``, reachable under the names *links* too."""
    return pack(
        reference,
        {name: program.read_bytes()},
        links=dict.fromkeys(links, name),
        entrypoint=(f"/{name}",),
    )


def _tar(files: Mapping[str, tuple[bytes, int]], links: Mapping[str, str]) -> bytes:
    written = io.BytesIO()
    with tarfile.open(fileobj=written, mode="w", format=tarfile.USTAR_FORMAT) as tar:
        for path, (content, mode) in files.items():
            entry = tarfile.TarInfo(path)
            entry.size, entry.mode = len(content), mode
            tar.addfile(entry, io.BytesIO(content))
        for path, target in links.items():
            entry = tarfile.TarInfo(path)
            entry.type, entry.linkname, entry.mode = tarfile.SYMTYPE, target, 0o777
            tar.addfile(entry)
    return written.getvalue()


def _json(content: object) -> bytes:
    return json.dumps(content, separators=(",", ":"), sort_keys=True).encode()


def _digest(blob: bytes) -> str:
    return f"sha256:{hashlib.sha256(blob).hexdigest()}"


def _described(media_type: str, blob: bytes) -> dict[str, object]:
    return {"mediaType": media_type, "digest": _digest(blob), "size": len(blob)}
