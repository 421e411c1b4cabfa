"""Whose signature is on a commit: keys of users, and the forge's own key that signs merges.

Reasons are Gitea's (``services/asymkey/commit.go``). As there, the committer's address must be the key owner's.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from interlock.clients import files
from interlock.clients.git import keys
from interlock.formats import signatures
from interlock.formats.signatures import openpgp
from interlock.local.forge.accounts import Accounts
from interlock.local.forge.records import Account

_REASONS = {
    "unsigned": "gpg.error.not_signed_commit",
    "unknown-key": "gpg.error.no_gpg_keys_found",
    "bad-signature": "gpg.error.probable_bad_signature",
}


@dataclass(frozen=True, slots=True)
class Trust:
    """``reason``: who and which key when verified, else Gitea's code."""

    verified: bool
    reason: str
    name: str = ""
    email: str = ""
    login: str = ""


class Signatures:
    def __init__(self, accounts: Accounts, secret: str) -> None:
        self._accounts = accounts
        self._secret = secret
        self.certificate = openpgp.certificate(secret)
        self._fingerprint = openpgp.fingerprint(self.certificate)
        match = re.fullmatch(r"(.*?) ?<([^<>]+)>", openpgp.user_ids(self.certificate)[0])
        self._name, self._email = (match[1], match[2]) if match else ("forge", "")

    def sign(self, payload: bytes) -> str:
        """By the forge's key."""
        return openpgp.sign(self._secret, payload)

    def check(self, commit: signatures.Commit) -> Trust:
        """Judge by the keys that are registered now."""
        openpgp_keys, ssh_keys = self._accounts.keys("openpgp"), self._accounts.keys("ssh")
        answer = signatures.verify_commit(
            commit,
            certificates=[self.certificate, *(key.content for key in openpgp_keys)],
            ssh_keys=[key.content for key in ssh_keys],
        )
        if isinstance(answer, signatures.Rejected):
            return Trust(False, _REASONS.get(answer.reason, f"gpg.error.{answer.reason}"))
        if answer.fingerprint == self._fingerprint:
            return Trust(True, f"{self._name} / {answer.signing_key[-16:].upper()}", self._name, self._email)
        owner = self._accounts.by_id(
            next(key.account for key in (*openpgp_keys, *ssh_keys) if key.fingerprint == answer.fingerprint)
        )
        if commit.committer.email.lower() != owner.email:
            return Trust(False, "gpg.error.no_committer_account")
        shown = answer.signing_key[-16:].upper() if answer.kind == "openpgp" else answer.fingerprint
        return Trust(True, f"{owner.login} / {shown}", display(owner), owner.email, owner.login)


def display(account: Account) -> str:
    return account.full_name or account.login


def load_key(path: Path | None, folder: Path, host: str) -> str:
    """The armored secret key of ``path``, or the forge's own in ``folder``, drawn at the first start."""
    where = path or folder / "signing-key.asc"
    if path is None and not where.exists():
        secret, _ = keys.generate_openpgp(f"Forge <noreply@{host}>")
        files.write_durably(where, secret, mode=0o600)
    return where.read_text()
