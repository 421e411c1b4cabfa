"""`RegistryClient`: the operations, each with its digest check and size limit."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import Final, Self
from urllib.parse import urlencode, urljoin

import httpx

from interlock.clients.registry.transport import Transport, read
from interlock.errors import InputError, IntegrityError, NotFoundError
from interlock.formats.oci import (
    Content,
    Descriptor,
    ImageManifest,
    Index,
    check_digest,
    manifest,
    media,
    sha256,
    strict,
)
from interlock.formats.oci.digest import parse_digest
from interlock.formats.oci.reference import parse_repository, parse_tag
from interlock.formats.sigstore import referrers as sigstore_referrers
from interlock.formats.sigstore.verify import Signed

MAX_MANIFEST: Final = strict.MAX_BYTES
MAX_BLOB: Final = 512 * 1024 * 1024
MAX_PAGES: Final = 1000
_ACCEPT: Final = ", ".join((media.MANIFEST, media.DOCKER_MANIFEST, media.INDEX, media.DOCKER_INDEX))


@dataclass(frozen=True)
class Manifest:
    """A manifest as read: these bytes have this digest (verified)."""

    bytes: bytes = field(repr=False)
    media_type: str
    digest: str

    @cached_property
    def parsed(self) -> ImageManifest | Index:
        return manifest.parse(self.bytes, self.media_type or None)

    @property
    def image(self) -> ImageManifest:
        """The image manifest; InputError ``manifest-is-index`` when it is an index."""
        return manifest.parse_manifest(self.bytes, self.media_type or None)

    @property
    def descriptor(self) -> Descriptor:
        return Descriptor(self.media_type, self.digest, len(self.bytes))


class RegistryClient:
    """One registry. Thread-safe. Repositories are named without host: ``integration/payments``.

    ``token`` alone is sent as a bearer token, with ``username`` as basic credentials; the Docker token flow is
    followed where the registry asks for it. Errors: see `interlock.clients.registry.transport.Transport.exchange`;
    IntegrityError ``digest-mismatch`` for bytes that are not what their digest says.
    """

    def __init__(
        self,
        base_url: str,
        *,
        token: str | None = None,
        username: str | None = None,
        ca_file: Path | None = None,
        timeout: float = 30.0,
    ) -> None:
        self._transport = Transport(base_url, username=username, token=token, ca_file=ca_file, timeout=timeout)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        self._transport.close()

    @property
    def address(self) -> str:
        """``host:port``, as image references name the registry."""
        return self._transport.base_url.partition("//")[2]

    # Reading

    def manifest(self, repo: str, reference: str) -> Manifest:
        """The manifest or index under a tag or digest."""
        path = _manifest_path(repo, reference)
        with self._transport.exchange("GET", path, scope=_pull(repo), headers={"Accept": _ACCEPT}) as response:
            data = read(response, MAX_MANIFEST, "the manifest")
            media_type = response.headers.get("Content-Type", "").partition(";")[0].strip()
            stated = response.headers.get("Docker-Content-Digest")
        where = f"{repo}@{reference}"
        if ":" in reference:
            check_digest(data, reference, where=where)
            return Manifest(data, media_type, reference)
        if stated:
            check_digest(data, stated, where=where)
        return Manifest(data, media_type, stated or sha256(data))

    def resolve(self, repo: str, tag: str) -> str:
        """The digest to which a tag points now."""
        with self._transport.exchange(
            "HEAD", _manifest_path(repo, tag), scope=_pull(repo), headers={"Accept": _ACCEPT}
        ) as response:
            stated = response.headers.get("Docker-Content-Digest")
        return parse_digest(stated) if stated else self.manifest(repo, tag).digest

    def has_manifest(self, repo: str, reference: str) -> bool:
        """Whether it is there; a registry that cannot say raises."""
        return self._has(repo, _manifest_path(repo, reference))

    def has_blob(self, repo: str, digest: str) -> bool:
        """Whether it is there; a registry that cannot say raises."""
        return self._has(repo, _blob_path(repo, digest))

    def blob(self, repo: str, digest: str, *, max_bytes: int = MAX_BLOB) -> bytes:
        """A blob, verified. InputError ``registry-too-large`` beyond ``max_bytes``."""
        with self._transport.exchange("GET", _blob_path(repo, digest), scope=_pull(repo)) as response:
            return check_digest(read(response, max_bytes, "the blob"), digest, where=f"{repo}@{digest}")

    def stream_blob(self, repo: str, digest: str) -> Iterator[bytes]:
        """A blob in pieces. The digest is known at the end only: IntegrityError then, so write to a scratch file."""
        state = hashlib.new(parse_digest(digest).partition(":")[0])
        with self._transport.exchange("GET", _blob_path(repo, digest), scope=_pull(repo)) as response:
            for chunk in response.iter_raw():
                state.update(chunk)
                yield chunk
        actual = f"{state.name}:{state.hexdigest()}"
        if actual != digest:
            raise IntegrityError(
                "digest-mismatch", "the bytes are not what their digest says", got=actual, expected=digest, where=repo
            )

    def tags(self, repo: str) -> list[str]:
        """Every tag, sorted."""
        found: set[str] = set()
        for page in self._pages(f"/v2/{parse_repository(repo)}/tags/list?n=1000", repo):
            names = strict.load_object(page, code="registry-answer", what="tag list").get("tags") or []
            found.update(parse_tag(str(name)) for name in names)
        return sorted(found)

    def referrers(self, repo: str, digest: str, artifact_type: str | None = None) -> list[Descriptor]:
        """What refers to a manifest: by the referrers API, or by the tag schema where the registry has no such API.

        With ``artifact_type`` only the entries that say so; what an entry says is not verified (and cosign's
        fallback entries say it wrongly): for signatures use `bundles`.
        """
        path = f"/v2/{parse_repository(repo)}/referrers/{parse_digest(digest)}"
        query = "?" + urlencode({"artifactType": artifact_type}) if artifact_type else ""
        found: dict[str, Descriptor] = {}
        try:
            for page in self._pages(path + query, repo):
                found.update((item.digest, item) for item in manifest.parse_index(page).manifests)
        except NotFoundError:
            found = {item.digest: item for item in self._fallback(repo, digest)}
        return [item for item in found.values() if artifact_type in (None, item.artifact_type)]

    def bundles(self, repo: str, digest: str) -> list[Signed]:
        """The Sigstore bundles about a manifest, unverified, for `interlock.formats.sigstore.verify.verify`."""
        return sigstore_referrers.find(
            self.referrers(repo, digest),
            subject=digest,
            read_manifest=lambda found: self.manifest(repo, found).bytes,
            read_blob=lambda found: self.blob(repo, found),
        )

    # Writing

    def put_blob(self, repo: str, data: bytes) -> str:
        """Push a blob unless it is there; its digest."""
        digest = sha256(data)
        if self.has_blob(repo, digest):
            return digest
        with self._transport.exchange(
            "POST", f"/v2/{parse_repository(repo)}/blobs/uploads/", scope=_push(repo), content=b"", accept_status=(202,)
        ) as response:
            location = urljoin(str(response.url), response.headers.get("Location", ""))
        separator = "&" if "?" in location else "?"
        with self._transport.exchange(
            "PUT",
            location + separator + urlencode({"digest": digest}),
            scope=_push(repo),
            headers={"Content-Type": "application/octet-stream"},
            content=data,
            accept_status=(201,),
        ):
            return digest

    def mount_blob(self, repo: str, digest: str, *, source: str) -> bool:
        """Make a blob of repository ``source`` one of ``repo`` without sending it. False when that did not work."""
        query = urlencode({"mount": parse_digest(digest), "from": parse_repository(source)})
        path = f"/v2/{parse_repository(repo)}/blobs/uploads/"
        with self._transport.exchange(
            "POST", f"{path}?{query}", scope=_push(repo), content=b"", accept_status=(201, 202)
        ) as response:
            if response.status_code == 201:
                return True
            abandoned = urljoin(str(response.url), response.headers.get("Location", ""))
        with self._transport.exchange("DELETE", abandoned, scope=_push(repo), accept_status=(204, 404, 405)):
            return False

    def put_manifest(self, repo: str, reference: str | None, data: bytes, media_type: str) -> str:
        """Push a manifest under a tag or its digest (``None``: its digest); its digest.

        Where the registry has no referrers API, the tag schema is kept up for a manifest with a subject.
        """
        found, digest = manifest.parse(data, media_type), sha256(data)
        with self._transport.exchange(
            "PUT",
            _manifest_path(repo, reference or digest),
            scope=_push(repo),
            headers={"Content-Type": media_type},
            content=data,
            accept_status=(201,),
        ) as response:
            stated = response.headers.get("Docker-Content-Digest", digest)
            processed = "OCI-Subject" in response.headers
        if stated != digest:
            raise IntegrityError("digest-mismatch", "the registry stored other bytes", got=stated, expected=digest)
        if found.subject is not None and not processed:
            self._extend_fallback(repo, found.subject.digest, found, Descriptor(media_type, digest, len(data)))
        return digest

    def push(self, repo: str, content: Content, *, tag: str | None = None) -> str:
        """Push blobs, then the manifest: whoever sees the manifest sees all of it. Its digest."""
        for data in content.blobs.values():
            self.put_blob(repo, data)
        return self.put_manifest(repo, tag, content.manifest, content.descriptor.media_type)

    def _has(self, repo: str, path: str) -> bool:
        with self._transport.exchange(
            "HEAD", path, scope=_pull(repo), headers={"Accept": _ACCEPT}, accept_status=(200, 404)
        ) as response:
            return response.status_code == 200

    def _pages(self, path: str, repo: str) -> Iterator[bytes]:
        """Follow ``Link: <…>; rel="next"`` (distribution-spec, "Listing Tags")."""
        for _ in range(MAX_PAGES):
            with self._transport.exchange("GET", path, scope=_pull(repo)) as response:
                yield read(response, MAX_MANIFEST, "the listing")
                following = _next(response)
            if following is None:
                return
            path = following
        raise InputError("registry-too-large", "the listing has too many pages", expected=f"<= {MAX_PAGES}")

    def _fallback(self, repo: str, digest: str) -> tuple[Descriptor, ...]:
        try:
            return manifest.parse_index(self.manifest(repo, _fallback_tag(digest)).bytes).manifests
        except NotFoundError:
            return ()

    def _extend_fallback(self, repo: str, subject: str, found: ImageManifest | Index, descriptor: Descriptor) -> None:
        entry = Descriptor(
            descriptor.media_type,
            descriptor.digest,
            descriptor.size,
            annotations=found.annotations,
            artifact_type=found.type,
        )
        others = tuple(item for item in self._fallback(repo, subject) if item.digest != entry.digest)
        self.put_manifest(repo, _fallback_tag(subject), Index((*others, entry)).to_bytes(), media.INDEX)


def _manifest_path(repo: str, reference: str) -> str:
    checked = parse_digest(reference) if ":" in reference else parse_tag(reference)
    return f"/v2/{parse_repository(repo)}/manifests/{checked}"


def _blob_path(repo: str, digest: str) -> str:
    return f"/v2/{parse_repository(repo)}/blobs/{parse_digest(digest)}"


def _fallback_tag(digest: str) -> str:
    """The referrers tag schema: ``sha256-<hex>``, at most 32 and 64 characters (distribution-spec)."""
    algorithm, _, value = digest.partition(":")
    return f"{algorithm[:32]}-{value[:64]}"


def _next(response: httpx.Response) -> str | None:
    link = response.links.get("next", {}).get("url")
    return urljoin(str(response.url), link) if link else None


def _pull(repo: str) -> str:
    return f"repository:{repo}:pull"


def _push(repo: str) -> str:
    return f"repository:{repo}:pull,push"
