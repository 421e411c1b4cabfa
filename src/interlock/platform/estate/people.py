"""People of the estate. Their source is exchangeable: ``people.yaml`` now, LDAP or SCIM behind the same protocol."""

from __future__ import annotations

from typing import Literal, Protocol

from pydantic import Field

from interlock.errors import InputError
from interlock.formats.signatures import sshkey
from interlock.platform.domain.ids import PersonId, TeamId
from interlock.platform.domain.people import People, Person, Role, System
from interlock.platform.estate.model import Label, Login, Model, Moment, PersonKey, Text, parse, refuse


class PeopleSource(Protocol):
    """Where people are known from."""

    def people(self) -> People:
        """Everybody, now. Raises InputError for contradictions, UnreachableError when the source does not answer."""


class Accounts(Model):
    forge: tuple[Login, ...] = ()
    tickets: tuple[Login, ...] = ()


class PersonEntry(Model):
    id: PersonKey
    name: Text
    email: Text
    teams: tuple[Label, ...] = ()
    accounts: Accounts = Accounts()
    """Every account of this person, second ones included: rules compare people."""
    ssh_keys: tuple[Text, ...] = Field(alias="sshKeys", default=())
    roles: tuple[Role, ...] = ()
    valid_from: Moment | None = Field(alias="validFrom", default=None)
    valid_until: Moment | None = Field(alias="validUntil", default=None)


class PeopleFile(Model):
    api_version: Literal["interlock.dev/v1alpha1"] = Field(alias="apiVersion")
    kind: Literal["People"]
    people: tuple[PersonEntry, ...] = Field(min_length=1)


class FileSource:
    """``people.yaml``. An account, a key or an id that two people claim is an error: it would let one be the other."""

    def __init__(self, data: bytes, *, file: str = "people.yaml") -> None:
        self.data, self.file = data, file

    def people(self) -> People:
        entries = parse(PeopleFile, self.data, file=self.file).people
        owners: dict[tuple[str, str], str] = {}
        persons = []
        for index, entry in enumerate(entries):
            keys = [self._key(key, index, place) for place, key in enumerate(entry.ssh_keys)]
            claims = [("id", entry.id.casefold()), *(("ssh key", key.fingerprint) for key in keys)]
            claims += [("forge account", login.casefold()) for login in entry.accounts.forge]
            claims += [("tickets account", login.casefold()) for login in entry.accounts.tickets]
            for claim in claims:
                if claim in owners:
                    raise refuse(
                        f"{claim[0]} {claim[1]} belongs to {owners[claim]} already",
                        data=self.data,
                        file=self.file,
                        path=("people", index),
                    )
                owners[claim] = entry.id
            persons.append(_person(entry, frozenset(key.fingerprint for key in keys)))
        return People(tuple(persons))

    def _key(self, line: str, person: int, place: int) -> sshkey.PublicKey:
        try:
            return sshkey.parse_public(line)
        except InputError as error:
            path = ("people", person, "sshKeys", place)
            raise refuse(error.message, data=self.data, file=self.file, path=path, got=error.got) from error


def _person(entry: PersonEntry, fingerprints: frozenset[str]) -> Person:
    accounts = {(System.FORGE, login.casefold()) for login in entry.accounts.forge}
    accounts |= {(System.TICKETS, login.casefold()) for login in entry.accounts.tickets}
    return Person(
        id=PersonId(entry.id),
        name=entry.name,
        email=entry.email,
        teams=frozenset(TeamId(team) for team in entry.teams),
        roles=frozenset(entry.roles),
        accounts=frozenset(accounts),
        ssh_keys=entry.ssh_keys,
        key_fingerprints=fingerprints,
        valid_from=entry.valid_from,
        valid_until=entry.valid_until,
    )
