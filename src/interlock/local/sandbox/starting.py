"""A view about to be started, by the means of its level of isolation."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from interlock.local.sandbox import bubblewrap, rewriting, unshare
from interlock.local.sandbox.launch import Launch
from interlock.local.sandbox.levels import Isolation, Level
from interlock.local.sandbox.view import View


class _Launcher(Protocol):
    def __call__(self, isolation: Isolation, view: View, lock: int | None, /) -> Launch: ...


_LAUNCHERS: Mapping[Level, _Launcher] = {
    "bubblewrap": bubblewrap.launch,
    "unshare": unshare.launch,
    "none": rewriting.launch,
}


def launch(isolation: Isolation, view: View, *, lock: int | None = None, held: bool = False) -> Launch:
    """``lock`` is a descriptor that stays open until every process of the sandbox is gone.

    ``held``: the command starts with `Launch.release`, and not at once.
    """
    made = _LAUNCHERS[isolation.level](isolation, view, lock)
    if not held:
        made.release()
    return made
