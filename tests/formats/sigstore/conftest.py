"""Two keys and one image; keys are made once."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from interlock.formats.oci import Content, File, image
from interlock.formats.sigstore import PrivateKey


@dataclass(frozen=True)
class Keys:
    release: PrivateKey
    attest: PrivateKey


@pytest.fixture(scope="session")
def made_keys() -> Keys:
    return Keys(*(PrivateKey(ec.generate_private_key(ec.SECP256R1())) for _ in range(2)))


@pytest.fixture(scope="session")
def payments() -> Content:
    return image.build([image.layer([File("a", b"1")])], created=datetime(2026, 5, 4, tzinfo=UTC))
