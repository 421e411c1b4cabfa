"""`RegistryClient`: the operations, each with its digest check and size limit."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, Final, Self, Unpack
from urllib.parse import urlencode, urljoin

import httpx

from interlock.clients.http import Options, Request, Secret, Token, entries
from interlock.clients.registry.transport import Transport
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
BLOB_SECONDS: Final = 1800.0
"""For a whole blob in either direction."""
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
    followed where the registry asks for it, to the registry's own host and to ``token_realms`` (hosts). Errors: see
    `interlock.clients.http`; IntegrityError ``digest-mismatch`` for bytes that are not what their digest says.
    """

    def __init__(
        self,
        base_url: str,
        *,
        token: Token = None,
        username: str | None = None,
        token_realms: Collection[str] = (),
        **options: Unpack[Options],
    ) -> None:
        self._transport = Transport(base_url, Secret(token, username=username), token_realms, **options)
        self._http = self._transport.http

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self._http.close()

    @property
    def address(self) -> str:
        """``host:port``, as image references name the registry."""
        return self._transport.base_url.partition("//")[2]

    # Reading

    def manifest(self, repo: str, reference: str) -> Manifest:
        """The manifest or index under a tag or digest."""
        response = self._get(repo, _manifest_path(repo, reference), accept=_ACCEPT)
        data = response.content
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
        response = self._head(repo, _manifest_path(repo, tag), 200)
        stated = response.headers.get("Docker-Content-Digest")
        return parse_digest(stated) if stated else self.manifest(repo, tag).digest

    def has_manifest(self, repo: str, reference: str) -> bool:
        """Whether it is there; a registry that cannot say raises."""
        return self._head(repo, _manifest_path(repo, reference), 200, 404).status_code == 200

    def has_blob(self, repo: str, digest: str) -> bool:
        """Whether it is there; a registry that cannot say raises."""
        return self._head(repo, _blob_path(repo, digest), 200, 404).status_code == 200

    def blob(self, repo: str, digest: str, *, max_bytes: int = MAX_BLOB) -> bytes:
        """A blob, verified. InputError ``registry-too-large`` beyond ``max_bytes``."""
        response = self._get(repo, _blob_path(repo, digest), limit=max_bytes, within=BLOB_SECONDS)
        return check_digest(response.content, digest, where=f"{repo}@{digest}")

    def stream_blob(self, repo: str, digest: str) -> Iterator[bytes]:
        """A blob in pieces. The digest is known at the end only: IntegrityError then, so write to a scratch file."""
        state = hashlib.new(parse_digest(digest).partition(":")[0])
        credentials = self._transport.scoped(_pull(repo))
        request = Request("GET", _blob_path(repo, digest), credentials=credentials, follow=True, within=BLOB_SECONDS)
        for chunk in self._http.stream(request):
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
            found.update(self._http.decode(page, lambda body: [parse_tag(str(name)) for name in entries(body["tags"])]))
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
                found.update((item.digest, item) for item in self._listed(page))
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
        response = self._send(
            Request("POST", f"/v2/{parse_repository(repo)}/blobs/uploads/", content=b"", accept=(202,)), _push(repo)
        )
        location = _location(response)
        separator = "&" if "?" in location else "?"
        request = Request(
            "PUT",
            location + separator + urlencode({"digest": digest}),
            headers={"Content-Type": "application/octet-stream"},
            content=data,
            accept=(201,),
            within=BLOB_SECONDS,
        )
        self._send(request, _push(repo))
        return digest

    def mount_blob(self, repo: str, digest: str, *, source: str) -> bool:
        """Make a blob of repository ``source`` one of ``repo`` without sending it. False when that did not work."""
        query = urlencode({"mount": parse_digest(digest), "from": parse_repository(source)})
        path = f"/v2/{parse_repository(repo)}/blobs/uploads/"
        response = self._send(Request("POST", f"{path}?{query}", content=b"", accept=(201, 202)), _push(repo))
        if response.status_code == 201:
            return True
        self._send(Request("DELETE", _location(response), accept=(204, 404, 405)), _push(repo))
        return False

    def put_manifest(self, repo: str, reference: str | None, data: bytes, media_type: str) -> str:
        """Push a manifest under a tag or its digest (``None``: its digest); its digest.

        Where the registry has no referrers API, the tag schema is kept up for a manifest with a subject.
        """
        found, digest = manifest.parse(data, media_type), sha256(data)
        request = Request(
            "PUT",
            _manifest_path(repo, reference or digest),
            headers={"Content-Type": media_type},
            content=data,
            accept=(201,),
            repeatable=reference in (None, digest),
        )
        response = self._send(request, _push(repo))
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

    def _send(self, request: Request, scope: str) -> httpx.Response:
        return self._http.send(replace(request, credentials=self._transport.scoped(scope)))

    def _get(self, repo: str, path: str, *, accept: str = "*/*", **more: Any) -> httpx.Response:
        """Blobs and manifests are often served by object storage: redirects are followed."""
        request = Request("GET", path, headers={"Accept": accept}, follow=True, **{"limit": MAX_MANIFEST, **more})
        response = self._send(request, _pull(repo))
        if not response.content and not path.endswith(sha256(b"")):
            # Bytes that differ from their digest are altered evidence; none at all are a proxy's.
            raise self._http.system.unread("an empty body", f"{repo} {path}")
        return response

    def _head(self, repo: str, path: str, *statuses: int) -> httpx.Response:
        request = Request("HEAD", path, headers={"Accept": _ACCEPT}, accept=statuses, follow=True)
        return self._send(request, _pull(repo))

    def _pages(self, path: str, repo: str) -> Iterator[httpx.Response]:
        """Follow ``Link: <…>; rel="next"`` (distribution-spec, "Listing Tags")."""
        for _ in range(MAX_PAGES):
            page = self._get(repo, path)
            yield page
            following = _next(page)
            if following is None:
                return
            path = following
        raise InputError("registry-too-large", "the listing has too many pages", expected=f"<= {MAX_PAGES}")

    def _listed(self, page: httpx.Response) -> tuple[Descriptor, ...]:
        """The entries of an index that the registry made; Go writes an empty list as ``null``."""
        if self._http.decode(page, lambda body: body.get("manifests", ()) is None):
            return ()
        return manifest.parse_index(page.content).manifests

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


def _location(response: httpx.Response) -> str:
    return urljoin(str(response.url), str(response.headers.get("Location", "")))


def _next(response: httpx.Response) -> str | None:
    link = response.links.get("next", {}).get("url")
    return urljoin(str(response.url), link) if link else None


def _pull(repo: str) -> str:
    return f"repository:{repo}:pull"


def _push(repo: str) -> str:
    return f"repository:{repo}:pull,push"
