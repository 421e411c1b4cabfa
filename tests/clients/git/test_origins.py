"""Which commit gave a path what it is, compared with what git itself says."""

from __future__ import annotations

import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from interlock.clients import git
from interlock.errors import NotFoundError

from .conftest import Repository

PATHS = ("a/one", "a/two", "b/one", "c")
STEP = st.tuples(
    st.sampled_from(PATHS), st.sampled_from([b"1", b"2", b"3", None]), st.sampled_from(["main", "side", "merge"])
)


def shown(repository: Repository, revision: str, path: str) -> str:
    words = ["git", "log", "-1", "--format=%H", revision, "--", path]
    return subprocess.run(words, cwd=repository.path, capture_output=True, text=True, check=True).stdout.strip()


@settings(max_examples=12)
@given(st.lists(STEP, min_size=1, max_size=8))
def test_it_is_the_commit_that_git_log_shows(steps: list[tuple[str, bytes | None, str]]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        repository = Repository(git.Repository.init(Path(folder) / "x.git").path)
        main = side = repository.add(dict.fromkeys(PATHS, b"0"))
        for number, (path, content, kind) in enumerate(steps):
            if kind == "side":
                side = repository.add({path: content}, side, message=str(number))
            elif kind == "main":
                main = repository.add({path: content}, main, message=str(number))
            else:
                # The merge takes one path as it is on the side, whatever else is there.
                main = repository.add({path: repository.read(side, path)}, main, side, message=str(number))
        with repository:
            found = repository.origins(main, PATHS, limit=1000)
            assert {path: commit.id for path, commit in found.items()} == {
                path: shown(repository, main, path) for path in PATHS
            }


def test_no_process_is_started_but_the_one_that_stays(repository: Repository, started: Callable[[], list[str]]) -> None:
    tip = repository.add({f"{number}/x": b"0" for number in range(50)})
    made = [tip]
    for number in range(50):
        made.append(repository.add({f"{number}/x": b"1"}, made[-1]))
    repository.close()
    started()
    found = repository.origins(made[-1], [f"{number}/x" for number in range(50)], limit=1000)
    assert [found[f"{number}/x"].id for number in range(50)] == made[1:]
    assert started() == ["cat-file"]


def test_past_the_limit_the_oldest_that_was_read_stands(repository: Repository) -> None:
    made = [repository.add({"x": b"0", "y": b"0"})]
    for number in range(20):
        made.append(repository.add({"y": str(number).encode()}, made[-1], message=str(number)))
    assert repository.origins(made[-1], ["x"], limit=1000)["x"].id == made[0]
    assert repository.origins(made[-1], ["x"], limit=5)["x"].id in made[14:]


def test_several_repositories_are_read_through_one_process(tmp_path: Path, started: Callable[[], list[str]]) -> None:
    """Whatever their folders are called."""
    both = [git.Repository.init(tmp_path / name) for name in ("plain.git", 'a:b"c\\d.git')]
    made = [Repository(item.path).add({"x": item.path.name.encode()}) for item in both]
    started()
    with git.together(both) as one:
        assert [one.read(commit, "x") for commit in made] == [b"plain.git", b'a:b"c\\d.git']
        assert one.has(made)
        assert not one.has(["0" * 40, *made])
    assert started() == ["cat-file"]


@pytest.mark.parametrize("revision", ["0" * 40, "main"])
def test_nothing_is_known_of_what_is_not_there(repository: Repository, revision: str) -> None:
    with pytest.raises(NotFoundError, match="git-revision-unknown"):
        repository.origins(revision, ["x"], limit=10)
