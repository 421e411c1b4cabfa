"""Attacks on the estate by people who may do what every developer may: push to repositories that they write to."""

from __future__ import annotations

import contextlib
from pathlib import Path

from .story_world.deliveries import commit, fresh_clone, proposed
from .story_world.estate import ORGANISATION, Estate, refresh
from .story_world.waiting import eventually


def test_a_tag_called_like_the_tracked_branch_brings_no_older_seal_back(estate: Estate) -> None:
    """A seal is good for ever, so it must not be a tag that says which one is current."""
    sealed, image = estate.branch("env-prod", "sealed"), estate.image("payments", "prod")
    older = estate.forge().commit(ORGANISATION, "env-prod", sealed).parents[0]
    clone = fresh_clone(estate, "dana", "env-prod")

    estate.git("dana", "push", "--quiet", "origin", f"{older}:refs/tags/sealed", cwd=clone)
    try:
        assert refresh(estate, "payments-prod")["status"]["sync"]["revision"] == sealed
        assert estate.image("payments", "prod") == image
        spelled = estate.git(
            "dana", "push", "--quiet", "origin", f"{older}:refs/tags/refs/heads/sealed", cwd=clone, expect=1
        )
        assert "[ref-name-invalid]" in spelled.err
    finally:
        estate.git("dana", "push", "--quiet", "origin", ":refs/tags/sealed", cwd=clone)


def test_hostile_pull_requests_stop_no_other_delivery(estate: Estate) -> None:
    """Each of them stood in the way of every delivery of its environment, reverts too."""

    def digits(clone: Path) -> None:
        values = clone / "apps" / "payments" / "values.dev.yaml"
        values.write_text(f"{values.read_text()}x: {'1' * 5000}\n")

    def anything(clone: Path) -> None:
        (clone / "any.txt").write_text("any\n")

    with contextlib.ExitStack() as opened:
        number = opened.enter_context(proposed(estate, "env-dev", digits))
        rootless = opened.enter_context(proposed(estate, "env-dev", anything))
        opened.enter_context(proposed(estate, "env-dev", anything, branch="bump/payments/main-"))
        assert rootless.clone is not None
        estate.git("dana", "checkout", "--quiet", "--orphan", "root", cwd=rootless.clone)
        commit(estate, "dana", rootless.clone, "No parents", anything)
        estate.git("dana", "push", "--quiet", "--force", "origin", f"HEAD:{rootless.branch}", cwd=rootless.clone)

        source = fresh_clone(estate, "dana", "payments")
        head = commit(estate, "dana", source, "Go on", lambda folder: (folder / "NEXT.md").write_text("on\n"))
        estate.git("dana", "push", "--quiet", cwd=source)
        estate.run("wait", "payments", "--env", "dev", "--image", f"main-{head[:12]}", "--timeout", "90")

        assert "yaml-number" in eventually(number.gate).report
        assert eventually(rootless.gate).state != "success"
