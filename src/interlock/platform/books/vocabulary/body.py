"""What a kind of entry, or of evidence, says: one frozen dataclass a kind, with the version of its stored form.

Stored bytes are read by the class of their kind and by nothing else. ``VERSION`` is what `encode` writes. Whoever
changes a class, or a domain value that it holds, so that older bodies no longer fit raises ``VERSION`` and teaches
``upcast`` the older form; tests/platform/books/corpus keeps a body of every version that was ever written. What cannot
be read is an :class:`~interlock.platform.domain.facts.Unread`, never an exception: one old or foreign body stops
nobody else's work.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, TypeVar

from pydantic import TypeAdapter, ValidationError

from interlock.platform.domain.facts import Unread

SOURCE = "books"
UNKNOWN = "schema-unknown"
_adapters: dict[type, TypeAdapter[Any]] = {}


class Body:
    """Base of the vocabulary. Subclasses are frozen dataclasses; fields with another stored name say so by alias."""

    __slots__ = ()

    KIND: ClassVar[str]
    """Kebab-case and unique: what the entry or fact is stored as."""
    VERSION: ClassVar[int] = 1

    @classmethod
    def upcast(cls, value: Any, version: int) -> Any:
        """A stored body of an earlier ``version`` in the form of VERSION."""
        return value

    def encode(self) -> Any:
        """The stored form: JSON values only."""
        return adapter(type(self)).dump_python(self, mode="json", by_alias=True)


class Raw(Body):
    """Evidence that is kept as its source gave it: subclasses have the one field ``value``."""

    __slots__ = ()

    value: Any

    def encode(self) -> Any:
        return self.value


B = TypeVar("B", bound=Body)


def decode(kind: type[B], value: Any, version: int) -> B | Unread:
    """A stored body of ``kind``; Unread ``schema-unknown`` when this software cannot read it."""
    if not 1 <= version <= kind.VERSION:
        return _unread(kind, f"version {version} of {kind.KIND}; this software reads up to {kind.VERSION}")
    try:
        current = kind.upcast(value, version) if version < kind.VERSION else value
        return adapter(kind).validate_python({"value": current} if issubclass(kind, Raw) else current)
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        return _unread(kind, f"{kind.KIND}: {'.'.join(map(str, first['loc']))}: {first['msg']}")
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        return _unread(kind, f"{kind.KIND}: {type(error).__name__}: {error}")


def adapter(kind: type[B]) -> TypeAdapter[B]:
    """Made once a class: making one costs a millisecond."""
    if kind not in _adapters:
        _adapters[kind] = TypeAdapter(kind)
    return _adapters[kind]


def schema(kind: type[Body]) -> Mapping[str, Any]:
    """JSON Schema of the stored form, without its prose: what must not change while ``VERSION`` stays."""
    found: dict[str, Any] = {} if issubclass(kind, Raw) else _bare(adapter(kind).json_schema(by_alias=True))
    return found


def _bare(value: Any) -> Any:
    if isinstance(value, dict):
        prose = ("title", "description")
        return {key: _bare(item) for key, item in value.items() if not (key in prose and isinstance(item, str))}
    return [_bare(item) for item in value] if isinstance(value, list) else value


def _unread(kind: type[Body], detail: str) -> Unread:
    return Unread(SOURCE, UNKNOWN, detail)
