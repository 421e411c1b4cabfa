"""Link 8: the pipeline's release key signed the image."""

from __future__ import annotations

from interlock.formats.sigstore import statement
from interlock.platform.checks import image
from interlock.platform.domain.verdict import Finding
from interlock.platform.proof import images, replay
from interlock.platform.proof.link import Draft, Link
from interlock.platform.proof.walk import Walk


class Signature(Link):
    """A statement of another type is no signature of the image, whatever cosign says (supplychain.md 0.3)."""

    id = "signature"
    claim = "The image is signed with the release key."

    def judge(self, walk: Walk, draft: Draft) -> Finding:
        registry, name = walk.sources.registry(), walk.image_name
        draft.cite("referrers", f"{walk.image.repository}@{walk.image.digest}")
        outcome, bundles = images.verified(
            registry, name, walk.image.digest, key=walk.release_key, predicate_type=statement.COSIGN_SIGN
        )
        for bundle in bundles:
            for digest in (bundle.manifest, *bundle.blobs):
                draft.cite("signature", walk.image.repository, digest)
        for bundle in bundles:
            for digest in bundle.blobs:
                images.check_blob(registry, name, digest)
        checks = replay.demanded(walk, image.ImageSigned)
        if not checks:
            return draft.valid(outcome.detail) if bundles else replay.nothing(walk, draft)
        return replay.judged(walk, draft, checks, replay.image_facts(walk, walk.image_read))
