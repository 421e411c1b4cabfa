"""Credentials that may change while a client lives: asked for at each request, never kept by it."""

from __future__ import annotations

import base64
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import httpx

from interlock.errors import NotFoundError


class TokenProvider(Protocol):
    """The token as it is now, None for nobody's. ``fresh`` is given after one was refused: look, do not remember."""

    def __call__(self, *, fresh: bool = False) -> str | None: ...


Token = str | TokenProvider | None


class FileToken:
    """A token in a file: read anew when the file is another one or was changed, so that a rotation needs no restart.

    ``read`` makes the token of the path, and raises where there is none. Thread-safe.
    """

    def __init__(self, path: Path, read: Callable[[Path], str]) -> None:
        self._path, self._read = path, read
        self._kept: tuple[tuple[int, ...], str] | None = None

    def __call__(self, *, fresh: bool = False) -> str:
        state, kept = self._state(), self._kept
        if fresh or kept is None or kept[0] != state:
            kept = self._kept = (state, self._read(self._path))
        return kept[1]

    def _state(self) -> tuple[int, ...]:
        try:
            found = self._path.stat()
        except OSError:
            return ()
        return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns


class Credentials(Protocol):
    """What goes into ``Authorization``. Asked for the system's own origin only."""

    def header(self) -> str | None:
        """The header's value now; None: the request goes without."""

    def renew(self, answer: httpx.Response, sent: str | None) -> bool:
        """After the 401 ``answer`` to a request with ``sent``: whether `header` now says something else to try."""


@dataclass(frozen=True, slots=True)
class Secret:
    """A token behind ``scheme``, or with ``username`` as the password of Basic credentials (RFC 7617)."""

    token: Token
    scheme: str = "Bearer"
    username: str | None = None

    def header(self, *, fresh: bool = False) -> str | None:
        """Raises NotFoundError ``credential-missing`` for what cannot be a token."""
        token = self.token(fresh=fresh) if callable(self.token) else self.token
        if not token:
            return None
        if self.username is not None:
            return "Basic " + base64.b64encode(f"{self.username}:{token}".encode()).decode()
        # Sent as it is it would be refused by the HTTP library, which repeats the value in its message.
        if not (token.isascii() and token.isprintable()):
            raise NotFoundError("credential-missing", "not a token", expected="one line of printable ASCII")
        return f"{self.scheme} {token}"

    def renew(self, answer: httpx.Response, sent: str | None) -> bool:
        return self.header(fresh=True) not in (None, sent)
