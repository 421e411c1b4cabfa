from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from interlock.errors import InputError, NotFoundError, UnreachableError
from interlock.formats.oci import Content, Descriptor, Index, check_digest, image, manifest, media, sha256
from interlock.formats.sigstore import Reason, bundle, referrers, statement, verify

FINISHED = datetime(2026, 5, 4, 12, 0, tzinfo=UTC)


class Registry:
    """What was pushed, by digest."""

    def __init__(self, *contents: Content) -> None:
        self.manifests = {item.descriptor.digest: item.manifest for item in contents}
        self.blobs = {digest: data for item in contents for digest, data in item.blobs.items()}

    def find(self, listing: list[Descriptor], subject: str) -> list[verify.Signed]:
        return referrers.find(
            listing, subject=subject, read_manifest=self._read(self.manifests), read_blob=self._read(self.blobs)
        )

    def _read(self, where: dict[str, bytes]) -> Any:
        def read(digest: str) -> bytes:
            if digest not in where:
                raise NotFoundError("registry-not-found", "gone")
            return check_digest(where[digest], digest)

        return read


@pytest.fixture
def signed(payments: Content, made_keys: Any) -> Content:
    about = statement.image_signature(payments.descriptor.digest)
    return referrers.attach(about, subject=payments.descriptor, key=made_keys.release, created=FINISHED)


def test_a_referrer_is_what_cosign_writes(signed: Content, payments: Content) -> None:
    found = manifest.parse_manifest(signed.manifest)
    assert found.media_type == media.MANIFEST
    assert found.artifact_type == "application/vnd.dev.sigstore.bundle.v0.3+json"
    assert found.config == manifest.EMPTY
    assert [item.media_type for item in found.layers] == ["application/vnd.dev.sigstore.bundle.v0.3+json"]
    assert found.subject == Descriptor(media.MANIFEST, payments.descriptor.digest, len(payments.manifest))
    assert found.annotations == {
        "dev.sigstore.bundle.content": "dsse-envelope",
        "dev.sigstore.bundle.predicateType": "https://sigstore.dev/cosign/sign/v1",
        "org.opencontainers.image.created": "2026-05-04T12:00:00Z",
    }


def test_signing_again_makes_the_same_referrer(signed: Content, payments: Content, made_keys: Any) -> None:
    about = statement.image_signature(payments.descriptor.digest)
    again = referrers.attach(about, subject=payments.descriptor, key=made_keys.release, created=FINISHED)
    assert again == signed


def test_a_statement_about_something_else_is_not_attached(payments: Content, made_keys: Any) -> None:
    about = statement.image_signature("sha256:" + "9" * 64)
    with pytest.raises(InputError) as caught:
        referrers.attach(about, subject=payments.descriptor, key=made_keys.release, created=FINISHED)
    assert caught.value.code == "statement-subject"


def test_bundles_are_found_whatever_the_listing_says(signed: Content, payments: Content, made_keys: Any) -> None:
    # cosign 3.1.1 writes this artifactType into the fallback tag.
    listing = [Descriptor(media.MANIFEST, signed.descriptor.digest, 1, artifact_type=media.EMPTY)]
    subject = payments.descriptor.digest
    found = Registry(signed).find(listing, subject)
    outcome = verify.verify(found, key=made_keys.release.public, subject=subject, predicate_type=statement.COSIGN_SIGN)
    assert outcome.require()[0].source == signed.descriptor.digest


def test_other_referrers_are_left_out(signed: Content, payments: Content) -> None:
    sbom = image.artifact("application/vnd.cyclonedx+json", b"{}", subject=payments.descriptor)
    stranger = image.artifact(bundle.MEDIA_TYPE, b"{}", subject=sbom.descriptor)
    nothing = image.artifact(bundle.MEDIA_TYPE, b"{}")
    index_bytes = Index((payments.descriptor,), subject=payments.descriptor).to_bytes()
    registry = Registry(sbom, stranger, nothing, signed)
    index = Descriptor(media.INDEX, sha256(index_bytes), 1)
    registry.manifests[index.digest] = index_bytes
    listing = [item.descriptor for item in (sbom, stranger, nothing, signed)] + [index]
    found = registry.find(listing, payments.descriptor.digest)
    assert [item.source for item in found] == [signed.descriptor.digest]


@pytest.mark.parametrize("what", ["manifests", "blobs"])
@pytest.mark.parametrize("how", ["gone", "altered"])
def test_a_damaged_referrer_is_told_and_does_not_hide_others(
    what: str, how: str, signed: Content, payments: Content, made_keys: Any
) -> None:
    registry = Registry(signed)
    held = getattr(registry, what)
    digest = next(iter(held.keys() - {manifest.EMPTY.digest}))
    held[digest] += b" "
    if how == "gone":
        del held[digest]
    subject = payments.descriptor.digest
    found = registry.find([signed.descriptor], subject)
    outcome = verify.verify(found, key=made_keys.release.public, subject=subject, predicate_type=statement.COSIGN_SIGN)
    assert outcome.reason is Reason.MALFORMED
    assert ("gone" if how == "gone" else "digest") in outcome.detail


def test_a_registry_that_does_not_answer_is_not_a_missing_signature(signed: Content, payments: Content) -> None:
    def silent(digest: str) -> bytes:
        raise UnreachableError("registry-unreachable", "no answer")

    with pytest.raises(UnreachableError):
        referrers.find([signed.descriptor], subject=payments.descriptor.digest, read_manifest=silent, read_blob=silent)
