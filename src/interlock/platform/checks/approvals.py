"""Approvals: which reviews count, for whom, and what is still missing. People are compared, never accounts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from interlock.platform.checks import people as checks_people
from interlock.platform.checks.check import Check
from interlock.platform.checks.reasons import Reason, table
from interlock.platform.domain.approval import Approval
from interlock.platform.domain.ids import CommitId, PersonId, TeamId
from interlock.platform.domain.people import People, Person, Role, System
from interlock.platform.domain.pull import Review, ReviewState
from interlock.platform.domain.result import ResultIds
from interlock.platform.domain.verdict import Evidence, Finding
from interlock.platform.estate import Requirement
from interlock.platform.facts import Facts, case, ground, pull, stakes
from interlock.platform.facts import result as results
from interlock.platform.facts import reviews as given

REASONS = table(
    {
        "approval-missing": Reason(
            "An approval that the environment asks for has not been given.", "ask for the review"
        ),
        "approval-stale": Reason("The approval was of an older head, or dismissed.", "approve the current head"),
        "approval-other-base": Reason("The approval was of another base branch or repository.", "approve again"),
        "approval-result-changed": Reason(
            "Since the approval the merge would give the service other files.", "review and approve again"
        ),
        "approval-ambiguous": Reason(
            "The result changed while the review was given: nobody can tell which one it approved.", "approve again"
        ),
        "approval-not-captured": Reason("The platform has not recorded the review yet.", "wait for the next round"),
        "approval-by-author": Reason(
            "The approver, by any of their accounts, opened the pull request or signed one of its commits.",
            "ask somebody else",
        ),
        "approval-by-source-author": Reason("The approver wrote part of the delivered source.", "ask somebody else"),
        "approval-by-concerned": Reason(
            "The delivery changes the approver's own entry: teams, roles, accounts, keys or validity.",
            "ask somebody whom it is not about",
        ),
        "approval-by-unknown": Reason("The reviewing account belongs to no known person.", "add it to people.yaml"),
        "approval-by-machine": Reason("Accounts of the platform do not approve.", "ask a person"),
        "approval-unofficial": Reason(
            "The forge did not count the reviewer as allowed.", "give them access, review again"
        ),
        "changes-requested": Reason("A reviewer asks for changes.", "settle it with them; they review again"),
    }
)


@dataclass(frozen=True, kw_only=True)
class Standing:
    """What people are to a delivery. ``teams`` are those of the service and of everybody it comes from."""

    teams: frozenset[TeamId]
    owner: PersonId | None = None
    owners: frozenset[PersonId] = frozenset()
    """Of every service that the delivery touches."""
    platform_team: TeamId | None = None


@dataclass(frozen=True, kw_only=True)
class Question(Standing):
    """What reviews are judged against."""

    repository: str
    base_ref: str
    head: CommitId
    result: ResultIds
    people: People
    now: datetime
    initiators: frozenset[PersonId]
    source_authors: frozenset[PersonId]
    machines: frozenset[str]
    """Accounts that are no people, case-folded."""
    concerned: frozenset[PersonId] = frozenset()
    """Whom the delivery is about."""


@dataclass(frozen=True, slots=True)
class Ignored:
    """A review that does not count, and why."""

    account: str
    reason: str


@dataclass(frozen=True)
class Outcome:
    """``granted``: each person once, for the requirement that they meet."""

    granted: tuple[tuple[str, Person], ...]
    missing: tuple[str, ...]
    ignored: tuple[Ignored, ...]
    against: tuple[Person, ...]
    """Who asks for changes."""


def judge(
    requirements: Sequence[Requirement], reviews: Sequence[Review], approvals: Sequence[Approval], question: Question
) -> Outcome:
    """Which of ``requirements`` the reviews meet.

    Of each account the last review that says something counts; of each person every account. Time stamps decide
    nothing but that order.
    """
    captured = {item.review: item for item in approvals}
    latest = {
        item.account.casefold(): item
        for item in sorted(reviews, key=lambda item: (item.submitted_at, item.id))
        if item.state is not ReviewState.COMMENT
    }
    good: dict[PersonId, Person] = {}
    ignored: list[Ignored] = []
    against: dict[PersonId, Person] = {}
    for review in latest.values():
        person = question.people.by_account(System.FORGE, review.account, question.now)
        if review.state is ReviewState.CHANGES_REQUESTED:
            if person is not None and not review.dismissed:
                against[person.id] = person
            continue
        reason = _unfit(review, captured.get(review.id), person, question)
        if reason or person is None:
            ignored.append(Ignored(review.account, reason or "approval-by-unknown"))
        else:
            good[person.id] = person
    wanted = _wanted(requirements)
    granted = _assign(wanted, list(good.values()), question)
    missing = tuple(who for index, who in enumerate(wanted) if index not in granted)
    return Outcome(
        tuple((who, granted[index]) for index, who in enumerate(wanted) if index in granted),
        missing,
        tuple(sorted(ignored, key=lambda item: item.account)),
        tuple(against.values()),
    )


def _unfit(review: Review, approval: Approval | None, person: Person | None, question: Question) -> str | None:
    """Why an approving review does not count; None when it does. The person is judged first: others cannot mend it."""
    if review.account.casefold() in question.machines:
        return "approval-by-machine"
    if person is None:
        return "approval-by-unknown"
    if person.id in question.initiators:
        return "approval-by-author"
    if person.id in question.source_authors:
        return "approval-by-source-author"
    if person.id in question.concerned:
        return "approval-by-concerned"
    if review.stale or review.dismissed or review.commit != question.head:
        return "approval-stale"
    if not review.official:
        return "approval-unofficial"
    if approval is None or approval.account.casefold() != review.account.casefold():
        return "approval-not-captured"
    if approval.head != question.head:
        return "approval-stale"
    if (approval.repository, approval.base_ref) != (question.repository, question.base_ref):
        return "approval-other-base"
    if approval.result is None:
        return "approval-ambiguous"
    if not approval.holds_for(question.repository, question.base_ref, question.head, question.result):
        return "approval-result-changed"
    return None


def possible(requirements: Sequence[Requirement], persons: Sequence[Person], standing: Standing) -> bool:
    """Whether these people could meet them all."""
    wanted = _wanted(requirements)
    return len(_assign(wanted, persons, standing)) == len(wanted)


def _wanted(requirements: Sequence[Requirement]) -> list[str]:
    return [item.who for item in requirements for _ in range(item.count)]


def _assign(wanted: Sequence[str], persons: Sequence[Person], standing: Standing) -> Mapping[int, Person]:
    """A largest assignment of persons to requirements, each person once (augmenting paths)."""
    holder: dict[int, Person] = {}

    def place(person: Person, seen: set[int]) -> bool:
        for index, who in enumerate(wanted):
            if index in seen or not _meets(who, person, standing):
                continue
            seen.add(index)
            if index not in holder or place(holder[index], seen):
                holder[index] = person
                return True
        return False

    for person in sorted(persons, key=lambda item: item.id):
        place(person, set())
    return holder


def _meets(who: str, person: Person, standing: Standing) -> bool:
    match who:
        case "service-owner":
            return person.id == standing.owner
        case "owners-touched":
            return person.id in standing.owners
        case "data-owner":
            # Who owns a service owns its data, until registrations name somebody else.
            return person.id == standing.owner
        case "platform-reviewer":
            return Role.PLATFORM_REVIEWER in person.roles
        case "change-manager":
            return Role.CHANGE_MANAGER in person.roles
        case "platform-team":
            return standing.platform_team in person.teams
        case "other-team":
            return bool(person.teams) and not person.teams & standing.teams
        case "anyone":
            return True
    return False


def question(facts: Facts) -> Question:
    """The question that is asked of a delivery's reviews: people are entitled when it is merged."""
    service, asked, stake = facts.get(ground.service), facts.get(pull.read), facts.get(stakes.read)
    people = facts.get(ground.estate).people
    initiators = checks_people.initiators(facts)
    asking = [person for item in initiators if (person := people.get(item))]
    teams = {team for person in asking for team in person.teams}
    return Question(
        repository=asked.repository,
        base_ref=asked.base_ref,
        head=asked.head,
        result=facts.get(results.read),
        people=people,
        now=facts.get(ground.merging),
        owner=PersonId(service.owner) if service else None,
        owners=stake.owners,
        concerned=stake.concerned,
        platform_team=TeamId(team) if (team := facts.get(ground.estate).platform.platform.team) else None,
        teams=frozenset(teams | ({TeamId(service.team)} if service else set())),
        initiators=initiators,
        source_authors=checks_people.source_authors(facts),
        machines=checks_people.machines(facts),
    )


def requirements(facts: Facts) -> tuple[Requirement, ...]:
    """What the environment asks for. A revert that restores what is sealed changes nothing that runs and may touch no
    service at all: it needs as many people, whoever they are."""
    asked = facts.get(ground.demand).approvals
    if not facts.get(case.read).restores:
        return asked
    return (Requirement(who="anyone", count=min(10, sum(item.count for item in asked))),) if asked else ()


class ApprovalBy(Check):
    """One requirement of the environment. All of them share one assignment: nobody counts for two."""

    claim = "Approved for exactly this head and result, by people other than those it comes from."

    def __init__(self, who: str) -> None:
        self.who = who
        self.id = f"approval-{who}"

    def judge(self, facts: Facts) -> Finding:
        found = facts.get(given.read)
        outcome = judge(requirements(facts), found.reviews, found.approvals, question(facts))
        if self.who not in outcome.missing:
            who = [person for requirement, person in outcome.granted if requirement == self.who]
            evidence = tuple(
                Evidence(f"review {item.review} by {item.account}", item.repository, item.evidence)
                for item in found.approvals
            )
            return self.valid(", ".join(person.name for person in who), evidence=evidence)
        told = "; ".join(f"{item.account}: {item.reason}" for item in outcome.ignored)
        detail = f"missing: {self.who}" + (f" ({told})" if told else "")
        reasons = {item.reason for item in outcome.ignored}
        nearest = next((code for code in _NEAREST if code in reasons), "approval-missing")
        if nearest in _UNKNOWN:
            return self.unknown(nearest, detail)
        return self.invalid(nearest, detail)


_UNKNOWN = ("approval-not-captured", "approval-by-unknown")
# Of several ignored reviews, the reason that is nearest to counting is told.
_NEAREST = (
    "approval-not-captured",
    "approval-ambiguous",
    "approval-result-changed",
    "approval-other-base",
    "approval-stale",
    "approval-by-author",
    "approval-by-source-author",
    "approval-by-concerned",
    "approval-by-unknown",
    "approval-unofficial",
    "approval-by-machine",
)


class NobodyAgainst(Check):
    """A request for changes stands until its author reviews again or it is dismissed, also after a push."""

    id = "nobody-against"
    claim = "No reviewer asks for changes."

    def judge(self, facts: Facts) -> Finding:
        found = facts.get(given.read)
        outcome = judge((), found.reviews, found.approvals, question(facts))
        if outcome.against:
            return self.invalid("changes-requested", ", ".join(person.name for person in outcome.against))
        return self.valid()
