"""`interlock service create`: an app repo, the registration, and one onboarding delivery an environment.

Nothing here decides: the files are what the golden path generates, and the gate compares every byte before anything
is merged. All of it is done as the person who asks, and can be repeated.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from importlib.resources.abc import Traversable
from pathlib import Path

from interlock.clients.connect import PLATFORM, Connections
from interlock.clients.git import Repository
from interlock.clients.git.identity import write_identity_config
from interlock.errors import InputError, NotFoundError, RefusedError
from interlock.formats.signatures.sshsig import sign as ssh_sign
from interlock.platform import goldenpaths
from interlock.platform.delivery import promotion
from interlock.platform.domain.ids import ServiceName
from interlock.platform.estate import PLATFORM as REGISTRY
from interlock.platform.estate import Environment, Estate, layout, load_service, protection
from interlock.platform.estate import service as services
from interlock.platform.estate.library import Library
from interlock.platform.estate.platform import Team
from interlock.platform.facts import library
from interlock.platform.setup.installation import branch_protection


@dataclass(frozen=True, slots=True)
class Request:
    """What is asked for. ``workspace``: an existing ACE workspace to import, path -> bytes, or None for a new one."""

    name: str
    shape: str
    team: str
    owner: str
    identity: str
    workspace: Mapping[str, bytes] | None = None
    parameters: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Plan:
    """What an onboarding makes, in this order."""

    app: Mapping[str, bytes]
    """The first commit of the app repo ..."""
    path: str
    """... and the golden path of which it was made, with its version."""
    proposals: tuple[tuple[Environment, Mapping[str, bytes]], ...]
    """The registration, then a delivery an environment: what each brings."""


def plan(
    estate: Estate,
    request: Request,
    charts: Mapping[str, Library | None],
    *,
    root: Traversable = goldenpaths.ROOT,
) -> Plan:
    """``charts``: environment -> the library chart of its env repo, None where there is none yet.

    Raises InputError for a name, team, owner, shape or parameter that the estate or the golden path does not know.
    """
    platform = estate.platform
    path = goldenpaths.path(request.shape, root)
    _team(estate, request.team)
    owner = next((item for item in estate.people.persons if item.id == request.owner), None)
    if owner is None or request.team not in owner.teams:
        members = ", ".join(item.id for item in estate.people.persons if request.team in item.teams)
        raise InputError(
            "owner-unknown", "the owner is no person of the team", got=request.owner, expected=members or "a person"
        )
    service = path.registration(
        platform, name=request.name, team=request.team, owner=request.owner, parameters=request.parameters
    )
    file, workspace = services.path(service.name), request.workspace
    load_service(service.file(), file=file, platform=platform, people=estate.people)
    return Plan(
        path.app(service, platform) if workspace is None else path.import_workspace(service, platform, workspace),
        f"{path.described.shape} {path.described.version}",
        (
            (estate.environment(REGISTRY), {file: service.file()}),
            *(
                (item, goldenpaths.expected(platform, service, item, charts[item.name], root=root))
                for item in platform.environments
            ),
        ),
    )


@dataclass(frozen=True)
class Onboarding:
    """One onboarding at work."""

    connections: Connections
    estate: Estate
    request: Request
    now: Callable[[], datetime]

    def run(self, clone: Path) -> Iterator[str]:
        """Do what is missing; yields a line for each thing. ``clone``: where the person's clone of the app repo goes.

        Raises what `plan` does, before anything is written.
        """
        platform, identity = self.estate.platform, self.request.identity
        mirrors = {item.name: self.connections.mirror(item.repository, identity) for item in platform.environments}
        todo = plan(
            self.estate, self.request, {name: library.newest(git, layout.MAIN) for name, git in mirrors.items()}
        )
        if self._app_repository(todo, clone):
            yield f"app repo {platform.organisation}/{self.request.name}, cloned to {clone}"
        for environment, files in todo.proposals:
            yield self._propose(environment, files)

    def _app_repository(self, todo: Plan, clone: Path) -> bool:
        """Create the app repo with its first commit. False when its main is there already."""
        context, organisation, name = self.connections.context, self.estate.platform.organisation, self.request.name
        # Members may not create repositories in the organisation: the platform does, where this machine is it.
        creator = PLATFORM if context.identity(PLATFORM).forge else self.request.identity
        forge = self.connections.forge(creator)
        try:
            forge.repository(organisation, name)
        except NotFoundError:
            forge.create_repository(organisation, name)
        created = "main" not in {branch.name for branch in forge.branches(organisation, name)}
        if created:
            mirror = self.connections.mirror(name, self.request.identity)
            commit = mirror.commit_tree(
                mirror.write_tree(todo.app),
                [],
                f"Create {name} from golden path {todo.path}\n",
                author=(self.author.name, self.author.email),
                date=self.now(),
                sign=self.author.sign,
            )
            mirror.push(f"{commit}:refs/heads/main", expected_old="")
        for rule in protection.app_rules():
            forge.protect(organisation, name, branch_protection(rule))
        self._work_clone(name, clone)
        return created

    def _work_clone(self, name: str, clone: Path) -> None:
        """The person's own clone: plain git works in it, commits are signed, the token stays in its file."""
        context, identity = self.connections.context, self.connections.context.identity(self.request.identity)
        if clone.exists():
            return
        url = context.resolve(context.repository(name)) + ".git"
        what = f"{self.request.identity} on the forge"
        Repository.clone(url, clone, lambda: context.secret(identity.forge, what=what), context.forge.ca)
        if identity.ssh is None or identity.forge is None:
            raise NotFoundError("credential-missing", f"no signing key for {self.request.identity}")
        config = identity.ssh.with_name(identity.ssh.name + ".gitconfig")
        write_identity_config(
            config,
            name=self.author.name,
            email=identity.email,
            ssh_key=identity.ssh,
            token_url=context.forge.outside,
            token_file=identity.forge,
            ca=context.forge.ca,
        )
        with (clone / ".git" / "config").open("a") as file:
            file.write(f"[include]\n\tpath = {config}\n")

    def _propose(self, environment: Environment, files: Mapping[str, bytes]) -> str:
        """Branch, commit and pull request of one onboarding delivery; what is there already is kept."""
        repository = self.estate.repository(environment)
        mirror = self.connections.mirror(environment.repository, self.request.identity)
        try:
            prepared = promotion.onboarding(mirror, ServiceName(self.request.name), environment.name, files)
        except RefusedError as error:
            return error.message
        forge = self.connections.forge(self.request.identity)
        pull = promotion.open_pull(mirror, forge, repository, prepared, self.author, now=self.now())
        return f"delivery {repository}#{pull.number}: {pull.title}"

    @property
    def author(self) -> promotion.Author:
        return author(self.connections, self.estate, self.request.identity)


def author(connections: Connections, estate: Estate, identity: str) -> promotion.Author:
    """Who makes and signs a delivery's commit. Raises NotFoundError ``credential-missing``."""
    known = connections.context.identity(identity)
    key = connections.context.secret(known.ssh, what=f"commits of {identity}").encode() + b"\n"
    person = next((item for item in estate.people.persons if item.id == identity), None)
    return promotion.Author(person.name if person else identity, known.email, lambda payload: ssh_sign(key, payload))


def default_owner(estate: Estate, team: str) -> str:
    """The person whom ``platform.yaml`` names as the owner of a team's new services. Raises InputError."""
    owner = _team(estate, team).owner
    if owner is None:
        raise InputError(
            "owner-unknown", f"team {team!r} names no owner in platform.yaml", todo="name one with --owner"
        )
    return owner


def _team(estate: Estate, name: str) -> Team:
    """Raises InputError ``team-unknown``."""
    for team in estate.platform.teams:
        if team.id == name:
            return team
    known = ", ".join(team.id for team in estate.platform.teams)
    raise InputError("team-unknown", "no such team", got=name, expected=known, where="platform.yaml")
