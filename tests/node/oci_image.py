"""Writes container images as archives that containerd imports, with no daemon and no registry.

Source of the layout: the OCI image specification, `image-layout.md`; containerd's annotation for an image's name.
"""

import hashlib
import io
import json
import tarfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

_MEDIA = "application/vnd.oci.image"


@dataclass(frozen=True, slots=True)
class Image:
    """An image to be: uncompressed layers, lowest first, and what runs in it."""

    name: str
    layers: Sequence[Path]
    entry_point: Sequence[str]
    environment: Mapping[str, str] = field(default_factory=dict)
    user: str = "65532:65532"


def write_image(image: Image, archive: Path, *, architecture: str) -> None:
    """Write the image as one archive; equal layers and settings give equal digests."""
    layers = [_descriptor("layer.v1.tar", _digest(path), path.stat().st_size) for path in image.layers]
    config = _json(
        {
            "architecture": architecture,
            "os": "linux",
            "config": {
                "Env": [f"{name}={value}" for name, value in image.environment.items()],
                "Entrypoint": list(image.entry_point),
                "User": image.user,
                "WorkingDir": "/",
            },
            "rootfs": {"type": "layers", "diff_ids": [layer["digest"] for layer in layers]},
            # Optional by the specification, but builders refuse a base whose history does not account for its layers.
            "history": [{"created_by": path.name} for path in image.layers],
        }
    )
    described = _descriptor("config.v1+json", _digest_of(config), len(config))
    manifest = _json(
        {"schemaVersion": 2, "mediaType": f"{_MEDIA}.manifest.v1+json", "config": described, "layers": layers}
    )
    entry = _descriptor("manifest.v1+json", _digest_of(manifest), len(manifest))
    names = {"io.containerd.image.name": image.name, "org.opencontainers.image.ref.name": image.name.rsplit(":")[-1]}
    entry |= {"annotations": names, "platform": {"os": "linux", "architecture": architecture}}
    with tarfile.open(archive, "w") as tar:
        _add(tar, "oci-layout", _json({"imageLayoutVersion": "1.0.0"}))
        _add(tar, "index.json", _json({"schemaVersion": 2, "manifests": [entry]}))
        _add(tar, _blob(described), config)
        _add(tar, _blob(entry), manifest)
        written: set[str] = set()
        for layer, path in zip(layers, image.layers, strict=True):
            if _blob(layer) not in written:
                tar.add(path, _blob(layer))
            written.add(_blob(layer))


def _descriptor(media_type: str, digest: str, size: int) -> dict[str, Any]:
    return {"mediaType": f"{_MEDIA}.{media_type}", "digest": digest, "size": size}


def _blob(descriptor: Mapping[str, Any]) -> str:
    return f"blobs/{descriptor['digest'].replace(':', '/')}"


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return f"sha256:{hashlib.file_digest(file, 'sha256').hexdigest()}"


def _digest_of(content: bytes) -> str:
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


def _json(content: Any) -> bytes:
    return json.dumps(content).encode()


def _add(tar: tarfile.TarFile, name: str, content: bytes) -> None:
    member = tarfile.TarInfo(name)
    member.size = len(content)
    tar.addfile(member, io.BytesIO(content))
