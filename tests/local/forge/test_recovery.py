"""``kill -9`` in the middle of a merge or a push: afterwards either all of it happened, or nothing."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import httpx
import pytest

from interlock.clients import git
from interlock.clients.forge import ForgeClient
from interlock.errors import ConflictError, UnreachableError
from interlock.formats import yaml
from interlock.local.forge import create_app

if TYPE_CHECKING:
    from interlock.local.forge import Config

    from .conftest import Estate, Serve

# Runs the forge as its own main does, but the process kills itself, as hard as the kernel can, in one method.
DYING = """
import importlib, os, signal, sys
module, owner, method, when = sys.argv[1:5]
target = getattr(importlib.import_module(module), owner)
real = getattr(target, method)
def dying(self, *arguments, **named):
    if when == "after":
        real(self, *arguments, **named)
    os.kill(os.getpid(), signal.SIGKILL)
setattr(target, method, dying)
sys.argv = ["forge", "--config", sys.argv[5]]
from interlock.local.forge.__main__ import main
main()
"""

GIT = "interlock.clients.git.repository", "Repository"
JOURNAL = "interlock.local.forge.journal", "Journal"


@contextmanager
def process(config: Config, folder: Path, *words: str) -> Iterator[subprocess.Popen[bytes]]:
    """The forge as a process of its own, serving; killed at the end if it still lives."""
    file = folder / "config.yaml"
    file.write_text(yaml.dump(config.model_dump(mode="json", exclude_none=True)))
    command = (
        [sys.executable, "-c", DYING, *words] if words else [sys.executable, "-m", "interlock.local.forge", "--config"]
    )
    running = subprocess.Popen([*command, str(file)], stderr=subprocess.DEVNULL)
    try:
        deadline = time.monotonic() + 20
        while True:
            try:
                httpx.get(f"{config.root_url}/healthz", trust_env=False)
                break
            except httpx.ConnectError:
                assert running.poll() is None, "the forge did not start"
                assert time.monotonic() < deadline
        yield running
    finally:
        running.kill()
        running.wait()


@pytest.fixture
def prepared(make_config: Callable[..., Config], serve: Serve) -> tuple[Config, int, str, str]:
    """A forge with an open pull request: (config, number, head, tip of main)."""
    config = make_config()
    with serve(config) as estate:
        number = estate.propose("dana", "feature", {"a": "1"})
        head = estate.root.pull("acme", "env", number).head_sha
        return config, number, head, estate.root.branch("acme", "env", "main")


def die_in_merge(config: Config, folder: Path, people_keys: Path, number: int, head: str, *words: str) -> None:
    token = (people_keys / "interlock.token").read_text()
    with process(config, folder, *words) as running, ForgeClient(config.root_url, token) as client:
        with pytest.raises(UnreachableError):
            client.merge("acme", "env", number, head_commit_id=head, message_title="Merge")
        assert running.wait(20) == -signal.SIGKILL


def check_whole(estate: Estate, number: int, *, merged: bool, main: str, head: str) -> None:
    pull = estate.root.pull("acme", "env", number)
    tip = estate.root.branch("acme", "env", "main")
    assert pull.merged is merged
    if merged:
        assert pull.merge_commit_sha == tip
        assert pull.merged_by == "interlock"
        clone = git.Repository.clone_mirror(f"{estate.url}/acme/env", estate.folder / "m", lambda: estate["rita"].token)
        assert clone.commit("main").parents == (main, head)
    else:
        assert (pull.state, tip) == ("open", main)
        again = estate.merge("interlock", number, head)
        assert again.merged


@pytest.mark.parametrize(
    ("words", "merged"),
    [
        ((*GIT, "commit_tree", "after"), False),
        ((*JOURNAL, "intend", "after"), False),
        ((*GIT, "update_ref", "before"), False),
        ((*GIT, "update_ref", "after"), True),
        ((*JOURNAL, "settle", "before"), True),
        ((*JOURNAL, "settle", "after"), True),
    ],
)
def test_a_merge_that_was_killed(
    prepared: tuple[Config, int, str, str],
    serve: Serve,
    tmp_path: Path,
    people_keys: Path,
    words: tuple[str, ...],
    merged: bool,
) -> None:
    config, number, head, main = prepared
    die_in_merge(config, tmp_path, people_keys, number, head, *words)
    with serve(config) as estate:
        check_whole(estate, number, merged=merged, main=main, head=head)
    with serve(config) as estate:  # recovering again changes nothing
        assert estate.root.pull("acme", "env", number).merged


def test_a_push_that_was_killed_before_it_was_recorded(
    prepared: tuple[Config, int, str, str], serve: Serve, tmp_path: Path
) -> None:
    """git moved the branch, the forge died: the pull request follows at the next start."""
    config, number, head, _ = prepared
    with process(config, tmp_path, *JOURNAL, "settle", "before") as running:
        path = tmp_path / "work"
        dana = [f"GIT_CONFIG_GLOBAL={tmp_path / 'dana' / 'gitconfig'}", "GIT_CONFIG_NOSYSTEM=1"]

        def run(*arguments: str) -> int:
            return subprocess.run(["env", *dana, "git", *arguments], capture_output=True, check=False).returncode

        assert run("clone", "--quiet", "--branch", "feature", f"{config.root_url}/acme/env", str(path)) == 0
        assert run("-C", str(path), "commit", "--quiet", "--allow-empty", "-m", "more") == 0
        assert run("-C", str(path), "push", "origin", "feature") != 0
        assert running.wait(20) == -signal.SIGKILL
    with serve(config) as estate:
        moved = estate.root.pull("acme", "env", number).head_sha
        assert moved == estate.root.branch("acme", "env", "feature") != head


def test_a_branch_that_moved_without_an_intent_is_followed(
    prepared: tuple[Config, int, str, str], serve: Serve
) -> None:
    """As after a restore of the database from yesterday."""
    config, number, _, main = prepared
    bare = config.data / "repositories" / "1.git"
    subprocess.run(["git", "update-ref", "refs/heads/feature", main], cwd=bare, check=True)
    with serve(config) as estate:
        assert estate.root.pull("acme", "env", number).head_sha == main


def test_a_lock_that_a_crash_left_is_removed(prepared: tuple[Config, int, str, str], serve: Serve) -> None:
    config, number, head, main = prepared
    lock = config.data / "repositories" / "1.git" / "refs" / "heads" / "main.lock"
    lock.touch()
    os.utime(lock, (0, 0))
    with serve(config) as estate:
        check_whole(estate, number, merged=False, main=main, head=head)


def test_two_forges_do_not_share_a_folder(shared: Estate) -> None:
    with pytest.raises(ConflictError, match="data-in-use"):
        create_app(shared.config)


def test_half_a_push_leaves_nothing(prepared: tuple[Config, int, str, str], serve: Serve, people_keys: Path) -> None:
    """A client that goes away in the middle of its pack."""
    config, *_ = prepared
    with serve(config) as estate:
        token = (people_keys / "dana.token").read_text()

        def body() -> Iterator[bytes]:
            yield b"0000"
            raise OSError("gone")

        with pytest.raises(OSError, match="gone"):
            httpx.post(
                f"{estate.url}/acme/env.git/git-receive-pack",
                headers={"Authorization": f"token {token}"},
                content=body(),
                trust_env=False,
            )
        assert {branch.name for branch in estate.root.branches("acme", "env")} == {"main", "feature"}


def test_it_starts_quickly_and_ends_on_sigterm(prepared: tuple[Config, int, str, str], tmp_path: Path) -> None:
    config, *_ = prepared
    with process(config, tmp_path) as running:
        os.kill(running.pid, signal.SIGTERM)
        began = time.monotonic()
        assert running.wait(5) in (0, -signal.SIGTERM)
        assert time.monotonic() - began < 3
