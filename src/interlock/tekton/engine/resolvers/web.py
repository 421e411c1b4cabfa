"""One GET of a configured address: no redirect to another origin, no environment, a limit on the bytes."""

from __future__ import annotations

import ssl
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urljoin, urlsplit

import httpx

from interlock.errors import RefusedError, UnreachableError
from interlock.tekton.engine.resolvers.mirrors import Folder, Mirrors
from interlock.tekton.spec.resolution import failure

_REDIRECTS = 5


@dataclass(frozen=True)
class Web:
    """``get`` returns None for what is not there: whatever the server answers but 200."""

    mirrors: Mirrors
    ca_file: Path | None = None

    def get(self, url: str, *, limit: int, auth: tuple[str, str] | None = None, seconds: float = 60.0) -> bytes | None:
        """Raises UnreachableError, RefusedError, InputError ``resolution-failed``."""
        place = self.mirrors.find(url)
        if isinstance(place, Folder):
            path = place.file()
            return _limited(path, limit) if path.is_file() else None
        return self._fetch(place, limit, auth, seconds)

    def _fetch(self, url: str, limit: int, auth: tuple[str, str] | None, seconds: float) -> bytes | None:
        plain = url.startswith("http://")
        verify = (
            ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
            if plain
            else ssl.create_default_context(cafile=str(self.ca_file) if self.ca_file else None)
        )
        target = url
        try:
            with httpx.Client(trust_env=False, verify=verify, timeout=seconds) as client:
                for _ in range(_REDIRECTS):
                    with client.stream("GET", target, auth=httpx.BasicAuth(*auth) if auth else None) as answer:
                        if answer.has_redirect_location:
                            target = _same_origin(target, urljoin(target, answer.headers["Location"]))
                            continue
                        if answer.status_code != 200:
                            return None
                        return _read(answer, limit)
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise UnreachableError(
                failure.CODE, f'error fetching URL: Get "{url}": {type(error).__name__}', got=str(error) or None
            ) from error
        raise RefusedError(failure.CODE, f'error fetching URL: Get "{url}": stopped after {_REDIRECTS} redirects')


def _read(answer: httpx.Response, limit: int) -> bytes:
    data = bytearray()
    for chunk in answer.iter_bytes():
        data += chunk
        if len(data) > limit:
            raise _too_large(limit)
    return bytes(data)


def _limited(path: Path, limit: int) -> bytes:
    with path.open("rb") as stream:
        data = stream.read(limit + 1)
    if len(data) > limit:
        raise _too_large(limit)
    return data


def _too_large(limit: int) -> Exception:
    return failure.invalid(f"response body exceeds maximum allowed size of {limit} bytes")


def _same_origin(one: str, other: str) -> str:
    first, second = urlsplit(one), urlsplit(other)
    if (first.scheme, first.netloc) != (second.scheme, second.netloc):
        raise RefusedError(
            failure.CODE,
            f'error fetching URL: Get "{one}": redirected to another place',
            got=f"{second.scheme}://{second.netloc}",
            todo="configure a mirror of the place that serves it",
        )
    return other
