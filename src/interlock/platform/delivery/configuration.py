"""Preparing a configuration: edited values, judged by the checks of the kind before anything leaves this machine."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from interlock.clients.git import Repository
from interlock.errors import NotFoundError, RefusedError
from interlock.platform import kinds
from interlock.platform.checks import reasons
from interlock.platform.delivery import promotion
from interlock.platform.delivery.promotion import Prepared
from interlock.platform.domain.branches import Purpose
from interlock.platform.domain.change import Change, FileChange
from interlock.platform.domain.ids import CommitId, ObjectId, ServiceName
from interlock.platform.domain.verdict import Verdict
from interlock.platform.estate import Environment, Estate
from interlock.platform.estate.layout import MAIN
from interlock.platform.facts import Facts, case, change, ground, rendering
from interlock.platform.facts.rendering import Moved, Rendering
from interlock.platform.kinds.classify import classify
from interlock.platform.kinds.configuration import NAME
from interlock.platform.kinds.kind import Position


def prepare(
    git: Repository, estate: Estate, environment: Environment, service: ServiceName, files: Mapping[str, bytes]
) -> tuple[Prepared, tuple[Moved, ...]]:
    """The delivery that writes ``files`` (path -> content), and what is rendered differently by it.

    Raises RefusedError ``change-nothing``, or with the reason code of the check that it would not hold, NotFoundError
    ``service-not-onboarded``.
    """
    base = CommitId(git.resolve(MAIN))
    before = {path: data for path in files if (data := git.read(base, path)) is not None}
    if missing := sorted(files.keys() - before.keys()):
        raise NotFoundError("service-not-onboarded", f"{environment.name} has no values of it", where=missing[0])
    tree = ObjectId(git.write_tree(dict(files), base=base))
    paths = tuple(FileChange(path, "modified") for path in sorted(files) if files[path] != before[path])
    found = Change(base, base, base, tree, paths, paths, before, files)
    if not paths:
        raise RefusedError("change-nothing", "main has all of it already", where=", ".join(sorted(files)))
    kind = classify(kinds.KINDS, found, environment.name)
    if kind.kind != NAME:
        _refuse(kind.reason if kind.kind is None else "configuration-key-refused", kind.detail or "image")
    moved = _judged(git, estate, environment, service, found)
    title = f"{service}: configuration in {environment.name}"
    body = f"{promotion.rendered(moved)}\nImage and version stay.\n"
    return promotion.change(git, Purpose.CONFIGURE, service, files, title, body), moved


def _judged(
    git: Repository, estate: Estate, environment: Environment, service: ServiceName, found: Change
) -> tuple[Moved, ...]:
    """What is rendered differently, when every check of the kind holds."""
    facts = Facts(
        {
            ground.estate: estate,
            ground.environment: environment,
            ground.repository: git,
            case.read: case.Case(NAME, service),
            change.read: found,
        },
        {rendering.read: lambda facts: _rendered(git, found, service, environment)},
    )
    for check in kinds.known(NAME).checks(Position(environment)):
        finding = check.examine(facts)
        if finding.verdict is not Verdict.VALID:
            _refuse(finding.reason, finding.detail)
    return rendering.moved(facts.get(rendering.read))


def _rendered(git: Repository, found: Change, service: ServiceName, environment: Environment) -> Rendering:
    before, after = (rendering.render(git, side, service, environment) for side in (found.base, found.tree))
    return Rendering(before, after)


def _refuse(reason: str, detail: str) -> None:
    told: Any = reasons.REASONS[reason]
    raise RefusedError(reason, told.explanation, got=detail, todo=told.remedy)
