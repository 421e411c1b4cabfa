"""Image layouts (image-spec image-layout.md) as mappings from path to bytes: whoever writes them does the I/O."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Final

from interlock.errors import InputError
from interlock.formats.oci import media, strict
from interlock.formats.oci.digest import check_digest
from interlock.formats.oci.image import Content
from interlock.formats.oci.manifest import Index, parse_index, parse_manifest

COSIGN_IMAGE: Final = {"kind": "dev.cosignproject.cosign/image"}
"""The annotation by which ``cosign verify --local-image`` finds the image in ``index.json``."""


def files(contents: Mapping[str, Content]) -> dict[str, bytes]:
    """The files of a layout. Keys are tags (``org.opencontainers.image.ref.name``); an untagged content, such as a
    referrer, goes under a key that starts with ``@``.
    """
    entries = []
    result = {"oci-layout": b'{"imageLayoutVersion":"1.0.0"}'}
    for tag, content in sorted(contents.items()):
        if not tag.startswith("@"):
            annotations = {media.REF_NAME: tag, **COSIGN_IMAGE}
            entries.append(replace(content.descriptor, annotations=annotations))
        else:
            entries.append(content.descriptor)
        for digest, data in {**content.blobs, content.descriptor.digest: content.manifest}.items():
            result["blobs/" + digest.replace(":", "/")] = data
    result["index.json"] = Index(tuple(entries)).to_bytes()
    return result


def read(open_file: Callable[[str], bytes]) -> dict[str, Content]:
    """The images of a layout, as `files` names them; every digest is verified.

    ``open_file`` returns the bytes at a path of the layout. Raises InputError ``layout-invalid`` and what
    `parse_manifest` raises, IntegrityError ``digest-mismatch``.
    """
    marker = strict.load_object(open_file("oci-layout"), code="layout-invalid", what="oci-layout")
    if marker.get("imageLayoutVersion") != "1.0.0":
        raise InputError("layout-invalid", "unknown layout version", got=marker, expected="1.0.0")

    def blob(digest: str) -> bytes:
        path = "blobs/" + digest.replace(":", "/")
        return check_digest(open_file(path), digest, where=path)

    result: dict[str, Content] = {}
    for entry in parse_index(open_file("index.json")).manifests:
        data = blob(entry.digest)
        manifest = parse_manifest(data, entry.media_type)
        blobs = {item.digest: blob(item.digest) for item in (manifest.config, *manifest.layers)}
        name = entry.annotations.get(media.REF_NAME, "@" + entry.digest)
        if name in result:
            raise InputError("layout-invalid", "two images with one name", got=name)
        result[name] = Content(data, replace(entry, annotations={}), blobs)
    return result
