"""Images at a registry, by the names that files use."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from urllib.parse import urlsplit

from interlock.clients.registry import RegistryClient
from interlock.errors import InputError
from interlock.formats.oci import Descriptor, File, ImageManifest, Reference, image, reference
from interlock.platform.toolbox import world as worlds
from interlock.platform.toolbox.world import World


@dataclass(frozen=True, slots=True)
class Remote:
    """A registry connection and the repository there that a stable name stands for."""

    client: RegistryClient
    repository: str


@dataclass(frozen=True, slots=True)
class Image:
    """One image, read from the registry and checked by digest."""

    reference: Reference
    """Under its stable name, with the digest."""
    manifest: ImageManifest
    descriptor: Descriptor
    created: datetime
    """From the config; the time of the commit for images that `image-build` made."""

    @property
    def pinned(self) -> str:
        return f"{self.reference.name}@{self.descriptor.digest}"


@contextmanager
def connect(world: World, ref: Reference) -> Iterator[Remote]:
    """The registry behind a stable name: plain HTTP on loopback, TLS elsewhere, unless the map of names says which."""
    real = world.resolve(ref.name)
    scheme, _, rest = real.rpartition("://")
    host, _, repository = rest.partition("/")
    if not host or not repository:
        raise InputError("reference-repository", "the map of names gives no repository", got=real)
    if not scheme:
        scheme = "http" if urlsplit(f"//{host}").hostname in ("127.0.0.1", "localhost", "::1") else "https"
    login = worlds.registry_login(world, ref.host, host)
    user, password = login or (None, None)
    realms = worlds.token_realms(world, login) if login else ()
    address = f"{scheme}://{host}"
    with RegistryClient(address, username=user, token=password, token_realms=realms, ca_file=world.ca) as client:
        yield Remote(client, repository)


def read(remote: Remote, ref: Reference) -> Image:
    """The image that ``ref`` names, by its digest or else by what its tag points to now.

    Raises InputError ``manifest-is-index`` for an image index, ``image-reference`` for neither tag nor digest.
    """
    wanted = ref.digest or ref.tag
    if wanted is None:
        raise InputError("image-reference", "the image needs a tag or a digest", got=ref)
    found = remote.client.manifest(remote.repository, wanted)
    manifest = found.image
    config = json.loads(remote.client.blob(remote.repository, manifest.config.digest))
    created = config.get("created") if isinstance(config, dict) else None
    return Image(
        reference=ref.pinned(found.digest),
        manifest=manifest,
        descriptor=found.descriptor,
        created=datetime.fromisoformat(created) if isinstance(created, str) else datetime.fromtimestamp(0, UTC),
    )


def files(remote: Remote, found: Image) -> dict[str, bytes]:
    """The image's files as its layers leave them: a later layer replaces, a whiteout removes (image-spec layer.md)."""
    content: dict[str, bytes] = {}
    for layer in found.manifest.layers:
        for item in image.read_layer(remote.client.blob(remote.repository, layer.digest)):
            _apply(content, item)
    return content


def _apply(content: dict[str, bytes], item: File) -> None:
    folder, _, name = item.path.rpartition("/")
    prefix = f"{folder}/" if folder else ""
    if name == ".wh..wh..opq":
        for path in [path for path in content if path.startswith(prefix)]:
            del content[path]
    elif name.startswith(".wh."):
        gone = prefix + name.removeprefix(".wh.")
        for path in [path for path in content if path == gone or path.startswith(f"{gone}/")]:
            del content[path]
    else:
        content[item.path] = item.data


def parse(text: str, digest: str = "") -> Reference:
    """An image parameter; ``digest`` (optional) pins it and must not contradict one that is written in it.

    Raises InputError ``reference-*``, ``image-reference``.
    """
    ref = reference.parse(text)
    if digest and ref.digest and ref.digest != digest:
        raise InputError("image-reference", "two digests for one image", got=digest, expected=ref.digest)
    return ref.pinned(digest) if digest else ref
