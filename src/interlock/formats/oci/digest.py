"""Digests (image-spec descriptor.md, "Digests"): ``sha256:`` or ``sha512:`` and lower-case hexadecimal digits."""

from __future__ import annotations

import hashlib
import re
from typing import Final

from interlock.errors import InputError, IntegrityError

ALGORITHMS: Final = {"sha256": 64, "sha512": 128}
"""Registered algorithms and the number of hexadecimal digits of each."""

_DIGEST = re.compile(r"(?:sha256:[0-9a-f]{64}|sha512:[0-9a-f]{128})", re.ASCII)


def sha256(data: bytes) -> str:
    """The canonical digest of ``data``."""
    return "sha256:" + hashlib.sha256(data).hexdigest()


def parse_digest(text: object) -> str:
    """``text`` when it is a digest of a registered algorithm; InputError ``digest-invalid`` otherwise."""
    if not isinstance(text, str) or not _DIGEST.fullmatch(text):
        raise InputError(
            "digest-invalid",
            "not a digest",
            got=repr(text)[:160],
            expected="sha256:<64 lower-case hex digits> or sha512:<128>",
        )
    return text


def digest_like(data: bytes, digest: str) -> str:
    """The digest of ``data`` by the algorithm that ``digest`` names."""
    algorithm = parse_digest(digest).partition(":")[0]
    return f"{algorithm}:{hashlib.new(algorithm, data).hexdigest()}"


def check_digest(data: bytes, digest: str, *, where: str | None = None) -> bytes:
    """``data`` when it has this digest; IntegrityError ``digest-mismatch`` otherwise."""
    actual = digest_like(data, digest)
    if actual != digest:
        raise IntegrityError(
            "digest-mismatch", "the bytes are not what their digest says", got=actual, expected=digest, where=where
        )
    return data
