"""What every command of the platform needs: the context, clients, and the estate as its last sealed commit says."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from interlock.cli import options
from interlock.clients.connect import Connections
from interlock.clients.context import Context
from interlock.clients.forge import ForgeClient, PullRequest
from interlock.clients.git import Repository
from interlock.errors import NotFoundError
from interlock.platform.domain import branches
from interlock.platform.estate import PLATFORM, Environment, Estate, layout
from interlock.platform.facts import estates

if TYPE_CHECKING:
    from interlock.platform.delivery.promotion import Prepared


class Session:
    """One command's connections. Mirrors are kept beside the context file, apart from the controller's."""

    def __init__(self, context_option: Path | None) -> None:
        self.context: Context = options.load(context_option)
        folder = options.context_path(context_option).parent / "cache" / "cli"
        self.connections = Connections(self.context, clones=folder)

    def estate(self, identity: str) -> Estate:
        """Rules, people and services from the sealed platform commit, read as ``identity``."""
        git = self.connections.mirror(PLATFORM, identity, fetch=False)
        if self._sealed(git) != self.connections.forge(identity).branch(self.context.organisation, PLATFORM, "sealed"):
            git.fetch()
        return estates.tip(git, self.context.keys.seal.read_text())

    @staticmethod
    def _sealed(git: Repository) -> str | None:
        """As the mirror was left."""
        try:
            return git.resolve(layout.SEALED)
        except NotFoundError:
            return None

    def open_pull(self, forge: ForgeClient, estate: Estate, environment: Environment, service: str) -> PullRequest:
        """The newest open delivery of ``service`` into ``environment``. Raises NotFoundError ``delivery-unknown``."""
        owner, _, name = estate.repository(environment).partition("/")
        for pull in sorted(forge.pulls(owner, name), key=lambda item: -item.number):
            branch = branches.parse(pull.head_ref)
            if branch is None or pull.from_fork:
                continue
            # What restores the whole is every service's; whatever else is of none is asked for by its own name.
            restores = branch.purpose is branches.Purpose.REVERT and branch.service == branches.WHOLE
            if restores or branch.service == service:
                return pull
        raise NotFoundError(
            "delivery-unknown",
            f"no open delivery of {service} into {environment.name}",
            where=f"{owner}/{name}",
            todo="`interlock status` shows what is where",
        )

    def propose(
        self, identity: str, estate: Estate, environment: Environment, git: Repository, prepared: Prepared
    ) -> None:
        """Open the pull request of a delivery as ``identity``, whose commit it is, and tell which it is."""
        from interlock.platform.delivery import promotion
        from interlock.platform.setup.onboarding import author

        repository, by = estate.repository(environment), author(self.connections, estate, identity)
        pull = promotion.open_pull(git, self.connections.forge(identity), repository, prepared, by, now=now())
        typer.echo(f"{repository}#{pull.number}: {pull.title}\n{pull.html_url}")


def now() -> datetime:
    return datetime.now(UTC)
