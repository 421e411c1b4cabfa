"""Merging: who may, when, and what comes out."""

from __future__ import annotations

import threading
from dataclasses import replace
from typing import TYPE_CHECKING

import httpx
import pytest

from interlock.clients import git
from interlock.clients.forge import BranchProtection
from interlock.errors import ConflictError, InterlockError, NotFoundError, RefusedError
from interlock.formats import signatures

if TYPE_CHECKING:
    from .conftest import Estate


def mirror(estate: Estate) -> git.Repository:
    url = f"{estate.url}/acme/env"
    return git.Repository.clone_mirror(url, estate.folder / "mirror", lambda: estate["interlock"].token)


class TestTheMergeCommit:
    def test_is_made_and_signed_by_the_forge(self, guarded: Estate) -> None:
        number = guarded.propose("dana", "feature", {"apps/a": "1"})
        head = guarded.ready(number)
        before = guarded.root.branch("acme", "env", "main")
        pull = guarded.merge("interlock", number, head, "payments: main-abc to prod")
        assert (pull.merged, pull.state, pull.merged_by) == (True, "closed", "interlock")
        clone = mirror(guarded)
        commit = clone.commit("main")
        assert commit.id == pull.merge_commit_sha
        assert commit.parents == (before, head)
        assert commit.tree == clone.merge_tree(before, head)
        assert (commit.author.name, commit.author.email) == ("Interlock", "interlock@acme.test")
        answer = signatures.verify_commit(commit, certificates=[guarded.root.signing_key()])
        assert isinstance(answer, signatures.Verified)
        shown = guarded.root.commit("acme", "env", commit.id)
        assert shown.verified
        assert shown.payload.encode() == commit.payload

    def test_is_found_by_its_id(self, guarded: Estate) -> None:
        number = guarded.propose("dana", "feature", {"apps/a": "1"})
        pull = guarded.merge("interlock", number, guarded.ready(number))
        assert pull.merge_commit_sha is not None
        assert guarded["dana"].client.pull_of_commit("acme", "env", pull.merge_commit_sha) == pull
        with pytest.raises(NotFoundError):
            guarded["dana"].client.pull_of_commit("acme", "env", pull.head_sha)


class TestRefusals:
    def test_a_person_who_is_not_in_the_allow_list(self, guarded: Estate) -> None:
        number = guarded.propose("dana", "feature", {"a": "1"})
        head = guarded.ready(number)
        for login in ("dana", "rita"):
            with pytest.raises(RefusedError, match="merge-not-allowed") as caught:
                guarded.merge(login, number, head)
            assert caught.value.code == "forge-merge-refused"
        with pytest.raises(RefusedError, match="merge-not-allowed"):
            guarded.root.merge("acme", "env", number, head_commit_id=head, message_title="by the administrator")
        assert not guarded.root.pull("acme", "env", number).merged

    def test_missing_approval_and_status_are_named(self, guarded: Estate) -> None:
        number = guarded.propose("dana", "feature", {"a": "1"})
        head = guarded.root.pull("acme", "env", number).head_sha
        with pytest.raises(RefusedError, match=r"approvals-missing.*status-missing"):
            guarded.merge("interlock", number, head)

    @pytest.mark.parametrize("state", ["pending", "failure", "error", "warning"])
    def test_a_status_that_is_not_success(self, guarded: Estate, state: str) -> None:
        number = guarded.propose("dana", "feature", {"a": "1"})
        head = guarded.ready(number)
        platform = guarded["interlock"].client
        platform.set_status("acme", "env", head, context="interlock/gate", state=state)  # type: ignore[arg-type]
        with pytest.raises(RefusedError, match=state):
            guarded.merge("interlock", number, head)

    def test_an_approval_that_does_not_count(self, guarded: Estate) -> None:
        number = guarded.propose("dana", "feature", {"a": "1"})
        head = guarded.root.pull("acme", "env", number).head_sha
        guarded["ci"].client.review("acme", "env", number, event="APPROVED", commit_id=head)
        guarded["interlock"].client.set_status("acme", "env", head, context="interlock/gate", state="success")
        with pytest.raises(RefusedError, match="0 of 1"):
            guarded.merge("interlock", number, head)

    def test_requested_changes_block(self, guarded: Estate) -> None:
        number = guarded.propose("dana", "feature", {"a": "1"})
        head = guarded.ready(number)
        guarded["sam"].client.review("acme", "env", number, event="REQUEST_CHANGES", commit_id=head, body="no")
        with pytest.raises(RefusedError, match="changes-requested"):
            guarded.merge("interlock", number, head)

    def test_stale_approvals_when_they_are_ignored(self, guarded: Estate) -> None:
        rule = guarded.root.protection("acme", "env", "main")
        guarded.root.protect("acme", "env", replace(rule, ignore_stale_approvals=True, enable_status_check=False))
        number = guarded.propose("dana", "feature", {"a": "1"})
        guarded.ready(number)
        head = guarded.add("dana", "feature", {"a": "2"})
        with pytest.raises(RefusedError, match="approvals-missing"):
            guarded.merge("interlock", number, head)

    def test_an_outdated_branch_when_that_blocks(self, guarded: Estate) -> None:
        first, second = (guarded.propose("dana", name, {name: "1"}) for name in ("one", "two"))
        rule = guarded.root.protection("acme", "env", "main")
        guarded.root.protect("acme", "env", replace(rule, block_on_outdated_branch=True))
        guarded.merge("interlock", first, guarded.ready(first))
        with pytest.raises(RefusedError, match="branch-outdated"):
            guarded.merge("interlock", second, guarded.ready(second))

    def test_a_head_that_moved_since_it_was_judged(self, guarded: Estate) -> None:
        number = guarded.propose("dana", "feature", {"a": "1"})
        judged = guarded.ready(number)
        guarded.add("dana", "feature", {"a": "evil"})
        with pytest.raises(ConflictError, match="head out of date"):
            guarded.merge("interlock", number, judged)

    def test_closed_merged_and_unknown(self, guarded: Estate) -> None:
        number = guarded.propose("dana", "feature", {"a": "1"})
        head = guarded.ready(number)
        guarded.merge("interlock", number, head)
        with pytest.raises(RefusedError, match="already merged"):
            guarded.merge("interlock", number, head)
        with pytest.raises(InterlockError, match="412"):
            guarded["dana"].client.edit_pull("acme", "env", number, state="open")
        closed = guarded.propose("dana", "other", {"b": "1"})
        guarded["dana"].client.edit_pull("acme", "env", closed, state="closed")
        with pytest.raises(NotFoundError):
            guarded.merge("interlock", closed, head)
        with pytest.raises(NotFoundError):
            guarded.merge("interlock", 99, head)

    @pytest.mark.parametrize("style", ["squash", "rebase", "rebase-merge", "fast-forward-only", "manually-merged"])
    def test_other_styles_than_a_merge_commit(self, guarded: Estate, style: str) -> None:
        number = guarded.propose("dana", "feature", {"a": "1"})
        head = guarded.ready(number)
        answer = httpx.post(
            f"{guarded.url}/api/v1/repos/acme/env/pulls/{number}/merge",
            headers={"Authorization": f"token {guarded['interlock'].token}"},
            json={"Do": style, "head_commit_id": head},
            trust_env=False,
        )
        assert answer.status_code == 405

    def test_an_administrator_may_force_only_where_the_rule_lets_him(
        self, guarded: Estate, people_keys: object
    ) -> None:
        rule = guarded.root.protection("acme", "env", "main")
        allowed = replace(rule, merge_whitelist_usernames=("interlock", "root-admin"))
        number = guarded.propose("dana", "feature", {"a": "1"})
        url = f"{guarded.url}/api/v1/repos/acme/env/pulls/{number}/merge"
        token = guarded.config.admin_token_file.read_text().strip()

        def force() -> int:
            headers = {"Authorization": f"token {token}"}
            return httpx.post(url, headers=headers, json={"force_merge": True}, trust_env=False).status_code

        guarded.root.protect("acme", "env", allowed)
        assert force() == 405
        guarded.root.protect("acme", "env", replace(allowed, block_admin_merge_override=False))
        assert force() == 200


class TestRaces:
    def test_merges_of_one_repository_queue_up(self, estate: Estate) -> None:
        numbers = [estate.propose("dana", f"b{index}", {f"f{index}": "1"}) for index in range(4)]
        heads = {number: estate.root.pull("acme", "env", number).head_sha for number in numbers}
        failed: list[Exception] = []

        def merge(number: int) -> None:
            try:
                estate.merge("interlock", number, heads[number])
            except InterlockError as error:
                failed.append(error)

        threads = [threading.Thread(target=merge, args=(number,)) for number in numbers]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert failed == []
        clone = mirror(estate)
        line = clone.log("main", first_parent=True)
        assert len(line) == 5
        assert {commit.parents[1] for commit in line[:-1]} == set(heads.values())

    def test_one_pull_request_is_merged_once(self, estate: Estate) -> None:
        number = estate.propose("dana", "feature", {"a": "1"})
        head = estate.root.pull("acme", "env", number).head_sha
        outcomes: list[str] = []

        def merge() -> None:
            try:
                estate.merge("interlock", number, head)
                outcomes.append("merged")
            except RefusedError:
                outcomes.append("refused")

        threads = [threading.Thread(target=merge) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert sorted(outcomes) == ["merged", "refused", "refused", "refused"]
        assert len(mirror(estate).log("main", first_parent=True)) == 2


class TestStatuses:
    def test_need_write_permission_and_record_their_creator(self, estate: Estate) -> None:
        head = estate.root.branch("acme", "env", "main")
        estate["ci"].client.set_status("acme", "env", head, context="build", state="pending")
        estate["ci"].client.set_status("acme", "env", head, context="build", state="success", description="done")
        first, *_ = estate.root.statuses("acme", "env", head)
        assert (first.state, first.creator, first.context) == ("success", "ci", "build")
        combined = httpx.get(
            f"{estate.url}/api/v1/repos/acme/env/commits/main/status",
            headers={"Authorization": f"Bearer {estate['dana'].token}"},
            trust_env=False,
        ).json()
        assert (combined["state"], combined["total_count"]) == ("success", 1)
        with pytest.raises(NotFoundError):
            estate["ci"].client.set_status("acme", "env", "1" * 40, context="build", state="success")

    def test_a_rule_with_a_pattern_wants_every_context_of_it(self, estate: Estate) -> None:
        rule = BranchProtection("main", enable_status_check=True, status_check_contexts=("ci-*",))
        estate.root.protect("acme", "env", rule)
        number = estate.propose("dana", "feature", {"a": "1"})
        head = estate.root.pull("acme", "env", number).head_sha
        ci = estate["ci"].client
        ci.set_status("acme", "env", head, context="ci-one", state="success")
        ci.set_status("acme", "env", head, context="ci-two", state="failure")
        with pytest.raises(RefusedError, match="failure"):
            estate.merge("interlock", number, head)
        ci.set_status("acme", "env", head, context="ci-two", state="success")
        assert estate.merge("interlock", number, head).merged
