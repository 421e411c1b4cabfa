"""Verb ``sbom``: the CycloneDX document of an image, attached to it as a referrer, unsigned.

The platform's controller signs it after the run has ended; a task cannot.
"""

from __future__ import annotations

from urllib.parse import quote

from interlock.formats import oci, sbom
from interlock.formats.oci import image, media
from interlock.platform.toolbox import contents, images
from interlock.platform.toolbox import world as worlds
from interlock.platform.toolbox.results import Results
from interlock.platform.toolbox.world import World

TOOL = "interlock-sbom"


def attach(world: World, results: Results, *, image_name: str, digest: str = "") -> str:
    """Returns the document's digest. The same image always gives the same document. Raises the registry's errors,
    InputError ``archive-*``.
    """
    ref = images.parse(image_name, digest)
    with images.connect(world, ref) as remote:
        found = images.read(remote, ref)
        components = contents.components(images.files(remote, found))
        name = found.reference.repository.rpartition("/")[2]
        purl = f"pkg:oci/{name}@{quote(found.descriptor.digest, safe='')}?repository_url={quote(ref.name, safe='')}"
        subject = sbom.Subject(ref.name, found.descriptor.digest, found.descriptor.digest, purl)
        document = sbom.write(subject, components, created=found.created, tool=TOOL, tool_version=worlds.VERSION)
        made = image.artifact(
            sbom.MEDIA_TYPE,
            document,
            subject=found.descriptor,
            annotations={media.CREATED: found.created.strftime("%Y-%m-%dT%H:%M:%SZ")},
        )
        remote.client.push(remote.repository, made)
    result = oci.sha256(document)
    results.write("SBOM_DIGEST", result)
    results.tool(world, f"{TOOL} {worlds.VERSION}")
    world.say(f"sbom: {len(components)} components of {found.pinned}: {result}")
    return result
