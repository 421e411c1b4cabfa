"""OpenPGP (RFC 4880 and RFC 9580), as git uses it: one detached, armored signature over a commit's payload.

A thin layer over Sequoia (``pysequoia``): keys and signatures go in and out as bytes or armored text.
"""

from __future__ import annotations

from collections.abc import Sequence

import pysequoia
from pysequoia import packet

from interlock.errors import InputError
from interlock.formats.signatures.verification import Rejected, Verification, Verified

_BEGIN = "-----BEGIN PGP SIGNATURE-----"


def is_signature(text: str) -> bool:
    """Whether ``text`` is armored as an OpenPGP signature (git's gpg-interface.c ``openpgp_sigs``)."""
    return text.startswith(_BEGIN)


def certificates(data: bytes | str) -> list[str]:
    """Every certificate in a keyring (armored or binary), each armored, without secret parts.

    Raises InputError ``openpgp-certificate-invalid``.
    """
    return [_armored(cert) for cert in _certs(data)]


def certificate(secret: bytes | str) -> str:
    """The armored public certificate of a secret key. Raises InputError ``openpgp-key-invalid``."""
    return str(_secret(secret).extract_certificate())


def fingerprint(data: bytes | str) -> str:
    """Fingerprint of the primary key of one certificate: lower-case hex. Raises ``openpgp-certificate-invalid``."""
    return str(_cert(data).fingerprint)


def key_id(fingerprint: str) -> str:
    """The key id: 16 hex digits, upper case, the tail of a v4 fingerprint and the head of a v6 one (RFC 9580, 5.5.4.3).

    A key id is its own; "" for what is neither.
    """
    text = fingerprint.upper()
    if any(sign not in "0123456789ABCDEF" for sign in text) or len(text) < 16:
        return ""
    return text[:16] if len(text) == 64 else text[-16:]


def user_ids(data: bytes | str) -> list[str]:
    """The user ids of one certificate that are not revoked, e.g. ``Rita <rita@acme.test>``."""
    return [str(user_id) for user_id in _cert(data).user_ids]


def sign(secret: bytes | str, payload: bytes) -> str:
    """A detached armored signature by the key's signing subkey. Sequoia stamps it with the current time."""
    made: bytes = pysequoia.sign(_secret(secret).signer(), payload, mode=pysequoia.SignatureMode.DETACHED)
    return made.decode()


def verify(payload: bytes, signature: str, certs: Sequence[bytes | str]) -> Verification:
    """Check a detached signature against ``certs``. Expiry, revocation and weak hashes: Sequoia's policy judges."""
    try:
        packets = list(packet.PacketPile.from_bytes(signature.encode()))
        if len(packets) != 1:
            return Rejected("signature-ambiguous", f"{len(packets)} packets in one signature block")
        made = pysequoia.Sig.from_bytes(signature.encode())
    except Exception as error:  # pysequoia raises bare Exception
        return Rejected("signature-malformed", _first_line(error))
    issuer = str(made.issuer_fingerprint or made.issuer_key_id or "").lower()
    known = [cert for data in certs for cert in _certs(data)]
    signers = [cert for cert in known if any(issuer and key.endswith(issuer) for key in _keys(cert))]
    if not signers:
        return Rejected("unknown-key", issuer)
    try:
        result = pysequoia.verify(payload, store=lambda _ids: signers, signature=made)
        (valid,) = result.valid_sigs
    except Exception as error:  # pysequoia raises bare RuntimeError
        return Rejected("bad-signature", f"key {issuer}: {_first_line(error)}")
    return Verified("openpgp", str(valid.certificate), str(valid.signing_key))


def _keys(cert: pysequoia.Cert) -> list[str]:
    """Fingerprints of the primary key and every subkey."""
    tags = (packet.Tag.PublicKey, packet.Tag.PublicSubkey)
    return [str(item.fingerprint).lower() for item in packet.PacketPile.from_bytes(bytes(cert)) if item.tag in tags]


def _certs(data: bytes | str) -> list[pysequoia.Cert]:
    try:
        found = pysequoia.Cert.split_bytes(_bytes(data))
    except Exception as error:
        raise InputError("openpgp-certificate-invalid", "no OpenPGP certificate", got=_first_line(error)) from error
    if not found:
        raise InputError("openpgp-certificate-invalid", "no OpenPGP certificate", got="empty input")
    return list(found)


def _cert(data: bytes | str) -> pysequoia.Cert:
    found = _certs(data)
    if len(found) != 1:
        raise InputError("openpgp-certificate-invalid", "a single certificate is needed", got=f"{len(found)}")
    return found[0]


def _secret(data: bytes | str) -> pysequoia.Tsk:
    try:
        return pysequoia.Tsk.from_bytes(_bytes(data))
    except Exception as error:
        raise InputError("openpgp-key-invalid", "no OpenPGP secret key", got=_first_line(error)) from error


def _armored(cert: pysequoia.Cert) -> str:
    return str(cert)


def _bytes(data: bytes | str) -> bytes:
    return data.encode() if isinstance(data, str) else data


def _first_line(error: Exception) -> str:
    return str(error).split("\n", 1)[0][:200]
