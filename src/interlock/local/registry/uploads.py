"""Pushing blobs: in one request, in two, or in chunks; mounting (distribution-spec, "Pushing Blobs")."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from anyio import to_thread
from starlette.requests import Request
from starlette.responses import Response

from interlock.errors import InputError
from interlock.formats.oci.reference import parse_repository
from interlock.local.registry.problem import Problem, upload_unknown
from interlock.local.registry.service import Service, digest

_CONTENT_RANGE = re.compile(r"(?:bytes )?(\d+)-(\d+)(?:/.*)?", re.ASCII)


async def begin(service: Service, request: Request) -> Response:
    """``POST``: an upload session; with ``?digest=`` the whole blob; with ``?mount=&from=`` another repository's."""
    repository = service.repository(request, "push")
    parameters = request.query_params
    if "mount" in parameters and await _mount(service, request, repository):
        return _created(repository, parameters["mount"])
    wanted = digest(parameters["digest"]) if "digest" in parameters else None
    content = service.store.content
    content.expire(service.now().timestamp() - service.config.upload_expiry_hours * 3600)
    upload = content.begin(repository)
    if wanted is None:
        return _accepted(repository, upload, 0)
    path = _file(service, repository, upload)
    try:
        with _exclusive(service, upload):
            await _receive(service, request, path)
            await to_thread.run_sync(service.store.finish, repository, path, wanted)
    finally:
        path.unlink(missing_ok=True)
    return _created(repository, wanted)


async def status(service: Service, request: Request) -> Response:
    repository = service.repository(request, "push")
    path = _file(service, repository, request.path_params["upload"])
    response = _accepted(repository, request.path_params["upload"], path.stat().st_size)
    response.status_code = 204
    return response


async def append(service: Service, request: Request) -> Response:
    """``PATCH``: the next chunk."""
    repository, upload = service.repository(request, "push"), request.path_params["upload"]
    path = _file(service, repository, upload)
    with _exclusive(service, upload):
        size = await _receive(service, request, path)
    return _accepted(repository, upload, size)


async def finish(service: Service, request: Request) -> Response:
    """``PUT ?digest=``: the last chunk, or the whole blob, or nothing more."""
    repository, upload = service.repository(request, "push"), request.path_params["upload"]
    path = _file(service, repository, upload)
    wanted = digest(request.query_params.get("digest", ""))
    with _exclusive(service, upload):
        await _receive(service, request, path)
        await to_thread.run_sync(service.store.finish, repository, path, wanted)
    return _created(repository, wanted)


async def cancel(service: Service, request: Request) -> Response:
    repository, upload = service.repository(request, "push"), request.path_params["upload"]
    path = _file(service, repository, upload)
    with _exclusive(service, upload):
        path.unlink(missing_ok=True)
    return Response(status_code=204)


async def _mount(service: Service, request: Request, repository: str) -> bool:
    source = request.query_params.get("from", "")
    wanted = digest(request.query_params["mount"])
    try:
        parse_repository(source)
        service.authorise(request, "pull", source)
    except (InputError, Problem):
        return False  # "the registry SHOULD begin an upload": whether the source exists is not told
    return await to_thread.run_sync(service.store.mount, source, repository, wanted)


async def _receive(service: Service, request: Request, path: Path) -> int:
    """Append the body; the length afterwards. A body that breaks off leaves the upload as it was before."""
    offset = path.stat().st_size
    stated = _stated_range(request, offset)
    size = offset
    with path.open("ab", buffering=0) as file:
        try:
            async for chunk in request.stream():
                size += len(chunk)
                if size > service.config.max_blob_bytes:
                    raise Problem(413, "SIZE_INVALID", f"a blob has at most {service.config.max_blob_bytes} bytes")
                file.write(chunk)
            if stated is not None and size - offset != stated:
                raise Problem(400, "SIZE_INVALID", "the body is not as long as its Content-Range says")
        except BaseException:
            file.truncate(offset)
            raise
    return size


def _stated_range(request: Request, offset: int) -> int | None:
    """The length that Content-Range says; a chunk out of order is 416."""
    header = request.headers.get("Content-Range")
    if header is None:
        return None
    match = _CONTENT_RANGE.fullmatch(header.strip())
    if match is None or int(match[2]) < int(match[1]):
        raise Problem(400, "BLOB_UPLOAD_INVALID", "Content-Range is <first>-<last>")
    if int(match[1]) != offset:
        raise Problem(416, "BLOB_UPLOAD_INVALID", f"the next byte is {offset}", _place(request.url.path, offset))
    return int(match[2]) - int(match[1]) + 1


def _file(service: Service, repository: str, upload: str) -> Path:
    path = service.store.content.upload(repository, upload)
    if path is None:
        raise upload_unknown()
    return path


@contextmanager
def _exclusive(service: Service, upload: str) -> Iterator[None]:
    if upload in service.busy:
        raise Problem(409, "BLOB_UPLOAD_INVALID", "another request is writing this upload")
    service.busy.add(upload)
    try:
        yield
    finally:
        service.busy.discard(upload)


def _accepted(repository: str, upload: str, size: int) -> Response:
    headers = _place(f"/v2/{repository}/blobs/uploads/{upload}", size) | {"Docker-Upload-UUID": upload}
    return Response(status_code=202, headers=headers)


def _created(repository: str, wanted: str) -> Response:
    headers = {"Location": f"/v2/{repository}/blobs/{wanted}", "Docker-Content-Digest": wanted}
    return Response(status_code=201, headers=headers)


def _place(location: str, size: int) -> dict[str, str]:
    return {"Location": location, "Range": f"0-{max(0, size - 1)}"}
