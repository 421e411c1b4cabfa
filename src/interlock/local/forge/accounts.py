"""Accounts: users, organisations with teams, access tokens, signing keys, and who may do what."""

from __future__ import annotations

import hashlib
import hmac
import json
import re
import secrets
from collections.abc import Callable, Sequence
from datetime import datetime

from interlock.errors import ConflictError, InputError, NotFoundError
from interlock.formats.signatures import openpgp, sshkey
from interlock.local.forge import records
from interlock.local.forge.records import Account, Key, Level, Repo, Team
from interlock.local.forge.store import Store

NAME = re.compile(r"[a-z0-9]([a-z0-9-]{0,38}[a-z0-9])?")
_EMAIL = re.compile(r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[A-Za-z0-9.-]{1,190}")
RESERVED = {"api", "admin", "user", "users", "org", "orgs", "assets", "explore", "git"}
CATEGORIES = ("admin", "issue", "misc", "notification", "organization", "package", "repository", "user")
SCOPES = {"all", *(f"{kind}:{category}" for kind in ("read", "write") for category in CATEGORIES)}
OWNERS = "Owners"


def check_name(name: str, what: str) -> str:
    """``name`` if it is a lower-case DNS label of at most 40 characters. Raises InputError ``name-invalid``."""
    if not NAME.fullmatch(name) or name in RESERVED:
        raise InputError("name-invalid", f"not a name for a {what}", got=repr(name[:60]), expected="a DNS label")
    return name


class Accounts:
    def __init__(self, store: Store, now: Callable[[], datetime]) -> None:
        self._store = store
        self._now = now

    # -- users and organisations -------------------------------------------------------------------------------------

    def create_user(
        self, login: str, *, email: str, password: str, full_name: str = "", admin: bool = False
    ) -> Account:
        check_name(login, "user")
        if not _EMAIL.fullmatch(email):
            raise InputError("email-invalid", "not an e-mail address", got=repr(email[:100]))
        if password and len(password) < 8:
            raise InputError("password-too-short", "a password needs 8 characters")
        if len(full_name) > 100 or re.search(r"[<>\x00-\x1f]", full_name):
            raise InputError("name-invalid", "not a full name", got=repr(full_name[:60]))
        with self._store.transaction():
            self._free(login, email)
            values = (
                "user",
                login,
                full_name,
                email.lower(),
                admin,
                _hash_password(password),
                "private",
                self._stamp(),
            )
            return self.by_id(self._insert(values))

    def create_org(self, name: str, *, visibility: str, creator: Account) -> Account:
        """The creator becomes a member of the team ``Owners``."""
        check_name(name, "organisation")
        if visibility not in ("public", "limited", "private"):
            raise InputError("visibility-invalid", "not a visibility", got=visibility)
        with self._store.transaction():
            self._free(name, None)
            org = self.by_id(self._insert(("org", name, "", "", False, "", visibility, self._stamp())))
            team = self.create_team(org, OWNERS, permission="owner", all_repositories=True)
            self.add_member(team, creator)
        return org

    def _free(self, login: str, email: str | None) -> None:
        if self._store.one("SELECT 1 FROM accounts WHERE login = ?", login):
            raise InputError("name-taken", f"the name {login} is taken")
        if email and self._store.one("SELECT 1 FROM accounts WHERE email = ? AND kind = 'user'", email.lower()):
            raise InputError("email-taken", "the e-mail address is taken")

    def _insert(self, values: Sequence[object]) -> int:
        columns = "kind, login, full_name, email, admin, password, visibility, created_at"
        return self._store.run(f"INSERT INTO accounts ({columns}) VALUES (?, ?, ?, ?, ?, ?, ?, ?)", *values)  # noqa: S608

    def by_id(self, account: int) -> Account:
        row = self._store.one("SELECT * FROM accounts WHERE id = ?", account)
        if row is None:
            raise NotFoundError("user-unknown", "no such account")
        return records.read(Account, row)

    def find(self, login: str, kind: str = "user") -> Account:
        row = self._store.one("SELECT * FROM accounts WHERE login = ? AND kind = ?", login.lower(), kind)
        if row is None:
            raise NotFoundError("user-unknown" if kind == "user" else "org-unknown", f"no {kind} {login[:60]!r}")
        return records.read(Account, row)

    # -- credentials -------------------------------------------------------------------------------------------------

    def check_password(self, login: str, password: str) -> Account | None:
        row = self._store.one("SELECT * FROM accounts WHERE login = ? AND kind = 'user'", login.lower())
        # The same work is done for an unknown login, so that the time tells nothing.
        stored = row["password"] if row and row["password"] else _hash_password("")
        if _password_matches(password, stored) and row is not None and row["password"]:
            return records.read(Account, row)
        return None

    def create_token(
        self, account: Account, name: str, scopes: Sequence[str], token: str | None = None
    ) -> tuple[int, str]:
        """(id, token). Only its hash is kept."""
        unknown = sorted(set(scopes) - SCOPES)
        if unknown or not scopes:
            raise InputError("scope-invalid", "not an access token scope", got=", ".join(unknown) or "none")
        if not name.strip() or len(name) > 100:
            raise InputError("name-invalid", "a token needs a name")
        token = token or secrets.token_hex(20)
        with self._store.transaction():
            if self._store.one("SELECT 1 FROM tokens WHERE account = ? AND name = ?", account.id, name):
                raise InputError("token-name-taken", "access token name has been used already")
            sql = "INSERT INTO tokens (account, name, hash, last_eight, scopes, created_at) VALUES (?, ?, ?, ?, ?, ?)"
            values = (account.id, name, _hash_token(token), token[-8:], json.dumps(list(scopes)), self._stamp())
            return self._store.run(sql, *values), token

    def by_token(self, token: str) -> tuple[Account, tuple[str, ...]] | None:
        """The account of a token and the token's scopes. Looked up by hash: no comparison of secrets in our hands."""
        row = self._store.one("SELECT account, scopes FROM tokens WHERE hash = ?", _hash_token(token))
        return (self.by_id(row["account"]), tuple(json.loads(row["scopes"]))) if row else None

    # -- signing keys ------------------------------------------------------------------------------------------------

    def add_ssh_key(self, account: Account, title: str, line: str) -> Key:
        key = sshkey.parse_public(line)
        return self._add_key(account, "ssh", title or key.comment or "key", key.line, key.fingerprint)

    def add_openpgp_key(self, account: Account, armored: str) -> Key:
        """One user id of the certificate must carry the account's e-mail address, as Gitea demands."""
        found = openpgp.certificates(armored)
        if len(found) != 1:
            raise InputError("openpgp-certificate-invalid", "a single certificate is needed", got=len(found))
        if not any(f"<{account.email}>" in user_id.lower() for user_id in openpgp.user_ids(found[0])):
            raise InputError(
                "openpgp-email-mismatch",
                "None of the emails attached to the GPG key could be found.",
                expected=f"a user id with <{account.email}>",
            )
        return self._add_key(account, "openpgp", "", found[0], openpgp.fingerprint(found[0]))

    def _add_key(self, account: Account, kind: str, title: str, content: str, fingerprint: str) -> Key:
        with self._store.transaction():
            if self._store.one("SELECT 1 FROM keys WHERE fingerprint = ?", fingerprint):
                raise InputError("key-taken", "Key content has been used as non-deploy key", got=fingerprint)
            sql = "INSERT INTO keys (account, kind, title, content, fingerprint, created_at) VALUES (?, ?, ?, ?, ?, ?)"
            key = self._store.run(sql, account.id, kind, title[:50], content, fingerprint, self._stamp())
            row = self._store.one("SELECT * FROM keys WHERE id = ?", key)
            assert row is not None  # noqa: S101 - inserted above
            return records.read(Key, row)

    def keys(self, kind: str, account: Account | None = None) -> list[Key]:
        rows = self._store.all("SELECT * FROM keys WHERE kind = ? ORDER BY id", kind)
        return [records.read(Key, row) for row in rows if account is None or row["account"] == account.id]

    def delete_key(self, account: Account, kind: str, key: int) -> None:
        owned = "WHERE id = ? AND account = ? AND kind = ?"
        if self._store.one(f"SELECT 1 FROM keys {owned}", key, account.id, kind) is None:  # noqa: S608
            raise NotFoundError("key-unknown", "no such key")
        self._store.run(f"DELETE FROM keys {owned}", key, account.id, kind)  # noqa: S608

    # -- teams and permissions ---------------------------------------------------------------------------------------

    def create_team(self, org: Account, name: str, *, permission: str, all_repositories: bool) -> Team:
        if permission not in records.LEVELS or not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,29}", name):
            raise InputError("team-invalid", "not a team", got=f"{name[:60]!r} {permission[:20]!r}")
        with self._store.transaction():
            if self._store.one("SELECT 1 FROM teams WHERE org = ? AND name = ?", org.id, name):
                raise InputError("team-exists", "team already exists", got=name)
            sql = "INSERT INTO teams (org, name, permission, all_repositories) VALUES (?, ?, ?, ?)"
            return self.team(self._store.run(sql, org.id, name, permission, all_repositories))

    def team(self, team: int) -> Team:
        row = self._store.one("SELECT * FROM teams WHERE id = ?", team)
        if row is None:
            raise NotFoundError("team-unknown", "no such team")
        return records.read(Team, row)

    def teams(self, org: Account) -> list[Team]:
        return [records.read(Team, row) for row in self._store.all("SELECT * FROM teams WHERE org = ?", org.id)]

    def add_member(self, team: Team, account: Account) -> None:
        self._store.run("INSERT OR IGNORE INTO members (team, account) VALUES (?, ?)", team.id, account.id)

    def remove_member(self, team: Team, account: Account) -> None:
        if team.name == OWNERS and len(self.members(team)) == 1:
            raise ConflictError("team-last-owner", "the last owner cannot leave")
        self._store.run("DELETE FROM members WHERE team = ? AND account = ?", team.id, account.id)

    def members(self, team: Team) -> list[Account]:
        rows = self._store.all("SELECT account FROM members WHERE team = ? ORDER BY account", team.id)
        return [self.by_id(row["account"]) for row in rows]

    def add_team_repository(self, team: Team, repo: Repo) -> None:
        self._store.run("INSERT OR IGNORE INTO team_repositories VALUES (?, ?)", team.id, repo.id)

    def set_collaborator(self, repo: Repo, account: Account, permission: str) -> None:
        if permission not in ("read", "write", "admin"):
            raise InputError("permission-invalid", "not a permission", got=permission, expected="read, write or admin")
        self._store.run("INSERT OR REPLACE INTO collaborators VALUES (?, ?, ?)", repo.id, account.id, permission)

    def remove_collaborator(self, repo: Repo, account: Account) -> None:
        self._store.run("DELETE FROM collaborators WHERE repository = ? AND account = ?", repo.id, account.id)

    def is_owner(self, org: Account, account: Account) -> bool:
        sql = """SELECT 1 FROM members JOIN teams ON teams.id = members.team
                 WHERE teams.org = ? AND teams.permission = 'owner' AND members.account = ?"""
        return account.admin or self._store.one(sql, org.id, account.id) is not None

    def is_member(self, org: Account, account: Account) -> bool:
        sql = "SELECT 1 FROM members JOIN teams ON teams.id = members.team WHERE teams.org = ? AND members.account = ?"
        return account.admin or self._store.one(sql, org.id, account.id) is not None

    def level(self, repo: Repo, account: Account | None) -> Level:
        """The most that team membership, collaboration and visibility give."""
        if account is None:
            return Level.NONE
        if account.admin:
            return Level.ADMIN
        found = [Level.NONE]
        if not repo.private and self.by_id(repo.owner).visibility != "private":
            found.append(Level.READ)
        sql = """SELECT permission FROM teams JOIN members ON members.team = teams.id
                 LEFT JOIN team_repositories AS listed ON listed.team = teams.id AND listed.repository = ?
                 WHERE members.account = ? AND teams.org = ? AND (all_repositories OR listed.repository IS NOT NULL)
                 UNION SELECT permission FROM collaborators WHERE repository = ? AND account = ?"""
        rows = self._store.all(sql, repo.id, account.id, repo.owner, repo.id, account.id)
        return max(found + [records.LEVELS[row["permission"]] for row in rows])

    def _stamp(self) -> str:
        return records.stamp(self._now())


def _hash_token(token: str) -> str:
    """Tokens are 160 random bits: a plain hash cannot be searched, and is found by index."""
    return hashlib.sha256(token.encode()).hexdigest()


def _hash_password(password: str) -> str:
    if not password:
        return ""
    salt = secrets.token_bytes(16)
    return f"{salt.hex()}:{_scrypt(password, salt).hex()}"


def _password_matches(password: str, stored: str) -> bool:
    salt, _, expected = (stored or "00:00").partition(":")
    return hmac.compare_digest(_scrypt(password, bytes.fromhex(salt)), bytes.fromhex(expected))


def _scrypt(password: str, salt: bytes) -> bytes:
    return hashlib.scrypt(password.encode(), salt=salt, n=2**14, r=8, p=1, dklen=32)
