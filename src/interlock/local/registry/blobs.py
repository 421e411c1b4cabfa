"""Blobs: pull, existence, ranges, delete (distribution-spec, "Pulling blobs", "Deleting Blobs")."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Final

from anyio import to_thread
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from interlock.local.registry.problem import Problem, blob_unknown
from interlock.local.registry.service import Service, digest

CHUNK: Final = 1024 * 1024
"""Up to this size a blob is answered in one piece."""
_RANGE = re.compile(r"bytes=(\d*)-(\d*)", re.ASCII)


async def get(service: Service, request: Request) -> Response:
    repository = service.repository(request, "pull")
    wanted = digest(request.path_params["digest"])
    path = service.store.content.path(wanted)
    size = service.store.index.blob_size(repository, wanted)
    if size is None or not path.is_file() or path.stat().st_size != size:
        raise blob_unknown(wanted)
    headers = {
        "Docker-Content-Digest": wanted,
        "Content-Type": "application/octet-stream",
        "Accept-Ranges": "bytes",
    }
    part = _part(request.headers.get("Range", ""), size) if request.method == "GET" else None
    start, end = part or (0, size)
    headers["Content-Length"] = str(end - start)
    if part:
        headers["Content-Range"] = f"bytes {start}-{end - 1}/{size}"
    status = 206 if part else 200
    if request.method == "HEAD":
        return Response(status_code=status, headers=headers)
    if end - start <= CHUNK:
        with path.open("rb") as file:
            file.seek(start)
            return Response(file.read(end - start), status, headers)
    return StreamingResponse(_stream(path, start, end), status, headers)


async def delete(service: Service, request: Request) -> Response:
    repository = service.repository(request, "push")
    wanted = digest(request.path_params["digest"])
    refuse_unless_deletable(service)
    if not await to_thread.run_sync(service.store.remove_blob, repository, wanted):
        raise blob_unknown(wanted)
    return Response(status_code=202)


def refuse_unless_deletable(service: Service) -> None:
    if not service.config.allow_delete:
        raise Problem(405, "UNSUPPORTED", "deleting is switched off (allow_delete)")


async def _stream(path: Path, start: int, end: int) -> AsyncIterator[bytes]:
    with path.open("rb") as file:
        file.seek(start)
        while start < end and (chunk := await to_thread.run_sync(file.read, min(CHUNK, end - start))):
            start += len(chunk)
            yield chunk


def _part(header: str, size: int) -> tuple[int, int] | None:
    """Half-open range of a ``Range`` header (RFC 9110 section 14.2). Other units and several ranges are ignored."""
    match = _RANGE.fullmatch(header.strip())
    if match is None or match.groups() == ("", ""):
        return None
    first, last = match.groups()
    start, end = (int(first), int(last) + 1 if last else size) if first else (max(0, size - int(last)), size)
    if first and last and end <= start:
        return None
    if start >= size:
        raise Problem(416, "SIZE_INVALID", "the range is outside of the blob", {"Content-Range": f"bytes */{size}"})
    return start, min(end, size)
