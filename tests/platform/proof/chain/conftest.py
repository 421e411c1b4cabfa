"""A delivered world, made once and copied."""

from __future__ import annotations

from pathlib import Path

import pytest

from .proof_world.world import World, make_world


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory) -> World:
    return make_world(tmp_path_factory.mktemp("template"))


@pytest.fixture(scope="module")
def shared(template: World, tmp_path_factory: pytest.TempPathFactory) -> World:
    """A delivered world for tests that leave it as it was."""
    made = template.copy(tmp_path_factory.mktemp("shared") / "world")
    made.freeze()
    return made


@pytest.fixture
def world(template: World, tmp_path: Path) -> World:
    """A delivered world of one's own."""
    return template.copy(tmp_path / "world")


@pytest.fixture
def strict_world(tmp_path: Path) -> World:
    """One whose environments accept only what was executed."""
    return make_world(tmp_path, bases=("executed",))
