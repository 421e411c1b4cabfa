"""The life of a pull request and its reviews, through the API and real pushes."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from interlock.clients.forge import BranchProtection, Review
from interlock.errors import ConflictError, InputError, NotFoundError, RefusedError

if TYPE_CHECKING:
    from .conftest import Estate


def approve(estate: Estate, login: str, number: int, commit: str = "") -> Review:
    commit = commit or estate.root.pull("acme", "env", number).head_sha
    return estate[login].client.review("acme", "env", number, event="APPROVED", commit_id=commit)


class TestLife:
    def test_opened_listed_and_edited(self, estate: Estate) -> None:
        number = estate.propose("dana", "bump/payments/1", {"a": "1"})
        dana = estate["dana"].client
        pull = dana.pull("acme", "env", number)
        assert (pull.state, pull.user, pull.mergeable, pull.merged) == ("open", "dana", True, False)
        assert pull.merge_base == pull.base_sha == estate.root.branch("acme", "env", "main")
        edited = dana.edit_pull("acme", "env", number, title="CHG0030001 payments", body="filled")
        assert (edited.title, edited.body) == ("CHG0030001 payments", "filled")
        assert [item.number for item in dana.pulls("acme", "env")] == [number]
        assert dana.edit_pull("acme", "env", number, state="closed").state == "closed"
        assert dana.pulls("acme", "env") == []
        assert dana.pulls("acme", "env", state="all")[0].number == number

    def test_the_head_follows_the_branch_and_its_ref_can_be_fetched(self, estate: Estate) -> None:
        number = estate.propose("dana", "feature", {"a": "1"})
        commit = estate.add("dana", "feature", {"a": "2"})
        assert estate.root.pull("acme", "env", number).head_sha == commit
        path = estate.clone("rita")
        fetched = estate["rita"].git("ls-remote", "origin", f"refs/pull/{number}/head", folder=path).stdout
        assert fetched.startswith(commit)

    def test_conflicts_are_seen(self, estate: Estate) -> None:
        first = estate.propose("dana", "one", {"same": "1"})
        second = estate.propose("dana", "two", {"same": "2"})
        head = estate.root.pull("acme", "env", first).head_sha
        estate.merge("interlock", first, head)
        pull = estate.root.pull("acme", "env", second)
        assert not pull.mergeable
        with pytest.raises(ConflictError, match="merge-conflict"):
            estate.merge("interlock", second, pull.head_sha)

    def test_one_that_lost_all_history_is_listed_like_any_other(self, estate: Estate) -> None:
        """Its author may force the branch to a commit of no parents."""
        number, other = estate.propose("dana", "one", {"a": "1"}), estate.propose("dana", "two", {"b": "1"})
        path = estate.clone("dana")
        estate["dana"].git("checkout", "--quiet", "--orphan", "root", folder=path)
        head = estate.commit("dana", path, {"a": "2"})
        estate["dana"].git("push", "--quiet", "--force", "origin", "HEAD:one", folder=path)
        found = {item.number: item for item in estate.root.pulls("acme", "env")}
        assert (found[number].head_sha, found[number].mergeable) == (head, False)
        assert found[other].mergeable

    def test_what_cannot_be_opened(self, estate: Estate) -> None:
        estate.propose("dana", "feature", {"a": "1"})
        client = estate["dana"].client
        with pytest.raises(ConflictError, match="already exists"):
            client.create_pull("acme", "env", head="feature", base="main", title="again")
        with pytest.raises(NotFoundError):
            client.create_pull("acme", "env", head="nowhere", base="main", title="x")
        with pytest.raises(InputError, match="same branch"):
            client.create_pull("acme", "env", head="main", base="main", title="x")
        with pytest.raises(InputError, match="title"):
            client.create_pull("acme", "env", head="feature", base="main", title="x\ny")

    def test_deleting_the_branch_closes_it_and_the_commit_stays(self, estate: Estate) -> None:
        number = estate.propose("dana", "feature", {"a": "1"})
        head = estate.root.pull("acme", "env", number).head_sha
        estate["dana"].client.delete_branch("acme", "env", "feature")
        pull = estate.root.pull("acme", "env", number)
        assert (pull.state, pull.head_sha) == ("closed", head)
        with pytest.raises(NotFoundError):
            estate["dana"].client.edit_pull("acme", "env", number, state="open")

    def test_only_the_author_and_writers_edit(self, estate: Estate) -> None:
        number = estate.propose("dana", "feature", {"a": "1"})
        estate.root.create_user("guest", email="guest@acme.test", password="long enough", full_name="Guest")
        estate.root.add_collaborator("acme", "env", "guest", permission="read")
        token = estate.root.create_token("guest", "long enough", name="t", scopes=["write:repository"])
        with type(estate.root)(estate.url, token) as guest:
            with pytest.raises(RefusedError, match="only the author"):
                guest.edit_pull("acme", "env", number, title="mine")
            # Reading is enough to review, but such a review does not count.
            head = guest.pull("acme", "env", number).head_sha
            review = guest.review("acme", "env", number, event="APPROVED", commit_id=head)
            assert not review.official

    def test_retargeting_is_visible_in_the_base(self, estate: Estate) -> None:
        number = estate.propose("dana", "feature", {"a": "1"})
        path = estate.clone("dana")
        estate["dana"].git("push", "--quiet", "origin", "HEAD:refs/heads/other", folder=path)
        assert estate["dana"].client.edit_pull("acme", "env", number, base="other").base_ref == "other"

    def test_comments(self, estate: Estate) -> None:
        number = estate.propose("dana", "feature", {"a": "1"})
        estate["rita"].client.comment("acme", "env", number, "why?")
        assert [(c.user, c.body) for c in estate.root.comments("acme", "env", number)] == [("rita", "why?")]


class TestReviews:
    def test_the_author_cannot_approve_or_reject_the_own_pull_request(self, estate: Estate) -> None:
        number = estate.propose("dana", "feature", {"a": "1"})
        with pytest.raises(InputError, match="approve your own pull is not allowed"):
            approve(estate, "dana", number)
        head = estate.root.pull("acme", "env", number).head_sha
        with pytest.raises(InputError, match="reject your own pull"):
            estate["dana"].client.review("acme", "env", number, event="REQUEST_CHANGES", commit_id=head, body="no")

    def test_a_review_names_a_commit_of_the_pull_request(self, estate: Estate) -> None:
        number = estate.propose("dana", "feature", {"a": "1"})
        main = estate.root.branch("acme", "env", "main")
        for foreign in (main, "0" * 40, "HEAD"):
            with pytest.raises(InputError, match="review-commit-foreign"):
                approve(estate, "rita", number, foreign)

    def test_a_push_makes_reviews_stale_and_going_back_makes_them_fresh(self, estate: Estate) -> None:
        number = estate.propose("dana", "feature", {"a": "1"})
        first = approve(estate, "rita", number)
        assert not first.stale
        estate.add("dana", "feature", {"a": "2"})
        (seen,) = estate.root.reviews("acme", "env", number)
        assert (seen.stale, seen.dismissed, seen.commit_id) == (True, False, first.commit_id)
        path = estate.clone("dana")
        old = f"{first.commit_id}:refs/heads/feature"
        estate["dana"].git("push", "--quiet", "--force", "origin", old, folder=path)
        assert not estate.root.reviews("acme", "env", number)[0].stale

    def test_approving_an_older_commit_is_stale_from_the_start(self, estate: Estate) -> None:
        number = estate.propose("dana", "feature", {"a": "1"})
        older = estate.root.pull("acme", "env", number).head_sha
        estate.add("dana", "feature", {"a": "2"})
        assert approve(estate, "rita", number, older).stale

    def test_a_rebase_onto_the_base_that_changes_nothing_keeps_them(self, estate: Estate) -> None:
        number = estate.propose("dana", "feature", {"a": "1"})
        approve(estate, "rita", number)
        estate.add("interlock", "main", {"other": "1"})
        path = estate.clone("dana")
        dana = estate["dana"]
        dana.git("checkout", "--quiet", "feature", folder=path)
        dana.git("rebase", "--quiet", "origin/main", folder=path)
        dana.git("push", "--quiet", "--force", "origin", "feature", folder=path)
        (review,) = estate.root.reviews("acme", "env", number)
        assert not review.stale
        assert review.commit_id != estate.root.pull("acme", "env", number).head_sha

    def test_dismiss_stale_approvals_dismisses_them(self, estate: Estate) -> None:
        estate.root.protect("acme", "env", BranchProtection("main", enable_push=True, dismiss_stale_approvals=True))
        number = estate.propose("dana", "feature", {"a": "1"})
        approve(estate, "rita", number)
        estate.add("dana", "feature", {"a": "2"})
        (review,) = estate.root.reviews("acme", "env", number)
        assert (review.stale, review.dismissed) == (True, True)

    def test_pushes_while_it_was_closed_count_when_it_is_reopened(self, estate: Estate) -> None:
        """gitlab#1457: close, push, reopen must not keep an approval of something else."""
        number = estate.propose("dana", "feature", {"a": "1"})
        approve(estate, "rita", number)
        estate["dana"].client.edit_pull("acme", "env", number, state="closed")
        commit = estate.add("dana", "feature", {"a": "2"})
        assert estate["dana"].client.edit_pull("acme", "env", number, state="open").head_sha == commit
        assert estate.root.reviews("acme", "env", number)[0].stale

    def test_a_new_verdict_dismisses_the_reviewers_older_one(self, estate: Estate) -> None:
        number = estate.propose("dana", "feature", {"a": "1"})
        approve(estate, "rita", number)
        head = estate.root.pull("acme", "env", number).head_sha
        rita = estate["rita"].client
        rita.review("acme", "env", number, event="COMMENT", commit_id=head, body="hm")
        rita.review("acme", "env", number, event="REQUEST_CHANGES", commit_id=head, body="no")
        seen = [(review.state, review.dismissed) for review in estate.root.reviews("acme", "env", number)]
        assert seen == [("APPROVED", True), ("COMMENT", False), ("REQUEST_CHANGES", False)]

    def test_official_is_decided_when_the_review_is_submitted(self, guarded: Estate) -> None:
        number = guarded.propose("dana", "feature", {"a": "1"})
        assert approve(guarded, "rita", number).official
        assert not approve(guarded, "ci", number).official
        rule = guarded.root.protection("acme", "env", "main")
        guarded.root.protect("acme", "env", replace(rule, approvals_whitelist_username=("ci",)))
        seen = {review.user: review.official for review in guarded.root.reviews("acme", "env", number)}
        assert seen == {"rita": True, "ci": False}

    def test_an_administrator_dismisses_a_review(self, estate: Estate) -> None:
        number = estate.propose("dana", "feature", {"a": "1"})
        review = approve(estate, "rita", number)
        assert estate.root.dismiss_review("acme", "env", number, review.id, message="left the team").dismissed
        with pytest.raises(RefusedError):
            estate["dana"].client.dismiss_review("acme", "env", number, review.id, message="annoying")

    def test_a_rejection_needs_words_and_a_closed_pull_request_takes_none(self, estate: Estate) -> None:
        number = estate.propose("dana", "feature", {"a": "1"})
        head = estate.root.pull("acme", "env", number).head_sha
        with pytest.raises(InputError, match="requires a body"):
            estate["rita"].client.review("acme", "env", number, event="REQUEST_CHANGES", commit_id=head)
        estate["dana"].client.edit_pull("acme", "env", number, state="closed")
        with pytest.raises(InputError, match="closed or merged"):
            approve(estate, "rita", number)
