"""One byte form for a JSON value, so that its digest means the value.

Keys sorted by code point, no spaces, UTF-8 without escapes beyond JSON's own, no NaN or infinity: ``json.dumps`` with
sort_keys, separators=(",", ":") and ensure_ascii=False. For ASCII keys and integers, which is all that is recorded
here, that is RFC 8785.
"""

from __future__ import annotations

import hashlib
import json

from interlock.errors import InputError
from interlock.platform.domain.ids import Digest

_ENCODER = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def encode(value: object) -> bytes:
    """The canonical bytes of ``value``. Raises InputError ``evidence-not-json``."""
    try:
        return _ENCODER.encode(value).encode()
    except (TypeError, ValueError, RecursionError) as error:
        raise InputError("evidence-not-json", "a value cannot be written as JSON", got=error) from error


def digest(data: bytes) -> Digest:
    """``sha256:`` and the hash of ``data``."""
    return Digest("sha256:" + hashlib.sha256(data).hexdigest())
