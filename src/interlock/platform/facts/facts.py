"""What is known of one delivery, or of what runs: each fact is read when it is first asked for, once, for itself.

A fact is named by its reader, a function in a module of its own. The gate's facts are of a pull request as it is now;
the proof's are reached by walking back from what runs, and those of the decision are given as they were captured. Who
judges sees no difference: the same reader's name, the same frozen value.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeVar, cast

from interlock.errors import InterlockError, NotFoundError, UnreachableError
from interlock.platform.books import FENCED
from interlock.platform.domain.facts import Unread, unread

T = TypeVar("T")
Reader = Callable[["Facts"], T]


class Facts:
    """``given``: values by their reader; an Unread stands for one that could not be read. ``instead``: readers that
    take another's place, where a fact is reached on another way."""

    def __init__(
        self,
        given: Mapping[Reader[Any], object] | None = None,
        instead: Mapping[Reader[Any], Reader[Any]] | None = None,
    ) -> None:
        self._known: dict[Reader[Any], object] = dict(given or {})
        self._instead = dict(instead or {})
        self._errors: dict[int, tuple[InterlockError, Unread]] = {}

    def get(self, read: Reader[T]) -> T:
        """The fact. Raises the InterlockError with which reading it failed, each time."""
        if read not in self._known:
            try:
                self._known[read] = self._instead.get(read, read)(self)
            except InterlockError as error:
                self._keep(error, read)
                self._known[read] = error
        found = self._known[read]
        if isinstance(found, InterlockError):
            raise found
        if isinstance(found, Unread):
            told = UnreachableError(found.code, found.detail)
            self._errors[id(told)] = (told, found)
            raise told
        return cast(T, found)

    def look(self, read: Reader[T]) -> T | Unread:
        """The fact, or why it could not be read. The fence of the books is no fact: it is raised here too."""
        try:
            return self.get(read)
        except InterlockError as error:
            return self.unread(error)

    def unread(self, error: InterlockError) -> Unread:
        """An error that `get` raised, as data: it names the fact whose source failed first.

        Raises ConflictError ``ledger-epoch`` again: who writes no longer has no business judging either.
        """
        if error.code == FENCED:
            raise error
        kept = self._errors.get(id(error))
        return kept[1] if kept else unread("facts", error)

    def has(self, read: Reader[Any]) -> bool:
        """Whether it was given or read, and could be."""
        return not isinstance(self._known.get(read, _NOTHING), Unread | InterlockError | _Nothing)

    def _keep(self, error: InterlockError, read: Reader[Any]) -> None:
        """What fails because another fact failed is told as that one."""
        self._errors.setdefault(id(error), (error, unread(name(read), error)))


def name(read: Reader[Any]) -> str:
    """What a fact is called in messages: its module, and its function where that says more."""
    module = read.__module__.rpartition(".")[2]
    return module if read.__name__ == "read" else f"{module} {read.__name__}".replace("_", " ")


def missing(what: str) -> NotFoundError:
    """The error of a fact that nobody can read here: unknown, never a pass."""
    return NotFoundError("fact-missing", f"nobody has read it: {what}")


class _Nothing:
    pass


_NOTHING = _Nothing()
