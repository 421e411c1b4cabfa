"""Bumps that were overtaken: of several builds of a service only the newest source is delivered."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from interlock.clients.forge import PullRequest
from interlock.errors import InterlockError
from interlock.platform.controller.world import World
from interlock.platform.domain import branches
from interlock.platform.estate import Environment, Estate, layout


def overtaken(
    pulls: Sequence[PullRequest], current: Callable[[str], str], older: Callable[[str, str, str], bool]
) -> list[tuple[PullRequest, str]]:
    """Pull requests to close, each with the commit that overtook it.

    ``current``: the short commit that a service has now, or "". ``older(service, a, b)``: whether commit ``a`` is an
    ancestor of ``b``, and not ``b`` itself.
    """
    found = [
        (pull, (branch.service, branch.source))
        for pull in pulls
        if (branch := branches.parse(pull.head_ref)) and branch.source
    ]
    closing = []
    for pull, (service, commit) in found:
        others = [other for _, (name, other) in found if name == service and other != commit]
        newer = next((item for item in [current(service), *others] if item and older(service, commit, item)), None)
        if newer is not None:
            closing.append((pull, newer))
    return closing


def find_overtaken(
    world: World, estate: Estate, environment: Environment, pulls: Sequence[PullRequest]
) -> list[tuple[PullRequest, str]]:
    """`overtaken` by what the repositories say.

    Branch names and main's values files are anybody's: what they name and cannot be read overtakes nothing.
    """
    git = world.mirror(environment.repository)

    def current(service: str) -> str:
        try:
            data = git.read(layout.MAIN, layout.values(service, environment.name))
            tag = layout.image_in(data, file=service).tag if data else ""
        except InterlockError:
            return ""
        return tag.removeprefix("main-") if tag.startswith("main-") else ""

    def older(service: str, one: str, other: str) -> bool:
        registered = estate.services.get(service)
        if registered is None:
            return False
        try:
            mirror = world.mirror(registered.repository)
            first, second = mirror.resolve(one), mirror.resolve(other)
        except InterlockError:
            return False
        return first != second and mirror.is_ancestor(first, second)

    return overtaken(pulls, current, older)
