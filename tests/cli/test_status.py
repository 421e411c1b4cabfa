"""`interlock status` and `interlock wait` of an estate of many services: what they say, and what they start for it."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from interlock.clients.git import Repository

from .many_services import ENVIRONMENTS, START, Estate, answering

Run = Callable[..., tuple[Any, list[str]]]
_START = datetime.fromtimestamp(START, UTC)


@pytest.fixture(scope="module")
def estate(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Estate]:
    with answering(tmp_path_factory.mktemp("many"), services=100, deliveries=150) as estate:
        yield estate


@pytest.fixture
def run(estate: Estate, tmp_path: Path) -> Run:
    """A command: what it printed, and the git processes that it started."""
    wrapper, log = tmp_path / "wrapper" / "git", tmp_path / "started"
    wrapper.parent.mkdir()
    wrapper.write_text(f"#!/bin/sh\necho \"$*\" >> '{log}'\nexec '{shutil.which('git')}' \"$@\"\n")
    wrapper.chmod(0o755)

    def run(*arguments: str, code: int = 0) -> tuple[Any, list[str]]:
        log.write_text("")
        done = subprocess.run(
            [sys.executable, "-c", "from interlock.cli import main; main()", *arguments, "--context", estate.context],
            env={**os.environ, "PATH": f"{wrapper.parent}{os.pathsep}{os.environ['PATH']}"},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == code, done.stderr
        return done.stdout + done.stderr, log.read_text().splitlines()

    return run


def status(run: Run) -> tuple[dict[tuple[str, str], dict[str, Any]], list[str]]:
    printed, started = run("status", "--json")
    return {(item["service"], item["environment"]): item for item in json.loads(printed)}, started


def test_every_service_is_told_in_every_environment(run: Run, estate: Estate) -> None:
    found, _ = status(run)
    assert list(found) == [(service, environment) for service in estate.services for environment in ENVIRONMENTS]
    # Of 150 deliveries the last fifty were a second one of their service.
    assert found["service-000", "dev"]["tag"] == "main-000000000064"
    assert found["service-099", "prod"]["tag"] == "main-000000000063"
    assert {(item["sync"], item["health"]) for item in found.values()} == {("Synced", "Healthy")}


def test_since_is_when_the_delivery_was_committed(run: Run) -> None:
    """Not when it was merged or sealed, nor when another service was delivered."""
    found, _ = status(run)
    # dev: one commit, then two a delivery; prod: two, then three.
    assert found["service-000", "dev"]["since"] == (_START + timedelta(minutes=1 + 2 * 100 + 1)).isoformat()
    assert found["service-099", "prod"]["since"] == (_START + timedelta(minutes=2 + 3 * 99 + 1)).isoformat()


def test_two_git_processes_are_started_however_many_services_there_are(run: Run) -> None:
    """One reads the rules, one all environments."""
    status(run)
    _, started = status(run)
    assert ["cat-file --batch-command" in item for item in started] == [True, True], started


def test_a_repository_is_fetched_where_something_moved(run: Run, estate: Estate) -> None:
    status(run)
    for environment in ENVIRONMENTS:
        estate.deliver("service-007", environment, "main-feedfacefeed")
    found, started = status(run)
    assert {found["service-007", environment]["tag"] for environment in ENVIRONMENTS} == {"main-feedfacefeed"}
    assert sum("fetch" in item for item in started) == len(ENVIRONMENTS)
    assert len(started) <= 5, started


def test_a_service_without_an_application_is_not_there(run: Run, estate: Estate) -> None:
    name = estate.applications["service-042", "test"]["metadata"]
    name["name"] = "another"
    try:
        found, _ = status(run)
    finally:
        name["name"] = "service-042-test"
    assert ("service-042", "test") not in found
    assert ("service-042", "prod") in found


def test_waiting_ends_where_git_and_argo_cd_agree(run: Run, estate: Estate) -> None:
    estate.deliver("service-008", "test", "main-0123456789ab")
    estate.deliver("service-008", "prod", "main-0123456789ab")
    printed, _ = run("wait", "service-008", "--env", "prod", "--image", "previous")
    assert printed == "service-008 in prod: main-0123456789ab, Synced, Healthy\n"


def test_what_is_merged_and_not_sealed_has_not_settled(run: Run, estate: Estate) -> None:
    estate.deliver("service-009", "prod", "main-123456789abc")
    printed, _ = run("wait", "service-009", "--env", "prod", "--settled")
    assert printed == "service-009 in prod: main-123456789abc, Synced, Healthy\n"
    git = Repository(estate.folder / "env-prod.git")
    tips = git.refs()
    git.update_ref("refs/heads/sealed", git.commit(tips["refs/heads/sealed"]).parents[0])
    estate.settle("prod")
    try:
        for name, said in (("service-009", "main-"), ("main", "main of env-prod is not sealed")):
            refused, _ = run("wait", name, "--env", "prod", "--settled", "--timeout", "1", code=5)
            assert said in refused
    finally:
        git.update_ref("refs/heads/sealed", tips["refs/heads/sealed"])
        estate.settle("prod")
    printed, _ = run("wait", "main", "--env", "prod", "--settled")
    assert printed == "main of env-prod is sealed\n"


def test_a_service_that_left_has_settled(run: Run) -> None:
    """Neither git nor the hub has it."""
    printed, _ = run("wait", "service-900", "--env", "prod", "--settled")
    assert printed == "service-900 has left prod\n"
