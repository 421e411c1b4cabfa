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
from interlock.errors import ConflictError, InputError, NotFoundError
from interlock.formats.signatures.sshsig import sign as ssh_sign
from interlock.platform import catalog, goldenpaths
from interlock.platform.domain import delivery
from interlock.platform.domain.delivery import DeliveryKind
from interlock.platform.domain.ids import ServiceName
from interlock.platform.estate import PLATFORM as REGISTRY
from interlock.platform.estate import Environment, Estate, protection
from interlock.platform.estate import service as services
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
        if request.team not in {team.id for team in platform.teams}:
            known = ", ".join(team.id for team in platform.teams)
            raise InputError("team-unknown", "no such team", got=request.team, expected=known, where="platform.yaml")
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
            commit = self._commit(mirror, files, None, [], f"Create {name} from golden path {self.request.shape}\n")
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
        token = context.secret(identity.forge, what=f"{self.request.identity} on the forge")
        Repository.clone(url, clone, token)
        if identity.ssh is None or identity.forge is None:
            raise NotFoundError("credential-missing", f"no signing key for {self.request.identity}")
        config = identity.ssh.with_name(identity.ssh.name + ".gitconfig")
        write_identity_config(
            config,
            name=self._person_name(),
            email=identity.email,
            ssh_key=identity.ssh,
            token_url=context.forge.outside,
            token_file=identity.forge,
        )
        with (clone / ".git" / "config").open("a") as file:
            file.write(f"[include]\n\tpath = {config}\n")

    def _propose(self, environment: Environment, files: Mapping[str, bytes]) -> str:
        """Branch, commit and pull request of one onboarding delivery; what is there already is kept."""
        forge = self.connections.forge(self.request.identity)
        owner, _, name = self.estate.repository(environment).partition("/")
        branch = delivery.branch(DeliveryKind.ONBOARDING, ServiceName(self.request.name))
        for pull in forge.pulls(owner, name):
            if pull.head_ref == branch:
                return f"delivery {owner}/{name}#{pull.number} is open already"
        mirror = self.connections.mirror(name, self.request.identity)
        main = mirror.resolve("refs/heads/main")
        tree = mirror.write_tree(files, base=main)
        if tree == mirror.tree(main):
            return f"{owner}/{name} has {self.request.name} already"
        title = f"{self.request.name}: onboard to {environment.name}"
        commit = self._commit(mirror, files, main, [main], f"{title}\n\nGolden path {self.request.shape}.\n")
        try:
            mirror.push(f"{commit}:refs/heads/{branch}", expected_old="")
        except ConflictError:
            # A branch of an earlier try: the pull request is opened for what it holds, and the gate judges that.
            mirror.fetch()
        body = "The files are what the golden path generates, byte for byte; the gate compares them.\n"
        pull = forge.create_pull(owner, name, head=branch, base="main", title=title, body=body)
        return f"delivery {owner}/{name}#{pull.number}: {title}"

    def _commit(
        self, mirror: Repository, files: Mapping[str, bytes], base: str | None, parents: list[str], message: str
    ) -> str:
        identity = self.connections.context.identity(self.request.identity)
        key = self.connections.context.secret(identity.ssh, what=f"commits of {self.request.identity}").encode() + b"\n"
        return mirror.commit_tree(
            mirror.write_tree(files, base=base),
            parents,
            message,
            author=(self._person_name(), identity.email),
            date=self.now(),
            sign=lambda payload: ssh_sign(key, payload),
        )

    def _person_name(self) -> str:
        found = next((item for item in self.estate.people.persons if item.id == self.request.identity), None)
        return found.name if found else self.request.identity


def default_owner(estate: Estate, team: str) -> str:
    """The person whom ``platform.yaml`` names as the owner of a team's new services. Raises InputError."""
    found = next((item for item in estate.platform.teams if item.id == team), None)
    if found is None or found.owner is None:
        raise InputError(
            "owner-unknown", f"team {team!r} names no owner in platform.yaml", todo="name one with --owner"
        )
    return found.owner


def generated(service: goldenpaths.Service, environment: Environment, chart: Mapping[str, bytes]) -> dict[str, bytes]:
    """What the golden path generates for one env repo: what is proposed here and what the gate compares with."""
    return goldenpaths.generate_environment(
        service,
        goldenpaths.Environment(
            name=environment.name,
            cluster=environment.cluster,
            revision=environment.branch,
            prune=environment.prune,
            repository=environment.repository,
        ),
        chart,
    )
