"""A clock that ticks once a call, an attest key, and ledgers."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from interlock.formats.sigstore import PrivateKey
from interlock.platform.books.keys import AttestKey
from interlock.platform.books.ledger import Ledger
from interlock.platform.books.ledger.entries import Stamp

from .books_world.ledgers import Open


@pytest.fixture
def now() -> Callable[[], datetime]:
    start, ticks = datetime(2026, 5, 4, 12, 0, tzinfo=UTC), iter(range(100_000))
    return lambda: start + timedelta(seconds=next(ticks))


@pytest.fixture(scope="session")
def attest_key() -> AttestKey:
    """The key that signed ``format1/``."""
    secret = PrivateKey(ec.derive_private_key(20260504, ec.SECP256R1()))
    return AttestKey(secret.public, secret)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state" / "ledger.jsonl"


@pytest.fixture
def index(path: Path) -> Path:
    return path.with_name("index.sqlite")


@pytest.fixture
def opened(path: Path, index: Path, attest_key: AttestKey, now: Callable[[], datetime]) -> Open:
    """Opens the ledger anew, as another process would; ``read`` without the private half of the key."""

    def make(*, read: bool = False, epoch: int = 0) -> Ledger:
        key = AttestKey(attest_key.public) if read else attest_key
        return Ledger(path, key, index=index, now=now, stamp=lambda: Stamp("0.2.0", None, epoch))

    return make
