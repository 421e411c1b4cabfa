"""OpenSSH keys: public lines (sshd(8), RFC 4253 section 6.6) and private key files, read with ``cryptography``."""

from __future__ import annotations

import base64
import binascii
import hashlib
import struct
from dataclasses import dataclass

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

from interlock.errors import InputError

PrivateKey = ed25519.Ed25519PrivateKey | ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey
MIN_RSA_BITS = 2048


@dataclass(frozen=True, slots=True)
class PublicKey:
    """One public key: ``type`` as in the line (``ssh-ed25519``), ``blob`` its wire encoding."""

    type: str
    blob: bytes
    comment: str = ""

    @property
    def fingerprint(self) -> str:
        """``SHA256:…`` as ``ssh-keygen -l`` prints it."""
        return "SHA256:" + base64.b64encode(hashlib.sha256(self.blob).digest()).decode().rstrip("=")

    @property
    def line(self) -> str:
        return f"{self.type} {base64.b64encode(self.blob).decode()} {self.comment}".strip()


def parse_public(line: str) -> PublicKey:
    """Read one public key line, ``TYPE BASE64 [COMMENT]``. Raises InputError ``ssh-key-invalid``.

    RSA below 2048 bits, DSA and types that ``cryptography`` cannot read are refused.
    """
    parts = line.strip().split(None, 2)
    try:
        if len(parts) < 2 or "\n" in line.strip():
            raise ValueError("not one line of TYPE BASE64 [COMMENT]")
        blob = base64.b64decode(parts[1], validate=True)
        if read_strings(blob, 1)[0][0].decode("ascii") != parts[0]:
            raise ValueError("the type in the key differs from the type on the line")
        key = PublicKey(parts[0], blob, parts[2] if len(parts) == 3 else "")
        load_public(key)
    except (ValueError, UnsupportedAlgorithm, binascii.Error) as error:
        raise InputError(
            "ssh-key-invalid",
            "no usable OpenSSH public key",
            got=str(error)[:200],
            expected="ssh-ed25519 AAAA… comment",
        ) from error
    return key


def load_public(key: PublicKey) -> ed25519.Ed25519PublicKey | ec.EllipticCurvePublicKey | rsa.RSAPublicKey:
    """The key as ``cryptography`` knows it. Raises ValueError for an unusable one."""
    line = f"{key.type} {base64.b64encode(key.blob).decode()}"
    loaded = serialization.load_ssh_public_key(line.encode())
    if isinstance(loaded, rsa.RSAPublicKey) and loaded.key_size < MIN_RSA_BITS:
        raise ValueError(f"RSA key of {loaded.key_size} bits")
    if isinstance(loaded, ed25519.Ed25519PublicKey | ec.EllipticCurvePublicKey | rsa.RSAPublicKey):
        return loaded
    raise ValueError(f"key type {key.type} is not supported")


def load_private(data: bytes) -> PrivateKey:
    """Read an unencrypted OpenSSH private key file. Raises InputError ``ssh-key-invalid``."""
    try:
        key = serialization.load_ssh_private_key(data, password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise InputError("ssh-key-invalid", "no usable OpenSSH private key", got=str(error)[:200]) from error
    if isinstance(key, ed25519.Ed25519PrivateKey | ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey):
        return key
    raise InputError("ssh-key-invalid", "this type of private key is not supported", got=type(key).__name__)


def public_of(key: PrivateKey, comment: str = "") -> PublicKey:
    """The public half of ``key``."""
    line = key.public_key().public_bytes(serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH)
    kind, encoded = line.decode().split()
    return PublicKey(kind, base64.b64decode(encoded), comment)


def read_strings(data: bytes, count: int) -> tuple[list[bytes], bytes]:
    """Read ``count`` SSH strings (RFC 4251 section 5: uint32 length, bytes); returns them and the rest."""
    found = []
    for _ in range(count):
        if len(data) < 4:
            raise ValueError("truncated")
        (length,) = struct.unpack(">I", data[:4])
        if len(data) < 4 + length:
            raise ValueError("truncated")
        found.append(data[4 : 4 + length])
        data = data[4 + length :]
    return found, data


def write_string(data: bytes) -> bytes:
    """One SSH string."""
    return struct.pack(">I", len(data)) + data
