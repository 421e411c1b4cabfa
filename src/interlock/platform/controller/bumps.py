"""Bumps that were overtaken: of several builds of a service only the newest source is delivered."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence

from interlock.clients.forge import PullRequest
from interlock.errors import InterlockError
from interlock.platform.controller.world import World
from interlock.platform.domain import branches
from interlock.platform.estate import Environment, Estate, layout

log = logging.getLogger(__name__)


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


def close_overtaken(
    world: World, estate: Estate, environment: Environment, pulls: Sequence[PullRequest]
) -> list[PullRequest]:
    """Close them with a word why; returns the pull requests that stay.

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

    closing = overtaken(pulls, current, older)
    owner, _, name = estate.repository(environment).partition("/")
    forge = world.connections.forge()
    gone = set()
    for pull, newer in closing:
        try:
            forge.comment(owner, name, pull.number, f"Overtaken: {newer} is newer. The platform closes this.")
            forge.edit_pull(owner, name, pull.number, state="closed")
        except InterlockError as error:
            log.warning("%s#%s cannot be closed: %s", name, pull.number, error)
            continue
        log.info("%s#%s closed: overtaken by %s", name, pull.number, newer)
        gone.add(pull.number)
    return [pull for pull in pulls if pull.number not in gone]
