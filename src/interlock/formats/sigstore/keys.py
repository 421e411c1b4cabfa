"""ECDSA P-256 keys, the only kind that all cosign versions sign and verify with (Ed25519 bundles do not verify)."""

from __future__ import annotations

import base64
import hashlib
import re
from dataclasses import dataclass, field
from typing import NoReturn, Protocol

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from interlock.errors import InputError

_BLOCK = re.compile(rb"-----BEGIN PUBLIC KEY-----[^-]*-----END PUBLIC KEY-----\n?")


class Verifier(Protocol):
    """What a signature is verified against: a key, or any of several."""

    @property
    def hint(self) -> str: ...

    @property
    def fingerprint(self) -> str: ...

    def verifies(self, signature: bytes, data: bytes) -> bool: ...


@dataclass(frozen=True, slots=True)
class PublicKey:
    """A key to verify with."""

    key: ec.EllipticCurvePublicKey = field(repr=False)

    @property
    def der(self) -> bytes:
        """SubjectPublicKeyInfo."""
        return self.key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)

    @property
    def pem(self) -> bytes:
        return self.key.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)

    @property
    def hint(self) -> str:
        """What bundles name the key by: base64 of the SHA-256 of the DER (cosign). A hint proves nothing."""
        return base64.b64encode(hashlib.sha256(self.der).digest()).decode()

    @property
    def fingerprint(self) -> str:
        """``sha256:`` and hexadecimal digits of the DER's SHA-256, for people and logs."""
        return "sha256:" + hashlib.sha256(self.der).hexdigest()

    def verifies(self, signature: bytes, data: bytes) -> bool:
        """Whether ``signature`` (ASN.1 DER) is this key's over ``data`` with SHA-256."""
        try:
            self.key.verify(signature, data, ec.ECDSA(hashes.SHA256()))
        except InvalidSignature:
            return False
        return True


@dataclass(frozen=True, slots=True)
class Ring:
    """Keys of one purpose that hold at the same time, one at least: the first is the current one."""

    keys: tuple[PublicKey, ...]

    @property
    def hint(self) -> str:
        return self.keys[0].hint

    @property
    def fingerprint(self) -> str:
        """Of each of them."""
        return ", ".join(key.fingerprint for key in self.keys)

    def verifies(self, signature: bytes, data: bytes) -> bool:
        """Whether one of them made it."""
        return any(key.verifies(signature, data) for key in self.keys)


@dataclass(frozen=True, slots=True)
class PrivateKey:
    """A key to sign with."""

    key: ec.EllipticCurvePrivateKey = field(repr=False)

    @property
    def public(self) -> PublicKey:
        return PublicKey(self.key.public_key())

    @property
    def pem(self) -> bytes:
        """PKCS#8, unencrypted: write it with mode 0600."""
        return self.key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )

    def sign(self, data: bytes) -> bytes:
        """ASN.1 DER signature over ``data`` with SHA-256.

        Deterministic (RFC 6979) where OpenSSL offers it, so that signing again after a crash gives the same
        referrer and not a second one.
        """
        try:
            return self.key.sign(data, ec.ECDSA(hashes.SHA256(), deterministic_signing=True))
        except UnsupportedAlgorithm:
            return self.key.sign(data, ec.ECDSA(hashes.SHA256()))


def load_public(pem: bytes) -> PublicKey:
    """The P-256 key in a PEM ``PUBLIC KEY``. Raises InputError ``key-invalid``."""
    try:
        key = serialization.load_pem_public_key(pem)
    except (ValueError, UnsupportedAlgorithm) as error:
        _refuse("not a PEM public key", type(error).__name__)
    if not isinstance(key, ec.EllipticCurvePublicKey) or not isinstance(key.curve, ec.SECP256R1):
        _refuse("not an ECDSA P-256 key", type(key).__name__)
    return PublicKey(key)


def load_ring(pem: bytes) -> Ring:
    """The P-256 keys of a file with one PEM ``PUBLIC KEY`` after the other. Raises InputError ``key-invalid``, also for
    anything beside them and for one that stands there twice."""
    blocks = _BLOCK.findall(pem)
    if _BLOCK.sub(b"", pem).strip() or not blocks:
        _refuse("not one or more PEM public keys", f"{len(pem)} bytes")
    found = tuple(map(load_public, blocks))
    if len({key.fingerprint for key in found}) != len(found):
        _refuse("a key stands there twice", f"{len(found)} keys")
    return Ring(found)


def load_private(pem: bytes) -> PrivateKey:
    """The P-256 key in a PEM ``PRIVATE KEY`` (PKCS#8, unencrypted). Raises InputError ``key-invalid``.

    Errors never contain a part of the input.
    """
    try:
        key = serialization.load_pem_private_key(pem, password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        _refuse("not an unencrypted PEM private key", None)
    if not isinstance(key, ec.EllipticCurvePrivateKey) or not isinstance(key.curve, ec.SECP256R1):
        _refuse("not an ECDSA P-256 key", type(key).__name__)
    return PrivateKey(key)


def _refuse(problem: str, got: str | None) -> NoReturn:
    raise InputError("key-invalid", problem, got=got, expected="ECDSA P-256 in PEM")
