"""What an answer means. `System` holds the common table; each kind of system says what it means otherwise."""

from __future__ import annotations

from email.utils import parsedate_to_datetime
from typing import ClassVar

import httpx

from interlock.errors import BusyError, InputError, InterlockError, NotFoundError, RefusedError, UnreachableError

Meaning = tuple[type[InterlockError], str]

LONGEST_WAIT = 3600.0
"""Seconds; a system that asks for more is asked again after these."""


class System:
    """One kind of system, as errors speak of it: ``name`` begins their codes, ``title`` their sentences."""

    name: ClassVar[str]
    title: ClassVar[str]
    failed: ClassVar[str]
    """Code of an answer that says nothing: 5xx, a redirect, what is not of the system's API."""
    refused: ClassVar[str]
    """Code of an answer that calls the request wrong."""
    timeout: ClassVar[float] = 30.0
    """Seconds for a connection, and for each read and write, where a client is given no other."""
    too_large: ClassVar[Meaning | None] = None
    """What an answer beyond the limit is; None: one that says nothing."""
    told_by_pages: ClassVar[frozenset[int]] = frozenset({401, 403})
    """Statuses that mean the same when a web page comes with them. With others it is the page of something between."""

    def meaning(self, answer: httpx.Response, said: str) -> Meaning | None:
        """What ``answer`` means where the table does not hold; ``said`` is its sentence."""
        return None

    def error(self, answer: httpx.Response, said: str, where: str) -> InterlockError:
        """The error of an answer that is neither "later" nor a web page."""
        kind, code = self.meaning(answer, said) or self._table(answer.status_code)
        return kind(code, f"{self.title} answered {answer.status_code}", got=said or None, where=where)

    def failure(self, answer: httpx.Response, where: str) -> InterlockError:
        """The error that an answer is which was not hoped for."""
        status, said, after = answer.status_code, sentence(answer), retry_after(answer)
        if status == 429 or (after is not None and (status in (408, 425) or status >= 500)):
            return self.busy(said or str(status), where, after=after)
        if is_page(answer) and status not in self.told_by_pages:
            return self.unread(f"a web page with status {status}", where)
        return self.error(answer, said, where)

    def busy(self, got: str, where: str, *, after: float | None = None) -> BusyError:
        todo = "ask again later" if after is None else f"ask again in {after:g} s"
        return BusyError(f"{self.name}-busy", f"{self.title} is busy", got=got, where=where, todo=todo, after=after)

    def unread(self, got: object, where: str) -> UnreachableError:
        """The error for an answer that cannot be read: it says nothing, neither that a thing is there nor that not."""
        return UnreachableError(self.failed, f"not an answer of {self.title}", got=got, where=where)

    def oversized(self, limit: int, where: str) -> InterlockError:
        kind, code = self.too_large or (UnreachableError, self.failed)
        return kind(code, f"the answer of {self.title} is too large", expected=f"<= {limit} bytes", where=where)

    def _table(self, status: int) -> Meaning:
        match status:
            case 401:
                return RefusedError, f"{self.name}-unauthenticated"
            case 403:
                return RefusedError, f"{self.name}-forbidden"
            case 404:
                return NotFoundError, f"{self.name}-not-found"
            case 413:
                return RefusedError, f"{self.name}-request-too-large"
            case _ if 400 <= status < 500 and status not in (408, 425):
                return InputError, self.refused
        return UnreachableError, self.failed


def retry_after(answer: httpx.Response) -> float | None:
    """Seconds that ``Retry-After`` asks for (RFC 9110, 10.2.3); a date counts from the answer's own ``Date``."""
    text = answer.headers.get("Retry-After", "").strip()
    if text.isascii() and text.isdigit():
        return min(float(text[:9]), LONGEST_WAIT)
    try:
        left = parsedate_to_datetime(text) - parsedate_to_datetime(answer.headers["Date"])
    except (KeyError, ValueError, TypeError, OverflowError):
        return None
    return min(max(left.total_seconds(), 0.0), LONGEST_WAIT)


def is_page(answer: httpx.Response) -> bool:
    """A login page, a proxy's error, a sleeping instance: no API that is spoken here answers with HTML."""
    return bool(answer.headers.get("Content-Type", "").lower().startswith("text/html"))


def sentence(answer: httpx.Response) -> str:
    """What an error's body says in words: ``message`` of Gitea and Kubernetes, ``error`` of ServiceNow, ``errors`` of
    a registry (distribution-spec, "Error Codes"), or a short text; at most 500 characters on one line.
    """
    try:
        body = answer.json()
    except (ValueError, RecursionError):
        body = {"message": "" if is_page(answer) else answer.text}
    match body:
        case {"message": str(said)}:
            pass
        case {"error": {"message": str(message), **more}}:
            said = f"{message} {more.get('detail') or ''}"
        case {"errors": [*errors]}:
            said = "; ".join(f"{e.get('code')}: {e.get('message', '')}" for e in errors if isinstance(e, dict))
        case _:
            said = ""
    return " ".join(said.split())[:500]
