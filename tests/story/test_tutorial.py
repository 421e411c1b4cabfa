"""The tutorial's own commands, as they stand on its pages. (Once more with every webhook dropped: beside this.)"""

from __future__ import annotations

from pathlib import Path

from .story_world.tutorial import play


def test_the_tutorial_plays(tmp_path: Path) -> None:
    play(tmp_path)
