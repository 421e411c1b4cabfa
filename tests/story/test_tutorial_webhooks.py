"""The tutorial's way to production, with every webhook dropped."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path

from .story_world import drop_webhooks
from .story_world.tutorial import play

DROP = f"{shlex.quote(sys.executable)} {shlex.quote(str(drop_webhooks.__file__))}"


def test_the_tutorial_plays_to_production_without_webhooks(tmp_path: Path) -> None:
    """Nobody tells the controller anything: it sees with its resync what else it would see at once."""
    play(tmp_path, "--after", DROP, "1-to-production.md", INTERLOCK_RESYNC="4")
