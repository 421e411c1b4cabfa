"""The proof of what runs: valid when everything is as it was decided."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import Any

import pytest

from interlock.platform.domain.ids import EnvironmentName, ServiceName
from interlock.platform.domain.verdict import Basis, Verdict
from interlock.platform.kinds.chart import NAME as CHART
from interlock.platform.proof.chain import Trace, trace

ORDER = [
    "running-object",
    "sync",
    "seal",
    "merge",
    "approvals",
    "change-record",
    "image-digest",
    "signature",
    "provenance",
    "sbom",
    "scan",
    "pipeline-run",
    "source-commit",
]


def traced(world: Any, environment: str = "prod") -> Trace:
    return trace(world.sources(), EnvironmentName(environment), ServiceName("payments"), now=world.clock)


def problems(found: Trace) -> dict[str, str]:
    return {item.id: f"{item.reason}: {item.detail}" for item in found.findings if item.verdict is not Verdict.VALID}


def test_thirteen_links_in_order_all_valid(shared: Any) -> None:
    found = traced(shared)
    assert [item.id for item in found.findings] == ORDER
    assert problems(found) == {}
    assert found.overall is Verdict.VALID
    assert found.ledger.whole


MOVED = """\
name: payments
dependencies:
  - { name: service, version: 1.1.0, repository: "file://../../charts/service/1.1.0" }
"""


@pytest.mark.parametrize(
    ("people", "problem"), [(("sam", "rita", "pat"), None), (("sam", "rita"), "approval-missing")], ids=["all", "two"]
)
def test_after_a_chart_move_the_proof_is_of_the_move(world: Any, people: tuple[str, ...], problem: str | None) -> None:
    """From the flat chart to a version: by the paths of the new one, and the people that such a delivery asks."""
    image = traced(world).ids["image"]
    tag, _, digest = image.rpartition(":main-")[2].partition("@")
    revision = world.deliver("prod", {"apps/payments/Chart.yaml": MOVED}, CHART, reviewers=people)
    world.sync("prod", revision, f"main-{tag}", digest)
    found = traced(world)
    assert found.ids["seal"] == revision and found.ids["image"] == image
    assert {name: told.partition(":")[0] for name, told in problems(found).items()} == (
        {"approvals": problem} if problem else {}
    )


def test_what_was_not_executed_is_said(shared: Any) -> None:
    bases = {item.id: item.basis for item in traced(shared).findings if item.basis is not Basis.EXECUTED}
    assert bases == {"running-object": Basis.SIMULATED, "pipeline-run": Basis.STATIC}


def test_a_branch_that_is_named_as_the_built_commit_changes_nothing(world: Any) -> None:
    """Any developer of the service may push one."""
    built = world.tip("payments", "main")
    other = world.commit("payments", [built], world.repositories["payments"].tree(built), "Other", by="dana")
    for name in (built[:12], built[:7], "refs/heads/main"):
        world.move("payments", name, other)
    assert problems(traced(world)) == {}


def test_few_git_processes_are_started(world: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With a fetch of each repository, and a look at where it is fetched from, fifteen at most."""
    log = tmp_path / "started"
    wrapper = tmp_path / "wrapper" / "git"
    wrapper.parent.mkdir()
    wrapper.write_text(f"#!/bin/sh\necho \"$*\" >> '{log}'\nexec '{shutil.which('git')}' \"$@\"\n")
    wrapper.chmod(0o755)
    monkeypatch.setenv("PATH", f"{wrapper.parent}:{os.environ['PATH']}")
    assert problems(traced(world)) == {}
    commands = log.read_text().splitlines()
    assert sum("cat-file --batch-command" in item for item in commands) == 3
    assert len(commands) + 2 * 3 <= 15, commands


def test_every_link_says_what_it_claims_and_on_what_it_rests(shared: Any) -> None:
    for item in traced(shared).findings:
        assert item.claim and item.evidence and item.detail, item.id


def test_dev_asks_for_less_and_the_links_say_so(shared: Any) -> None:
    found = traced(shared, "dev")
    assert problems(found) == {}
    reasons = {item.id: item.reason for item in found.findings if item.reason == "not-required"}
    assert set(reasons) == {"seal", "approvals", "change-record"}


def test_the_dictionary_is_json(shared: Any) -> None:
    found = json.loads(json.dumps(traced(shared).as_dict()))
    assert found["overall"] == "valid"
    assert found["ids"]["record"].startswith("CHG")
    assert len(found["links"]) == 13
