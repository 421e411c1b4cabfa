"""`interlock chart`: what it proposes, and what it says before."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from tests.platform import acme
from typer.testing import CliRunner

from interlock.cli import app
from interlock.clients.git import Repository
from interlock.errors import NotFoundError
from interlock.platform import catalog
from interlock.platform.estate.library import Library

CHART = b"""apiVersion: v2
name: payments
version: 0.1.0
dependencies:
  - name: service
    version: 1.0.0
    repository: file://../../charts/service
"""
SERVICE = {
    "apps/payments/Chart.yaml": CHART,
    "apps/payments/templates/service.yaml": b'{{ include "service.all" . }}\n',
    "apps/payments/values.yaml": b"owner: payments\nshape: ace-flow\n",
    "apps/payments/values.prod.yaml": b"replicas: 1\n",
}
OLD = catalog.charts()["1.0.0"]
FLAT = Library("charts/service", OLD).placed
NOW = datetime(2026, 8, 24, 12, 0, tzinfo=UTC)
PLACE = ("--env", "prod", "--as", "dana")


class Estate:
    """An env repo of before there were versions, and what was proposed to it."""

    def __init__(self, folder: Path) -> None:
        self.repositories = {name: Repository.init(folder / f"{name}.git") for name in ("env-prod", "platform")}
        self.write("platform", {"README.md": b""})
        self.write("env-prod", {**SERVICE, **FLAT})
        self.proposed: Any = None
        self.connections = SimpleNamespace(mirror=lambda name, identity, **_: self.repositories[name])

    def write(self, name: str, files: Mapping[str, bytes | None]) -> None:
        git = self.repositories[name]
        base = git.refs().get("refs/heads/main")
        tree = git.write_tree(dict(files), base=base)
        git.update_ref(
            "refs/heads/main", git.commit_tree(tree, [base] if base else [], "x", author=("I", "i@x"), date=NOW)
        )

    def estate(self, identity: str) -> Any:
        environment = acme.environment("prod")
        commit = self.repositories["platform"].resolve("refs/heads/main")
        return SimpleNamespace(environment=lambda name: environment, service=lambda name: None, commit=commit)

    def propose(self, identity: str, estate: Any, environment: Any, git: Any, prepared: Any) -> None:
        self.proposed = prepared

    @property
    def files(self) -> set[str]:
        """That the proposed delivery changes."""
        git = self.repositories["env-prod"]
        return {item.path for item in git.diff(self.proposed.base, self.proposed.tree)}


@pytest.fixture
def estate(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Estate:
    made = Estate(tmp_path)
    monkeypatch.setattr("interlock.cli.session.Session", lambda context: made)
    return made


def interlock(*words: str) -> str:
    return CliRunner().invoke(app, list(words), catch_exceptions=False).output


def test_from_the_flat_chart_to_a_version_and_the_flat_one_leaves(estate: Estate) -> None:
    interlock("chart", "add", "1.0.0", *PLACE)
    placed = Library.of(OLD).placed
    assert estate.files == placed.keys() and estate.proposed.title == "charts: service 1.0.0 to prod"
    estate.write("env-prod", placed)
    assert "nothing that is rendered differs" in interlock("chart", "move", "payments", "--to", "1.0.0", *PLACE)
    assert estate.files == {"apps/payments/Chart.yaml"} and estate.proposed.title == "payments: chart 1.0.0 to prod"
    interlock("chart", "drop-flat", *PLACE)
    assert estate.files == FLAT.keys()


def test_what_is_in_force_nowhere(estate: Estate) -> None:
    with pytest.raises(NotFoundError) as caught:
        interlock("chart", "add", "9.9.9", *PLACE)
    assert (caught.value.code, estate.proposed) == ("chart-version-unknown", None)
