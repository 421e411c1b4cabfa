"""Attacks on the estate by people who may do what every developer may: push to repositories that they write to."""

from __future__ import annotations

from .story_world.deliveries import fresh_clone
from .story_world.estate import ORGANISATION, Estate, refresh


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
