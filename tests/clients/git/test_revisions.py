"""What a name means is not moved by whoever may push a branch or an object."""

from __future__ import annotations

import hashlib
import itertools
from typing import TYPE_CHECKING

import pytest

from interlock.clients import git
from interlock.clients.git import binary
from interlock.errors import NotFoundError

if TYPE_CHECKING:
    from .conftest import Repository


@pytest.mark.parametrize("length", [7, 12, 39])
@pytest.mark.parametrize("kind", ["heads", "tags", "remotes"])
def test_a_ref_that_is_named_as_a_short_id(repository: Repository, length: int, kind: str) -> None:
    """security.md M1: a branch named as the commit of a release made its proof invalid."""
    commit, evil = repository.add({"a": b"1"}), repository.add({"a": b"evil"})
    name = commit[:length]
    repository.update_ref(f"refs/{kind}/{name}", evil)
    assert repository.resolve(name) == commit
    assert repository.tree(name) == repository.tree(commit)
    assert repository.read(name, "a") == b"1"
    assert repository.is_ancestor(name, commit)
    assert repository.resolve(f"refs/{kind}/{name}") == evil


def test_a_ref_that_is_named_as_an_id_that_does_not_exist(repository: Repository) -> None:
    evil = repository.add({"a": b"evil"})
    for name in ("1" * 40, "1" * 64, "1" * 12):
        repository.update_ref(f"refs/heads/{name}", evil)
        with pytest.raises(NotFoundError):
            repository.resolve(name)
        assert repository.resolve(f"refs/heads/{name}") == evil


@pytest.mark.parametrize("asked", ["refs/heads/main", "main", "HEAD", "refs/tags/v1", "v1"])
def test_a_ref_is_found_by_its_full_name_alone(repository: Repository, asked: str) -> None:
    """Git would go on to refs/heads/refs/heads/main where there is no refs/heads/main."""
    evil = repository.add({"a": b"evil"})
    for prefix in ("refs/heads/refs", "refs/tags/refs", "refs/remotes/refs", "refs/refs"):
        repository.update_ref(f"{prefix}/heads/main", evil)
        repository.update_ref(f"{prefix}/tags/v1", evil)
    for prefix in ("refs", "refs/heads", "refs/tags"):
        repository.update_ref(f"{prefix}/HEAD", evil)
    with pytest.raises(NotFoundError):
        repository.resolve(asked)
    commit = repository.add({"a": b"1"}, branch="main")
    repository.update_ref("refs/tags/v1", commit)
    assert repository.resolve(asked) == commit
    assert repository.read(asked, "a") == b"1"


def test_names_with_odd_characters(repository: Repository) -> None:
    commit = repository.add({"a": b"1"})
    for name in ("user@work", "a+b", "v1.0", "x{y}", "x-y_z", "deadbeef-fix", "deadbee"):
        repository.update_ref(f"refs/heads/{name}", commit)
        assert repository.resolve(f"refs/heads/{name}") == commit
    assert repository.resolve("user@work") == commit


def test_suffixes_and_tags(repository: Repository) -> None:
    first = repository.add({"a": b"1"})
    second = repository.add({"a": b"2"}, first, branch="main")
    words = ["-c", "user.name=D", "-c", "user.email=d@acme.test", "tag", "-a", "-m", "x", "v1", second]
    binary.run(words, folder=repository.path)
    tag = repository.refs("refs/tags/")["refs/tags/v1"]
    assert tag != second
    for name in ("v1", "refs/tags/v1", tag, tag[:10], "main", second, second[:10], "HEAD"):
        assert repository.resolve(name) == second
        assert repository.resolve(f"{name}^") == repository.resolve(f"{name}~1") == first
        assert repository.tree(name) == repository.tree(second)
    for name in ("main^2", "main~2", f"{second}~9", "main@{1}", repository.tree(second)):
        with pytest.raises(NotFoundError):
            repository.resolve(name)


def test_two_commits_that_begin_alike_are_no_answer(repository: Repository) -> None:
    """Two such objects are made in a second: neither of them may be what a short id means."""
    tree = repository.write_tree({"a": b"1"})
    seen: dict[str, bytes] = {}
    for number in itertools.count():
        payload = f"tree {tree}\nauthor D <d@a> 1 +0000\ncommitter D <d@a> 1 +0000\n\n{number}\n".encode()
        short = hashlib.sha1(b"commit %d\0" % len(payload) + payload, usedforsecurity=False).hexdigest()[:7]
        if short in seen:
            break
        seen[short] = payload
    made = [write(repository, item) for item in (seen[short], payload)]
    assert [item[:7] for item in made] == [short, short]
    with pytest.raises(NotFoundError):
        repository.resolve(short)
    assert {repository.resolve(item) for item in made} == set(made)


def write(repository: git.Repository, payload: bytes) -> str:
    words = ["hash-object", "-t", "commit", "-w", "--stdin"]
    return binary.run(words, folder=repository.path, stdin=payload).stdout.decode().strip()
