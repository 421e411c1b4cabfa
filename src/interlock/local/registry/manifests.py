"""Manifests, tags, referrers (distribution-spec, "Pushing Manifests", "Listing Tags", "Listing Referrers")."""

from __future__ import annotations

import json
from fnmatch import fnmatchcase
from typing import Final
from urllib.parse import urlencode

from anyio import to_thread
from starlette.requests import Request
from starlette.responses import Response

from interlock.errors import InputError
from interlock.formats.oci import ImageManifest, Index, manifest, media, sha256, strict
from interlock.formats.oci.digest import digest_like
from interlock.formats.oci.reference import parse_tag
from interlock.local.registry.blobs import refuse_unless_deletable
from interlock.local.registry.index import Stored, TagIsFixed
from interlock.local.registry.problem import Problem, digest_invalid, manifest_unknown, name_unknown
from interlock.local.registry.service import Service, digest

PAGE: Final = 1000


async def get(service: Service, request: Request) -> Response:
    repository, reference = service.repository(request, "pull"), str(request.path_params["reference"])
    if ":" in reference:
        digest(reference)
    found = service.store.index.manifest(repository, reference)
    if found is None:
        raise manifest_unknown(reference) if service.store.index.knows(repository) else name_unknown(repository)
    return Response(found.data, headers={"Docker-Content-Digest": found.digest, "Content-Type": found.media_type})


async def put(service: Service, request: Request) -> Response:
    repository, reference = service.repository(request, "push"), str(request.path_params["reference"])
    if ":" in reference:
        digest(reference)
    else:
        _check_tag(reference)
    data = await _body(request)
    media_type = request.headers.get("Content-Type", "").partition(";")[0].strip()
    try:
        found = manifest.parse(data, media_type or None)
    except InputError as error:
        raise Problem(400, "MANIFEST_INVALID", str(error)) from None
    name = digest_like(data, reference) if ":" in reference else sha256(data)
    if ":" in reference and name != reference:
        raise digest_invalid(f"the bytes have digest {name}, not {reference}")
    if missing := _missing(service, repository, found):
        raise Problem(404, "MANIFEST_BLOB_UNKNOWN", f"push first what it refers to: {', '.join(missing[:10])}")
    tag = None if ":" in reference else reference
    await to_thread.run_sync(_store, service, repository, tag, Stored(name, found.media_type, data), found)
    headers = {"Location": f"/v2/{repository}/manifests/{name}", "Docker-Content-Digest": name}
    if found.subject is not None:
        headers["OCI-Subject"] = found.subject.digest
    return Response(status_code=201, headers=headers)


async def delete(service: Service, request: Request) -> Response:
    repository, reference = service.repository(request, "push"), str(request.path_params["reference"])
    refuse_unless_deletable(service)
    index = service.store.index
    remove = index.remove_manifest if ":" in reference else index.remove_tag
    if ":" not in reference and _fixed(service, reference):
        raise Problem(403, "DENIED", f"tag {reference} is immutable")
    if not await to_thread.run_sync(remove, repository, reference):
        raise manifest_unknown(reference)
    return Response(status_code=202)


async def tags(service: Service, request: Request) -> Response:
    repository = service.repository(request, "pull")
    if not service.store.index.knows(repository):
        raise name_unknown(repository)
    limit = _page_size(request)
    found = service.store.index.tags(repository, request.query_params.get("last", ""), limit + 1)
    more, found = len(found) > limit, found[:limit]
    headers = {}
    if more and found:
        headers["Link"] = _link(f"/v2/{repository}/tags/list", {"n": str(limit), "last": found[-1]})
    body = json.dumps({"name": repository, "tags": found}).encode()
    return Response(body, headers=headers, media_type="application/json")


async def referrers(service: Service, request: Request) -> Response:
    repository, subject = service.repository(request, "pull"), digest(request.path_params["digest"])
    kind = request.query_params.get("artifactType") or None
    found = service.store.index.referrers(repository, subject, kind, request.query_params.get("last", ""), PAGE + 1)
    headers = {"Content-Type": media.INDEX}
    if kind:
        headers["OCI-Filters-Applied"] = "artifactType"
    if len(found) > PAGE:
        found = found[:PAGE]
        query = ({"artifactType": kind} if kind else {}) | {"last": found[-1].digest}
        headers["Link"] = _link(f"/v2/{repository}/referrers/{subject}", query)
    return Response(Index(tuple(found)).to_bytes(), headers=headers)


def _store(service: Service, repository: str, tag: str | None, stored: Stored, found: ImageManifest | Index) -> None:
    try:
        service.store.index.add_manifest(
            repository,
            stored,
            tag=tag,
            artifact_type=found.type,
            subject=found.subject.digest if found.subject else None,
            annotations=dict(found.annotations),
            fixed=tag is not None and _fixed(service, tag),
            now=service.now(),
        )
    except TagIsFixed as error:
        raise Problem(403, "DENIED", f"tag {tag} is immutable and points to {error}") from None


def _missing(service: Service, repository: str, found: ImageManifest | Index) -> list[str]:
    """What a manifest refers to and the repository has not. The subject may come later, foreign layers never come."""
    index = service.store.index
    if isinstance(found, Index):
        return [item.digest for item in found.manifests if index.manifest(repository, item.digest) is None]
    return index.missing_blobs(
        repository, {found.config.digest, *(item.digest for item in found.layers if not item.urls)}
    )


async def _body(request: Request) -> bytes:
    data = bytearray()
    async for chunk in request.stream():
        data += chunk
        if len(data) > strict.MAX_BYTES:
            raise Problem(413, "MANIFEST_INVALID", f"a manifest has at most {strict.MAX_BYTES} bytes")
    return bytes(data)


def _check_tag(reference: str) -> None:
    try:
        parse_tag(reference)
    except InputError as error:
        raise Problem(400, "MANIFEST_INVALID", str(error)) from None


def _fixed(service: Service, tag: str) -> bool:
    return any(fnmatchcase(tag, pattern) for pattern in service.config.immutable_tags)


def _page_size(request: Request) -> int:
    text = request.query_params.get("n", str(PAGE))
    if not text.isascii() or not text.isdigit():
        raise Problem(400, "UNSUPPORTED", "n is a number")
    return min(int(text[:9]), PAGE)


def _link(path: str, query: dict[str, str]) -> str:
    return f'<{path}?{urlencode(query)}>; rel="next"'
