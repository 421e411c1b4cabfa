"""What a golden path generates for a service in an environment, and what the pull request has in its place."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from interlock.platform.facts import change, library
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
    # Services render with the env repo's chart: an onboarding never brings another one (only the first brings one).
    chart = library.newest(git, found.base)
    expected = facts.get(sources).generate(facts.get(registered), facts.get(environment), chart)
    return Onboarding(expected, change.contents(git, found.tree, expected))
