"""Descriptors, image manifests and image indexes (image-spec descriptor.md, manifest.md, image-index.md).

Parsing is strict: limits, types, no document that is both a manifest and an index (CVE-2021-41190), no key twice or in
another case. Unknown fields are kept out of the values but allowed, as the specification demands.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, NoReturn

from interlock.errors import InputError
from interlock.formats.oci import media, strict
from interlock.formats.oci.digest import parse_digest, sha256

MAX_DESCRIPTORS: Final = 10_000
_DESCRIPTOR = ("mediaType", "digest", "size", "urls", "annotations", "data", "artifactType", "platform")
_MANIFEST = ("schemaVersion", "mediaType", "artifactType", "config", "layers", "subject", "annotations")
_INDEX = ("schemaVersion", "mediaType", "artifactType", "manifests", "subject", "annotations")
_CODE: Final = "manifest-invalid"


@dataclass(frozen=True, slots=True)
class Descriptor:
    """What a piece of content is, how large (bytes), and its digest."""

    media_type: str
    digest: str
    size: int
    annotations: Mapping[str, str] = field(default_factory=dict, hash=False)
    artifact_type: str | None = None
    platform: Mapping[str, Any] | None = field(default=None, hash=False)
    urls: tuple[str, ...] = ()
    data: bytes | None = None

    def as_json(self) -> dict[str, Any]:
        return _drop_empty(
            {
                "mediaType": self.media_type,
                "digest": self.digest,
                "size": self.size,
                "urls": list(self.urls),
                "annotations": dict(self.annotations),
                "data": None if self.data is None else base64.b64encode(self.data).decode(),
                "platform": None if self.platform is None else dict(self.platform),
                "artifactType": self.artifact_type,
            }
        )


EMPTY: Final = Descriptor(media.EMPTY, sha256(b"{}"), 2)
"""The empty descriptor: content ``{}`` (manifest.md, "Guidance for an Empty Descriptor")."""


@dataclass(frozen=True, slots=True)
class ImageManifest:
    """An image or an artifact: one config and layers; ``subject`` makes it a referrer of another manifest."""

    config: Descriptor
    layers: tuple[Descriptor, ...]
    media_type: str = media.MANIFEST
    artifact_type: str | None = None
    subject: Descriptor | None = None
    annotations: Mapping[str, str] = field(default_factory=dict, hash=False)

    @property
    def type(self) -> str:
        """What kind of artifact it is: artifactType, or the config's media type (distribution-spec, referrers)."""
        return self.artifact_type or self.config.media_type

    def to_bytes(self) -> bytes:
        return strict.dump(
            _drop_empty(
                {
                    "schemaVersion": 2,
                    "mediaType": self.media_type,
                    "artifactType": self.artifact_type,
                    "config": self.config.as_json(),
                    "layers": [item.as_json() for item in self.layers],
                    "subject": None if self.subject is None else self.subject.as_json(),
                    "annotations": dict(self.annotations),
                },
                keep=("layers",),
            )
        )


@dataclass(frozen=True, slots=True)
class Index:
    """A list of manifests: one a platform, or the answer of the referrers API."""

    manifests: tuple[Descriptor, ...]
    media_type: str = media.INDEX
    artifact_type: str | None = None
    subject: Descriptor | None = None
    annotations: Mapping[str, str] = field(default_factory=dict, hash=False)

    @property
    def type(self) -> str | None:
        return self.artifact_type

    def to_bytes(self) -> bytes:
        return strict.dump(
            _drop_empty(
                {
                    "schemaVersion": 2,
                    "mediaType": self.media_type,
                    "artifactType": self.artifact_type,
                    "manifests": [item.as_json() for item in self.manifests],
                    "subject": None if self.subject is None else self.subject.as_json(),
                    "annotations": dict(self.annotations),
                },
                keep=("manifests",),
            )
        )


def parse(data: bytes, media_type: str | None = None) -> ImageManifest | Index:
    """A manifest or an index. ``media_type`` is the Content-Type it came with; a document that says otherwise is
    refused. Raises InputError ``manifest-invalid``, ``manifest-media-type``.
    """
    value = strict.load_object(data, code=_CODE, what="manifest")
    strict.refuse_case_variants(value, {*_MANIFEST, *_INDEX}, code=_CODE, what="manifest")
    if value.get("schemaVersion") != 2 or isinstance(value.get("schemaVersion"), float):
        _refuse("schemaVersion must be 2", value.get("schemaVersion"))
    if "manifests" in value and ("layers" in value or "config" in value):
        _refuse("both an image manifest and an index", "manifests beside config or layers")
    stated = value.get("mediaType", media_type)
    if media_type is not None and stated != media_type:
        raise InputError("manifest-media-type", "mediaType is not what it was sent as", got=stated, expected=media_type)
    if stated is None:
        stated = media.INDEX if "manifests" in value else media.MANIFEST
    if isinstance(stated, str) and stated in media.INDEXES:
        return _index(value, stated)
    if isinstance(stated, str) and stated in media.MANIFESTS:
        return _manifest(value, stated)
    raise InputError(
        "manifest-media-type", "not a manifest that we know", got=stated, expected=f"{media.MANIFEST} or an index"
    )


def parse_manifest(data: bytes, media_type: str | None = None) -> ImageManifest:
    """As `parse`; an index is InputError ``manifest-is-index``: a delivery names one image, not a choice of them."""
    found = parse(data, media_type)
    if isinstance(found, Index):
        raise InputError(
            "manifest-is-index",
            "an image index stands where one image is expected",
            got=f"{found.media_type} with {len(found.manifests)} manifests",
            expected=media.MANIFEST,
            todo="name the manifest of one platform by its digest",
        )
    return found


def parse_index(data: bytes, media_type: str | None = None) -> Index:
    """As `parse`; an image manifest is InputError ``manifest-not-index``."""
    found = parse(data, media_type)
    if isinstance(found, ImageManifest):
        raise InputError("manifest-not-index", "an image manifest stands where an index is expected")
    return found


def _manifest(value: Mapping[str, Any], media_type: str) -> ImageManifest:
    if "config" not in value:
        _refuse("no config", sorted(value))
    return ImageManifest(
        config=_descriptor(value["config"], "config"),
        layers=_descriptors(value.get("layers"), "layers"),
        media_type=media_type,
        artifact_type=_artifact_type(value),
        subject=_subject(value),
        annotations=_annotations(value, "manifest"),
    )


def _index(value: Mapping[str, Any], media_type: str) -> Index:
    return Index(
        manifests=_descriptors(value.get("manifests"), "manifests"),
        media_type=media_type,
        artifact_type=_artifact_type(value),
        subject=_subject(value),
        annotations=_annotations(value, "index"),
    )


def _subject(value: Mapping[str, Any]) -> Descriptor | None:
    return None if value.get("subject") is None else _descriptor(value["subject"], "subject")


def _artifact_type(value: Mapping[str, Any]) -> str | None:
    found = value.get("artifactType")
    if found is not None and not isinstance(found, str):
        _refuse("artifactType must be a string", found)
    return found or None


def _descriptors(value: Any, what: str) -> tuple[Descriptor, ...]:
    if not isinstance(value, list):
        _refuse(f"{what} must be a list", value)
    if len(value) > MAX_DESCRIPTORS:
        _refuse(f"too many {what}", len(value))
    return tuple(_descriptor(item, f"{what}[{index}]") for index, item in enumerate(value))


def _descriptor(value: Any, what: str) -> Descriptor:
    if not isinstance(value, dict):
        _refuse(f"{what} must be a descriptor", value)
    strict.refuse_case_variants(value, _DESCRIPTOR, code=_CODE, what=what)
    media_type, size, urls = value.get("mediaType"), value.get("size"), value.get("urls") or []
    if not isinstance(media_type, str) or not media_type:
        _refuse(f"{what}: mediaType must be a string", media_type)
    if not isinstance(size, int) or isinstance(size, bool) or not 0 <= size < 2**63:
        _refuse(f"{what}: size must be a number of bytes", size)
    if not isinstance(urls, list) or not all(isinstance(item, str) for item in urls):
        _refuse(f"{what}: urls must be strings", urls)
    platform = value.get("platform")
    if platform is not None and not isinstance(platform, dict):
        _refuse(f"{what}: platform must be an object", platform)
    digest = parse_digest(value.get("digest", ""))
    return Descriptor(
        media_type=media_type,
        digest=digest,
        size=size,
        annotations=_annotations(value, what),
        artifact_type=_artifact_type(value),
        platform=platform,
        urls=tuple(urls),
        data=_data(value.get("data"), what),
    )


def _data(value: Any, what: str) -> bytes | None:
    if value is None:
        return None
    try:
        return base64.b64decode(value, validate=True)
    except (TypeError, ValueError, binascii.Error):
        _refuse(f"{what}: data must be base64", value)


def _annotations(value: Mapping[str, Any], what: str) -> dict[str, str]:
    found = value.get("annotations") or {}
    if not isinstance(found, dict) or not all(isinstance(item, str) for item in found.values()):
        _refuse(f"{what}: annotations must be strings", found)
    return found


def _drop_empty(value: dict[str, Any], keep: tuple[str, ...] = ()) -> dict[str, Any]:
    return {key: item for key, item in value.items() if key in keep or (item is not None and item not in ({}, []))}


def _refuse(problem: str, got: object) -> NoReturn:
    raise InputError(_CODE, f"manifest: {problem}", got=repr(got)[:200])
