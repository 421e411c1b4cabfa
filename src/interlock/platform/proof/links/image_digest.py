"""Link 7: the digest that was delivered is the one that runs, and the registry holds all of it."""

from __future__ import annotations

from interlock.platform.checks import image
from interlock.platform.checks.link import Draft, Link
from interlock.platform.domain.verdict import Finding
from interlock.platform.facts import Facts, decision, ground, running, synced
from interlock.platform.facts import image as images
from interlock.platform.proof import back

CHECKS = (image.ImagePinned, image.ImageExists, image.TagUnmoved)


class ImageDigest(Link):
    """Every blob is read to its end and compared with its digest."""

    id = "image-digest"
    claim = "What runs is the image that the delivered commit names, and the registry has it whole."

    def look(self, facts: Facts, draft: Draft) -> Finding:
        desired, found = facts.get(synced.desired), facts.get(running.image)
        draft.cite("image", f"{found.repository}", found.digest)
        if desired.digest != found.digest:
            return draft.invalid("image-other-digest", f"{desired.digest or 'nothing'} is delivered, {found} runs")
        origin = facts.get(back.origin)
        brought = origin.get(decision.known) if origin is not facts else None
        if brought is not None:
            draft.cite("decision that brought it", "ledger", brought.id)
            draft.note(f"brought by #{brought.said.pull}, a delivery of kind {brought.said.kind}")
        registry, name = facts.get(ground.sources).registry(), facts.get(running.image_name)
        manifest = registry.manifest(name, found.digest).image
        for digest in images.pieces(manifest):
            draft.cite("blob", found.repository, digest)
        for digest in images.pieces(manifest):
            images.check_blob(registry, name, digest)
        return back.judged(origin, draft, back.always(origin, *CHECKS))
