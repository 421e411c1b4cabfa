"""What a golden path generates for a service in an environment, and what the pull request has in its place."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from interlock.clients.git import Repository
from interlock.platform.domain.change import REGULAR_FILE
from interlock.platform.domain.result import CHART
from interlock.platform.facts import change
from interlock.platform.facts.facts import Facts
from interlock.platform.facts.ground import environment, registered, repository, sources


@dataclass(frozen=True)
class Onboarding:
    """Files by path: what must be there, and what would be there after the merge."""

    expected: Mapping[str, bytes]
    present: Mapping[str, bytes]


def read(facts: Facts) -> Onboarding:
    """Raises what the golden path raises for parameters that it cannot take."""
    git, found = facts.get(repository), facts.get(change.read)
    expected = facts.get(sources).generate(facts.get(registered), facts.get(environment), chart_at(git, found.base))
    return Onboarding(expected, change.contents(git, found.tree, expected))


def chart_at(git: Repository, revision: str) -> Mapping[str, bytes] | None:
    """The library chart that an env repo has, relative to its folder; None while it has none.

    Services render with the env repo's chart: an onboarding never brings another one (only the first brings one).
    """
    entries = [item for item in git.ls_tree(revision, CHART) if item.type == "blob" and item.mode == REGULAR_FILE]
    return {item.path.removeprefix(f"{CHART}/"): git.blob(item.id) for item in entries} or None
