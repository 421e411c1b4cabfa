"""Streams a container's log from its node's kubelet to the client, as it is written."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import httpx
from starlette.responses import Response, StreamingResponse

from interlock.clients import kubelets
from interlock.errors import InterlockError
from interlock.local.kubernetes.answers import ApiError, bad_request
from interlock.local.kubernetes.podlogs import Source

_CONNECT_SECONDS = 5.0
_MOST_SAID = 10_000


class KubeletProxy:
    """One client for all requests; a log that is followed may be silent for hours."""

    def __init__(self) -> None:
        # trust_env off: a proxy of the environment has no business between an API server and its node.
        self._stopping = asyncio.Event()
        self._leaving: set[asyncio.Task[None]] = set()
        self._http = httpx.AsyncClient(timeout=httpx.Timeout(None, connect=_CONNECT_SECONDS), trust_env=False)

    async def _wait(self) -> None:
        await self._stopping.wait()

    def stop(self) -> None:
        """End the streams: a graceful stop does not wait for containers."""
        self._stopping.set()

    async def close(self) -> None:
        await asyncio.gather(*self._leaving, return_exceptions=True)
        await self._http.aclose()

    async def stream(self, source: Source) -> Response:
        """Raises ApiError 400, 404, 500."""
        url = f"http://{source.address}{source.target}"
        try:
            secret = kubelets.read_secret(source.secret_file)
            header = kubelets.authorization(secret, source.target)
            request = self._http.build_request("GET", url, headers={"Authorization": header, "Connection": "close"})
            answer = await self._http.send(request, stream=True)
        except (httpx.HTTPError, InterlockError) as error:
            raise _internal(f'Get "{url}": {error}') from error
        try:
            if not kubelets.proven(secret, header, answer.headers.get(kubelets.PROOF, "")):
                said = (
                    "refused this API server" if answer.status_code == httpx.codes.UNAUTHORIZED else "is not the node's"
                )
                raise _internal(f"the kubelet at {source.address} {said}: it did not prove that it has the secret")
            if answer.status_code != httpx.codes.OK:
                raise _failed(answer.status_code, await _text(answer), source)
        except BaseException:
            await answer.aclose()
            raise
        return StreamingResponse(self._content(answer), media_type="text/plain")

    async def _content(self, answer: httpx.Response) -> AsyncIterator[bytes]:
        """What the kubelet sends, until it ends, goes away (what was sent stands) or this server stops."""
        chunks, following = answer.aiter_raw(), None
        stopping = asyncio.create_task(self._wait())
        try:
            while True:
                following = asyncio.create_task(_next(chunks))
                await asyncio.wait([following, stopping], return_when=asyncio.FIRST_COMPLETED)
                chunk = following.result() if following.done() else None
                if chunk is None:
                    return
                yield chunk
        finally:
            # In a task of its own: where the client has left, whatever is awaited here is cancelled, and the kubelet
            # would not learn of it.
            leaving = asyncio.create_task(_leave(answer, following, stopping))
            self._leaving.add(leaving)
            leaving.add_done_callback(self._leaving.discard)


async def _next(chunks: AsyncIterator[bytes]) -> bytes | None:
    try:
        return await anext(chunks)
    except (StopAsyncIteration, httpx.HTTPError):
        return None


async def _leave(answer: httpx.Response, *unfinished: asyncio.Task[Any] | None) -> None:
    tasks = [task for task in unfinished if task is not None]
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    await answer.aclose()


async def _text(answer: httpx.Response) -> str:
    await answer.aread()
    return answer.text[:_MOST_SAID].strip()


def _failed(code: int, text: str, source: Source) -> ApiError:
    """registry/generic/rest response_checker.go."""
    if code == httpx.codes.BAD_REQUEST:
        return bad_request(text)
    if code == httpx.codes.NOT_FOUND:
        message = f"the server could not find the requested resource ( pods/log {source.pod})"
        return ApiError(404, "NotFound", message, {"name": source.pod, "kind": "pods/log"})
    return _internal(text)


def _internal(text: str) -> ApiError:
    return ApiError(500, "InternalError", f"Internal error occurred: {text}")
