"""People and their accounts. Rules compare people; an account is only how one is met in a system."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from interlock.platform.domain.ids import PersonId, TeamId


class System(StrEnum):
    """Where accounts live."""

    FORGE = "forge"
    TICKETS = "tickets"


class Role(StrEnum):
    """What a person may do beyond their team's services."""

    PLATFORM_REVIEWER = "platform-reviewer"
    CHANGE_MANAGER = "change-manager"


@dataclass(frozen=True, slots=True)
class Person:
    """One human being, with every account and key that is theirs."""

    id: PersonId
    name: str
    email: str
    teams: frozenset[TeamId]
    roles: frozenset[Role]
    accounts: frozenset[tuple[System, str]]
    """Logins, case-folded: forges compare them without case."""
    ssh_keys: tuple[str, ...] = ()
    """OpenSSH public key lines."""
    key_fingerprints: frozenset[str] = frozenset()
    """``SHA256:…`` of each of ``ssh_keys``, as ``ssh-keygen -l`` prints it."""
    valid_from: datetime | None = None
    valid_until: datetime | None = None

    def valid(self, at: datetime) -> bool:
        """Whether this entry holds at ``at`` (from inclusive, until exclusive)."""
        return (self.valid_from is None or self.valid_from <= at) and (
            self.valid_until is None or at < self.valid_until
        )


@dataclass(frozen=True)
class People:
    """Everybody the estate knows. An account or key belongs to at most one person (checked when loaded)."""

    persons: tuple[Person, ...] = ()

    def get(self, person: PersonId) -> Person | None:
        return next((item for item in self.persons if item.id == person), None)

    def by_account(self, system: System, login: str, at: datetime) -> Person | None:
        """The person behind ``login`` at ``at``; None when nobody is known to be."""
        wanted = (system, login.casefold())
        return next((item for item in self.persons if wanted in item.accounts and item.valid(at)), None)

    def by_key(self, fingerprint: str, at: datetime | None) -> Person | None:
        """The person whose SSH key has ``fingerprint`` (``SHA256:…``) at ``at``; None asks whose it is or ever was."""
        found = [item for item in self.persons if fingerprint in item.key_fingerprints]
        return next((item for item in found if at is None or item.valid(at)), None)

    def ssh_keys(self) -> tuple[str, ...]:
        """Every public key line: what a signature may be verified against before it is attributed."""
        return tuple(key for person in self.persons for key in person.ssh_keys)


def names(persons: Iterable[Person]) -> str:
    """For messages: the people's names, sorted."""
    return ", ".join(sorted(person.name for person in persons)) or "nobody"
