"""The one error tree.

Every error says what was got, what was expected, where, and what to do, and carries a stable code::

    InterlockError
    ├── InputError           bad input: a file, an argument, a message   (ValueError)          exit 2
    ├── NotFoundError        a named thing does not exist                (LookupError)         exit 3
    ├── RefusedError         a rule says no                              (PermissionError)     exit 4
    ├── ConflictError        somebody else changed it first              (RuntimeError)        exit 4
    ├── IntegrityError       bytes are not what their digest or signature says (ValueError)    exit 4
    ├── UnsupportedError     a construct we know of and do not handle    (NotImplementedError) exit 2
    ├── UnreachableError     a service or process did not answer         (ConnectionError)     exit 5
    │   └── BusyError        a service said: later                                             exit 5
    └── InternalError        a broken invariant: our fault               (RuntimeError)        exit 70

Codes are kebab-case, stable, and unique for a meaning: scripts match on them, never on messages.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar


@dataclass(frozen=True, slots=True)
class Location:
    """A place in a text: ``line`` and ``column`` count from 1; 0 means unknown."""

    file: str
    line: int = 0
    column: int = 0

    def __str__(self) -> str:
        if not self.line:
            return self.file
        return f"{self.file}:{self.line}:{self.column}" if self.column else f"{self.file}:{self.line}"


class InterlockError(Exception):
    """Base of the tree. ``str(error)`` is one line; ``error.lines()`` is the full diagnosis."""

    exit_code: ClassVar[int] = 70

    def __init__(
        self,
        code: str,
        message: str,
        *,
        got: object = None,
        expected: object = None,
        where: Location | str | None = None,
        todo: str | None = None,
    ) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.got = None if got is None else str(got)
        self.expected = None if expected is None else str(expected)
        self.where = Location(where) if isinstance(where, str) else where
        self.todo = todo

    def __str__(self) -> str:
        place = f"{self.where}: " if self.where else ""
        detail = ""
        if self.got is not None:
            detail += f"; got {self.got}"
        if self.expected is not None:
            detail += f"; expected {self.expected}"
        return f"{place}{self.message}{detail} [{self.code}]"

    def lines(self) -> list[tuple[str, str]]:
        """The diagnosis as (label, text) pairs, in the order in which a person reads them."""
        rows = [("error", f"{self.message} [{self.code}]")]
        if self.where:
            rows.append(("where", str(self.where)))
        if self.got is not None:
            rows.append(("got", self.got))
        if self.expected is not None:
            rows.append(("expected", self.expected))
        if self.todo:
            rows.append(("to do", self.todo))
        return rows

    def as_dict(self) -> dict[str, str]:
        """The diagnosis for ``--json``."""
        rows = {
            "code": self.code,
            "message": self.message,
            "where": str(self.where) if self.where else None,
            "got": self.got,
            "expected": self.expected,
            "todo": self.todo,
        }
        return {key: value for key, value in rows.items() if value is not None}


class InputError(InterlockError, ValueError):
    """Input that cannot be accepted; nothing was changed."""

    exit_code = 2


class NotFoundError(InterlockError, LookupError):
    """A named thing does not exist. Never raised for "could not be read": that is UnreachableError."""

    exit_code = 3


class RefusedError(InterlockError, PermissionError):
    """A rule or a permission says no."""

    exit_code = 4

    # PermissionError is an OSError, whose own __str__ would win in the MRO for errno-style arguments.
    __str__ = InterlockError.__str__


class ConflictError(InterlockError, RuntimeError):
    """The thing was changed by somebody else since it was read."""

    exit_code = 4


class IntegrityError(InterlockError, ValueError):
    """Bytes are not what their digest, signature or hash chain says."""

    exit_code = 4


class UnsupportedError(InterlockError, NotImplementedError):
    """A construct that is known and not handled; the message names it."""

    exit_code = 2


class UnreachableError(InterlockError, ConnectionError):
    """A service or process did not answer: its state is unknown."""

    exit_code = 5

    __str__ = InterlockError.__str__


class BusyError(UnreachableError):
    """A service answered that it cannot answer now. ``after``: seconds until it wants to be asked again, if it said."""

    def __init__(self, code: str, message: str, *, after: float | None = None, **detail: Any) -> None:
        super().__init__(code, message, **detail)
        self.after = after


class InternalError(InterlockError, RuntimeError):
    """A broken invariant of our own."""

    exit_code = 70
