"""Building images and artifacts, byte for byte reproducible: the same input gives the same digest.

A layer's tar is the same on every machine (sorted, owner 0:0, no names, one time), so its diff id is too; the gzip
bytes are the same wherever the same zlib is (image-spec layer.md, config.md).
"""

from __future__ import annotations

import io
import re
import struct
import tarfile
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final

from interlock.errors import InputError
from interlock.formats.oci import media, strict
from interlock.formats.oci.digest import sha256
from interlock.formats.oci.manifest import EMPTY, Descriptor, ImageManifest

MAX_LAYER_BYTES: Final = 1 << 30
MAX_LAYER_FILES: Final = 100_000
_SEGMENT = re.compile(r"[^/\0]+")


@dataclass(frozen=True, slots=True)
class File:
    """A regular file of a layer. ``path`` is relative to the image's root, without ``..``."""

    path: str
    data: bytes = field(repr=False)
    mode: int = 0o644


@dataclass(frozen=True, slots=True)
class Layer:
    """A compressed layer: its bytes, its descriptor, and the digest of the uncompressed tar."""

    data: bytes = field(repr=False)
    descriptor: Descriptor
    diff_id: str


@dataclass(frozen=True, slots=True)
class Content:
    """What has to be pushed: the blobs by digest, then the manifest."""

    manifest: bytes = field(repr=False)
    descriptor: Descriptor
    blobs: Mapping[str, bytes] = field(repr=False, hash=False)


def layer(files: Iterable[File]) -> Layer:
    """One gzip layer of regular files; their folders are made. Raises InputError ``layer-path`` for a path that is
    absolute, leaves the root, or appears twice.
    """
    by_path: dict[str, File] = {}
    for file in files:
        path = _checked(file.path)
        if path in by_path:
            raise InputError("layer-path", "two files at one path", got=path)
        by_path[path] = file
    folders = {"/".join(path.split("/")[:depth]) for path in by_path for depth in range(1, path.count("/") + 1)}
    if clash := sorted(folders & by_path.keys()):
        raise InputError("layer-path", "a path is both a file and a folder", got=clash[0])
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for path in sorted(folders | by_path.keys()):
            member = tarfile.TarInfo(path)
            if (found := by_path.get(path)) is None:
                member.type, member.mode = tarfile.DIRTYPE, 0o755
                archive.addfile(member)
            else:
                member.size, member.mode = len(found.data), found.mode & 0o7777
                archive.addfile(member, io.BytesIO(found.data))
    tar = buffer.getvalue()
    data = _gzip(tar)
    return Layer(data, Descriptor(media.LAYER_GZIP, sha256(data), len(data)), sha256(tar))


def build(
    layers: Sequence[Layer],
    *,
    created: datetime,
    config: Mapping[str, Any] | None = None,
    architecture: str = "amd64",
    os: str = "linux",
    annotations: Mapping[str, str] | None = None,
    comment: str = "",
) -> Content:
    """An image of these layers. ``config`` is the runtime part (Entrypoint, Cmd, Env, User, Labels, …; config.md)."""
    time = _rfc3339(created)
    document: dict[str, Any] = {
        "created": time,
        "architecture": architecture,
        "os": os,
        "config": dict(config or {}),
        "rootfs": {"type": "layers", "diff_ids": [item.diff_id for item in layers]},
        "history": [{"created": time, "created_by": "interlock"} | ({"comment": comment} if comment else {})]
        * len(layers),
    }
    data = strict.dump(document)
    found = ImageManifest(
        config=Descriptor(media.CONFIG, sha256(data), len(data)),
        layers=tuple(item.descriptor for item in layers),
        annotations=dict(annotations or {}),
    )
    return content(found, {sha256(data): data} | {item.descriptor.digest: item.data for item in layers})


def artifact(
    artifact_type: str,
    data: bytes,
    *,
    media_type: str | None = None,
    subject: Descriptor | None = None,
    annotations: Mapping[str, str] | None = None,
    layer_annotations: Mapping[str, str] | None = None,
) -> Content:
    """One document as an artifact with the empty config (manifest.md, "Guidelines for Artifact Usage"); with a
    ``subject`` it is a referrer of that manifest.
    """
    one = Descriptor(media_type or artifact_type, sha256(data), len(data), annotations=dict(layer_annotations or {}))
    found = ImageManifest(
        config=EMPTY,
        layers=(one,),
        artifact_type=artifact_type,
        subject=subject and Descriptor(subject.media_type, subject.digest, subject.size),
        annotations=dict(annotations or {}),
    )
    return content(found, {EMPTY.digest: b"{}", one.digest: data})


def content(manifest: ImageManifest, blobs: Mapping[str, bytes]) -> Content:
    """A manifest with its blobs, as bytes."""
    data = manifest.to_bytes()
    return Content(
        data,
        Descriptor(manifest.media_type, sha256(data), len(data), artifact_type=manifest.artifact_type),
        dict(blobs),
    )


def read_layer(data: bytes, *, max_bytes: int = MAX_LAYER_BYTES, max_files: int = MAX_LAYER_FILES) -> Iterator[File]:
    """The regular files of a layer, gzip or plain tar. Raises InputError ``layer-invalid``, ``layer-too-large``
    (unpacked size or number of entries), ``layer-path``.
    """
    if data[:2] == b"\x1f\x8b":
        data = _gunzip(data, max_bytes)
    if len(data) > max_bytes:
        raise InputError("layer-too-large", "the layer unpacks to too much", expected=f"<= {max_bytes} bytes")
    try:
        with tarfile.open(fileobj=io.BytesIO(data), mode="r:") as archive:
            for count, member in enumerate(archive):
                if count >= max_files:
                    raise InputError("layer-too-large", "too many entries", expected=f"<= {max_files}")
                if member.isreg() and (stream := archive.extractfile(member)) is not None:
                    yield File(_checked(member.name.removeprefix("./")), stream.read(), member.mode)
    except (tarfile.TarError, EOFError) as error:
        raise InputError("layer-invalid", "not a tar layer", got=str(error)) from error


def _checked(path: str) -> str:
    segments = path.split("/")
    if not all(_SEGMENT.fullmatch(item) and item not in (".", "..") for item in segments):
        raise InputError("layer-path", "not a path inside the image", got=repr(path)[:200], expected="a/relative/path")
    return path


def _gzip(data: bytes) -> bytes:
    # Written out because gzip.compress puts a different OS byte into the header from one Python to the next.
    packer = zlib.compressobj(6, zlib.DEFLATED, -zlib.MAX_WBITS)
    header = b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\xff"
    return header + packer.compress(data) + packer.flush() + struct.pack("<LL", zlib.crc32(data), len(data) % 2**32)


def _gunzip(data: bytes, max_bytes: int) -> bytes:
    """At most ``max_bytes + 1`` bytes; a layer may be several gzip members in a row (RFC 1952 section 2.2)."""
    result = bytearray()
    while data and len(result) <= max_bytes:
        unpacker = zlib.decompressobj(wbits=31)
        try:
            result += unpacker.decompress(data, max_bytes + 1 - len(result))
        except zlib.error as error:
            raise InputError("layer-invalid", "not a gzip layer", got=str(error)) from error
        if not unpacker.eof and len(result) <= max_bytes:
            raise InputError("layer-invalid", "the gzip layer ends early")
        data = unpacker.unused_data
    return bytes(result)


def _rfc3339(time: datetime) -> str:
    return time.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
