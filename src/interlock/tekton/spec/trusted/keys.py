"""Keys that sign Tasks and Pipelines: ECDSA, RSA (PKCS #1 v1.5) and Ed25519 in PEM, as sigstore loads them.

Source: sigstore/sigstore pkg/signature ({ecdsa,rsapkcs1v15,ed25519}.go) and pkg/cryptoutils, which Tekton and tkn use.
A password is asked for by a callable and only when the key needs one; errors never contain a part of a key.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final, Literal, NoReturn, TypeAlias, get_args

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa, utils
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt
from nacl.exceptions import CryptoError
from nacl.secret import SecretBox

from interlock.errors import InputError

HashAlgorithm = Literal["sha224", "sha256", "sha384", "sha512"]
HASH_ALGORITHMS: Final[tuple[str, ...]] = get_args(HashAlgorithm)
Password: TypeAlias = Callable[[], bytes]

_HASHES: Final[dict[str, hashes.HashAlgorithm]] = {
    "sha224": hashes.SHA224(),
    "sha256": hashes.SHA256(),
    "sha384": hashes.SHA384(),
    "sha512": hashes.SHA512(),
}
_PEM = re.compile(rb"-----BEGIN ([A-Z0-9 ]+)-----\r?\n(.*?)-----END \1-----", re.DOTALL)
_SIGSTORE = ("ENCRYPTED SIGSTORE PRIVATE KEY", "ENCRYPTED COSIGN PRIVATE KEY")
_CURVES = (ec.SECP224R1, ec.SECP256R1, ec.SECP384R1, ec.SECP521R1)
_WEAKEST_RSA = 1024
"""Go's crypto/rsa refuses shorter ones."""
_DEAREST_SCRYPT = 2**18


@dataclass(frozen=True, slots=True)
class PublicKey:
    """A key to verify with."""

    key: ec.EllipticCurvePublicKey | rsa.RSAPublicKey | ed25519.Ed25519PublicKey = field(repr=False)

    @property
    def pem(self) -> bytes:
        return self.key.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)

    def verifies(self, signature: bytes, message: bytes, algorithm: HashAlgorithm = "sha256") -> bool:
        """Whether ``signature`` is this key's over ``message``, hashed with ``algorithm``; Ed25519 does not hash."""
        chosen = _HASHES[algorithm]
        try:
            if isinstance(self.key, ed25519.Ed25519PublicKey):
                self.key.verify(signature, message)
            elif isinstance(self.key, rsa.RSAPublicKey):
                self.key.verify(signature, message, padding.PKCS1v15(), chosen)
            else:
                self.key.verify(_as_der(signature), message, ec.ECDSA(chosen))
        except (InvalidSignature, ValueError):
            return False
        return True


@dataclass(frozen=True, slots=True)
class PrivateKey:
    """A key to sign with."""

    key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey | ed25519.Ed25519PrivateKey = field(repr=False)

    @property
    def public(self) -> PublicKey:
        return PublicKey(self.key.public_key())

    def sign(self, message: bytes, algorithm: HashAlgorithm = "sha256") -> bytes:
        """A signature that `PublicKey.verifies`; ECDSA is deterministic (RFC 6979) where OpenSSL offers it."""
        chosen = _HASHES[algorithm]
        if isinstance(self.key, ed25519.Ed25519PrivateKey):
            return self.key.sign(message)
        if isinstance(self.key, rsa.RSAPrivateKey):
            return self.key.sign(message, padding.PKCS1v15(), chosen)
        try:
            return self.key.sign(message, ec.ECDSA(chosen, deterministic_signing=True))
        except UnsupportedAlgorithm:
            return self.key.sign(message, ec.ECDSA(chosen))


def load_public(pem: bytes) -> PublicKey:
    """The key in a PEM ``PUBLIC KEY`` or ``RSA PUBLIC KEY``. Raises InputError ``key-invalid``."""
    kind, block = _block(pem)
    if kind not in ("PUBLIC KEY", "RSA PUBLIC KEY"):
        _refuse("not a public key", kind)
    try:
        key = serialization.load_pem_public_key(block)
    except (ValueError, UnsupportedAlgorithm) as error:
        _refuse("not a public key in PEM", type(error).__name__)
    if not isinstance(key, ec.EllipticCurvePublicKey | rsa.RSAPublicKey | ed25519.Ed25519PublicKey):
        _refuse("a kind of key that signs no Tekton objects", type(key).__name__)
    _strong(key)
    return PublicKey(key)


def load_private(pem: bytes, password: Password) -> PrivateKey:
    """The key in a PEM file: PKCS #8, PKCS #1 or SEC 1, encrypted PKCS #8, or sigstore's own encryption.

    ``password`` is called only for an encrypted key. Raises InputError ``key-invalid``, ``key-password-wrong``.
    """
    kind, block = _block(pem)
    try:
        if kind in _SIGSTORE:
            body = b"".join(block.splitlines()[1:-1])
            key = serialization.load_der_private_key(_decrypted(base64.b64decode(body), password()), password=None)
        elif kind == "ENCRYPTED PRIVATE KEY":
            key = serialization.load_pem_private_key(block, password=password())
        elif kind in ("PRIVATE KEY", "RSA PRIVATE KEY", "EC PRIVATE KEY"):
            key = serialization.load_pem_private_key(block, password=None)
        else:
            _refuse("not a private key", kind)
    except InputError:
        raise
    except (ValueError, TypeError, UnsupportedAlgorithm, binascii.Error):
        if kind == "ENCRYPTED PRIVATE KEY":
            _wrong_password()
        _refuse("not a private key in PEM", None)
    if not isinstance(key, ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey | ed25519.Ed25519PrivateKey):
        _refuse("a kind of key that signs no Tekton objects", type(key).__name__)
    _strong(key.public_key())
    return PrivateKey(key)


def _decrypted(text: bytes, password: bytes) -> bytes:
    """secure-systems-lab/go-securesystemslib encrypted: scrypt and NaCl's secretbox, in JSON."""
    try:
        value = json.loads(text)
        kdf, cipher = value["kdf"], value["cipher"]
        cost, size, lanes = (int(kdf["params"][name]) for name in ("N", "r", "p"))
        if (kdf["name"], cipher["name"]) != ("scrypt", "nacl/secretbox"):
            _refuse("encrypted in a way that sigstore does not use", f"{kdf['name']}, {cipher['name']}"[:80])
        if cost > _DEAREST_SCRYPT or (size, lanes) != (8, 1):
            _refuse("encrypted with parameters that sigstore does not use", f"scrypt N={cost} r={size} p={lanes}")
        salt, nonce, sealed = (base64.b64decode(item) for item in (kdf["salt"], cipher["nonce"], value["ciphertext"]))
    except InputError:
        raise
    except (ValueError, KeyError, TypeError):
        _refuse("not a key that sigstore encrypted", None)
    try:
        secret = Scrypt(salt=salt, length=SecretBox.KEY_SIZE, n=cost, r=size, p=lanes).derive(password)
        return SecretBox(secret).decrypt(sealed, nonce)
    except CryptoError:
        _wrong_password()


def _as_der(signature: bytes) -> bytes:
    """ECDSA signatures may be r and s side by side (IEEE P1363) where they are no ASN.1 (sigstore ecdsa.go)."""
    try:
        utils.decode_dss_signature(signature)
    except ValueError:
        if not signature or len(signature) > 132 or len(signature) % 2:
            raise
        half = len(signature) // 2
        return utils.encode_dss_signature(
            int.from_bytes(signature[:half], "big"), int.from_bytes(signature[half:], "big")
        )
    return signature


def _block(pem: bytes) -> tuple[str, bytes]:
    """The first PEM block and its type, as Go's pem.Decode finds it."""
    match = _PEM.search(pem)
    if match is None:
        _refuse("no PEM block", None)
    return match[1].decode(), match[0] + b"\n"


def _strong(key: object) -> None:
    if isinstance(key, ec.EllipticCurvePublicKey) and not isinstance(key.curve, _CURVES):
        _refuse("a curve that Go does not have", key.curve.name)
    if isinstance(key, rsa.RSAPublicKey) and key.key_size < _WEAKEST_RSA:
        _refuse("too short an RSA key", f"{key.key_size} bits")


def _wrong_password() -> NoReturn:
    raise InputError("key-password-wrong", "the private key cannot be decrypted", expected="its password")


def _refuse(problem: str, got: str | None) -> NoReturn:
    raise InputError("key-invalid", problem, got=got, expected="ECDSA, RSA or Ed25519 in PEM")
