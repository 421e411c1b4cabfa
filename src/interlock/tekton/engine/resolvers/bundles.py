"""The bundles resolver: an entry of an OCI image, from a registry or an OCI layout."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from interlock.clients.registry import RegistryClient
from interlock.errors import InterlockError, NotFoundError
from interlock.formats.oci import ImageManifest, Index, check_digest, media
from interlock.formats.oci.digest import parse_digest
from interlock.formats.oci.manifest import parse, parse_index, parse_manifest
from interlock.formats.oci.reference import Reference
from interlock.tekton.engine.resolvers import secrets
from interlock.tekton.engine.resolvers.mirrors import Folder, Mirrors, is_loopback
from interlock.tekton.engine.resolvers.secrets import Reader
from interlock.tekton.spec.resolution import bundles, failure
from interlock.tekton.spec.resolution.bundles import BundleRequest
from interlock.tekton.spec.resolution.source import Fetched

_MAX_FILE = 64 * 1024 * 1024


@dataclass(frozen=True)
class Image:
    """An image of which the manifest is known and blobs are read when needed."""

    digest: str
    manifest: ImageManifest
    blob: Callable[[str], bytes]


@dataclass(frozen=True)
class Bundles:
    client: Reader
    mirrors: Mirrors
    ca_file: Path | None = None

    def fetch(self, request: BundleRequest, namespace: str) -> Fetched:
        """Raises InterlockError in upstream's words."""
        reference = request.reference
        place = self.mirrors.find(reference.name)
        if isinstance(place, Folder):
            return _entry(_of_layout(place, reference, request.bundle), reference, request)
        url, repository = _registry(place)
        host = urlsplit(url).netloc
        pair = secrets.registry(
            self.client,
            reference.host,
            secret=request.secret,
            service_account=request.service_account,
            namespace=namespace,
        )
        username, password = pair or (None, None)
        with RegistryClient(url, username=username, token=password, ca_file=self.ca_file) as registry:
            return _entry(_of_registry(registry, repository, reference, request.bundle, host), reference, request)


def _registry(place: str) -> tuple[str, str]:
    """Base URL of the registry and the repository in it; a mirror's address may begin the repository's name."""
    if "://" not in place and not is_loopback(place):
        raise failure.invalid(f"cannot retrieve the oci image: {place} is not an address")
    parts = urlsplit(place if "://" in place else f"http://{place}")
    return f"{parts.scheme}://{parts.netloc}", parts.path.strip("/")


def _of_registry(registry: RegistryClient, repository: str, reference: Reference, bundle: str, host: str) -> Image:
    wanted = reference.digest or reference.tag or "latest"
    try:
        found = registry.manifest(repository, wanted)
        if isinstance(found.parsed, Index):
            found = registry.manifest(repository, bundles.platform(found.parsed.manifests, bundle).digest)
        return Image(
            found.digest,
            found.image,
            lambda digest: registry.blob(repository, digest, max_bytes=bundles.MAX_BYTES),
        )
    except InterlockError as error:
        text = error.message
        if isinstance(error, NotFoundError):
            text = f"GET {host}/v2/{repository}/manifests/{wanted}: MANIFEST_UNKNOWN: manifest unknown"
        raise type(error)(failure.CODE, f"cannot retrieve the oci image: {text}", got=error.got) from error


def _of_layout(place: Folder, reference: Reference, bundle: str) -> Image:
    """The mirror is the layout itself, or a folder of layouts by repository."""
    folder = place.path if (place.path / "oci-layout").is_file() else place.file()
    if not (folder / "oci-layout").is_file():
        raise NotFoundError(
            failure.CODE, f"cannot retrieve the oci image: no image layout for {reference.name}", where=str(folder)
        )

    def read(path: str) -> bytes:
        file = Folder(folder, path).file()
        try:
            if file.stat().st_size > _MAX_FILE:
                raise failure.invalid(f"cannot retrieve the oci image: {path} has more than {_MAX_FILE} bytes")
            return file.read_bytes()
        except OSError as error:
            message = f"cannot retrieve the oci image: {path}: {error.strerror}"
            raise NotFoundError(failure.CODE, message, where=str(file)) from error

    def blob(digest: str) -> bytes:
        path = "blobs/" + parse_digest(digest).replace(":", "/")
        return check_digest(read(path), digest, where=path)

    names = (reference.tag or "latest", str(reference))
    for entry in parse_index(read("index.json")).manifests:
        tagged = reference.digest is None and entry.annotations.get(media.REF_NAME) in names
        if not tagged and entry.digest != reference.digest:
            continue
        found = parse(blob(entry.digest), entry.media_type)
        if isinstance(found, Index):
            entry = bundles.platform(found.manifests, bundle)
            found = parse_manifest(blob(entry.digest), entry.media_type)
        return Image(entry.digest, found, blob)
    raise NotFoundError(
        failure.CODE, f"cannot retrieve the oci image: MANIFEST_UNKNOWN: manifest unknown: {bundle}", where=str(folder)
    )


def _entry(image: Image, reference: Reference, request: BundleRequest) -> Fetched:
    layer = bundles.find(image.manifest, request)
    data = bundles.content(image.blob(layer.digest))
    source = bundles.source(reference, image.digest, request)
    return Fetched(data, source, image.digest, bundles.request_annotations(layer))
