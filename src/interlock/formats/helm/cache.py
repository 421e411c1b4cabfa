"""What was parsed, by the text that it was parsed from: the charts of an estate are rendered again and again.

A key is the whole text, so that no two can be taken for each other. Nobody changes what is kept.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

Key = TypeVar("Key", bound=Hashable)
Value = TypeVar("Value")

SIZE = 512 * 1024
"""Length of the texts that a cache has read, together. Hostile ones become a hundred bytes a character: 50 MB."""


class Cache(Generic[Key, Value]):
    """Thread-safe. What was not used for longest goes first; a text of a tenth of ``size`` is read each time."""

    def __init__(self, read: Callable[[Key], Value], length: Callable[[Key], int], *, size: int = SIZE) -> None:
        self._read, self._length, self._size = read, length, size
        self._lock = threading.Lock()
        self._kept: OrderedDict[Key, Value] = OrderedDict()
        self._held = 0

    def __call__(self, key: Key) -> Value:
        """Raises what ``read`` raises, each time."""
        with self._lock:
            if key in self._kept:
                self._kept.move_to_end(key)
                return self._kept[key]
        value, length = self._read(key), self._length(key)
        with self._lock:
            if key not in self._kept and length < self._size // 10:
                self._kept[key] = value
                self._held += length
                while self._held > self._size:
                    self._held -= self._length(self._kept.popitem(last=False)[0])
        return value
