"""The facts of what runs, reached by walking back: to the sync, the seal, the merge, its decision, build and source.

The same readers and checks as the gate's. What was captured for the decision stands for what the gate read then; what
git and the registry hold by content is read again.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from interlock.platform import kinds
from interlock.platform.books.vocabulary import NO_SERVICE, Checked
from interlock.platform.checks import Check, reasons
from interlock.platform.checks.link import NOT_REQUIRED, Draft
from interlock.platform.domain.change import Change, CommitFacts
from interlock.platform.domain.ids import CheckId, DeliveryKind, EnvironmentName, ReasonCode, ServiceName
from interlock.platform.domain.pull import PullRequest
from interlock.platform.domain.record import RecordFacts
from interlock.platform.domain.result import ResultIds
from interlock.platform.domain.verdict import Finding, Verdict
from interlock.platform.facts import (
    Facts,
    Reader,
    Sources,
    case,
    change,
    decision,
    ground,
    image,
    place,
    pull,
    record,
    result,
    reviews,
    running,
    source,
    stakes,
)
from interlock.platform.kinds import reading, table

DIRECT = DeliveryKind("image")
"""Direct commits are judged by the rules of an image delivery."""


def facts(
    sources: Sources,
    environment: EnvironmentName,
    service: ServiceName,
    *,
    begin: Mapping[Reader[Any], Reader[Any]] | None = None,
) -> Facts:
    """Of one service in one environment, as everything is now; ``begin``: readers for a walk that begins elsewhere."""
    given: dict[Reader[Any], object] = {ground.sources: sources, place.read: place.Place(environment, service)}
    return Facts(given, {**_BACK, **(begin or {})})


def _case(facts: Facts) -> case.Case:
    found = facts.get(decision.known)
    kind = kinds.known(found.said.kind if found else DIRECT)
    service, restores = facts.get(_service), facts.get(decision.restores)
    return case.Case(kind.name, service, brings_source=kind.brings_source, restores=restores)


def _service(facts: Facts) -> ServiceName | None:
    """None of a delivery that was of no single service."""
    found = facts.get(place.read).service
    return None if found == NO_SERVICE else found


def _moment(facts: Facts) -> datetime:
    return facts.get(decision.reviews).now


def _merging(facts: Facts) -> datetime:
    """The time that the forge signed."""
    return facts.get(decision.merge).committer.when


def _pull(facts: Facts) -> PullRequest:
    return facts.get(decision.reviews).pull


def _change(facts: Facts) -> Change:
    return change.made(facts.get(place.repository), facts.get(decision.merge).id)


def _commits(facts: Facts) -> tuple[CommitFacts, ...]:
    return facts.get(decision.reviews).commits


def _source(facts: Facts) -> tuple[CommitFacts, ...]:
    return facts.get(decision.reviews).source


def _reviews(facts: Facts) -> reviews.Given:
    read = facts.get(decision.reviews)
    return reviews.Given(read.reviews, read.approvals)


def _record(facts: Facts) -> RecordFacts:
    return facts.get(decision.record).record


def _result(facts: Facts) -> ResultIds:
    """What the merge gave to the paths that approvals are bound to, by git."""
    found = facts.get(case.read)
    git, merge = facts.get(place.repository), facts.get(decision.merge).id
    where = facts.get(place.read).environment
    chart = result.library(git, merge, found.service)
    changed = (item.path for item in facts.get(change.read).effect)
    return result.ids(git, merge, kinds.bound(found.kind, found.service, where, chart, changed))


_BACK: dict[Reader[Any], Reader[Any]] = {
    ground.estate: decision.estate,
    ground.environment: decision.environment,
    ground.moment: _moment,
    ground.merging: _merging,
    case.read: _case,
    ground.demand: reading.demand,
    pull.read: _pull,
    change.read: _change,
    change.commits: _commits,
    source.read: _source,
    reviews.read: _reviews,
    stakes.read: reading.who,
    record.read: _record,
    result.read: _result,
    image.wanted: running.image,
}


def demanded(facts: Facts, *types: type) -> tuple[Check, ...]:
    """The checks of these types that the rules in force demand of this delivery."""
    facts.get(case.read)
    return tuple(check for check in table.demanded(facts)[0] if isinstance(check, types))


def _as_recorded(check: Check, was: Checked) -> Finding:
    """What the gate found then, by another version of the rule than this software has."""
    detail = f"{was.detail} (as judged by version {was.version} of {was.id})".strip()
    verdict, reason = was.verdict, was.reason
    if was.version > check.version and was.verdict is Verdict.VALID:
        verdict, reason = Verdict.UNKNOWN, ReasonCode("check-newer")
    return Finding(was.id, check.claim, verdict, reason, detail, was.basis, remedy=reasons.remedy(reason))


def decided(facts: Facts, draft: Draft, *types: type) -> tuple[Check, ...]:
    """`demanded`, with the decision cited: what was captured for it is what is judged."""
    named = facts.get(decision.name)
    if named is not None:
        draft.cite("decision", "ledger", named)
    found = facts.get(decision.read)
    if found is not None:
        draft.cite("decision", "ledger", found.id)
    return demanded(facts, *types)


def always(facts: Facts, *types: type[Check]) -> tuple[Check, ...]:
    """The checks of these types, whether or not the kind of this delivery asked for them: what runs is an image."""
    return demanded(facts, *types) or tuple(item() for item in types)


def nothing(facts: Facts, draft: Draft) -> Finding:
    """The verdict of a link that the rules in force do not ask for."""
    return draft.valid(f"{facts.get(place.read).environment} does not ask for it", reason=NOT_REQUIRED)


def judged(facts: Facts, draft: Draft, checks: tuple[Check, ...]) -> Finding:
    """The first finding that is not valid, or all of them as one.

    A decision is judged again by the rules that judged it, and never by newer ones: where a rule has changed since, its
    recorded finding is read, and a check that came later says nothing about it.
    """
    entry = facts.get(decision.judgement)
    recorded = {item.id: item for item in entry.said.checks} if entry else {}
    findings = []
    for item in checks:
        was = recorded.get(CheckId(item.id))
        if was is None or was.version == item.version:
            if was is not None or not recorded:
                findings.append(item.judge(facts))
            continue
        if entry is not None:
            draft.cite("judgement", "ledger", entry.id)
        findings.append(_as_recorded(item, was))
    worst = [item for item in findings if item.verdict is Verdict.INVALID]
    worst += [item for item in findings if item.verdict is Verdict.UNKNOWN]
    if worst:
        return draft.adopt(worst[0])
    return draft.valid("; ".join(dict.fromkeys(item.detail for item in findings if item.detail)))
