"""Capture: the moment a review becomes an approval of exactly one result."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from interlock.errors import UnsupportedError
from interlock.platform.books.vocabulary import ApprovalCaptured, PullSighted
from interlock.platform.domain.approval import Approval
from interlock.platform.domain.ids import CommitId, ServiceName
from interlock.platform.facts import result as results
from interlock.platform.facts import reviews

from .conftest import CHART

if TYPE_CHECKING:
    from .conftest import World

PAYMENTS = ServiceName("payments")


def sighting(world: World, number: int) -> PullSighted:
    pull = world.pulls[number]
    base = world.git.resolve(f"refs/heads/{pull.base_ref}")
    result = results.merged_ids(world.git, base, pull.head_sha, results.paths(PAYMENTS, "prod", CHART))
    return PullSighted(CommitId(base), pull.base_ref, CommitId(pull.head_sha), result)


def capture(world: World, number: int = 1) -> tuple[Approval, ...]:
    """One round of the controller."""
    world.git.fetch()
    return reviews.capture(
        world.books,
        world.git,
        world.merged(number),
        world.given[number],
        sighting(world, number),
        results.paths(PAYMENTS, "prod", CHART),
        at=world.now(),
    )


def holds(world: World, approval: Approval, number: int = 1) -> bool:
    now = sighting(world, number)
    return approval.holds_for(world.repository, now.base_ref, now.head, now.result)


def test_a_review_of_the_head_approves_what_it_results_in(world: World) -> None:
    world.bump("payments", "a")
    world.approve(1, "sam")
    (approval,) = capture(world)
    assert holds(world, approval)
    assert approval.evidence is not None
    assert world.books.store.get(approval.evidence).body["user"] == "sam"


def test_captured_once_whatever_is_read_later(world: World) -> None:
    world.bump("payments", "a")
    review = world.approve(1, "sam")
    first = capture(world)
    world.given[1] = []
    world.approve(1, "sam", id=review.id, commit_id="0" * 40)
    assert capture(world) == first
    assert len(world.found(ApprovalCaptured)) == 1


def test_a_push_voids_it_and_another_services_merge_does_not(world: World) -> None:
    pull = world.bump("payments", "a")
    world.approve(1, "sam")
    (approval,) = capture(world)
    other = world.bump("quotes", "b")
    world.merge("acme", "env-prod", other.number, head_commit_id=other.head_sha)
    assert holds(world, approval)
    pushed = world.commit({"apps/payments/values.yaml": b"x: 1\n"}, branch=pull.head_ref)
    world.edit(1, head_sha=pushed)
    assert not holds(world, approval)


def test_a_review_of_an_older_head_never_holds_for_the_newer(world: World) -> None:
    pull = world.bump("payments", "a")
    old = pull.head_sha
    world.edit(1, head_sha=world.commit({"apps/payments/values.yaml": b"x: 1\n"}, branch=pull.head_ref))
    world.approve(1, "sam", commit_id=old)
    (approval,) = capture(world)
    assert approval.result is None and not holds(world, approval)


def test_a_review_that_arrives_while_the_result_changes_is_ambiguous(world: World) -> None:
    """The chart changed on main between two rounds: which one did the reviewer see?"""
    world.bump("payments", "a")
    assert capture(world) == ()
    world.commit({"charts/service/1.2.0/values.yaml": b"changed: true\n"})
    world.approve(1, "sam")
    (approval,) = capture(world)
    assert approval.result is None
    again = world.approve(1, "sam")
    assert [item.review for item in capture(world) if item.result] == [again.id]
    assert holds(world, capture(world)[-1])


def test_a_base_that_moved_elsewhere_makes_nothing_ambiguous(world: World) -> None:
    world.bump("payments", "a")
    capture(world)
    other = world.bump("quotes", "b")
    world.merge("acme", "env-prod", other.number, head_commit_id=other.head_sha)
    world.approve(1, "sam")
    (approval,) = capture(world)
    assert holds(world, approval)
    assert len(world.found(PullSighted)) == 1, "the ledger does not grow with other services' merges"


def test_a_push_and_its_review_in_one_round_hold(world: World) -> None:
    pull = world.bump("payments", "a")
    capture(world)
    world.edit(1, head_sha=world.commit({"apps/payments/values.yaml": b"x: 1\n"}, branch=pull.head_ref))
    world.approve(1, "sam")
    (approval,) = capture(world)
    assert holds(world, approval)


def test_a_retargeted_pull_request_keeps_no_approval(world: World) -> None:
    """Approved for another base, then retargeted to main (audit_portal.md 2.3, 4)."""
    world.push(world.main(), "release")
    world.bump("payments", "a")
    world.edit(1, base_ref="release")
    world.approve(1, "sam")
    (approval,) = capture(world)
    world.edit(1, base_ref="main")
    assert not holds(world, approval)
    world.approve(1, "rita")
    late = next(item for item in capture(world) if item.account == "rita")
    assert late.result is None, "the base changed since the last round: nobody can tell which one Rita saw"


def test_comments_and_refusals_are_no_approvals(world: World) -> None:
    world.bump("payments", "a")
    world.approve(1, "sam", state="COMMENT")
    world.approve(1, "rita", state="REQUEST_CHANGES")
    world.approve(1, "pat", state="PENDING")
    assert capture(world) == ()
    assert [item.state for item in reviews.reviews(world.given[1])] == ["comment", "changes-requested"]


def test_an_approval_of_a_newer_version_is_not_taken_for_none(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.bump("payments", "a")
    world.approve(1, "sam")
    with monkeypatch.context() as newer:
        newer.setattr(ApprovalCaptured, "VERSION", 99)
        capture(world)
    with pytest.raises(UnsupportedError) as error:
        capture(world)
    assert error.value.code == "schema-unknown"
