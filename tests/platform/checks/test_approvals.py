"""Attacks on approvals; numbers are those of research/audit_portal.md 2.3."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from interlock.platform.checks.approvals import Question, judge
from interlock.platform.domain.approval import Approval
from interlock.platform.domain.change import CommitFacts
from interlock.platform.domain.facts import Unread
from interlock.platform.domain.ids import CommitId, ObjectId, PersonId, TeamId
from interlock.platform.domain.people import People, Person, System
from interlock.platform.domain.pull import Review, ReviewState
from interlock.platform.domain.result import ResultIds
from interlock.platform.domain.verdict import Finding, Verdict
from interlock.platform.estate import Requirement

from .conftest import Known, evaluate

Broken = Callable[..., dict[str, Finding]]
Make = dict[str, Any]
NEW_HEAD = CommitId("8" * 40)


def reviewed(make: Make, *reviews: Review, **changes: Any) -> dict[str, Any]:
    return {"reviews": reviews, "approvals": tuple(make["captured"](item, **changes) for item in reviews)}


@pytest.fixture
def sam_and(make: Make) -> Callable[..., dict[str, Any]]:
    """Sam's approval and one more."""

    def facts(account: str, **changes: Any) -> dict[str, Any]:
        return reviewed(make, make["review"](1, "sam"), make["review"](2, account, **changes))

    return facts


def reason(found: dict[str, Finding], who: str = "other-team") -> str:
    return str(found[f"approval-{who}"].reason)


def test_owner_and_another_team_suffice(good: Known, broken: Broken) -> None:
    assert broken() == {}
    granted = {item.id: item.detail for item in evaluate(good) if item.id.startswith("approval-")}
    assert granted == {"approval-service-owner": "Sam Okafor", "approval-other-team": "Rita Lindqvist"}


def test_one_missing_approval_is_named_and_the_other_counts(broken: Broken, make: Make) -> None:
    found = broken(**reviewed(make, make["review"](1, "rita")))
    assert set(found) == {"approval-service-owner"}
    assert found["approval-service-owner"].reason == "approval-missing"


def test_1_approve_then_push(broken: Broken, good: Known) -> None:
    """The forge may not have marked anything stale: the head alone decides."""
    assert not isinstance(good.reviews, Unread)
    assert not any(item.stale for item in good.reviews)
    found = broken(pull={"head": NEW_HEAD}, change={"head": NEW_HEAD})
    assert reason(found) == reason(found, "service-owner") == "approval-stale"


def test_1_a_review_that_claims_the_new_head_with_an_old_capture(broken: Broken, make: Make) -> None:
    """The forge's answer changed after the capture: what was captured decides."""
    reviews = tuple(make["review"](number, who, commit=NEW_HEAD) for number, who in ((1, "sam"), (2, "rita")))
    approvals = tuple(make["captured"](item, head=CommitId("b" * 40)) for item in reviews)
    found = broken(pull={"head": NEW_HEAD}, change={"head": NEW_HEAD}, reviews=reviews, approvals=approvals)
    assert reason(found) == "approval-stale"


def test_2_times_decide_nothing(good: Known, broken: Broken, make: Make) -> None:
    future = datetime(2099, 1, 1, tzinfo=UTC)
    stale = tuple(
        make["review"](number, who, commit=CommitId("9" * 40), submitted_at=future)
        for number, who in ((1, "sam"), (2, "rita"))
    )
    assert reason(broken(reviews=stale)) == "approval-stale"
    past = tuple(
        make["review"](n, who, submitted_at=datetime(1999, 1, 1, tzinfo=UTC)) for n, who in ((1, "sam"), (2, "rita"))
    )
    assert broken(reviews=past) == {}


def test_3_another_result_voids_an_approval_of_the_same_head(broken: Broken) -> None:
    moved = ResultIds.of({"apps/payments": ObjectId("1" * 40), "charts/service": ObjectId("3" * 40)})
    assert reason(broken(result=moved)) == "approval-result-changed"


def test_another_services_merge_voids_nothing(broken: Broken) -> None:
    """Base and whole tree move; the service's ids stay."""
    assert broken(change={"base": CommitId("6" * 40), "tree": ObjectId("6" * 40)}) == {}


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"base_ref": "release"}, "approval-other-base"),  # 4: retargeted after the approval
        ({"repository": "acme/env-test"}, "approval-other-base"),  # 15: equal content elsewhere
        ({"result": None}, "approval-ambiguous"),  # 17: the review arrived while the result changed
    ],
)
def test_4_15_17_an_approval_of_something_else(
    broken: Broken, make: Make, changes: dict[str, Any], expected: str
) -> None:
    reviews = (make["review"](1, "sam"), make["review"](2, "rita"))
    found = broken(**reviewed(make, *reviews, **changes))
    assert reason(found) == reason(found, "service-owner") == expected


@pytest.mark.parametrize("account", ["interlock", "interlock-ci", "INTERLOCK-CI", "argocd"])
def test_6_machines_do_not_approve(broken: Broken, sam_and: Callable[..., dict[str, Any]], account: str) -> None:
    assert reason(broken(**sam_and(account))) == "approval-by-machine"


@pytest.mark.parametrize("account", ["dana", "dana-alt", "DANA-Alt"])
def test_10_the_author_by_any_account_does_not_approve(
    broken: Broken, sam_and: Callable[..., dict[str, Any]], account: str
) -> None:
    assert reason(broken(**sam_and(account))) == "approval-by-author"


def test_10_the_second_account_of_the_author_of_a_pull_request_that_a_bot_opened(
    broken: Broken, sam_and: Callable[..., dict[str, Any]]
) -> None:
    """Who signed the commits asks for it, whoever opened the pull request."""
    assert reason(broken(pull={"author": "interlock"}, **sam_and("dana-alt"))) == "approval-by-author"


def test_10_a_rubber_stamp_of_the_same_team(good: Known, broken: Broken, make: Make) -> None:
    mate = Person(
        PersonId("tom"), "Tom", "t@x", frozenset({TeamId("payments")}), frozenset(), frozenset({(System.FORGE, "tom")})
    )
    people = People((*good.estate.people.persons, mate))
    found = broken(estate={"people": people}, **reviewed(make, make["review"](1, "sam"), make["review"](2, "tom")))
    assert set(found) == {"approval-other-team"}


def test_another_team_is_another_one_than_the_initiators_too(broken: Broken, good: Known) -> None:
    """Lea of ledger asks for payments: Rita of ledger is a colleague then, not another team."""
    lea = Person(
        PersonId("lea"), "Lea", "l@x", frozenset({TeamId("ledger")}), frozenset(), frozenset({(System.FORGE, "lea")})
    )
    people = {"people": People((*good.estate.people.persons, lea))}
    by_pat = (CommitFacts(CommitId("b" * 40), "x", 1, PersonId("pat")),)
    by_lea = (CommitFacts(CommitId("b" * 40), "x", 1, PersonId("lea")),)
    assert broken(estate=people, pull={"author": "pat"}, change={"commits": by_pat}) == {}
    assert set(broken(estate=people, pull={"author": "lea"}, change={"commits": by_lea})) == {"approval-other-team"}


def test_who_wrote_the_source_does_not_approve_its_delivery(broken: Broken) -> None:
    written = (CommitFacts(CommitId("5" * 40), "Add", 1, PersonId("rita")),)
    assert reason(broken(source=written)) == "approval-by-source-author"


def test_nobody_counts_twice(broken: Broken, good: Known, make: Make) -> None:
    """An owner who is also in another team meets one requirement, not two."""
    persons = tuple(item for item in good.estate.people.persons if item.id != "sam")
    sam = good.estate.people.get(PersonId("sam"))
    assert sam is not None
    elsewhere = make["vary"](sam, teams=frozenset({TeamId("ledger")}))
    facts = reviewed(make, make["review"](1, "sam"))
    found = broken(estate={"people": People((*persons, elsewhere))}, **facts)
    assert len([item for item in found if item.startswith("approval-")]) == 1


def test_two_accounts_of_one_person_are_one_approval(broken: Broken, good: Known, make: Make) -> None:
    rita = good.estate.people.get(PersonId("rita"))
    assert rita is not None
    double = make["vary"](rita, accounts=rita.accounts | {(System.FORGE, "rita2")})
    others = tuple(item for item in good.estate.people.persons if item.id != "rita")
    reviews = reviewed(make, make["review"](1, "rita"), make["review"](2, "rita2"))
    found = broken(estate={"people": People((*others, double))}, **reviews)
    assert set(found) == {"approval-service-owner"}


def test_an_unknown_account_is_unknown_and_not_a_no(broken: Broken, sam_and: Callable[..., dict[str, Any]]) -> None:
    found = broken(**sam_and("stranger"))["approval-other-team"]
    assert (found.verdict, found.reason) == (Verdict.UNKNOWN, "approval-by-unknown")


def test_a_person_who_has_left_is_nobody(broken: Broken, good: Known, make: Make) -> None:
    rita = good.estate.people.get(PersonId("rita"))
    assert rita is not None
    gone = make["vary"](rita, valid_until=good.now)
    others = tuple(item for item in good.estate.people.persons if item.id != "rita")
    assert reason(broken(estate={"people": People((*others, gone))})) == "approval-by-unknown"


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"stale": True}, "approval-stale"),
        ({"dismissed": True}, "approval-stale"),
        ({"official": False}, "approval-unofficial"),
        ({"state": ReviewState.COMMENT}, "approval-missing"),
    ],
)
def test_the_forges_own_marks_are_honoured(
    broken: Broken, sam_and: Callable[..., dict[str, Any]], changes: dict[str, Any], expected: str
) -> None:
    assert reason(broken(**sam_and("rita", **changes))) == expected


def test_a_review_that_is_not_captured_yet_waits(broken: Broken) -> None:
    found = broken(approvals=())["approval-other-team"]
    assert (found.verdict, found.reason) == (Verdict.UNKNOWN, "approval-not-captured")


def test_a_capture_of_another_account_does_not_lend_itself(broken: Broken, make: Make) -> None:
    reviews = (make["review"](1, "sam"), make["review"](2, "rita"))
    crossed = tuple(make["captured"](item, account="pat") for item in reviews)
    assert reason(broken(reviews=reviews, approvals=crossed)) == "approval-not-captured"


def test_a_request_for_changes_stands_until_its_author_reviews_again(broken: Broken, make: Make) -> None:
    sam, rita = make["review"](1, "sam"), make["review"](2, "rita")
    against = make["review"](3, "pat", state=ReviewState.CHANGES_REQUESTED, commit=NEW_HEAD, stale=True)
    assert broken(**reviewed(make, sam, rita, against))["nobody-against"].detail == "Pat Moreau"
    again = make["review"](4, "pat")
    assert broken(**reviewed(make, sam, rita, against, again)) == {}
    dismissed = make["vary"](against, dismissed=True)
    assert broken(**reviewed(make, sam, rita, dismissed)) == {}


def test_a_later_request_for_changes_takes_the_approval_back(broken: Broken, make: Make) -> None:
    reviews = (make["review"](1, "sam"), make["review"](2, "rita"))
    back = make["review"](3, "rita", state=ReviewState.CHANGES_REQUESTED)
    assert set(broken(**reviewed(make, *reviews, back))) == {"nobody-against", "approval-other-team"}


def test_13_every_commit_is_signed_by_somebody_known(broken: Broken, good: Known) -> None:
    assert not isinstance(good.change, Unread)
    unsigned = CommitFacts(CommitId("3" * 40), "sneaky", 1, None, problem="unsigned")
    found = broken(change={"commits": (*good.change.commits, unsigned)})
    assert found["signed-commits"].reason == "commit-unsigned"
    stranger = CommitFacts(CommitId("3" * 40), "sneaky", 1, None, problem="unknown-key")
    found = broken(change={"commits": (*good.change.commits, stranger)})
    assert found["signed-commits"].reason == "commit-signer-unknown"
    merged = CommitFacts(CommitId("3" * 40), "Merge", 2, None, platform=True)
    assert broken(change={"commits": (*good.change.commits, merged)}) == {}


def test_11_authorship_that_nobody_signed_is_unknown(broken: Broken) -> None:
    spoofed = (CommitFacts(CommitId("5" * 40), "by mallory[bot]", 1, None, problem="unsigned"),)
    found = broken(source=spoofed)["source-authors"]
    assert (found.verdict, found.reason) == (Verdict.UNKNOWN, "source-author-unknown")


def test_a_bot_alone_asks_for_nothing(broken: Broken) -> None:
    machine = (CommitFacts(CommitId("b" * 40), "bump", 1, None, platform=True),)
    found = broken(pull={"author": "interlock"}, change={"commits": machine})
    assert found["initiator"].reason == "initiator-unknown"
    assert "initiator" in broken(pull={"author": "stranger"})


HEAD, RESULT = CommitId("b" * 40), ResultIds.of({"apps/x": ObjectId("1" * 40)})
TEAMS = ("payments", "ledger", "platform")
persons = st.lists(st.tuples(st.sampled_from(TEAMS), st.integers(1, 3), st.booleans()), min_size=1, max_size=6)


@given(persons, st.lists(st.sampled_from(["anyone", "other-team", "service-owner"]), max_size=4))
def test_as_many_people_as_requirements_whatever_their_accounts(
    drawn: list[tuple[str, int, bool]], wanted: list[str]
) -> None:
    """The assignment never uses a person twice, never an excluded one, and finds one whenever there is one."""
    everybody = [
        Person(
            PersonId(f"p{index}"),
            f"P{index}",
            "",
            frozenset({TeamId(team)}),
            frozenset(),
            frozenset((System.FORGE, f"a{index}-{account}") for account in range(accounts)),
        )
        for index, (team, accounts, _) in enumerate(drawn)
    ]
    initiators = frozenset(person.id for person, (_, _, asks) in zip(everybody, drawn, strict=True) if asks)
    time = datetime(2026, 1, 1, tzinfo=UTC)
    reviews = [
        Review(number, login, ReviewState.APPROVED, HEAD, False, False, True, time + timedelta(seconds=number))
        for number, login in enumerate(sorted(login for person in everybody for _, login in person.accounts))
    ]
    approvals = [Approval(item.id, item.account, "r", 1, "main", HEAD, RESULT) for item in reviews]
    asked = Question(
        repository="r", base_ref="main", head=HEAD, result=RESULT, people=People(tuple(everybody)), now=time,
        owner=PersonId("p0"), teams=frozenset({TeamId("payments")}), initiators=initiators,
        source_authors=frozenset(), machines=frozenset(),
    )  # fmt: skip
    outcome = judge([Requirement(who=who) for who in wanted], reviews, approvals, asked)
    used = [person.id for _, person in outcome.granted]
    assert len(used) == len(set(used)) and not set(used) & initiators
    assert len(outcome.granted) + len(outcome.missing) == len(wanted)
    free = [item for item in everybody if item.id not in initiators]
    other = [item for item in free if TeamId("payments") not in item.teams]
    possible = _largest(wanted, free, other)
    assert len(outcome.granted) == possible


def _largest(wanted: list[str], free: list[Person], other: list[Person]) -> int:
    """Brute force over who takes which requirement."""

    def best(index: int, left: frozenset[PersonId]) -> int:
        if index == len(wanted):
            return 0
        pool = {"anyone": free, "other-team": other, "service-owner": [p for p in free if p.id == "p0"]}[wanted[index]]
        found = best(index + 1, left)
        for person in pool:
            if person.id in left:
                found = max(found, 1 + best(index + 1, left - {person.id}))
        return found

    return best(0, frozenset(item.id for item in free))
