"""Repositories through the git binary: reading, building, pushing; hostile input; other people's settings."""

from __future__ import annotations

import os
import subprocess
import threading
from datetime import UTC, datetime
from pathlib import Path

import pytest

from interlock.clients import git
from interlock.clients.git import binary, keys
from interlock.errors import ConflictError, InputError, NotFoundError, RefusedError, UnreachableError
from interlock.formats.signatures import Verified, openpgp, verify_commit

ME = ("Dana", "dana@acme.test")
NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


@pytest.fixture
def origin(tmp_path: Path) -> git.Repository:
    """A bare repository with two commits on ``main``."""
    made = git.Repository.init(tmp_path / "origin.git")
    first = commit(made, {"apps/payments/values.yaml": b"a: 1\n", "README.md": b"hello\n"})
    second = commit(made, {"apps/payments/values.yaml": b"a: 2\n"}, first)
    made.update_ref("refs/heads/main", second)
    return made


def commit(repository: git.Repository, files: dict[str, bytes | None], *parents: str, message: str = "x") -> str:
    tree = repository.write_tree(files, parents[0] if parents else None)
    return repository.commit_tree(tree, parents, message, author=ME, date=NOW)


def url(repository: git.Repository) -> str:
    return f"file://{repository.path}"


class TestReading:
    def test_files_trees_and_ids(self, origin: git.Repository) -> None:
        assert origin.read("main", "apps/payments/values.yaml") == b"a: 2\n"
        assert origin.read("main^", "apps/payments/values.yaml") == b"a: 1\n"
        assert origin.read("main", "apps/payments/none") is None
        assert [entry.path for entry in origin.ls_tree("main")] == ["README.md", "apps/payments/values.yaml"]
        assert [entry.path for entry in origin.ls_tree("main", "apps", recursive=False)] == ["apps/payments"]
        assert origin.ls_tree("main", "none") == []
        ids = origin.object_ids("main", ["apps/payments", "README.md", "none"])
        assert ids["apps/payments"] == origin.object_id("main", "apps/payments")
        assert ids["none"] is None
        assert origin.object_id("main", "README.md") == origin.object_id("main^", "README.md")

    def test_history(self, origin: git.Repository) -> None:
        newest, oldest = origin.log("main")
        assert (newest.parents, oldest.parents) == ((oldest.id,), ())
        assert [item.id for item in origin.log(f"{oldest.id}..main")] == [newest.id]
        assert origin.is_ancestor(oldest.id, "main")
        assert not origin.is_ancestor("main", oldest.id)
        assert origin.merge_base("main", oldest.id) == oldest.id
        assert (origin.count("main"), len(origin.log("main", limit=1))) == (2, 1)

    def test_changes(self, origin: git.Repository) -> None:
        new = commit(
            origin, {"README.md": None, "ü new": b"x", "apps/payments/values.yaml": b"3"}, origin.resolve("main")
        )
        changes = {change.path: change for change in origin.diff("main", new)}
        assert {path: change.status for path, change in changes.items()} == {
            "README.md": "D",
            "apps/payments/values.yaml": "M",
            "ü new": "A",
        }
        assert (changes["README.md"].new_id, changes["README.md"].new_mode) == (None, "000000")

    def test_a_tag_does_not_hide_the_branch_of_its_name(self, origin: git.Repository) -> None:
        """git's own order would take the tag: a tag named main must not change what we judge."""
        main = origin.resolve("main")
        other = commit(origin, {"evil": b"x"}, main)
        origin.update_ref("refs/tags/main", other)
        assert origin.resolve("main") == main
        assert origin.resolve("refs/tags/main") == other
        origin.update_ref("refs/tags/v1", other)
        assert origin.resolve("v1") == other
        assert origin.resolve(other[:10]) == other

    def test_a_replace_ref_changes_nothing(self, origin: git.Repository) -> None:
        main = origin.resolve("main")
        evil = commit(origin, {"apps/payments/values.yaml": b"evil\n"})
        origin.update_ref(f"refs/replace/{main}", evil)
        assert origin.read("main", "apps/payments/values.yaml") == b"a: 2\n"
        assert origin.commit("main").parents != ()

    def test_links_and_folders_are_not_files(self, origin: git.Repository, tmp_path: Path) -> None:
        work = git.Repository.clone(url(origin), tmp_path / "work")
        (work.path / "link").symlink_to("/etc/passwd")
        for words in (["add", "link"], ["-c", "user.name=x", "-c", "user.email=x", "commit", "-qm", "x"]):
            subprocess.run(["git", *words], cwd=work.path, check=True)
        for path in ("link", "apps"):
            with pytest.raises(InputError, match="git-not-a-file"):
                work.read("HEAD", path)

    @pytest.mark.parametrize(
        "path", ["", "/etc/passwd", "../x", "a/../b", "a//b", ".git/config", "a/.GIT/x", "a\nb", "a\\b"]
    )
    def test_paths_stay_inside(self, origin: git.Repository, path: str) -> None:
        with pytest.raises(InputError, match="git-path-invalid"):
            origin.read("main", path)
        with pytest.raises(InputError, match="git-path-invalid"):
            origin.write_tree({path: b"x"})

    @pytest.mark.parametrize(
        "revision", ["", "-x", "--output=/tmp/x", "main:README.md", "a..b", "main b", ":/x", "@{u}"]
    )
    def test_revisions_are_nothing_else(self, origin: git.Repository, revision: str) -> None:
        with pytest.raises(InputError, match="git-revision-invalid"):
            origin.resolve(revision)

    @pytest.mark.parametrize("revision", ["none", "0" * 40, "deadbeef", "refs/heads/none"])
    def test_unknown_revisions(self, origin: git.Repository, revision: str) -> None:
        with pytest.raises(NotFoundError, match="git-revision-unknown"):
            origin.resolve(revision)

    def test_a_folder_that_is_no_repository_is_not_searched_upwards(self, origin: git.Repository) -> None:
        inner = origin.path / "hooks-of-nobody"
        inner.mkdir()
        with pytest.raises((NotFoundError, InputError)):
            git.Repository(inner).resolve("main")


class TestMergeTree:
    def test_is_the_tree_that_a_merge_makes(self, origin: git.Repository) -> None:
        main = origin.resolve("main")
        one, two = commit(origin, {"one": b"1"}, main), commit(origin, {"two": b"2"}, main)
        tree = origin.merge_tree(one, two)
        assert {entry.path for entry in origin.ls_tree(tree)} >= {"one", "two", "README.md"}
        assert origin.merge_tree(main, one) == origin.tree(one)

    def test_conflicts_name_their_files(self, origin: git.Repository) -> None:
        main = origin.resolve("main")
        one, two = commit(origin, {"README.md": b"1"}, main), commit(origin, {"README.md": b"2"}, main)
        with pytest.raises(ConflictError, match=r"README\.md") as caught:
            origin.merge_tree(one, two)
        assert caught.value.code == "merge-conflict"

    def test_a_merge_driver_in_the_tree_runs_nothing(self, origin: git.Repository, tmp_path: Path) -> None:
        base = commit(origin, {".gitattributes": b"* merge=evil\n"}, origin.resolve("main"))
        one, two = commit(origin, {"README.md": b"1"}, base), commit(origin, {"README.md": b"2"}, base)
        with pytest.raises(ConflictError):
            origin.merge_tree(one, two)


class TestWriting:
    def test_trees_are_built_on_others(self, origin: git.Repository) -> None:
        main = origin.resolve("main")
        tree = origin.write_tree({"README.md": None, "deep/er/file": b"\0binary"}, main)
        assert [entry.path for entry in origin.ls_tree(tree)] == ["apps/payments/values.yaml", "deep/er/file"]
        assert origin.write_tree({}, main) == origin.tree(main)
        assert origin.write_tree({"README.md": None, "apps/payments/values.yaml": None}, main) == origin.write_tree({})

    def test_a_signed_commit(self, origin: git.Repository) -> None:
        secret, certificate = keys.generate_openpgp("Seal <seal@acme.test>")
        seen: list[bytes] = []

        def sign(payload: bytes) -> str:
            seen.append(payload)
            return openpgp.sign(secret, payload)

        main = origin.resolve("main")
        made = origin.commit_tree(
            origin.tree(main), [main], "Seal\n\nArgocd-gpg-seal: 7", author=ME, date=NOW, sign=sign
        )
        parsed = origin.commit(made)
        assert seen == [parsed.payload]
        assert isinstance(verify_commit(parsed, certificates=[certificate]), Verified)
        assert parsed.trailers == (("Argocd-gpg-seal", "7"),)
        assert parsed.author.when == NOW

    def test_refs_move_only_from_what_they_were(self, origin: git.Repository) -> None:
        main = origin.resolve("main")
        parent = origin.resolve("main^")
        with pytest.raises(ConflictError, match="git-ref-moved"):
            origin.update_ref("refs/heads/main", parent, parent)
        with pytest.raises(ConflictError, match="git-ref-moved"):
            origin.update_ref("refs/heads/main", parent, "")
        origin.update_ref("refs/heads/main", parent, main)
        origin.update_ref("refs/heads/main", None, parent)
        assert origin.refs() == {}


class TestRemotes:
    def test_a_mirror_follows_its_origin(self, origin: git.Repository, tmp_path: Path) -> None:
        mirror = git.Repository.clone_mirror(url(origin), tmp_path / "mirror")
        assert mirror.refs("refs/") == origin.refs("refs/")
        new = commit(origin, {"x": b"1"}, origin.resolve("main"))
        origin.update_ref("refs/heads/main", new)
        origin.update_ref("refs/pull/1/head", new)
        mirror.fetch()
        assert mirror.refs("refs/") == origin.refs("refs/")
        origin.update_ref("refs/pull/1/head", None)
        assert git.Repository.clone_mirror(url(origin), tmp_path / "mirror").refs("refs/") == origin.refs("refs/")

    def test_the_remotes_refs_are_those_that_a_fetch_would_bring(self, origin: git.Repository, tmp_path: Path) -> None:
        mirror = git.Repository.clone_mirror(url(origin), tmp_path / "mirror.git")
        assert mirror.remote_refs() == mirror.refs("refs/")
        tip = origin.resolve("refs/heads/main")
        for name in ("refs/heads/x", "refs/tags/v1", "refs/pull/7/head"):
            origin.update_ref(name, tip)
        assert mirror.remote_refs() != mirror.refs("refs/")
        mirror.fetch()
        assert mirror.remote_refs() == mirror.refs("refs/")
        assert set(mirror.refs("refs/")) == {"refs/heads/main", "refs/heads/x", "refs/tags/v1", "refs/pull/7/head"}

    def test_a_work_clone_is_checked_out(self, origin: git.Repository, tmp_path: Path) -> None:
        work = git.Repository.clone(url(origin), tmp_path / "work")
        assert (work.path / "README.md").read_text() == "hello\n"

    def test_an_existing_clone_of_something_else_is_left_alone(self, origin: git.Repository, tmp_path: Path) -> None:
        git.Repository.clone_mirror(url(origin), tmp_path / "mirror")
        with pytest.raises(ConflictError, match="git-clone-differs"):
            git.Repository.clone_mirror("file:///elsewhere", tmp_path / "mirror")

    def test_pushing(self, origin: git.Repository, tmp_path: Path) -> None:
        mirror = git.Repository.clone_mirror(url(origin), tmp_path / "mirror")
        main = mirror.resolve("main")
        new = commit(mirror, {"x": b"1"}, main)
        mirror.push(f"{new}:refs/heads/main", expected_old=main)
        assert origin.resolve("main") == new
        mirror.push(f"{new}:refs/heads/sealed", expected_old="")
        mirror.push(":refs/heads/sealed")
        assert list(origin.refs()) == ["refs/heads/main"]

    def test_a_push_from_an_older_view_is_a_conflict(self, origin: git.Repository, tmp_path: Path) -> None:
        mirror = git.Repository.clone_mirror(url(origin), tmp_path / "mirror")
        main = mirror.resolve("main")
        new = commit(mirror, {"x": b"1"}, main)
        origin.update_ref("refs/heads/main", commit(origin, {"y": b"1"}, main))
        for expected in (None, main, ""):
            with pytest.raises(ConflictError, match="git-push-stale"):
                mirror.push(f"{new}:refs/heads/main", expected_old=expected)

    def test_an_expected_value_does_not_allow_a_rewrite(self, origin: git.Repository, tmp_path: Path) -> None:
        mirror = git.Repository.clone_mirror(url(origin), tmp_path / "mirror")
        main = mirror.resolve("main")
        with pytest.raises(ConflictError, match="git-push-stale"):
            mirror.push(f"{mirror.resolve('main^')}:refs/heads/main", expected_old=main)
        with pytest.raises(InputError, match="git-refspec-invalid"):
            mirror.push(f"+{main}:refs/heads/main")

    @pytest.mark.parametrize(
        ("where", "code"), [("http://127.0.0.1:1/x", "git-unreachable"), ("file:///nowhere/at/all", "git-not-found")]
    )
    def test_remotes_that_are_not_there(self, tmp_path: Path, where: str, code: str) -> None:
        with pytest.raises((UnreachableError, NotFoundError)) as caught:
            git.Repository.clone_mirror(where, tmp_path / "x")
        assert caught.value.code == code
        assert list(tmp_path.iterdir()) == []

    @pytest.mark.parametrize("where", ["ssh://host/x", "git@host:x", "ext::sh -c touch% /tmp/x", "git://host/x"])
    def test_other_protocols_are_not_spoken(self, tmp_path: Path, where: str) -> None:
        with pytest.raises((InputError, RefusedError, UnreachableError, NotFoundError)):
            git.Repository.clone_mirror(where, tmp_path / "x")

    def test_credentials_in_a_url_are_refused(self, tmp_path: Path) -> None:
        with pytest.raises(InputError, match="git-url-invalid"):
            git.Repository.clone_mirror("https://user:secret@host/x", tmp_path / "x")
        with pytest.raises(InputError, match="git-url-invalid"):
            git.Repository.clone_mirror("file:///x", tmp_path / "x", lambda: "token")

    def test_threads_that_clone_the_same_get_the_same(self, origin: git.Repository, tmp_path: Path) -> None:
        results: list[str] = []

        def clone() -> None:
            results.append(git.Repository.clone_mirror(url(origin), tmp_path / "mirror").resolve("main"))

        threads = [threading.Thread(target=clone) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert results == [origin.resolve("main")] * 4

    def test_a_lock_that_a_crash_left_goes_after_a_while(self, origin: git.Repository, tmp_path: Path) -> None:
        mirror = git.Repository.clone_mirror(url(origin), tmp_path / "mirror")
        origin.update_ref("refs/heads/main", commit(origin, {"x": b"1"}, origin.resolve("main")))
        lock = mirror.path / "refs" / "heads" / "main.lock"
        lock.parent.mkdir(parents=True, exist_ok=True)
        lock.touch()
        with pytest.raises(InputError, match="File exists"):
            mirror.fetch()
        os.utime(lock, (0, 0))
        mirror.fetch()
        assert mirror.resolve("main") == origin.resolve("main")


class TestEnvironment:
    def test_nothing_of_the_user_or_machine_counts(
        self, origin: git.Repository, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        (tmp_path / ".gitconfig").write_text(
            "[user]\n\tname = Evil\n[alias]\n\tlog = !touch evil\n[core]\n\tpager = evil\n"
        )
        for name in ("HOME", "XDG_CONFIG_HOME"):
            monkeypatch.setenv(name, str(tmp_path))
        monkeypatch.setenv("GIT_CONFIG_COUNT", "1")
        monkeypatch.setenv("GIT_CONFIG_KEY_0", "user.name")
        monkeypatch.setenv("GIT_CONFIG_VALUE_0", "Evil")
        monkeypatch.setenv("GIT_DIR", "/nowhere")
        done = binary.run(["config", "--get", "user.name"], folder=origin.path, accept=(0, 1))
        assert done.stdout == b""
        assert origin.read("main", "README.md") == b"hello\n"

    def test_a_hook_in_a_clone_never_runs(self, origin: git.Repository, tmp_path: Path) -> None:
        work = git.Repository.clone(url(origin), tmp_path / "work")
        hook = work.path / ".git" / "hooks" / "reference-transaction"
        hook.parent.mkdir(exist_ok=True)
        hook.write_text(f"#!/bin/sh\ntouch {tmp_path}/ran\n")
        hook.chmod(0o755)
        work.update_ref("refs/heads/x", work.resolve("main"))
        assert not (tmp_path / "ran").exists()
