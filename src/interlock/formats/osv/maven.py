"""Order of Maven versions: ComparableVersion of maven-artifact 3.8 (org.apache.maven.artifact.versioning).

One deviation, towards the rule as maven.apache.org/pom.html states it ("trimming is repeated at each remaining
hyphen"): a list that holds nothing but a list after trimming is that list, so ``1-ga-1`` equals ``1-1``.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import total_ordering
from typing import Final

_QUALIFIERS: Final = ("alpha", "beta", "milestone", "rc", "snapshot", "", "sp")
_ALIASES: Final = {"ga": "", "final": "", "release": "", "cr": "rc"}
_SHORT: Final = {"a": "alpha", "b": "beta", "m": "milestone"}
MAX_LENGTH: Final = 500
"""No published version comes near; deeper ones would only exhaust the stack."""


def _rank(qualifier: str) -> str:
    """Known qualifiers by their place, others after them; compared as text, as upstream does."""
    if qualifier in _QUALIFIERS:
        return str(_QUALIFIERS.index(qualifier))
    return f"{len(_QUALIFIERS)}-{qualifier}"


_RELEASE: Final = _rank("")


@dataclass(slots=True)
class _List:
    items: list[_Item] = field(default_factory=list)


_Item = int | str | _List


def _is_null(item: _Item) -> bool:
    match item:
        case int():
            return item == 0
        case str():
            return item == ""
        case _List():
            return not item.items


def _trim(block: _List, *, root: bool) -> None:
    for index in range(len(block.items) - 1, -1, -1):
        if _is_null(block.items[index]):
            del block.items[index]
        elif not isinstance(block.items[index], _List):
            break
    match block.items:
        case [_List() as only] if not root:
            block.items = only.items


def _compare(left: _Item | None, right: _Item | None) -> int:
    if left is None:
        return 0 if right is None else -_compare(right, None)
    match left:
        case int():
            return _compare_number(left, right)
        case str():
            return _compare_text(left, right)
        case _List():
            return _compare_list(left, right)


def _compare_number(left: int, right: _Item | None) -> int:
    if right is None:
        return 0 if left == 0 else 1
    return (left > right) - (left < right) if isinstance(right, int) else 1


def _compare_text(left: str, right: _Item | None) -> int:
    if isinstance(right, int | _List):
        return -1
    one, other = _rank(left), _RELEASE if right is None else _rank(right)
    return (one > other) - (one < other)


def _compare_list(left: _List, right: _Item | None) -> int:
    match right:
        case None:
            return next((result for item in left.items if (result := _compare(item, None))), 0)
        case int():
            return -1
        case str():
            return 1
        case _List():
            for index in range(max(len(left.items), len(right.items))):
                one = left.items[index] if index < len(left.items) else None
                other = right.items[index] if index < len(right.items) else None
                if result := _compare(one, other):
                    return result
            return 0


def _parse(text: str) -> _List:
    root = block = _List()
    blocks = [root]
    start, digits = 0, False

    def descend() -> None:
        nonlocal block
        inner = _List()
        block.items.append(inner)
        blocks.append(inner)
        block = inner

    def word(part: str, *, before_digit: bool) -> str:
        if before_digit:
            part = _SHORT.get(part, part)
        return _ALIASES.get(part, part)

    for index, letter in enumerate(text):
        if letter in ".-":
            part = text[start:index]
            block.items.append((int(part) if digits else word(part, before_digit=False)) if part else 0)
            start = index + 1
            if letter == "-":
                descend()
        elif letter in "0123456789":
            if not digits and index > start:
                block.items.append(word(text[start:index], before_digit=True))
                start = index
                descend()
            digits = True
        else:
            if digits and index > start:
                block.items.append(int(text[start:index]))
                start = index
                descend()
            digits = False
    if start < len(text):
        block.items.append(int(text[start:]) if digits else word(text[start:], before_digit=False))
    for item in reversed(blocks):
        _trim(item, root=item is root)
    return root


@total_ordering
class MavenVersion:
    """A version that compares as Maven compares it: ``1.0-alpha-1 < 1.0 == 1.0.0 < 1.0-1``."""

    __slots__ = ("_items", "text")

    def __init__(self, text: str) -> None:
        """Raises ValueError for an empty text or one that is no version at all (blanks, more than 500 characters)."""
        if not text or len(text) > MAX_LENGTH or any(letter.isspace() for letter in text):
            raise ValueError(f"not a Maven version: {text[:80]!r}")
        self.text = text
        self._items = _parse(text.lower())

    def __eq__(self, other: object) -> bool:
        return isinstance(other, MavenVersion) and _compare(self._items, other._items) == 0

    def __lt__(self, other: MavenVersion) -> bool:
        return _compare(self._items, other._items) < 0

    __hash__ = None  # type: ignore[assignment]  # equal versions have many spellings

    def __repr__(self) -> str:
        return f"MavenVersion({self.text!r})"
