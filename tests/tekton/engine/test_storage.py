"""The engine's folder, in which several threads make room at once."""

from __future__ import annotations

from pathlib import Path

import pytest

from interlock.tekton.engine import storage
from interlock.tekton.engine.storage import Storage


def test_claims_are_dropped_while_somebody_else_drops_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Runs and their TaskRuns are deleted together, and each watch drops what was theirs."""
    found = Storage(tmp_path)
    claims = [found.claim("ci", name, owner_uid="u-1") for name in ("a", "b")]
    other = found.claim("ci", "c", owner_uid="u-2")
    remove = storage.remove

    def racing(folder: Path) -> None:
        remove(folder)
        for claim in claims:
            claim.with_name(f".{claim.name}.owner").unlink(missing_ok=True)

    monkeypatch.setattr(storage, "remove", racing)
    found.drop("ci", "u-1")
    assert found.owners() == {("ci", "u-2")} and other.is_dir()
    assert sum(claim.is_dir() for claim in claims) <= 1, "what is left is his who took the note"
