"""A repository to fill, and the git processes that are started or still run."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from interlock.clients import git


class Repository(git.Repository):
    def add(self, files: dict[str, bytes | None], *parents: str, message: str = "x", branch: str | None = None) -> str:
        """A commit on the first parent; its id."""
        tree = self.write_tree(files, parents[0] if parents else None)
        date = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
        made = self.commit_tree(tree, parents, message, author=("Dana", "dana@acme.test"), date=date)
        if branch:
            self.update_ref(f"refs/heads/{branch}", made)
        return made


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    """Bare and empty."""
    return Repository(git.Repository.init(tmp_path / "repository.git").path)


@pytest.fixture
def started(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[], list[str]]:
    """The commands of the git processes that were started since the last call, in order."""
    folder, log = tmp_path / "wrapper", tmp_path / "started"
    folder.mkdir()
    wrapper = folder / "git"
    wrapper.write_text(f"""#!/bin/sh
for word; do
  case "$last$word" in -*|*=*) last=; test "$word" = -c && last=-;; *) echo "$word" >> '{log}'; break;; esac
done
exec '{shutil.which("git")}' "$@"
""")
    wrapper.chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")

    def since() -> list[str]:
        words = log.read_text().split() if log.exists() else []
        log.write_text("")
        return words

    return since


@pytest.fixture
def children() -> Callable[[Path], list[int]]:
    """Ids of the living git processes that work in a repository, whoever started them."""

    def living(path: Path) -> list[int]:
        found = []
        for process in Path("/proc").glob("[0-9]*"):
            try:
                here = f"GIT_DIR={path}".encode() in (process / "environ").read_bytes().split(b"\0")
                if here and b"git" in (process / "cmdline").read_bytes():
                    found.append(int(process.name))
            except OSError:
                continue
        return found

    return living
