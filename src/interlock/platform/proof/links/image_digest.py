"""Link 7: the digest that was delivered is the one that runs, and the registry holds all of it."""

from __future__ import annotations

from interlock.errors import InterlockError
from interlock.platform.checks import image
from interlock.platform.domain.verdict import Finding
from interlock.platform.proof import images, replay
from interlock.platform.proof.link import Draft, Link
from interlock.platform.proof.walk import Walk

CHECKS = (image.ImagePinned, image.ImageExists, image.TagUnmoved)


class ImageDigest(Link):
    """Every blob is read to its end and compared with its digest."""

    id = "image-digest"
    claim = "What runs is the image that the delivered commit names, and the registry has it whole."

    def judge(self, walk: Walk, draft: Draft) -> Finding:
        desired, found = walk.desired, walk.image
        draft.cite("image", f"{found.repository}", found.digest)
        if desired.digest != found.digest:
            return draft.invalid("image-other-digest", f"{desired.digest or 'nothing'} is delivered, {found} runs")
        registry, name = walk.sources.registry(), walk.image_name
        manifest = registry.manifest(name, found.digest).image
        for digest in images.pieces(manifest):
            draft.cite("blob", found.repository, digest)
        for digest in images.pieces(manifest):
            images.check_blob(registry, name, digest)
        try:
            facts = replay.image_facts(walk, walk.image_read)
        except InterlockError as error:
            return draft.failed(error)
        return replay.judged(walk, draft, replay.always(walk, *CHECKS), facts)
