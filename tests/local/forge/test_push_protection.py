"""What a real ``git push`` over HTTP may do, and the words with which it is refused."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from interlock.clients import files, git
from interlock.clients.forge import BranchProtection
from interlock.clients.git import keys
from interlock.errors import RefusedError
from interlock.formats.signatures import openpgp, sshsig

if TYPE_CHECKING:
    from interlock.local.forge import Config

    from .conftest import Estate, Serve


def refused(push: subprocess.CompletedProcess[str], code: str) -> None:
    assert push.returncode != 0
    assert "remote rejected" in push.stderr
    reasons = [line for line in push.stderr.splitlines() if line.startswith("remote: ")]
    assert any(f"[{code}]" in line for line in reasons), push.stderr


def push(estate: Estate, login: str, path: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return estate[login].git("push", "origin", *arguments, folder=path, check=False)


class TestProtectedBranch:
    def test_a_person_cannot_push_to_it(self, guarded: Estate) -> None:
        path = guarded.clone("dana")
        before = guarded.root.branch("acme", "env", "main")
        guarded.commit("dana", path, {"a": "1"})
        refused(push(guarded, "dana", path, "main"), "push-not-allowed")
        assert guarded.root.branch("acme", "env", "main") == before

    def test_neither_can_the_site_administrator_nor_the_platform(self, guarded: Estate, people_keys: Path) -> None:
        for token in (people_keys / "admin.token", people_keys / "interlock.token"):
            clone = git.Repository.clone_mirror(
                f"{guarded.url}/acme/env", guarded.folder / f"{token.stem}.git", token.read_text().strip
            )
            tip = clone.resolve("main")
            commit = clone.commit_tree(clone.tree(tip), [tip], "x", author=("x", "x@acme.test"))
            with pytest.raises(RefusedError, match="push-not-allowed"):
                clone.push(f"{commit}:refs/heads/main")

    def test_force_push_and_deletion_are_refused_to_the_account_that_may_push(self, guarded: Estate) -> None:
        path = guarded.clone("interlock")
        guarded.commit("interlock", path, {"a": "1"})
        assert push(guarded, "interlock", path, "HEAD:refs/heads/sealed").returncode == 0
        guarded["interlock"].git("commit", "--quiet", "--amend", "-m", "rewritten", folder=path)
        refused(push(guarded, "interlock", path, "--force", "HEAD:refs/heads/sealed"), "force-push")
        refused(push(guarded, "interlock", path, ":refs/heads/sealed"), "branch-deletion")

    def test_only_the_platform_pushes_sealed(self, guarded: Estate) -> None:
        path = guarded.clone("dana")
        guarded.commit("dana", path, {"a": "1"})
        refused(push(guarded, "dana", path, "HEAD:refs/heads/sealed"), "push-not-allowed")
        refused(push(guarded, "dana", path, "HEAD:refs/heads/SEALED"), "push-not-allowed")

    def test_the_default_branch_cannot_be_deleted_even_without_a_rule(self, estate: Estate) -> None:
        refused(push(estate, "interlock", estate.clone("interlock"), ":refs/heads/main"), "default-branch")

    def test_one_refused_ref_refuses_the_whole_push(self, guarded: Estate) -> None:
        path = guarded.clone("dana")
        guarded.commit("dana", path, {"a": "1"})
        refused(push(guarded, "dana", path, "HEAD:refs/heads/fine", "HEAD:refs/heads/main"), "push-not-allowed")
        assert [branch.name for branch in guarded.root.branches("acme", "env")] == ["main"]

    def test_a_refused_push_leaves_no_object(self, guarded: Estate) -> None:
        path = guarded.clone("dana")
        commit = guarded.commit("dana", path, {"a": "1"})
        push(guarded, "dana", path, "main")
        bare = guarded.config.data / "repositories" / "1.git"
        shown = subprocess.run(["git", "cat-file", "-e", commit], cwd=bare, capture_output=True, check=False)
        assert shown.returncode != 0
        assert not list((bare / "objects").glob("tmp_objdir*"))


class TestSignatures:
    @pytest.fixture
    def signed(self, estate: Estate) -> Estate:
        """Anybody may push to ``main``, but only signed commits."""
        estate.root.protect("acme", "env", BranchProtection("main", enable_push=True, require_signed_commits=True))
        return estate

    def test_a_signed_commit_is_accepted(self, signed: Estate) -> None:
        path = signed.clone("dana")
        commit = signed.commit("dana", path, {"a": "1"})
        assert push(signed, "dana", path, "main").returncode == 0
        shown = signed.root.commit("acme", "env", commit)
        assert shown.verified
        assert shown.reason.startswith("dana / SHA256:")

    def test_an_unsigned_commit_is_refused(self, signed: Estate) -> None:
        path = signed.clone("dana")
        signed.commit("dana", path, {"a": "1"}, "--no-gpg-sign")
        refused(push(signed, "dana", path, "main"), "unsigned-commit")

    def test_an_unsigned_commit_below_a_signed_one_is_refused(self, signed: Estate) -> None:
        path = signed.clone("dana")
        signed.commit("dana", path, {"a": "1"}, "--no-gpg-sign")
        signed.commit("dana", path, {"b": "1"})
        refused(push(signed, "dana", path, "main"), "unsigned-commit")

    def test_a_signature_by_another_persons_key_is_refused(self, signed: Estate, people_keys: Path) -> None:
        path = signed.clone("dana")
        signed["dana"].git("config", "user.signingKey", str(people_keys / "sam"), folder=path)
        signed.commit("dana", path, {"a": "1"})
        answer = push(signed, "dana", path, "main")
        refused(answer, "unsigned-commit")
        assert "no_committer_account" in answer.stderr

    def test_a_signature_by_an_unregistered_key_is_refused(self, signed: Estate, tmp_path: Path) -> None:
        files.write_durably(tmp_path / "stranger", keys.generate_ssh("stranger")[0], mode=0o600)
        path = signed.clone("dana")
        signed["dana"].git("config", "user.signingKey", str(tmp_path / "stranger"), folder=path)
        signed.commit("dana", path, {"a": "1"})
        answer = push(signed, "dana", path, "main")
        refused(answer, "unsigned-commit")
        assert "no_gpg_keys_found" in answer.stderr

    def test_a_signature_moved_to_another_commit_is_refused(self, signed: Estate, people_keys: Path) -> None:
        clone = git.Repository.clone_mirror(
            f"{signed.url}/acme/env", signed.folder / "mirror", lambda: signed["dana"].token
        )
        tip = clone.resolve("main")
        good = sshsig.sign((people_keys / "dana").read_bytes(), b"something else")
        commit = clone.commit_tree(
            clone.tree(tip), [tip], "x", author=("Dana", "dana@acme.test"), sign=lambda _payload: good
        )
        with pytest.raises(RefusedError, match="probable_bad_signature"):
            clone.push(f"{commit}:refs/heads/main")

    def test_a_new_branch_under_the_rule_has_its_whole_history_checked(self, signed: Estate) -> None:
        """An unsigned commit that already lies on a free branch must not slip in as a new protected branch."""
        path = signed.clone("dana")
        signed.commit("dana", path, {"a": "1"}, "--no-gpg-sign")
        assert push(signed, "dana", path, "HEAD:refs/heads/free").returncode == 0
        signed.root.protect(
            "acme", "env", BranchProtection("release/**", enable_push=True, require_signed_commits=True)
        )
        refused(push(signed, "dana", path, "HEAD:refs/heads/release/1/2"), "unsigned-commit")

    def test_a_seal_by_a_registered_openpgp_key_is_accepted(self, guarded: Estate, people_keys: Path) -> None:
        platform = guarded["interlock"]
        platform.client.add_gpg_key((people_keys / "seal.pub.asc").read_text())
        clone = git.Repository.clone_mirror(
            f"{guarded.url}/acme/env", guarded.folder / "mirror", lambda: platform.token
        )
        secret = (people_keys / "seal.asc").read_text()
        main = clone.resolve("main")
        seal = clone.commit_tree(
            clone.tree(main),
            [main],
            "Seal\n\nArgocd-gpg-seal: 1",
            author=("Interlock", platform.email),
            date=datetime.now(UTC),
            sign=lambda payload: openpgp.sign(secret, payload),
        )
        clone.push(f"{seal}:refs/heads/sealed", expected_old="")
        shown = guarded.root.commit("acme", "env", seal)
        assert shown.verified
        assert guarded.root.branch("acme", "env", "sealed") == seal

    def test_an_openpgp_key_for_another_address_is_not_registered(self, estate: Estate, people_keys: Path) -> None:
        with pytest.raises(Exception, match="openpgp-email-mismatch"):
            estate["dana"].client.add_gpg_key((people_keys / "seal.pub.asc").read_text())


class TestProtectedFiles:
    def test_a_push_that_touches_one_is_refused_and_others_pass(self, estate: Estate) -> None:
        rule = BranchProtection("main", enable_push=True, protected_file_patterns="catalog/**;CODEOWNERS")
        estate.root.protect("acme", "env", rule)
        path = estate.clone("dana")
        estate.commit("dana", path, {"apps/x": "1"})
        assert push(estate, "dana", path, "main").returncode == 0
        estate.commit("dana", path, {"catalog/tasks/a.yaml": "1"})
        answer = push(estate, "dana", path, "main")
        refused(answer, "protected-file")
        assert "catalog/tasks/a.yaml" in answer.stderr


class TestMergeBringsOnlyWhatMayCome:
    def test_a_pull_request_with_an_unsigned_commit_is_not_merged(self, guarded: Estate) -> None:
        path = guarded.clone("dana")
        guarded["dana"].git("checkout", "--quiet", "-b", "feature", folder=path)
        guarded.commit("dana", path, {"a": "1"}, "--no-gpg-sign")
        push(guarded, "dana", path, "feature")
        pull = guarded["dana"].client.create_pull("acme", "env", head="feature", base="main", title="x")
        head = guarded.ready(pull.number)
        with pytest.raises(RefusedError, match="unsigned-commit") as caught:
            guarded.merge("interlock", pull.number, head)
        assert caught.value.code == "forge-merge-refused"
        assert not guarded.root.pull("acme", "env", pull.number).merged

    def test_a_pull_request_that_touches_a_protected_file_is_not_merged(self, guarded: Estate) -> None:
        rule = guarded.root.protection("acme", "env", "main")
        guarded.root.protect("acme", "env", replace(rule, protected_file_patterns="argocd/*"))
        number = guarded.propose("dana", "feature", {"argocd/x.yaml": "1"})
        head = guarded.ready(number)
        with pytest.raises(RefusedError, match="protected-file"):
            guarded.merge("interlock", number, head)


class TestRefNames:
    @pytest.mark.parametrize(
        "ref",
        ["refs/heads/a b", "refs/heads/-x", "refs/heads/x~1", "refs/pull/1/head", "refs/notes/x", "refs/replace/x"],
    )
    def test_other_refs_and_hostile_names_are_refused(self, estate: Estate, ref: str) -> None:
        path = estate.clone("dana")
        estate.commit("dana", path, {"a": "1"})
        assert push(estate, "dana", path, f"HEAD:{ref}").returncode != 0
        assert [branch.name for branch in estate.root.branches("acme", "env")] == ["main"]

    @pytest.mark.parametrize("ref", ["refs/tags/refs/heads/main", "refs/heads/refs/heads/main"])
    def test_no_name_is_the_full_name_of_another_ref(self, estate: Estate, ref: str) -> None:
        """Argo CD compares what it tracks with short names too, so such a tag would stand for the branch."""
        refused(push(estate, "dana", estate.clone("dana"), f"HEAD:{ref}"), "ref-name-invalid")

    def test_huge_and_disguised_names_are_refused_with_a_reason(self, estate: Estate) -> None:
        path = estate.clone("dana")
        head = estate.commit("dana", path, {"a": "1"})
        for name in ("x" * 201, head, "ümlaut", "refs/notes/x"):
            ref = name if name.startswith("refs/") else f"refs/heads/{name}"
            answer = push(estate, "dana", path, f"HEAD:{ref}")
            assert "[ref-name-invalid]" in answer.stderr or "[ref-not-allowed]" in answer.stderr, answer.stderr

    def test_a_tree_with_a_git_folder_is_refused(self, estate: Estate) -> None:
        """What a work tree would execute (CVE-2014-9390 and its relatives) does not get in."""
        path = estate.clone("dana")
        dana = estate["dana"]
        entry = f"40000 tree {dana.git('rev-parse', 'HEAD^{tree}', folder=path).stdout.strip()}\t.git\n"
        made = subprocess.run(["git", "mktree"], cwd=path, input=entry, capture_output=True, text=True, check=True)
        commit = dana.git("commit-tree", made.stdout.strip(), "-m", "x", folder=path).stdout.strip()
        answer = push(estate, "dana", path, f"{commit}:refs/heads/evil")
        assert answer.returncode != 0
        assert "hasDotgit" in answer.stderr


class TestLimits:
    def test_a_push_that_is_too_large_is_refused(self, make_config: Callable[..., Config], serve: Serve) -> None:
        config = make_config(max_pack_bytes=20_000)
        with serve(config) as estate:
            path = estate.clone("dana")
            (path / "noise").write_bytes(os.urandom(60_000))
            estate.commit("dana", path, {})
            answer = push(estate, "dana", path, "main")
            assert answer.returncode != 0
            assert estate.root.commits("acme", "env")[0].message == "Begin\n"
            assert not list((config.data / "incoming").iterdir())
