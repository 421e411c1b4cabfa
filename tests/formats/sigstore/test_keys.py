from __future__ import annotations

import base64
import hashlib
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519

from interlock.errors import InputError
from interlock.formats.sigstore import keys


def pem(key: Any, *, password: bytes | None = None) -> bytes:
    encryption = serialization.BestAvailableEncryption(password) if password else serialization.NoEncryption()
    data: bytes = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, encryption)
    return data


def public_pem(key: Any) -> bytes:
    data: bytes = key.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    return data


def test_a_key_is_written_and_read_back_and_verifies(made_keys: Any) -> None:
    private = keys.load_private(made_keys.release.pem)
    public = keys.load_public(made_keys.release.public.pem)
    signature = private.sign(b"data")
    assert public.verifies(signature, b"data")
    assert not public.verifies(signature, b"date")
    assert not made_keys.attest.public.verifies(signature, b"data")
    assert not public.verifies(b"no signature", b"data")


def test_signing_again_gives_the_same_signature(made_keys: Any) -> None:
    assert made_keys.release.sign(b"data") == made_keys.release.sign(b"data")


def test_the_hint_is_cosigns(made_keys: Any) -> None:
    public = made_keys.release.public
    assert public.hint == base64.b64encode(hashlib.sha256(public.der).digest()).decode()
    assert public.fingerprint == "sha256:" + base64.b64decode(public.hint).hex()


def test_only_p256_is_taken() -> None:
    for key in (ed25519.Ed25519PrivateKey.generate(), ec.generate_private_key(ec.SECP384R1())):
        with pytest.raises(InputError, match="not an ECDSA P-256 key"):
            keys.load_private(pem(key))
        with pytest.raises(InputError, match="not an ECDSA P-256 key"):
            keys.load_public(public_pem(key))


def test_an_error_does_not_repeat_the_secret() -> None:
    key = pem(ec.generate_private_key(ec.SECP256R1()), password=b"secret")
    for data in (key, b"-----BEGIN PRIVATE KEY-----\nc2VjcmV0\n-----END PRIVATE KEY-----\n", b"secret", b""):
        with pytest.raises(InputError) as caught:
            keys.load_private(data)
        assert caught.value.code == "key-invalid"
        assert not any(line in str(caught.value) for line in data.decode().splitlines() if len(line) > 3)


def test_secrets_are_not_in_representations(made_keys: Any) -> None:
    assert repr(made_keys.release) == "PrivateKey()"


def test_a_file_may_hold_several_of_which_each_verifies(made_keys: Any) -> None:
    one, other, stranger = (keys.PrivateKey(ec.generate_private_key(ec.SECP256R1())) for _ in range(3))
    ring = keys.load_ring(one.public.pem + other.public.pem)
    assert ring.keys == (one.public, other.public) and ring.hint == one.public.hint
    assert ring.verifies(one.sign(b"x"), b"x") and ring.verifies(other.sign(b"x"), b"x")
    assert not ring.verifies(stranger.sign(b"x"), b"x") and not ring.verifies(one.sign(b"x"), b"y")
    assert one.public.fingerprint in ring.fingerprint and other.public.fingerprint in ring.fingerprint


def test_a_ring_holds_nothing_but_keys() -> None:
    key = keys.PrivateKey(ec.generate_private_key(ec.SECP256R1()))
    secret = key.pem.decode()
    for pem in (b"", b"key\n", key.public.pem + b"note\n", key.public.pem * 2, key.pem, key.public.pem + key.pem):
        with pytest.raises(InputError) as caught:
            keys.load_ring(pem)
        assert caught.value.code == "key-invalid" and secret.splitlines()[1] not in str(caught.value)
