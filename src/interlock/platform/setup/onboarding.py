"""`interlock service create`: an app repo, the registration, and one onboarding delivery an environment.

Nothing here decides: the files are what the golden path generates, and the gate compares every byte before anything
is merged. All of it is done as the person who asks, and can be repeated.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from interlock.clients.connect import PLATFORM, Connections
from interlock.clients.git import Repository
from interlock.clients.git.identity import write_identity_config
from interlock.errors import InputError, NotFoundError, RefusedError
from interlock.formats.signatures.sshsig import sign as ssh_sign
from interlock.platform import catalog, goldenpaths
from interlock.platform.delivery import promotion
from interlock.platform.domain.ids import ServiceName
from interlock.platform.estate import PLATFORM as REGISTRY
from interlock.platform.estate import Environment, Estate, protection
from interlock.platform.estate import service as services
from interlock.platform.estate.platform import Team
from interlock.platform.setup.installation import branch_protection

SHAPES = ("ace-flow",)


@dataclass(frozen=True, slots=True)
class Request:
    """What is asked for. ``workspace``: an existing ACE workspace to import, path -> bytes, or None for a new one."""

    name: str
    shape: str
    team: str
    owner: str
    identity: str
    workspace: Mapping[str, bytes] | None = None


@dataclass(frozen=True)
class Onboarding:
    """One onboarding at work."""

    connections: Connections
    estate: Estate
    request: Request
    now: Callable[[], datetime]

    def run(self, clone: Path) -> Iterator[str]:
        """Do what is missing; yields a line for each thing. ``clone``: where the person's clone of the app repo goes.

        Raises InputError for a name, team, owner or shape that the estate does not know, before anything is written.
        """
        service = self._service()
        registration = goldenpaths.registration(service)
        services_file = {services.path(service.name): registration.file()}
        workspace = self.request.workspace
        app = (
            goldenpaths.generate_app(service) if workspace is None else goldenpaths.import_workspace(service, workspace)
        )
        if self._app_repository(app, clone):
            yield f"app repo {self.estate.platform.organisation}/{service.name}, cloned to {clone}"
        yield self._propose(self.estate.environment(REGISTRY), services_file)
        chart = catalog.chart()
        for environment in self.estate.platform.environments:
            yield self._propose(environment, generated(service, environment, chart))

    def _service(self) -> goldenpaths.Service:
        request, platform = self.request, self.estate.platform
        if request.shape not in SHAPES:
            raise InputError("shape-unknown", "no golden path", got=request.shape, expected=" or ".join(SHAPES))
        _team(self.estate, request.team)
        owner = next((item for item in self.estate.people.persons if item.id == request.owner), None)
        if owner is None or request.team not in owner.teams:
            members = ", ".join(item.id for item in self.estate.people.persons if request.team in item.teams)
            raise InputError(
                "owner-unknown", "the owner is no person of the team", got=request.owner, expected=members or "a person"
            )
        return goldenpaths.Service(
            name=request.name,
            team=request.team,
            owner=request.owner,
            organisation=platform.organisation,
            registry=platform.registry,
            git=platform.git,
        )

    def _app_repository(self, files: Mapping[str, bytes], clone: Path) -> bool:
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
                mirror.write_tree(files),
                [],
                f"Create {name} from golden path {self.request.shape}\n",
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


def generated(service: goldenpaths.Service, environment: Environment, chart: Mapping[str, bytes]) -> dict[str, bytes]:
    """What the golden path generates for one env repo: what is proposed here and what the gate compares with."""
    return goldenpaths.generate_environment(
        service,
        goldenpaths.Environment(
            name=environment.name,
            cluster=environment.cluster,
            revision=environment.ref,
            prune=environment.prune,
            repository=environment.repository,
        ),
        chart,
    )


def golden(estate: Estate, service: services.Service) -> goldenpaths.Service:
    """A registered service as its golden path wants it: the parameters that its onboarding was generated from."""
    platform = estate.platform
    return goldenpaths.Service(
        name=service.name,
        team=service.team,
        owner=service.owner,
        organisation=platform.organisation,
        registry=platform.registry,
        git=platform.git,
        configuration_item=service.configuration_item,
    )
