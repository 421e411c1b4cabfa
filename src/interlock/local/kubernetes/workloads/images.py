"""Is an image there? Its manifest by digest, and each blob that the manifest names."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from interlock.clients.http import Patience
from interlock.clients.registry import RegistryClient
from interlock.errors import InterlockError, NotFoundError
from interlock.formats import addresses
from interlock.formats.oci import Index, reference


@dataclass(frozen=True, slots=True)
class Present:
    """``image_id`` is ``repository@digest``, as a kubelet reports it."""

    image_id: str


@dataclass(frozen=True, slots=True)
class Absent:
    """Why the image cannot be pulled (or cannot be known to be there)."""

    message: str


Check = Callable[[str], Present | Absent]


class Registries:
    """The registries of a cluster by stable name; ``names`` maps prefixes of image names to addresses."""

    def __init__(self, names: Mapping[str, str], *, timeout: float = 5.0) -> None:
        self._names = names
        self._timeout = timeout

    def check(self, image: str) -> Present | Absent:
        """Ask the registry, now. Blocks; never raises."""
        try:
            wanted = reference.parse(image)
            address = self._address(wanted.name)
            if address is None:
                return Absent(f"no registry is configured for {wanted.host}")
            base, repository = address
            # The kubelet asks again by itself.
            with RegistryClient(base, timeout=self._timeout, patience=Patience(tries=1)) as client:
                return _look(client, repository, wanted)
        except InterlockError as error:
            return Absent(f"{error.message} [{error.code}]")

    def _address(self, name: str) -> tuple[str, str] | None:
        """Where ``host/repository`` is: the registry's base URL and the repository there."""
        real = addresses.resolve(name, self._names)
        if real is None:
            return None
        scheme, _, rest = real.rpartition("://")
        host, _, repository = rest.partition("/")
        return f"{scheme or 'http'}://{host}", repository


def _look(client: RegistryClient, repository: str, wanted: reference.Reference) -> Present | Absent:
    asked = wanted.digest or wanted.tag or "latest"
    try:
        found = client.manifest(repository, asked)
    except NotFoundError:
        return Absent(f"manifest {asked} is not in {wanted.name}")
    manifest = found.parsed
    if isinstance(manifest, Index):
        platforms = [item for item in manifest.manifests if (item.platform or {}).get("os") in (None, "linux")]
        if not platforms:
            return Absent(f"index {found.digest} of {wanted.name} names no manifest for linux")
        chosen = platforms[0].digest
        try:
            manifest = client.manifest(repository, chosen).image
        except NotFoundError:
            return Absent(f"manifest {chosen}, named by index {found.digest}, is not in {wanted.name}")
    for blob in dict.fromkeys((manifest.config.digest, *(layer.digest for layer in manifest.layers))):
        if not client.has_blob(repository, blob):
            return Absent(f"blob {blob} of {found.digest} is not in {wanted.name}")
    return Present(f"{wanted.name}@{found.digest}")
