"""JSON objects read so that every parser reads them alike.

Signatures and digests cover bytes, but decisions are taken on parsed values. Where parsers differ, what we checked is
not what a cluster runs: a key that stands twice (first wins or last wins), a key in another case (Go's encoding/json
matches field names without regard to case), NaN. All of these are refused instead of interpreted.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any, Final, NoReturn

from interlock.errors import InputError

MAX_BYTES: Final = 4 * 1024 * 1024
"""The size of a manifest that every registry must accept (distribution-spec, "Pushing Manifests")."""


def load_object(data: bytes, *, code: str, what: str, max_bytes: int = MAX_BYTES) -> dict[str, Any]:
    """The JSON object in ``data``. Raises InputError ``code``; ``what`` names the thing in the message."""

    def refuse(problem: str, got: object = None) -> NoReturn:
        raise InputError(code, f"{what}: {problem}", got=got)

    def pairs(items: list[tuple[str, Any]]) -> dict[str, Any]:
        result = dict(items)
        if len(result) != len(items):
            keys = [key for key, _ in items]
            refuse("a key appears twice", next(key for key in keys if keys.count(key) > 1))
        return result

    if len(data) > max_bytes:
        raise InputError(code, f"{what}: too large", got=f"{len(data)} bytes", expected=f"<= {max_bytes}")
    try:
        text = data.decode("utf-8")
        value = json.loads(text, object_pairs_hook=pairs, parse_constant=lambda name: refuse("not JSON", name))
    except InputError:
        raise
    except (UnicodeDecodeError, ValueError) as error:
        raise InputError(code, f"{what}: not JSON", got=str(error)) from error
    except RecursionError as error:
        raise InputError(code, f"{what}: nested too deeply") from error
    if not isinstance(value, dict):
        refuse("not a JSON object", type(value).__name__)
    return value


def refuse_case_variants(value: Mapping[str, Any], known: Iterable[str], *, code: str, what: str) -> None:
    """Refuse a key that is a known one in another case: Go would read it, we would not."""
    exact = set(known)
    lowered = {name.lower(): name for name in exact}
    for key in value:
        if key not in exact and key.lower() in lowered:
            raise InputError(code, f"{what}: a field name in the wrong case", got=key, expected=lowered[key.lower()])


def dump(value: Mapping[str, Any]) -> bytes:
    """Compact JSON in the order given: the same value always gives the same bytes."""
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False, allow_nan=False).encode()
