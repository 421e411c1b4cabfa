"""OCI images without effects: digests, references, descriptors, manifests, building, layouts.

Sources: opencontainers/image-spec v1.1 (descriptor.md, manifest.md, image-index.md, image-layout.md, layer.md) and
distribution/reference for the grammar of references. Everything here takes bytes and returns bytes or frozen values.

    reference.parse("registry.acme.test/integration/payments:main-0123456789ab@sha256:…")
    layer = image.layer([image.File("app/flow.bar", data)])
    content = image.build([layer], created=commit_time)
    content.descriptor.digest; content.blobs; content.manifest
    manifest.parse_manifest(data)          # an index here is InputError ``manifest-is-index``
"""

from interlock.formats.oci import image, layout, manifest, media, reference, strict
from interlock.formats.oci.digest import check_digest, parse_digest, sha256
from interlock.formats.oci.image import Content, File
from interlock.formats.oci.manifest import Descriptor, ImageManifest, Index
from interlock.formats.oci.reference import Reference

__all__ = [
    "Content",
    "Descriptor",
    "File",
    "ImageManifest",
    "Index",
    "Reference",
    "check_digest",
    "image",
    "layout",
    "manifest",
    "media",
    "parse_digest",
    "reference",
    "sha256",
    "strict",
]
