"""New signing keys. The one place here that draws randomness."""

from __future__ import annotations

import pysequoia
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ed25519

from interlock.formats.signatures import sshkey


def generate_openpgp(user_id: str) -> tuple[str, str]:
    """A new Ed25519 OpenPGP key (RFC 4880 packets, which every gpg reads): (armored secret, armored certificate)."""
    secret = pysequoia.Tsk.generate(user_id=user_id, profile=pysequoia.Profile.RFC4880)
    return str(secret), str(secret.extract_certificate())


def generate_ssh(comment: str) -> tuple[str, str]:
    """A new ed25519 key: (OpenSSH private key file, public key line)."""
    key = ed25519.Ed25519PrivateKey.generate()
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.OpenSSH, serialization.NoEncryption()
    )
    return private.decode(), sshkey.public_of(key, comment).line + "\n"
