"""Verb ``image-sign``: the release key's signature of an image, as cosign 3 writes it (bundle v0.3, a referrer)."""

from __future__ import annotations

from pathlib import Path

from interlock.errors import NotFoundError
from interlock.formats.sigstore import keys, referrers, statement, verify
from interlock.platform.toolbox import images
from interlock.platform.toolbox import world as worlds
from interlock.platform.toolbox.results import Results
from interlock.platform.toolbox.world import World

TOOL = f"interlock-sign {worlds.VERSION}"


def sign(world: World, results: Results, *, image_name: str, digest: str = "", key_file: Path) -> str:
    """Sign what the reference names now; returns the image's digest. An image that the key has signed is left alone.

    Raises NotFoundError ``credential-missing``, InputError of the key, the registry's errors.
    """
    try:
        key = keys.load_private(key_file.read_bytes())
    except OSError as error:
        raise NotFoundError("credential-missing", "no release key is mounted", where=str(key_file)) from error
    ref = images.parse(image_name, digest)
    with images.connect(world, ref) as remote:
        found = images.read(remote, ref)
        subject = found.descriptor.digest
        present = verify.verify(
            remote.client.bundles(remote.repository, subject),
            key=key.public,
            subject=subject,
            predicate_type=statement.COSIGN_SIGN,
        )
        if not present.verified:
            made = referrers.attach(
                statement.image_signature(subject), subject=found.descriptor, key=key, created=found.created
            )
            remote.client.push(remote.repository, made)
    results.write("IMAGE_DIGEST", subject)
    results.tool(world, TOOL)
    world.say(f"image-sign: {found.pinned} {'was signed already' if present.verified else 'signed'}")
    return subject
