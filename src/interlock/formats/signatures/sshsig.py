"""SSHSIG: signatures by SSH keys over arbitrary data (OpenSSH ``PROTOCOL.sshsig``): ``ssh-keygen -Y sign``.

Git uses the namespace ``git``. SHA-1 signatures (``ssh-rsa``) and security-key types (``sk-…``) are refused.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import struct
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature

from interlock.formats.signatures import sshkey
from interlock.formats.signatures.verification import Rejected, Verification, Verified

_BEGIN = "-----BEGIN SSH SIGNATURE-----"
_END = "-----END SSH SIGNATURE-----"
_MAGIC = b"SSHSIG"
_DIGESTS = {b"sha256": hashlib.sha256, b"sha512": hashlib.sha512}
_CURVES: dict[str, hashes.HashAlgorithm] = {
    "ecdsa-sha2-nistp256": hashes.SHA256(),
    "ecdsa-sha2-nistp384": hashes.SHA384(),
    "ecdsa-sha2-nistp521": hashes.SHA512(),
}
_RSA: dict[str, hashes.HashAlgorithm] = {"rsa-sha2-256": hashes.SHA256(), "rsa-sha2-512": hashes.SHA512()}


@dataclass(frozen=True, slots=True)
class Signature:
    """A parsed signature block, not yet verified."""

    key: sshkey.PublicKey
    namespace: str
    hash_algorithm: str
    algorithm: str
    value: bytes


def is_signature(text: str) -> bool:
    """Whether ``text`` is armored as an SSH signature."""
    return text.startswith(_BEGIN)


def parse(text: str) -> Signature:
    """Read an armored signature. Raises ValueError for anything that PROTOCOL.sshsig does not allow."""
    body = text.strip()
    if not body.startswith(_BEGIN) or not body.endswith(_END):
        raise ValueError("no SSH SIGNATURE armor")
    try:
        blob = base64.b64decode("".join(body[len(_BEGIN) : -len(_END)].split()), validate=True)
    except binascii.Error as error:
        raise ValueError(f"armor is not base64: {error}") from error
    if blob[:6] != _MAGIC or blob[6:10] != struct.pack(">I", 1):
        raise ValueError("not SSHSIG version 1")
    (public, namespace, _reserved, digest, signature), rest = sshkey.read_strings(blob[10:], 5)
    (kind,), _ = sshkey.read_strings(public, 1)
    (algorithm, value), more = sshkey.read_strings(signature, 2)
    if rest or more:
        raise ValueError("bytes after the signature")
    if digest not in _DIGESTS:
        raise ValueError(f"hash algorithm {digest!r}")
    key = sshkey.PublicKey(kind.decode("ascii"), public)
    return Signature(key, namespace.decode(), digest.decode(), algorithm.decode("ascii"), value)


def sign(private_key: bytes, payload: bytes, *, namespace: str = "git") -> str:
    """Sign with an OpenSSH private key file's bytes. Raises InputError ``ssh-key-invalid``."""
    key = sshkey.load_private(private_key)
    public = sshkey.public_of(key)
    message = _signed_data(payload, namespace, "sha512")
    if isinstance(key, ed25519.Ed25519PrivateKey):
        algorithm, value = public.type, key.sign(message)
    elif isinstance(key, rsa.RSAPrivateKey):
        algorithm, value = "rsa-sha2-512", key.sign(message, padding.PKCS1v15(), hashes.SHA512())
    else:
        algorithm = public.type
        r, s = decode_dss_signature(key.sign(message, ec.ECDSA(_CURVES[algorithm])))
        value = sshkey.write_string(_mpint(r)) + sshkey.write_string(_mpint(s))
    blob = _MAGIC + struct.pack(">I", 1)
    for field in (public.blob, namespace.encode(), b"", b"sha512"):
        blob += sshkey.write_string(field)
    blob += sshkey.write_string(sshkey.write_string(algorithm.encode()) + sshkey.write_string(value))
    lines = textwrap.wrap(base64.b64encode(blob).decode(), 70)
    return "\n".join([_BEGIN, *lines, _END, ""])


def verify(payload: bytes, signature: str, keys: Sequence[str], *, namespace: str = "git") -> Verification:
    """Check an armored signature against lines of public keys."""
    answer = verify_any(payload, signature, namespace=namespace)
    if isinstance(answer, Verified) and answer.fingerprint not in {
        sshkey.parse_public(key).fingerprint for key in keys
    }:
        return Rejected("unknown-key", answer.fingerprint)
    return answer


def verify_any(payload: bytes, signature: str, *, namespace: str = "git") -> Verification:
    """As ``verify``, with whatever key the signature names: the caller must judge ``fingerprint``."""
    try:
        made = parse(signature)
    except (ValueError, UnicodeDecodeError) as error:
        return Rejected("signature-malformed", str(error)[:200])
    if made.namespace != namespace:
        return Rejected("wrong-namespace", made.namespace[:60])
    try:
        public = sshkey.load_public(made.key)
    except Exception as error:  # cryptography: ValueError or UnsupportedAlgorithm, by kind of fault
        return Rejected("key-type-unsupported", f"{made.key.type[:60]}: {str(error)[:100]}")
    message = _signed_data(payload, namespace, made.hash_algorithm)
    try:
        if isinstance(public, ed25519.Ed25519PublicKey) and made.algorithm == made.key.type:
            public.verify(made.value, message)
        elif isinstance(public, ec.EllipticCurvePublicKey) and made.algorithm == made.key.type:
            (r, s), rest = sshkey.read_strings(made.value, 2)
            if rest:
                raise ValueError("bytes after the signature")
            der = encode_dss_signature(int.from_bytes(r, "big"), int.from_bytes(s, "big"))
            public.verify(der, message, ec.ECDSA(_CURVES[made.algorithm]))
        elif isinstance(public, rsa.RSAPublicKey) and made.algorithm in _RSA:
            public.verify(made.value, message, padding.PKCS1v15(), _RSA[made.algorithm])
        else:
            return Rejected("key-type-unsupported", f"{made.algorithm[:60]} by {made.key.type[:60]}")
    except (InvalidSignature, ValueError) as error:
        return Rejected("bad-signature", f"key {made.key.fingerprint} {error}".strip())
    return Verified("ssh", made.key.fingerprint, made.key.fingerprint)


def _signed_data(payload: bytes, namespace: str, digest: str) -> bytes:
    hashed = _DIGESTS[digest.encode()](payload).digest()
    fields = (namespace.encode(), b"", digest.encode(), hashed)
    return _MAGIC + b"".join(sshkey.write_string(field) for field in fields)


def _mpint(value: int) -> bytes:
    """RFC 4251 section 5: two's complement, big-endian, so a set high bit needs a zero byte before it."""
    return value.to_bytes(value.bit_length() // 8 + 1, "big")
