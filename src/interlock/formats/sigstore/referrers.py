"""Bundles as OCI 1.1 referrers, as cosign 3 writes and finds them (sigstore/cosign specs/BUNDLE_SPEC.md)."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from typing import Final

from interlock.errors import InputError, IntegrityError, NotFoundError
from interlock.formats.oci import Content, Descriptor, ImageManifest, image, manifest, media
from interlock.formats.sigstore import bundle
from interlock.formats.sigstore.keys import PrivateKey
from interlock.formats.sigstore.statement import MAX_BYTES, Statement
from interlock.formats.sigstore.verify import Signed

CONTENT: Final = "dev.sigstore.bundle.content"
PREDICATE_TYPE: Final = "dev.sigstore.bundle.predicateType"


def attach(statement: Statement, *, subject: Descriptor, key: PrivateKey, created: datetime) -> Content:
    """The signed statement as a referrer of ``subject`` (the image's manifest): what has to be pushed, by digest.

    ``created`` goes into the annotations; hand in a time of the subject (the end of its run) and the result is the
    same whenever it is made again.
    """
    if not statement.about(subject.digest):
        raise InputError("statement-subject", "the statement is not about this content", expected=subject.digest)
    return image.artifact(
        bundle.MEDIA_TYPE,
        bundle.sign(statement, key).to_bytes(),
        subject=subject,
        annotations={
            CONTENT: "dsse-envelope",
            PREDICATE_TYPE: statement.predicate_type,
            media.CREATED: created.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        },
    )


def find(
    referrers: Iterable[Descriptor],
    *,
    subject: str,
    read_manifest: Callable[[str], bytes],
    read_blob: Callable[[str], bytes],
) -> list[Signed]:
    """The bundles among the referrers of ``subject``, unverified.

    Every referrer's manifest is read: the ``artifactType`` and annotations of the listing are never used to choose,
    since cosign writes wrong ones into the fallback tag. Both readers get a digest and verify what they return.
    A manifest that is no image manifest, or refers to something else, is no bundle of ours and left out; one whose
    bytes are gone or altered is kept as a problem. A registry that does not answer raises: then nothing is known.
    """
    found = []
    for entry in referrers:
        try:
            one = manifest.parse_manifest(read_manifest(entry.digest))
            if one.subject is None or one.subject.digest != subject:
                continue
            if (descriptor := _bundle_layer(one)) is not None:
                found.append(Signed(read_blob(descriptor.digest), source=entry.digest))
        except InputError:
            continue
        except (IntegrityError, NotFoundError) as error:
            found.append(Signed(b"", source=entry.digest, problem=str(error)))
    return found


def _bundle_layer(found: ImageManifest) -> Descriptor | None:
    types = (bundle.MEDIA_TYPE, bundle.MEDIA_TYPE_OLD)
    if len(found.layers) != 1 or found.layers[0].size > 2 * MAX_BYTES:
        return None
    return found.layers[0] if found.layers[0].media_type in types or found.artifact_type in types else None
