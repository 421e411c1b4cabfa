"""The process that stays: who asks does not notice it, whatever happens to it or to the repository."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from interlock.clients import git
from interlock.clients.git import batch, binary
from interlock.errors import InputError, NotFoundError, UnreachableError

if TYPE_CHECKING:
    from .conftest import Repository

Started = Callable[[], list[str]]
Children = Callable[[Path], list[int]]


class TestProcesses:
    def test_a_proof_starts_few(self, repository: Repository, started: Started) -> None:
        """What a trace asks of one repository: reads are of the one process, and only git's own algorithms cost one."""
        first = repository.add({"apps/payments/values.yaml": b"1", "chart/Chart.yaml": b"c"}, branch="main")
        one, two = repository.add({"one": b"1"}, first), repository.add({"two": b"2"}, first)
        merge = repository.add({"two": b"2"}, one, two, branch="main")
        seal = repository.add({}, merge, branch="sealed")
        started()
        with git.Repository(repository.path) as opened:
            for _ in range(3):
                assert opened.resolve("refs/heads/sealed") == opened.resolve(seal) == seal
                assert opened.is_ancestor(merge, "refs/heads/sealed")
                assert not opened.is_ancestor(seal, "refs/heads/main")
                assert opened.commit(merge).parents == (one, two)
                assert opened.read(seal, "apps/payments/values.yaml") == b"1"
                assert opened.object_ids(seal, ["chart", "none"])["none"] is None
                assert [item.path for item in opened.ls_tree(first)] == [
                    "apps/payments/values.yaml",
                    "chart/Chart.yaml",
                ]
                assert [item.path for item in opened.diff(one, merge)] == ["two"]
                assert opened.merge_base(merge, merge) == merge
                assert opened.log(f"{merge}..{merge}") == []
            assert started() == ["cat-file"]
            assert opened.merge_tree(one, two) == opened.tree(merge)
            assert opened.merge_base(one, two) == first
            assert len(opened.log(merge, first_parent=True)) == 3
            assert opened.resolve(first[:12]) == first
            assert started() == ["merge-tree", "merge-base", "rev-list", "rev-parse"]

    def test_a_far_ancestor_is_found_by_git(self, repository: Repository, started: Started) -> None:
        tips = [repository.add({"a": b"1"})]
        for _ in range(70):
            tips.append(repository.commit_tree(repository.tree(tips[0]), [tips[-1]], "x", author=("D", "d@acme.test")))
        unrelated = repository.add({"b": b"1"})
        started()
        assert repository.is_ancestor(tips[0], tips[-1])
        assert not repository.is_ancestor(unrelated, tips[-1])
        assert repository.is_ancestor(tips[-9], tips[-1])
        assert set(started()) <= {"cat-file", "merge-base"}

    def test_ends_with_its_repository(self, repository: Repository, children: Children) -> None:
        repository.add({"a": b"1"}, branch="main")
        repository.close()
        opened = git.Repository(repository.path)
        assert opened.read("main", "a") == b"1"
        assert len(children(repository.path)) == 1
        opened.close()
        assert children(repository.path) == []
        assert opened.read("main", "a") == b"1"
        del opened
        assert children(repository.path) == []

    @pytest.mark.parametrize("end", ["", "os.kill(os.getpid(), 9)", "raise SystemExit(3)"])
    def test_ends_with_the_interpreter(self, repository: Repository, children: Children, end: str) -> None:
        repository.add({"a": b"1"}, branch="main")
        repository.close()
        program = f"""
import os, pathlib
from interlock.clients.git import Repository
kept = Repository(pathlib.Path({str(repository.path)!r}))
print(kept.read("main", "a"), flush=True)
{end}
"""
        done = subprocess.run([sys.executable, "-c", program], capture_output=True, check=False)
        assert done.stdout == b"b'1'\n", done.stderr
        deadline = time.monotonic() + 30
        while children(repository.path):
            assert time.monotonic() < deadline, "git outlived its parent"
            time.sleep(0.01)

    def test_there_are_never_too_many(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, children: Children
    ) -> None:
        monkeypatch.setattr(batch, "MAX_CHILDREN", 3)
        opened = [git.Repository.init(tmp_path / f"{number}.git") for number in range(6)]
        for _ in range(2):
            assert [item.ls_tree(item.write_tree({})) for item in opened] == [[]] * 6
            assert sum(len(children(item.path)) for item in opened) == 3
        for item in opened:
            item.close()


class TestFaults:
    def test_a_killed_process_is_replaced(self, repository: Repository, children: Children) -> None:
        commit = repository.add({"a": b"1"}, branch="main")
        for _ in range(3):
            assert repository.read(commit, "a") == b"1"
            [child] = children(repository.path)
            os.kill(child, signal.SIGKILL)
            assert repository.resolve("main") == commit

    def test_a_standing_process_is_given_up(
        self, repository: Repository, children: Children, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        commit = repository.add({"a": b"1"})
        assert repository.read(commit, "a") == b"1"
        [child] = children(repository.path)
        os.kill(child, signal.SIGSTOP)
        monkeypatch.setattr(binary, "LOCAL_TIMEOUT", 0.05)
        with pytest.raises(UnreachableError, match="git-unreachable"):
            repository.read(commit, "a")
        monkeypatch.undo()
        assert repository.read(commit, "a") == b"1"
        assert child not in children(repository.path)

    def test_a_broken_object_says_so(self, repository: Repository) -> None:
        commit = repository.add({"a": b"1"})
        blob = repository.object_id(commit, "a")
        assert blob is not None
        file = repository.path / "objects" / blob[:2] / blob[2:]
        file.chmod(0o644)
        file.write_bytes(b"no zlib")
        with pytest.raises(InputError, match="git-failed"):
            repository.read(commit, "a")
        assert repository.resolve(commit) == commit

    def test_no_repository(self, tmp_path: Path) -> None:
        for path in (tmp_path, tmp_path / "none"):
            with pytest.raises((InputError, NotFoundError), match=r"not a git repository|no such repository"):
                git.Repository(path).resolve("main")

    def test_objects_of_another_type(self, repository: Repository) -> None:
        commit = repository.add({"a": b"1"})
        for other in (commit, repository.tree(commit), "1" * 40):
            with pytest.raises(InputError, match="git-failed"):
                repository.blob(other)


class TestOthersWrite:
    """Whatever another process did is seen by the one that runs."""

    def test_refs_that_move(self, repository: Repository) -> None:
        one, two = repository.add({"a": b"1"}, branch="main"), repository.add({"a": b"2"})
        assert repository.resolve("main") == one
        for moved in (two, one):
            outside(repository, "update-ref", "refs/heads/main", moved)
            assert repository.resolve("main") == moved
            outside(repository, "pack-refs", "--all")
            assert repository.resolve("main") == moved
        outside(repository, "update-ref", "-d", "refs/heads/main")
        with pytest.raises(NotFoundError):
            repository.resolve("main")

    def test_packs_that_a_fetch_brings(self, repository: Repository, tmp_path: Path) -> None:
        first = repository.add({"a": b"1"}, branch="main")
        with git.Repository.clone_mirror(f"file://{repository.path}", tmp_path / "mirror") as mirror:
            assert mirror.resolve("main") == first
            for number in range(3):
                files: dict[str, bytes | None] = {f"{number}/{item}": os.urandom(9) for item in range(20)}
                made = repository.add(files, repository.resolve("main"), branch="main")
                with pytest.raises(NotFoundError):
                    mirror.resolve(made)
                mirror.fetch()
                assert mirror.resolve("main") == made
                assert len(mirror.ls_tree(made, str(number))) == 20

    def test_packs_that_are_rewritten(self, repository: Repository) -> None:
        commits = [repository.add({"a": str(number).encode()}, branch=f"b{number}") for number in range(3)]
        for _ in range(2):
            assert [repository.read(item, "a") for item in commits] == [b"0", b"1", b"2"]
            outside(repository, "repack", "-adq", "--depth=1")
            outside(repository, "prune-packed")

    def test_a_pushs_quarantine_is_seen_by_its_own(self, repository: Repository, tmp_path: Path) -> None:
        inner = git.Repository(
            repository.path,
            {
                "GIT_OBJECT_DIRECTORY": str(tmp_path / "quarantine"),
                "GIT_ALTERNATE_OBJECT_DIRECTORIES": str(repository.path / "objects"),
            },
        )
        first = repository.add({"a": b"1"})
        (tmp_path / "quarantine").mkdir()
        with inner:
            made = inner.commit_tree(inner.write_tree({"b": b"2"}, first), [first], "x", author=("D", "d@acme.test"))
            assert [item.path for item in inner.diff(first, made)] == ["b"]
            assert inner.is_ancestor(first, made)
        with pytest.raises(NotFoundError):
            repository.resolve(made)


class TestReading:
    def test_large_odd_and_many(self, repository: Repository) -> None:
        large = os.urandom(1 << 16) * 80
        odd = b"\nmissing\n" * 999 + b"\0"
        files: dict[str, bytes | None] = {"large": large, "odd": odd, "empty": b""}
        commit = repository.add(files)
        assert [repository.read(commit, name) for name in files] == [large, odd, b""]
        chain = [commit]
        for _ in range(100):
            chain.append(repository.commit_tree(repository.tree(commit), chain[-1:], "x", author=("D", "d@acme.test")))
        assert [item.id for item in repository.log(chain[-1])] == chain[::-1]

    def test_threads_share_it(self, repository: Repository, children: Children) -> None:
        commits = [repository.add({f"f{number}": bytes([number]) * 10_000 * number}) for number in range(8)]

        def read(number: int) -> bool:
            return all(
                repository.read(commits[number], f"f{number}") == bytes([number]) * 10_000 * number
                and repository.commit(commits[number]).id == commits[number]
                and [item.path for item in repository.ls_tree(commits[number])] == [f"f{number}"]
                for _ in range(40)
            )

        with ThreadPoolExecutor(8) as pool:
            assert all(pool.map(read, range(8)))
        assert len(children(repository.path)) == 1


def outside(repository: git.Repository, *words: str) -> None:
    binary.run(words, folder=repository.path)
