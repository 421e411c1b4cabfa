"""The pull request, as the forge tells it and in the platform's words."""

from __future__ import annotations

from collections.abc import Sequence

from interlock.clients.forge import PullRequest as ForgePull
from interlock.platform.domain.ids import CommitId
from interlock.platform.domain.pull import PullRequest
from interlock.platform.facts.facts import Facts, missing
from interlock.platform.facts.ground import environment, estate


def read(facts: Facts) -> PullRequest:
    return of(facts.get(estate).repository(facts.get(environment)), facts.get(answer))


def answer(facts: Facts) -> ForgePull:
    """What the forge answered."""
    raise missing("pull request")


def foreign(facts: Facts) -> bool:
    """Whether its head is a branch of a fork: what the branch is called then says nothing about this repository."""
    return facts.get(answer).from_fork


def others(facts: Facts) -> Sequence[ForgePull]:
    """The other open pull requests of the estate."""
    return ()


def of(repository: str, found: ForgePull) -> PullRequest:
    """In the platform's words; ``repository`` is ``owner/name``."""
    return PullRequest(
        repository=repository,
        number=found.number,
        title=found.title,
        author=found.user,
        head=CommitId(found.head_sha),
        head_ref=found.head_ref,
        base_ref=found.base_ref,
        open=found.state == "open",
        merged=found.merged,
        merge_commit=CommitId(found.merge_commit_sha) if found.merge_commit_sha else None,
        merged_by=found.merged_by,
        body=found.body,
    )
