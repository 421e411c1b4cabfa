"""How an API server and the kubelet of a node know each other: one secret, which neither ever sends.

Another user of the machine may ask the kubelet's port, and may even sit on it while the engine is down. So a request
carries a keyed digest of its target, time and nonce (RFC 2104) instead of the secret, and the answer carries one of
that digest: whoever listens at the port learns nothing, and an answer that was not made with the secret is refused.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
import time
from collections.abc import Mapping
from pathlib import Path

from interlock.errors import InputError, NotFoundError

SCHEME = "Interlock-HMAC"
PROOF = "interlock-proof"
"""The answer's header."""
_WINDOW = 60
_SHORTEST = 16


def read_secret(path: Path) -> bytes:
    """The shared secret. Raises NotFoundError ``kubelet-secret-missing``, InputError ``kubelet-secret-short``."""
    try:
        secret = path.read_bytes().strip()
    except OSError as error:
        raise NotFoundError("kubelet-secret-missing", "cannot read a kubelet's secret", where=str(path)) from error
    if len(secret) < _SHORTEST:
        raise InputError("kubelet-secret-short", f"fewer than {_SHORTEST} bytes", where=str(path))
    return secret


def authorization(secret: bytes, target: str, *, now: float | None = None, nonce: str = "") -> str:
    """The ``Authorization`` header of ``GET target`` (path and query as they stand in the request line)."""
    stamp = f"{int(time.time() if now is None else now)} {nonce or secrets.token_hex(16)}"
    return f"{SCHEME} {stamp} {_digest(secret, 'request', stamp, target)}"


def accepted(secret: bytes, target: str, headers: Mapping[str, str], *, now: float | None = None) -> bool:
    """Whether the request shows knowledge of the secret, for this target and within a minute of ``now``."""
    scheme, _, rest = headers.get("authorization", "").partition(" ")
    stamp, _, given = rest.rpartition(" ")
    moment = stamp.partition(" ")[0]
    if scheme != SCHEME or not moment.isdigit():
        return False
    current = time.time() if now is None else now
    right = hmac.compare_digest(_digest(secret, "request", stamp, target).encode(), given.encode())
    return right and abs(current - int(moment)) <= _WINDOW


def proof(secret: bytes, header: str) -> str:
    """What the answer to a request with this ``Authorization`` carries in `PROOF`."""
    return _digest(secret, "answer", header)


def proven(secret: bytes, header: str, given: str) -> bool:
    return hmac.compare_digest(proof(secret, header).encode(), given.encode())


def _digest(secret: bytes, *parts: str) -> str:
    return hmac.new(secret, "\0".join(parts).encode(), hashlib.sha256).hexdigest()
