from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from interlock.errors import UnsupportedError
from interlock.formats.tekton.task import Param


class Resolvers:
    def resolve(self, resolver: str, params: Sequence[Param], *, namespace: str, kind: str) -> Any:
        raise UnsupportedError("resolution-failed", f"resolver {resolver} is not there")
