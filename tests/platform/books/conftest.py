"""A clock that ticks once a call, and an attest key."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from interlock.formats.sigstore import PrivateKey
from interlock.platform.books.keys import AttestKey


@pytest.fixture
def now() -> Callable[[], datetime]:
    start, ticks = datetime(2026, 5, 4, 12, 0, tzinfo=UTC), iter(range(100_000))
    return lambda: start + timedelta(seconds=next(ticks))


@pytest.fixture(scope="session")
def attest_key() -> AttestKey:
    secret = PrivateKey(ec.generate_private_key(ec.SECP256R1()))
    return AttestKey(secret.public, secret)
