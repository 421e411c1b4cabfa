"""Facts of a trace: read once, whether they could be read or not."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Generic, TypeVar, cast, overload

from interlock.errors import InterlockError

T = TypeVar("T")


class fact(Generic[T]):  # noqa: N801 - used as a decorator
    """A property that is read once; an :class:`~interlock.errors.InterlockError` is kept and raised again.

    Several links look at the same fact; all see the same answer, and a source that does not answer is asked once.
    """

    def __init__(self, read: Callable[[Any], T]) -> None:
        self._read = read
        self.__doc__ = read.__doc__

    def __set_name__(self, owner: type, name: str) -> None:
        self._name = "_fact_" + name

    @overload
    def __get__(self, instance: None, owner: type) -> fact[T]: ...
    @overload
    def __get__(self, instance: object, owner: type) -> T: ...
    def __get__(self, instance: object | None, owner: type) -> fact[T] | T:
        if instance is None:
            return self
        if self._name not in instance.__dict__:
            try:
                instance.__dict__[self._name] = self._read(instance)
            except InterlockError as error:
                instance.__dict__[self._name] = _Raised(error)
        kept = instance.__dict__[self._name]
        if isinstance(kept, _Raised):
            raise kept.error
        return cast(T, kept)


class _Raised:
    def __init__(self, error: InterlockError) -> None:
        self.error = error
