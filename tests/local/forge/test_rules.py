"""Branch protection as pure decisions."""

from __future__ import annotations

import pytest

from interlock.errors import UnsupportedError
from interlock.local.forge import rules
from interlock.local.forge.records import Level, Review, Status
from interlock.local.forge.rules import Protection


def review(author: int, state: str = "APPROVED", **changes: bool) -> Review:
    flags = {"stale": False, "official": True, "dismissed": False, **changes}
    return Review(
        id=author, pull=1, author=author, state=state, body="", commit_id="c", submitted_at="", updated_at="", **flags
    )


def status(number: int, context: str, state: str) -> Status:
    return Status(number, 1, "c", context, state, "", "", 1, "")


@pytest.mark.parametrize(
    ("pattern", "name", "matches"),
    [
        ("main", "main", True),
        ("main", "MAIN", True),
        ("Main", "main", True),
        ("main", "main2", False),
        ("release/*", "release/1", True),
        ("release/*", "release/1/2", False),
        ("release/**", "release/1/2", True),
        ("**", "a/b/c", True),
        ("v[0-9]", "v1", True),
        ("v[!0-9]", "v1", False),
        ("{main,sealed}", "sealed", True),
        ("a?c", "abc", True),
        ("a?c", "a/c", False),
        ("m.in", "main", False),
        ("[", "[", True),
        ("x(", "x(", True),
    ],
)
def test_globs(pattern: str, name: str, matches: bool) -> None:
    assert rules.glob(pattern, name) is matches


def test_an_exact_rule_goes_before_a_pattern_and_priority_orders_patterns() -> None:
    star, exact = Protection(rule_name="*"), Protection(rule_name="main")
    late, soon = Protection(rule_name="m*", priority=2), Protection(rule_name="ma*", priority=1)
    assert rules.matching([star, exact], "main") == exact
    assert rules.matching([late, soon], "main") == soon
    assert rules.matching([exact], "other") is None


@pytest.mark.parametrize("level", list(Level))
def test_who_may_push(level: Level) -> None:
    writer = level >= Level.WRITE
    assert rules.may_push(None, "dana", level) is writer
    assert not rules.may_push(Protection(rule_name="x"), "dana", level)
    assert rules.may_push(Protection(rule_name="x", enable_push=True), "dana", level) is writer
    listed = Protection(
        rule_name="x", enable_push=True, enable_push_whitelist=True, push_whitelist_usernames=("interlock",)
    )
    assert not rules.may_push(listed, "dana", level)
    assert rules.may_push(listed, "interlock", level) is writer


@pytest.mark.parametrize("level", list(Level))
def test_who_may_merge_and_whose_review_counts(level: Level) -> None:
    listed = Protection(
        rule_name="x",
        enable_merge_whitelist=True,
        merge_whitelist_usernames=("interlock",),
        enable_approvals_whitelist=True,
        approvals_whitelist_username=("rita",),
    )
    reader = level >= Level.READ
    assert rules.may_merge(listed, "interlock", level) is reader
    assert not rules.may_merge(listed, "dana", level)
    assert rules.is_official(listed, "rita", level) is reader
    assert not rules.is_official(listed, "dana", level)
    assert rules.is_official(None, "dana", level) is (level >= Level.WRITE)


class TestMergeRefusals:
    two = Protection(rule_name="x", required_approvals=2)

    def codes(self, rule: Protection, reviews: list[Review], statuses: list[Status]) -> list[str]:
        return [refusal.code for refusal in rules.merge_refusals(rule, reviews, statuses, outdated=False)]

    def test_approvals_are_counted_by_person(self) -> None:
        assert self.codes(self.two, [review(1), review(1)], []) == ["approvals-missing"]
        assert self.codes(self.two, [review(1), review(2)], []) == []

    @pytest.mark.parametrize("changes", [{"official": False}, {"dismissed": True}])
    def test_unofficial_and_dismissed_ones_do_not_count(self, changes: dict[str, bool]) -> None:
        assert self.codes(self.two, [review(1), review(2, "APPROVED", **changes)], []) == ["approvals-missing"]

    def test_stale_ones_count_unless_the_rule_ignores_them(self) -> None:
        reviews = [review(1), review(2, stale=True)]
        assert self.codes(self.two, reviews, []) == []
        assert self.codes(self.two.model_copy(update={"ignore_stale_approvals": True}), reviews, []) != []

    def test_comments_are_no_approvals(self) -> None:
        assert self.codes(self.two, [review(1), review(2, "COMMENT")], []) == ["approvals-missing"]

    def test_a_rejection_blocks_until_it_is_dismissed(self) -> None:
        rule = Protection(rule_name="x", block_on_rejected_reviews=True)
        assert self.codes(rule, [review(1, "REQUEST_CHANGES")], []) == ["changes-requested"]
        assert self.codes(rule, [review(1, "REQUEST_CHANGES", dismissed=True)], []) == []

    def test_the_newest_status_of_a_context_counts(self) -> None:
        rule = Protection(rule_name="x", enable_status_check=True, status_check_contexts=("gate",))
        good, bad = status(1, "gate", "success"), status(2, "gate", "failure")
        assert self.codes(rule, [], []) == ["status-missing"]
        assert self.codes(rule, [], [good]) == []
        assert self.codes(rule, [], [bad, good]) == ["status-missing"]

    def test_without_named_contexts_all_that_exist_must_be_good(self) -> None:
        rule = Protection(rule_name="x", enable_status_check=True)
        assert self.codes(rule, [], []) == []
        assert self.codes(rule, [], [status(1, "a", "success"), status(2, "b", "pending")]) == ["status-missing"]


def test_protected_paths() -> None:
    rule = Protection(rule_name="x", protected_file_patterns="catalog/**; CODEOWNERS;*.key")
    paths = ["catalog/a/b", "codeowners", "x.key", "deep/x.key", "apps/a"]
    assert rules.protected_paths(rule, paths) == ["catalog/a/b", "codeowners", "x.key"]


@pytest.mark.parametrize(
    "name", ["enable_force_push", "push_whitelist_deploy_keys", "block_on_official_review_requests"]
)
def test_what_is_not_enforced_is_not_accepted(name: str) -> None:
    rule = Protection.model_validate({"rule_name": "x", name: True})
    with pytest.raises(UnsupportedError, match=name):
        rule.check_supported()
