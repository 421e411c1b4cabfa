"""What the gate knew of a pull request, as delivery reads it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from interlock.clients.forge import model as forge_model
from interlock.clients.tickets import record as tickets_model
from interlock.platform.books.plain import as_json
from interlock.platform.books.vocabulary import ApprovalCaptured, RecordAnswered, ReviewFact
from interlock.platform.domain.approval import Approval
from interlock.platform.domain.change import CommitFacts
from interlock.platform.domain.ids import DeliveryKind, Digest, PersonId, ServiceName
from interlock.platform.domain.pull import PullRequest, Review, ReviewState
from interlock.platform.domain.record import ChangeRecord, RecordApproval, RecordApprovalState, RecordFacts, RecordState
from interlock.platform.domain.result import ResultIds, service_paths
from interlock.platform.facts import Facts, Reader, case, change, ground, source
from interlock.platform.facts import pull as pulls
from interlock.platform.facts import record as records
from interlock.platform.facts import result as results
from interlock.platform.facts import reviews as given
from interlock.platform.facts.case import Case

from .objects import PLAN

if TYPE_CHECKING:
    from .world import World


@dataclass(frozen=True)
class Judged:
    """One pull request as it was judged."""

    pull: PullRequest
    result: ResultIds
    record: RecordFacts
    facts: Facts


def facts(
    world: World,
    environment: str,
    kind: DeliveryKind,
    pull: PullRequest,
    base: str,
    tree: str,
    service: ServiceName,
    reviewers: tuple[str, ...],
    answer: RecordApprovalState,
) -> Judged:
    repo, where = world.repositories[f"env-{environment}"], world.estate.environment(environment)
    result = results.ids(repo, tree, service_paths(service, results.library(repo, tree, service)))
    reviewers = reviewers if where.rules.approvals else ()
    reviews, approvals = [], []
    world.forge.given[pull.number] = []
    for index, account in enumerate(reviewers):
        identity, time = pull.number * 10 + index, world.clock()
        reviews.append(
            Review(identity, account, ReviewState.APPROVED, pull.head, False, False, True, submitted_at=time)
        )
        raw = forge_model.Review(identity, account, index, "APPROVED", pull.head, False, True, False, time, "")
        world.forge.given[pull.number].append(raw)
        bound = Approval(identity, account, pull.repository, pull.number, "main", pull.head, result)
        approvals.append(first_seen(world, bound, raw))
    person = CommitFacts(pull.head, "Change", 1, PersonId("dana"))
    found = record(world, pull, answer) if where.rules.change_record else RecordFacts(None)
    known: dict[Reader[Any], object] = {
        ground.moment: world.clock(),
        pulls.read: pull,
        pulls.answer: {},
        case.read: Case(kind, service),
        change.commits: (person,),
        source.read: (person,),
        given.read: given.Given(tuple(reviews), tuple(approvals)),
        given.answer: world.forge.given[pull.number],
        records.read: found,
        records.answer: {},
    }
    return Judged(pull, result, found, Facts(known))


def first_seen(world: World, approval: Approval, raw: forge_model.Review) -> Approval:
    """As delivery captures a review in the round in which it is new."""
    body = ApprovalCaptured.of(approval)
    read = world.books.capture(ReviewFact(as_json(raw)), body.source, now=world.clock())
    world.books.write(f"{approval.repository}#{approval.number}", body, key=body.key, evidence={"review": read})
    return replace(approval, evidence=read)


def record(world: World, pull: PullRequest, answer: RecordApprovalState) -> RecordFacts:
    number = pull.title.split()[0]
    delivery = f"{pull.repository}#{pull.number}@{pull.head}"
    raw = {
        **PLAN,
        "correlation_id": delivery,
        "number": number,
        "sys_id": f"id{number}",
        "state": "-1",
        "sys_mod_count": "3",
        "start_date": "2026-05-04 00:00:00",
        "end_date": "2026-05-05 00:00:00",
        "approval": answer.value,
    }
    live = tickets_model.change_request(raw)
    world.tickets.records[number] = live
    row = {
        "sys_id": f"row{number}",
        "sysapproval": live.sys_id,
        "approver.user_name": "carol",
        "state": answer.value,
    }
    world.tickets.rows[live.sys_id] = [tickets_model.approval(row)]
    plan = Digest(live.plan_digest())
    if answer is RecordApprovalState.APPROVED:
        body = RecordAnswered(f"row{number}", "carol", plan)
        world.books.write(number, body, key=body.key(number))
    approval = RecordApproval("carol", answer, shown=plan)
    read = ChangeRecord(
        number=number,  # type: ignore[arg-type]
        type="normal",
        raw_state="-1",
        state=RecordState.IMPLEMENT,
        approval=answer.value,
        requested_by="interlock",
        opened_by="interlock",
        start=live.start,
        end=live.end,
        configuration_item="payments-prod",
        on_hold=False,
        conflict="No Conflict",
        delivery=delivery,
        texts=PLAN,
        plan=plan,
        approvals=(approval,),
    )
    return RecordFacts(number, read, expected=PLAN)  # type: ignore[arg-type]
