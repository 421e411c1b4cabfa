"""The estate as one value: read from one commit of the platform repo, checked as a whole."""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from interlock.errors import InputError, NotFoundError
from interlock.formats.signatures import sshkey
from interlock.platform.domain.ids import CommitId, Digest
from interlock.platform.domain.people import People
from interlock.platform.estate import check_table, layout, rules
from interlock.platform.estate import service as services
from interlock.platform.estate.check_table import CheckTable
from interlock.platform.estate.model import parse, refuse
from interlock.platform.estate.people import FileSource, PeopleSource
from interlock.platform.estate.platform import PLATFORM, Environment, Platform
from interlock.platform.estate.service import Service
from interlock.platform.estate.windows import Freeze

GENESIS = "keys/genesis.pub"
_NAMESPACE = 63
"""Characters of a namespace's name: it is a DNS label."""
KEYS = ("keys/seal.asc", "keys/forge.asc", "keys/release.pem", "keys/attest.pem")


@dataclass(frozen=True)
class Keys:
    """Trust roots as the platform repo states them: OpenPGP certificates (armored) and PEM public keys."""

    seal: str
    forge: str
    release: str
    attest: str
    genesis: str | None = None
    """The public half of the offline key (OpenSSH) that changes the estate when nobody can approve it any more; None
    where there is none."""


@dataclass(frozen=True)
class Estate:
    """Rules, people, services and keys; ``commit`` is the platform-repo commit they were read from."""

    platform: Platform
    people: People
    services: Mapping[str, Service]
    keys: Keys
    commit: CommitId
    digest: Digest
    """Of every file that it was read from: what "the rules in force" are called in the ledger."""
    check_table: CheckTable | None = None
    """None in estates of before the file: the software's own table holds."""

    def environment(self, name: str) -> Environment:
        """Raises NotFoundError ``environment-unknown``. ``platform`` is the platform repo's."""
        if name == PLATFORM:
            return self.platform.itself
        for item in self.platform.environments:
            if item.name == name:
                return item
        known = ", ".join(item.name for item in self.platform.environments)
        raise NotFoundError("environment-unknown", f"no environment {name!r}", expected=f"one of: {known}")

    def by_repository(self, repository: str) -> Environment:
        """The environment whose repo is ``owner/name``. Raises NotFoundError ``environment-unknown``."""
        for item in (*self.platform.environments, self.platform.itself):
            if repository == self.repository(item):
                return item
        raise NotFoundError("environment-unknown", "no environment is delivered from this repository", got=repository)

    def previous(self, environment: Environment) -> Environment | None:
        """The environment that ``environment`` is promoted from."""
        items = self.platform.environments
        if environment.promotes_from is not None:
            return self.environment(environment.promotes_from)
        found = [before for before, item in itertools.pairwise(items) if item.name == environment.name]
        return found[0] if found else None

    def repository(self, environment: Environment) -> str:
        """``owner/name`` of its repo on the forge."""
        return f"{self.platform.organisation}/{environment.repository}"

    def url(self, repository: str) -> str:
        """The stable URL of one of the estate's repositories, such as ``https://git/acme/env-dev``."""
        return f"{self.platform.git}/{self.platform.organisation}/{repository}"

    def service(self, name: str) -> Service:
        """Raises NotFoundError ``service-unknown``."""
        try:
            return self.services[name]
        except KeyError:
            raise NotFoundError(
                "service-unknown",
                f"service {name!r} is not registered",
                where=services.path(name),
                todo=f"`interlock service create {name}` registers it in the platform repo",
            ) from None

    def pipeline(self, shape: str) -> str | None:
        """The golden path's Pipeline for a shape."""
        return next((item.pipeline for item in self.platform.golden_paths if item.shape == shape), None)

    def freezes(self, environment: Environment, now: datetime) -> tuple[Freeze, ...]:
        return tuple(item for item in self.platform.freezes if item.covers(environment.name, now))


def belongs(path: str) -> bool:
    """Whether a file of the platform repo is one that an estate is read from."""
    return path in ("platform.yaml", "people.yaml", check_table.FILE) or path.startswith(("services/", "keys/"))


def load(files: Mapping[str, bytes], *, commit: CommitId, people: PeopleSource | None = None) -> Estate:
    """Read an estate from the files of its platform repo (path -> bytes; other files are ignored).

    ``people`` replaces ``people.yaml`` as the source of people. Raises InputError ``estate-*``, ``rules-*`` or
    ``yaml-*`` with file:line:column, NotFoundError ``estate-file-missing``.
    """
    platform = parse(Platform, _file(files, "platform.yaml"), file="platform.yaml")
    rules.check(platform, files["platform.yaml"], file="platform.yaml")
    known = (people or FileSource(_file(files, "people.yaml"))).people()
    teams = {item.id for item in platform.teams}
    for person in known.persons:
        if unknown := person.teams - teams:
            raise InputError(
                "estate-inconsistent",
                f"{person.id} is in a team that platform.yaml does not have",
                got=", ".join(sorted(unknown)),
                expected=", ".join(sorted(teams)),
                where="people.yaml",
            )
    found: dict[str, Service] = {}
    for path in sorted(files):
        if name := layout.registered_service(path):
            found[name] = load_service(files[path], file=path, platform=platform, people=known)
    _named_apart(platform, found)
    seal, forge, release, attest = (_file(files, path).decode("utf-8", errors="replace") for path in KEYS)
    table = None
    if (data := files.get(check_table.FILE)) is not None:
        names = {PLATFORM, *(item.name for item in platform.environments)}
        table = check_table.read(data, environments=names)
    keys = Keys(seal, forge, release, attest, _genesis(files, known))
    return Estate(platform, known, found, keys, commit, _digest(files), table)


def load_service(data: bytes, *, file: str, platform: Platform, people: People) -> Service:
    """One registered service, consistent with the estate. Raises InputError ``estate-*``."""
    service = parse(Service, data, file=file)
    if file != services.path(service.name):
        raise refuse("the file is not named after its service", data=data, file=file, path=("name",), got=service.name)
    if service.name in layout.TAKEN:
        raise refuse("the platform has this name for itself", data=data, file=file, path=("name",), got=service.name)
    if service.repository in {item.repository for item in (platform.itself, *platform.environments)}:
        raise refuse("the estate's own repository", data=data, file=file, path=("repository",), got=service.repository)
    if service.team not in {item.id for item in platform.teams}:
        raise refuse("no such team in platform.yaml", data=data, file=file, path=("team",), got=service.team)
    if service.shape not in {item.shape for item in platform.golden_paths}:
        raise refuse("no golden path for this shape", data=data, file=file, path=("shape",), got=service.shape)
    owner = next((item for item in people.persons if item.id == service.owner), None)
    if owner is None or service.team not in owner.teams:
        raise refuse(
            "the owner is no person of the service's team", data=data, file=file, path=("owner",), got=service.owner
        )
    expected = f"{platform.registry}/{service.name}"
    if service.image != expected:
        raise refuse(
            f"the image repository is not {expected}", data=data, file=file, path=("image",), got=service.image
        )
    if service.image not in {item.image for item in service.workloads}:
        raise refuse("none runs the service's image", data=data, file=file, path=("workloads",), got=service.image)
    for index, item in enumerate(service.workloads):
        if not item.image.startswith(f"{platform.registry}/"):
            place = ("workloads", index, "image")
            raise refuse(f"the image is not in {platform.registry}", data=data, file=file, path=place, got=item.image)
    return service


def _genesis(files: Mapping[str, bytes], people: People) -> str | None:
    """One key, and nobody's: what it signs is said to be of nobody."""
    if GENESIS not in files:
        return None
    line = files[GENESIS].decode("utf-8", errors="replace").strip()
    try:
        key = sshkey.parse_public(line)
    except InputError as error:
        raise InputError("estate-inconsistent", "not one OpenSSH public key", got=error.got, where=GENESIS) from error
    for person in people.persons:
        if key.fingerprint in person.key_fingerprints:
            raise InputError("estate-inconsistent", "the key is a person's", got=person.id, where=GENESIS)
    return line


def _named_apart(platform: Platform, found: Mapping[str, Service]) -> None:
    """One Argo CD holds the Applications of all environments: two of one name would be one, and so would be their
    namespaces."""
    owners: dict[str, tuple[str, str]] = {}
    for service, item in itertools.product(found, platform.environments):
        pair, name = (service, item.name), layout.application_name(service, item.name)
        if len(item.namespace(service)) > _NAMESPACE:
            raise InputError(
                "estate-inconsistent",
                f"the namespace of {service} in {item.name} is longer than {_NAMESPACE} characters",
                got=item.namespace(service),
                where=services.path(service),
            )
        if owners.setdefault(name, pair) != pair:
            both = " and ".join(f"{service} in {environment}" for service, environment in (owners[name], pair))
            where = services.path(pair[0])
            raise InputError("estate-inconsistent", f"{both} would be one Application", got=name, where=where)


def _digest(files: Mapping[str, bytes]) -> Digest:
    """sha256 over the lines ``<sha256 of the content>  <path>``, by path, as sha256sum(1) writes them."""
    named = sorted(filter(belongs, files))
    lines = [f"{hashlib.sha256(files[path]).hexdigest()}  {path}\n" for path in named]
    return Digest("sha256:" + hashlib.sha256("".join(lines).encode()).hexdigest())


def _file(files: Mapping[str, bytes], path: str) -> bytes:
    try:
        return files[path]
    except KeyError:
        raise NotFoundError("estate-file-missing", "the platform repo lacks a file", where=path) from None
