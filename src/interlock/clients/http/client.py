"""`Http`: one system's address with its trust and credentials, and the calls to it."""

from __future__ import annotations

import contextlib
import ssl
import threading
import time
from collections.abc import Callable, Container, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, TypedDict, TypeVar, Unpack

import httpx

from interlock import __version__
from interlock.clients.http.system import System, is_page
from interlock.clients.http.tokens import Credentials
from interlock.errors import BusyError, InputError, UnreachableError

T = TypeVar("T")
MAX_ANSWER: Final = 64 * 1024 * 1024
_ERROR_BYTES: Final = 64 * 1024
_FIRST_WAIT: Final = 0.25
_LONGEST_WAIT: Final = 15.0
"""Whoever is asked to wait longer may have something better to do."""
_REDIRECTS: Final = 5
_UNSENT: Final = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout)
_HOPELESS: Final = (httpx.TooManyRedirects, httpx.UnsupportedProtocol, httpx.LocalProtocolError, httpx.InvalidURL)
_UNDONE: Final = (405, 409, 429, 503)
"""A busy system that answers so did nothing; with another status it may have, and gave up waiting for itself."""


@dataclass(frozen=True, slots=True)
class Patience:
    """How long a call may take and how often it is tried; ``now`` (seconds) and ``sleep`` are the clock's."""

    seconds: float = 60.0
    """For a call with all its tries, its waits and the answer's body."""
    tries: int = 5
    """Without a ``Retry-After`` the waits between them are 0.25 s, 0.5 s, 1 s ..."""
    now: Callable[[], float] = time.monotonic
    sleep: Callable[[float], object] | None = None
    """None: wait, but no longer than until the client is closed."""


class Options(TypedDict, total=False):
    """What every client's constructor takes beside its address and credentials."""

    ca_file: Path | None
    """PEM of the CAs to trust; None: the public ones."""
    timeout: float
    """Seconds for a connection, and for each read and write."""
    patience: Patience


@dataclass(frozen=True, slots=True)
class Request:
    """One request. ``url`` is a path below the system's address, or a whole URL."""

    method: str
    url: str
    query: Mapping[str, Any] | None = None
    """Without the entries that are None."""
    headers: Mapping[str, str] = field(default_factory=dict)
    json: object = None
    content: bytes | None = None
    credentials: Credentials | None = None
    """None: those of the client."""
    accept: Container[int] = range(200, 300)
    repeatable: bool | None = None
    """Whether doing it twice is doing it once; None: by the method."""
    follow: bool = False
    """Whether redirects are followed: without credentials to another origin, never from TLS to plain HTTP."""
    within: float | None = None
    """Seconds for the call; None: the client's patience."""
    limit: int = MAX_ANSWER
    endless: bool = False
    """For a stream that may be silent as long as it likes: opened by one try, read without a time limit."""


class Http:
    """Thread-safe."""

    def __init__(
        self, system: System, base_url: str, credentials: Credentials | None = None, **options: Unpack[Options]
    ) -> None:
        self.system = system
        self.closed = threading.Event()
        self._credentials = credentials
        self._timeout = options.get("timeout", system.timeout)
        self._patience = options.get("patience", Patience())
        self._client = httpx.Client(
            base_url=base_url,
            # No compression: an answer is as large as its limit says, and a blob is the bytes that were stored.
            headers={
                "Accept": "application/json",
                "Accept-Encoding": "identity",
                "User-Agent": f"interlock/{__version__}",
            },
            verify=_trust(base_url, options.get("ca_file")),
            trust_env=False,
            limits=httpx.Limits(max_connections=None, max_keepalive_connections=8),
        )
        self._origin = origin(self._client.base_url)
        self._down = False
        self._connecting: set[object] = set()
        self._connected = threading.Condition()

    def close(self) -> None:
        """End waits for another try, and drop the connections."""
        self.closed.set()
        with self._connected:
            # A connection that is being made when the pool is closed would stay open for good.
            self._connected.wait_for(lambda: not self._connecting, self._timeout)
        self._client.close()

    def send(self, request: Request) -> httpx.Response:
        """The answer, read to its end. Errors: see `interlock.clients.http`."""
        return self._call(request, stream=False)

    def open(self, request: Request) -> httpx.Response:
        """The answer as soon as its head is here; whoever called reads the body and closes it."""
        return self._call(request, stream=True)

    def stream(self, request: Request) -> Iterator[bytes]:
        """The answer's body in pieces. Errors also come between them."""
        end = self._end(request)
        with contextlib.closing(self.open(request)) as answer:
            try:
                yield from self._pieces(answer, end)
            except httpx.HTTPError as lost:
                raise self._lost(lost, _place(answer.request)) from lost

    def decode(self, answer: httpx.Response, kind: Callable[[Any], T]) -> T:
        """``kind`` of the answer's JSON. What cannot be read so is UnreachableError: it says nothing."""
        try:
            return kind(answer.json())
        except (ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
            raise self.system.unread(repr(error)[:200], _place(answer.request)) from error

    def _call(self, request: Request, *, stream: bool) -> httpx.Response:
        end = self._end(request)
        # A system that was just asked in vain is asked once a call until it answers: a reader of many facts must not
        # wait for each of them.
        tries = 1 if self._down or request.endless else self._patience.tries
        repeatable = request.method in ("GET", "HEAD") if request.repeatable is None else request.repeatable
        number = 0
        while True:
            number += 1
            made = self._build(request)
            try:
                answer = self._once(request, made, end, stream=stream)
                if _accepted(request, answer):
                    self._down = False
                    return answer
                error, cause = self.system.failure(answer, _place(made)), None
                undone = isinstance(error, BusyError) and answer.status_code in _UNDONE
            except (httpx.HTTPError, httpx.InvalidURL) as lost:
                error, cause, undone = self._lost(lost, _place(made)), lost, isinstance(lost, _UNSENT)
            if not isinstance(error, UnreachableError):
                self._down = False
                raise error
            busy = error if isinstance(error, BusyError) else None
            wait = max((busy and busy.after) or 0.0, _FIRST_WAIT * 2 ** (number - 1))
            late = wait > _LONGEST_WAIT or self._patience.now() + wait >= end
            hopeless = isinstance(cause, _HOPELESS) or _untrusted(cause) is not None or self.closed.is_set()
            if number >= tries or late or hopeless or not (repeatable or undone):
                self._down = busy is None and (self._down or number >= self._patience.tries)
                raise error from cause
            (self._patience.sleep or self.closed.wait)(wait)

    def _once(self, request: Request, made: httpx.Request, end: float, *, stream: bool) -> httpx.Response:
        """One try, with the redirects and the renewal of credentials that belong to it."""
        credentials = request.credentials or self._credentials
        renewed = False
        for _ in range(_REDIRECTS + 1):
            own = origin(made.url) == self._origin
            sent = credentials.header() if own and credentials is not None else None
            if sent is not None:
                made.headers["Authorization"] = sent
            answer = self._exchange(request, made, end)
            # A challenge from another origin, such as the storage behind a registry, gets nothing (CVE-2020-15157).
            if answer.status_code == 401 and own and credentials is not None and not renewed:
                answer, renewed = self._whole(request, answer, end), True
                if not credentials.renew(answer, sent):
                    return answer
                continue
            following = answer.next_request if request.follow else None
            if following is not None and (following.url.scheme == "https" or made.url.scheme == "http"):
                answer.close()
                following.headers.pop("Authorization", None)
                made = following
                continue
            if stream and _accepted(request, answer):
                return answer
            return self._whole(request, answer, end)
        raise httpx.TooManyRedirects("too many redirects", request=made)

    def _exchange(self, request: Request, made: httpx.Request, end: float) -> httpx.Response:
        left = max(end - self._patience.now(), 0.001)
        seconds = min(self._timeout, left)
        timeout = httpx.Timeout(seconds, read=None if request.endless else seconds)
        with self._connect() as trace:
            made.extensions = {"timeout": timeout.as_dict(), "trace": trace}
            try:
                return self._client.send(made, stream=True)
            except RuntimeError as error:  # the client was closed by another thread
                raise httpx.CloseError(str(error), request=made) from error

    @contextlib.contextmanager
    def _connect(self) -> Iterator[Callable[[str, object], None]]:
        """httpcore's ``trace`` for a request: `close` knows by it which have no connection yet."""
        request = object()

        def has_one() -> None:
            with self._connected:
                self._connecting.discard(request)
                self._connected.notify_all()

        def trace(event: str, _: object) -> None:
            if event.endswith(".send_request_headers.started"):
                has_one()

        with self._connected:
            self._connecting.add(request)
        try:
            yield trace
        finally:
            has_one()

    def _whole(self, request: Request, answer: httpx.Response, end: float) -> httpx.Response:
        """The answer with its body, of which an error needs but the beginning."""
        accepted = _accepted(request, answer)
        limit = request.limit if accepted else _ERROR_BYTES
        body = bytearray()
        with contextlib.closing(answer):
            for piece in self._pieces(answer, end):
                body += piece
                if len(body) > limit:
                    if accepted:
                        raise self.system.oversized(limit, _place(answer.request))
                    break
        headers = [(name, value) for name, value in answer.headers.multi_items() if name.lower() != "content-encoding"]
        return httpx.Response(answer.status_code, headers=headers, content=bytes(body[:limit]), request=answer.request)

    def _pieces(self, answer: httpx.Response, end: float) -> Iterator[bytes]:
        for piece in answer.iter_raw():
            if self._patience.now() > end:
                raise httpx.ReadTimeout("the answer took too long", request=answer.request)
            yield piece

    def _build(self, request: Request) -> httpx.Request:
        query = {name: value for name, value in (request.query or {}).items() if value is not None}
        return self._client.build_request(
            request.method,
            request.url,
            params=query or None,
            headers=request.headers,
            json=request.json,
            content=request.content,
        )

    def _end(self, request: Request) -> float:
        return self._patience.now() + (self._patience.seconds if request.within is None else request.within)

    def _lost(self, lost: Exception, where: str) -> UnreachableError:
        code, title = f"{self.system.name}-unreachable", self.system.title
        if (why := _untrusted(lost)) is not None:
            todo = "name the CA that signed it as `ca` of the address in the context file"
            return UnreachableError(code, f"the certificate of {title} is not trusted", got=why, where=where, todo=todo)
        got = f"{type(lost).__name__}: {lost}".removesuffix(": ")
        return UnreachableError(code, f"{title} does not answer", got=got, where=where)


def origin(url: httpx.URL) -> tuple[str, str, int | None]:
    """Scheme, host and port (RFC 6454)."""
    return url.scheme, url.host, url.port or {"http": 80, "https": 443}.get(url.scheme)


def entries(value: Any) -> list[Any]:
    """A list in an answer, for `Http.decode`; Go writes an empty one as ``null``."""
    if value is None:
        return []
    if not isinstance(value, list):
        raise TypeError(f"a list was expected, not {type(value).__name__}")
    return value


def total_count(answer: httpx.Response) -> int | None:
    """``X-Total-Count`` of a page of a listing: how many there are on all pages; None where it is not said."""
    text = answer.headers.get("X-Total-Count", "")
    return int(text) if text.isascii() and text.isdigit() and len(text) < 19 else None


def _accepted(request: Request, answer: httpx.Response) -> bool:
    # What is read must not be a page; a write may be acknowledged with an empty one (Quay does).
    page = request.method == "GET" and answer.is_success and is_page(answer)
    return answer.status_code in request.accept and not page


def _place(request: httpx.Request) -> str:
    """Without the query: redirects and uploads carry signatures and state there."""
    return f"{request.method} {request.url.copy_with(query=None, fragment=None, userinfo=b'')}"


def _untrusted(error: BaseException | None) -> str | None:
    """Why the server's certificate was refused, if that is why ``error`` came."""
    while error is not None:
        if isinstance(error, ssl.SSLCertVerificationError):
            return str(error.verify_message)
        error = error.__cause__ or error.__context__
    return None


def _trust(base_url: str, ca_file: Path | None) -> ssl.SSLContext:
    """Trusts ``ca_file`` alone, or the public CAs (OpenSSL's, with SSL_CERT_FILE).

    Plain HTTP needs nobody, and reading the machine's CAs costs 30 ms; a context without any still refuses every
    certificate, should something lead from there to HTTPS.
    """
    if base_url.startswith("http://"):
        return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    try:
        return ssl.create_default_context(cafile=str(ca_file) if ca_file else None)
    except OSError as error:
        raise InputError("ca-invalid", "no CA certificate can be read", got=error, where=str(ca_file)) from error
