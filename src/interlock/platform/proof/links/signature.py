"""Link 8: the pipeline's release key signed the image."""

from __future__ import annotations

from interlock.formats.sigstore import statement
from interlock.platform.checks import image
from interlock.platform.checks.link import Draft, Link
from interlock.platform.domain.verdict import Finding
from interlock.platform.facts import Facts, ground, running
from interlock.platform.facts import image as images
from interlock.platform.proof import back


class Signature(Link):
    """A statement of another type is no signature of the image, whatever cosign says (supplychain.md 0.3)."""

    id = "signature"
    claim = "The image is signed with the release key."

    def look(self, facts: Facts, draft: Draft) -> Finding:
        facts = facts.get(back.origin)
        registry, name = facts.get(ground.sources).registry(), facts.get(running.image_name)
        runs, key = facts.get(running.image), facts.get(images.release_key)
        draft.cite("referrers", f"{runs.repository}@{runs.digest}")
        outcome, bundles = images.verified(registry, name, runs.digest, key=key, predicate_type=statement.COSIGN_SIGN)
        for bundle in bundles:
            for digest in (bundle.manifest, *bundle.blobs):
                draft.cite("signature", runs.repository, digest)
        for bundle in bundles:
            for digest in bundle.blobs:
                images.check_blob(registry, name, digest)
        checks = back.demanded(facts, image.ImageSigned)
        if not checks:
            return draft.valid(outcome.detail) if bundles else back.nothing(facts, draft)
        return back.judged(facts, draft, checks)
