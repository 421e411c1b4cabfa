"""What a round reads of the repositories: one look at a remote a period, a fetch when a ref moved."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from interlock.clients.git import Repository
from interlock.errors import UnreachableError
from interlock.platform.controller.snapshot import APP, OWN, RESYNC_SECONDS, Snapshot

OWN_SECONDS, APP_SECONDS = OWN * RESYNC_SECONDS, APP * RESYNC_SECONDS

NOW = datetime(2026, 11, 30, 12, tzinfo=UTC)


class Remote:
    """A repository behind a mirror that counts what is asked of it."""

    def __init__(self, folder: Path) -> None:
        self.origin = Repository.init(folder / "origin.git")
        self.commit(b"1")
        self.path = folder / "mirror.git"
        self.calls: list[str] = []
        self.down = False

    def commit(self, content: bytes, branch: str = "main") -> str:
        parents = [found] if (found := self.origin.refs().get(f"refs/heads/{branch}")) else []
        tree = self.origin.write_tree({"file": content})
        made = self.origin.commit_tree(tree, parents, "x\n", author=("A", "a@x"), date=NOW)
        self.origin.update_ref(f"refs/heads/{branch}", made)
        return made

    def mirror(self, repository: str, *, fetch: bool) -> Repository:
        assert not fetch
        Repository.clone_mirror(self.origin.path.as_uri(), self.path) if not self.path.exists() else None
        outer = self

        class Counting(Repository):
            def remote_refs(self) -> dict[str, str]:
                outer.calls.append("ls-remote")
                if outer.down:
                    raise UnreachableError("git-unreachable", "no answer")
                return super().remote_refs()

            def fetch(self) -> None:
                outer.calls.append("fetch")
                super().fetch()

        return Counting(self.path)


class Clock:
    time = 0.0

    def __call__(self) -> float:
        return self.time


@pytest.fixture
def remote(tmp_path: Path) -> Remote:
    return Remote(tmp_path)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def snapshot(remote: Remote, clock: Clock) -> Snapshot:
    return Snapshot(remote, app=lambda name: name == "payments", clock=clock)


def test_a_round_asks_the_remote_once_however_often_it_reads(remote: Remote, snapshot: Snapshot) -> None:
    for _ in range(100):
        snapshot.mirror("env-dev")
    assert remote.calls == ["ls-remote"]


def test_a_ref_that_moved_is_fetched_at_the_next_look(remote: Remote, clock: Clock, snapshot: Snapshot) -> None:
    first = snapshot.mirror("env-dev").resolve("refs/heads/main")
    moved = remote.commit(b"2")
    assert snapshot.mirror("env-dev").resolve("refs/heads/main") == first
    clock.time = OWN_SECONDS
    assert snapshot.mirror("env-dev").resolve("refs/heads/main") == moved
    assert remote.calls == ["ls-remote", "ls-remote", "fetch"]


def test_a_branch_that_is_gone_is_gone(remote: Remote, snapshot: Snapshot) -> None:
    remote.commit(b"2", branch="bump/payments/main-1")
    assert "refs/heads/bump/payments/main-1" in snapshot.fresh("env-dev").refs()
    remote.origin.update_ref("refs/heads/bump/payments/main-1", None)
    assert "refs/heads/bump/payments/main-1" not in snapshot.fresh("env-dev").refs()


def test_an_idle_hour(remote: Remote, clock: Clock, snapshot: Snapshot) -> None:
    """Measured: one ls-remote of an env repo every 30 s, of an app repo every 15 minutes, and no fetch."""
    for repository, expected in (("env-dev", 3600 / OWN_SECONDS), ("payments", 3600 / APP_SECONDS)):
        remote.calls.clear()
        for second in range(3600):
            clock.time = second
            snapshot.mirror(repository)
        assert remote.calls == ["ls-remote"] * int(expected)
        clock.time = 0


def test_where_a_ref_is_takes_no_process(remote: Remote, snapshot: Snapshot) -> None:
    tip = remote.commit(b"2")
    assert [snapshot.tip("env-dev", "refs/heads/main") for _ in range(3)] == [tip] * 3
    assert snapshot.tip("env-dev", "refs/heads/gone") is None
    assert remote.calls == ["ls-remote"]


def test_a_hint_is_a_look_at_once(remote: Remote, snapshot: Snapshot) -> None:
    snapshot.mirror("payments")
    moved = remote.commit(b"2")
    snapshot.hint("payments")
    assert snapshot.mirror("payments").resolve("refs/heads/main") == moved


def test_a_remote_that_is_away_is_asked_again(remote: Remote, snapshot: Snapshot) -> None:
    snapshot.mirror("env-dev")
    moved = remote.commit(b"2")
    remote.down = True
    with pytest.raises(UnreachableError):
        snapshot.fresh("env-dev")
    remote.down = False
    assert snapshot.mirror("env-dev").resolve("refs/heads/main") == moved
