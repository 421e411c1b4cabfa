"""What forge, gate and ticket system refuse, each at the component that enforces it, with its reason code."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from interlock.errors import InputError, InterlockError, RefusedError

from .story_world.deliveries import Proposal, commit, proposed, set_image
from .story_world.estate import ORGANISATION, Estate
from .story_world.waiting import eventually


def nothing(_: Path) -> None:
    """A commit that changes nothing."""


def more_replicas(clone: Path) -> None:
    """A change of configuration."""
    path = clone / "apps" / "payments" / "values.prod.yaml"
    path.write_text(path.read_text().replace("replicas: 1", "replicas: 7"))


# -- the forge: nobody pushes, nobody merges but the platform ----------------------------------------------------------


@pytest.mark.parametrize(
    ("identity", "branch"),
    [
        *((identity, "main") for identity in ("dana", "sam", "pat", "interlock-ci", "interlock")),
        *((identity, "sealed") for identity in ("dana", "sam", "pat", "interlock-ci")),
    ],
)
def test_a_push_straight_to_env_prod_is_refused_by_the_forge(
    estate: Estate, tmp_path: Path, identity: str, branch: str
) -> None:
    clone = estate.clone(identity, "env-prod", tmp_path / "clone")
    before = estate.branch("env-prod", branch)
    estate.git(identity, "switch", "--quiet", "--detach", f"origin/{branch}", cwd=clone)
    commit(estate, identity, clone, "Straight to production", more_replicas)

    refused = estate.git(identity, "push", "origin", f"HEAD:{branch}", cwd=clone, expect=1)

    assert f"Not allowed to push to protected branch {branch} [push-not-allowed]" in refused.err
    assert estate.branch("env-prod", branch) == before


def test_not_even_the_platform_may_rewrite_what_is_sealed(estate: Estate, tmp_path: Path) -> None:
    clone = estate.clone("interlock", "env-prod", tmp_path / "clone")
    estate.git("interlock", "reset", "--quiet", "--hard", "origin/sealed~1", cwd=clone)

    refused = estate.git("interlock", "push", "--force", "origin", "HEAD:sealed", cwd=clone, expect=1)

    assert "[force-push]" in refused.err


def test_main_and_sealed_cannot_be_deleted(estate: Estate, tmp_path: Path) -> None:
    clone = estate.clone("interlock", "env-prod", tmp_path / "clone")

    for branch, code in (("main", "default-branch"), ("sealed", "branch-deletion")):
        refused = estate.git("interlock", "push", "origin", f":{branch}", cwd=clone, expect=1)
        assert f"[{code}]" in refused.err


def test_a_merge_by_a_person_is_refused_by_the_forge(estate: Estate, promotion: Proposal) -> None:
    head = promotion.pull.head_sha

    for identity in ("dana", "sam", "rita", "pat", "root-admin"):
        with pytest.raises(RefusedError, match="User not allowed to merge PR") as refused:
            estate.forge(identity).merge(
                ORGANISATION, "env-prod", promotion.number, head_commit_id=head, message_title="Merged by hand"
            )
        assert refused.value.code == "forge-merge-refused"

    assert not promotion.pull.merged


def test_the_platform_itself_may_not_merge_what_is_not_approved_and_judged(estate: Estate, promotion: Proposal) -> None:
    promotion.says(approval_service_owner="approval-missing")

    with pytest.raises(RefusedError) as refused:
        estate.forge("interlock").merge(
            ORGANISATION,
            "env-prod",
            promotion.number,
            head_commit_id=promotion.pull.head_sha,
            message_title="Without the gate",
        )

    assert "approvals-missing" in str(refused.value)
    assert "status-missing" in str(refused.value)


# -- the gate: people --------------------------------------------------------------------------------------------------


def test_an_approval_followed_by_a_push_is_stale(estate: Estate, promotion: Proposal) -> None:
    promotion.approve("sam")
    promotion.approve("rita")
    promotion.stands("record-state", "record-approved", "record-unchanged")

    promotion.push("dana", "One more thing", nothing)

    gate = promotion.says(approval_service_owner="approval-stale", approval_other_team="approval-stale")
    assert "sam: approval-stale" in gate.report
    assert not promotion.pull.merged


def test_a_push_voids_the_record_as_well(estate: Estate, promotion: Proposal) -> None:
    promotion.says(record_approved="record-not-approved")
    first = promotion.record
    assert first is not None
    estate.tickets("carol").approve(first, "as planned")

    promotion.push("dana", "One more thing", nothing)

    gate = promotion.says(record_approved="record-not-approved")
    assert promotion.record not in (None, first)
    assert str(estate.tickets().get(first).state) == "4"  # Canceled
    assert gate.state != "success"


def test_an_approval_by_the_author_under_a_second_account_does_not_count(estate: Estate, promotion: Proposal) -> None:
    promotion.approve("dana-alt")

    gate = promotion.says(approval_service_owner="approval-by-author", approval_other_team="approval-by-author")

    assert "dana-alt: approval-by-author" in gate.report


def test_the_forge_refuses_that_an_author_approves_his_own_pull_request(estate: Estate, promotion: Proposal) -> None:
    with pytest.raises(InputError, match="approve your own pull is not allowed"):
        promotion.approve("dana")


def test_whoever_signed_a_commit_is_an_author_whoever_opened_the_pull_request(estate: Estate, second: str) -> None:
    """Dana writes the commit and has Pat open the pull request, to approve it herself."""
    tag, digest = second.split("@")
    with proposed(estate, "env-prod", set_image("payments", "prod", tag, digest), identity="dana", opens="pat") as pull:
        pull.approve("dana")

        gate = pull.says(approval_other_team="approval-by-author")

        assert "dana: approval-by-author" in gate.report


def test_one_person_does_not_count_for_two_requirements(estate: Estate, promotion: Proposal) -> None:
    promotion.approve("sam")

    promotion.stands("approval-other-team", "record-approved", "record-state", "record-unchanged")


def test_an_unsigned_commit_is_refused(estate: Estate, second: str) -> None:
    """Branches are free, so it can be pushed; neither gate nor forge let it onto main."""
    tag, digest = second.split("@")
    with proposed(estate, "env-prod", set_image("payments", "prod", tag, digest), sign=False) as pull:
        gate = pull.says(signed_commits="commit-unsigned")

    assert gate.state == "failure"


def approve_later_than(moment: datetime, estate: Estate, number: str) -> None:
    """Not within the second of what happened before: ticket systems keep whole seconds."""
    eventually(lambda: datetime.now(UTC) - moment > timedelta(seconds=1))
    estate.tickets("carol").approve(number, "as planned")


# -- the ticket system -------------------------------------------------------------------------------------------------


def test_a_promotion_whose_record_is_rejected_is_refused(estate: Estate, promotion: Proposal) -> None:
    estate.run("reject", "payments", "--env", "prod", "--as", "carol", "--comment", "not in the closing week")
    promotion.approve("sam")
    promotion.approve("rita")

    gate = promotion.stands("record-approved", "record-unchanged", "record-state")

    assert gate.standing["record-approved"] == "record-rejected"
    assert gate.state == "failure"
    assert not promotion.pull.merged


def test_a_record_that_is_valid_only_later_holds_the_delivery_back(estate: Estate, promotion: Proposal) -> None:
    promotion.says(record_approved="record-not-approved")
    tickets, number = estate.tickets(), str(promotion.record)
    later = datetime.now(UTC).replace(microsecond=0) + timedelta(days=1)
    tickets.update(tickets.get(number).sys_id, {"start_date": later, "end_date": later + timedelta(hours=2)})
    for person in ("sam", "rita"):
        promotion.approve(person)
    approve_later_than(datetime.now(UTC), estate, number)

    gate = promotion.stands("record-window")

    assert gate.standing["record-window"] == "record-not-yet"
    assert later.isoformat() in gate.report
    assert not promotion.pull.merged


def test_a_record_whose_plan_is_changed_after_its_approval_is_refused(estate: Estate, promotion: Proposal) -> None:
    promotion.says(record_approved="record-not-approved")
    tickets, number = estate.tickets(), str(promotion.record)
    approve_later_than(datetime.now(UTC), estate, number)
    promotion.stands("approval-service-owner", "approval-other-team")
    tickets.update(tickets.get(number).sys_id, {"end_date": datetime.now(UTC).replace(microsecond=0) + timedelta(90)})

    gate = promotion.says(record_unchanged="record-changed")

    assert gate.state == "failure"


def test_the_record_is_not_approved_by_those_who_may_not(estate: Estate, promotion: Proposal) -> None:
    promotion.says(record_approved="record-not-approved")

    for identity in ("dana", "pat", "interlock"):
        with pytest.raises(InterlockError) as refused:
            estate.tickets(identity).approve(str(promotion.record), "myself")
        assert refused.value.code in ("ticket-approval-not-requested", "tickets-forbidden")


def test_the_record_of_another_delivery_cannot_be_borrowed(estate: Estate, promotion: Proposal) -> None:
    """An approved, closed record in the title: the platform puts the delivery's own in its place."""
    promotion.says(record_approved="record-not-approved")
    own = promotion.record
    borrowed = f"{estate.first['record']} payments: borrowed"
    estate.forge("dana").edit_pull(ORGANISATION, "env-prod", promotion.number, title=borrowed)

    eventually(lambda: promotion.record == own, what="the delivery's own record is back in the title")
    assert promotion.says(record_approved="record-not-approved").state != "success"
