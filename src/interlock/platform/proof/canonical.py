"""One byte form for a JSON value, so that its digest means the value.

Sorted keys, no spaces, UTF-8 without escapes beyond JSON's own, no NaN or infinity. It equals RFC 8785 for everything
but floats, which the interfaces that are recorded here do not use.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import TypeAlias

from interlock.errors import InputError
from interlock.platform.domain.ids import Digest

Json: TypeAlias = "bool | int | float | str | Sequence[Json] | Mapping[str, Json] | None"


def encode(value: object) -> bytes:
    """The canonical bytes of ``value``. Raises InputError ``evidence-not-json``."""
    try:
        text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
        return text.encode()
    except (TypeError, ValueError) as error:
        raise InputError("evidence-not-json", "a value cannot be written as JSON", got=error) from error


def digest(data: bytes) -> Digest:
    """``sha256:`` and the hash of ``data``."""
    return Digest("sha256:" + hashlib.sha256(data).hexdigest())
