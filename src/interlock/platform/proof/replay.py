"""The gate's checks, judged again from captured facts: the rules are written once, in ``checks``."""

from __future__ import annotations

from datetime import datetime

from interlock.platform.books.vocabulary import ReviewsRead
from interlock.platform.checks import Check, GateFacts, RevertFacts, rules
from interlock.platform.domain.change import Change, CommitFacts
from interlock.platform.domain.classification import Classification
from interlock.platform.domain.ids import CommitId, ObjectId
from interlock.platform.domain.image import ImageFacts
from interlock.platform.domain.pull import PullRequest
from interlock.platform.domain.record import RecordFacts
from interlock.platform.domain.result import ResultIds
from interlock.platform.domain.verdict import Finding, Verdict
from interlock.platform.proof.link import NOT_REQUIRED, Draft
from interlock.platform.proof.walk import Walk


def demanded(walk: Walk, *types: type) -> tuple[Check, ...]:
    """The checks of these types that the rules in force demand of this delivery."""
    first = walk.estate.previous(walk.rules) is None
    table = rules(walk.kind, walk.rules, first=first, restores=walk.restores)
    return tuple(item for item in table if isinstance(item, types))


def decided(walk: Walk, draft: Draft, *types: type) -> tuple[Check, ...]:
    """`demanded`, with the decision cited: what was captured for it is what is judged."""
    if walk.decision_name is not None:
        draft.cite("decision", "ledger", walk.decision_name)
    if walk.decision is not None:
        draft.cite("decision", "ledger", walk.decision.id)
    return demanded(walk, *types)


def always(walk: Walk, *types: type[Check]) -> tuple[Check, ...]:
    """The checks of these types, whether or not the kind of this delivery asked for them: what runs is an image."""
    return demanded(walk, *types) or tuple(item() for item in types)


def nothing(walk: Walk, draft: Draft) -> Finding:
    """The verdict of a link that the rules in force do not ask for."""
    return draft.valid(f"{walk.name} does not ask for it", reason=NOT_REQUIRED)


def judged(walk: Walk, draft: Draft, checks: tuple[Check, ...], facts: GateFacts) -> Finding:
    """The first finding that is not valid, or all of them as one."""
    findings = [item.judge(facts) for item in checks]
    worst = [item for item in findings if item.verdict is Verdict.INVALID]
    worst += [item for item in findings if item.verdict is Verdict.UNKNOWN]
    if worst:
        return draft.adopt(worst[0])
    return draft.valid("; ".join(dict.fromkeys(item.detail for item in findings if item.detail)))


def people_facts(walk: Walk, *, record: RecordFacts | None = None) -> GateFacts:
    """What the checks of approvals and record look at: captured reviews and commits, the result from git."""
    read = walk.reviews_read
    result = {path: ObjectId(found) if found else None for path, found in walk.ids(walk.merge.id).items()}
    return _facts(
        walk,
        now=read.now,
        pull=read.pull,
        commits=read.commits,
        reviews=read,
        result=ResultIds.of(result),
        record=record,
    )


def image_facts(walk: Walk, image: ImageFacts) -> GateFacts:
    """What the checks of the image look at. Ages are judged at the merge, whose time the forge signed."""
    return _facts(walk, now=walk.merge.committer.when, image=image)


def _facts(
    walk: Walk,
    *,
    now: datetime,
    pull: PullRequest | None = None,
    commits: tuple[CommitFacts, ...] = (),
    reviews: ReviewsRead | None = None,
    result: ResultIds | None = None,
    record: RecordFacts | None = None,
    image: ImageFacts | None = None,
) -> GateFacts:
    merge = walk.merge
    base = CommitId(merge.parents[0]) if merge.parents else CommitId(merge.id)
    head = CommitId(merge.parents[1]) if len(merge.parents) > 1 else CommitId(merge.id)
    nobody = PullRequest(walk.estate.repository(walk.rules), 0, "", "", head, "", "main", open=False)
    return GateFacts(
        now=now,
        estate=walk.estate,
        environment=walk.rules,
        pull=pull or nobody,
        change=Change(base, head, base, ObjectId(merge.tree), (), (), commits=commits),
        classification=Classification(walk.kind, walk.service_name),
        result=result or ResultIds.of({}),
        reviews=reviews.reviews if reviews else (),
        approvals=reviews.approvals if reviews else (),
        source=reviews.source if reviews else (),
        record=record or RecordFacts(None),
        image=image,
        revert=RevertFacts(None, None, restores=True) if walk.restores else None,
    )
