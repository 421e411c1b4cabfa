"""What was read by the ids of its content, and so is the same whenever it is read: kept, as far as there is room."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import TypeVar, cast

T = TypeVar("T")
ROOM = 1024


class Kept:
    """Values by keys that name content (digest, tree, commit), never a branch, tag or time. Thread-safe; the value that
    was asked for longest ago makes room. Errors are not kept: a source that did not answer is asked again."""

    def __init__(self, room: int = ROOM) -> None:
        self._room = room
        self._values: OrderedDict[Hashable, object] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, key: Hashable, read: Callable[[], T]) -> T:
        """The value of ``key``, read when it is not there."""
        with self._lock:
            if key in self._values:
                self._values.move_to_end(key)
                return cast(T, self._values[key])
        value = read()
        with self._lock:
            self._values[key] = value
            while len(self._values) > self._room:
                self._values.popitem(last=False)
        return value
