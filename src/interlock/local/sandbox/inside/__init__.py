"""Small programs of the standard library alone that run where a sandbox is made or entered, never in the engine.

- `first`: the first process of an ``unshare`` sandbox, which makes its root (`root`) and keeps its command;
- `keeper`: keeps a plain process and all that it starts;
- `entering`: a command, or a mount, in the namespaces of a sandbox that stands;
- `pods`: makes the namespaces that steps and sidecars share.
"""

from __future__ import annotations

import sys
from pathlib import Path

_SOURCE = str(Path(__file__).resolve().parents[4])


def program(name: str, *arguments: str) -> list[str]:
    """The argument list that runs one of them, apart from site packages and the caller's environment."""
    code = f"import sys; sys.path.insert(0, {_SOURCE!r}); from {__name__} import {name} as it; it.main()"
    return [sys.executable, "-I", "-S", "-c", code, *arguments]
