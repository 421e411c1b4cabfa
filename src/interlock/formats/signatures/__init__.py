"""Signatures on git commits: OpenPGP, SSHSIG, and the commit object that carries them.

Pure functions on bytes. The common answer of every verification is ``Verified`` or ``Rejected``::

    parsed = commit.parse(object_bytes)
    answer = verify_commit(parsed, certificates=[armored], ssh_keys=[public_line])
    if isinstance(answer, Verified): print(answer.fingerprint)

A signature says which key signed, never who: mapping keys to people is the caller's business.
"""

from __future__ import annotations

from collections.abc import Sequence

from interlock.formats.signatures import openpgp, sshsig
from interlock.formats.signatures.commit import Commit, Identity
from interlock.formats.signatures.verification import Rejected, Verification, Verified

__all__ = ["Commit", "Identity", "Rejected", "Verification", "Verified", "openpgp", "sshsig", "verify_commit"]


def verify_commit(
    commit: Commit, *, certificates: Sequence[bytes | str] = (), ssh_keys: Sequence[str] = ()
) -> Verification:
    """Which of the given keys signed ``commit``.

    ``certificates`` are OpenPGP certificates (armored or binary), ``ssh_keys`` lines of OpenSSH public keys.
    X.509 (``gpg.format=x509``) and gitsign signatures are ``Rejected("signature-type-unsupported")``.
    """
    if commit.ambiguous:
        return Rejected("signature-ambiguous", "more than one signature header")
    if commit.signature is None:
        return Rejected("unsigned", "the commit has no signature header")
    if openpgp.is_signature(commit.signature):
        return openpgp.verify(commit.payload, commit.signature, certificates)
    if sshsig.is_signature(commit.signature):
        return sshsig.verify(commit.payload, commit.signature, ssh_keys)
    return Rejected("signature-type-unsupported", commit.signature.split("\n", 1)[0][:60])
