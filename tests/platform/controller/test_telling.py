"""What the platform says on the forge, where others may say things too."""

from __future__ import annotations

from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import pytest

from interlock.clients.forge import CommitStatus
from interlock.platform.controller.acting import Acting
from interlock.platform.controller.acts import SetStatus
from interlock.platform.estate import Estate
from interlock.platform.estate.protection import GATE_STATUS

NOW = datetime(2026, 5, 4, 12, 0, tzinfo=UTC)
ACT = SetStatus("acme/env-prod", "1" * 40, GATE_STATUS, "failure", "refused")


class Forge:
    """Statuses of one commit, newest first."""

    def __init__(self) -> None:
        self.said: list[CommitStatus] = []

    def statuses(self, *_: str) -> list[CommitStatus]:
        return self.said

    def set_status(self, *_: str, context: str, state: str, description: str, by: str = "interlock") -> None:
        status = CommitStatus(len(self.said) + 1, context, state, description, "", by, 1, NOW)
        self.said.insert(0, status)


@pytest.mark.parametrize(
    ("context", "state", "description", "again"),
    [
        (GATE_STATUS, "success", "35 checks hold", True),
        (GATE_STATUS, "failure", "refused", True),
        ("ci/other", "success", "fine", False),
    ],
)
def test_whoever_says_something_as_the_gate_is_answered(
    estate: Estate, context: str, state: str, description: str, *, again: bool
) -> None:
    forge = Forge()
    world: Any = SimpleNamespace(estate=lambda: estate, connections=SimpleNamespace(forge=lambda: forge))
    acting = Acting(world, held=lambda: True)
    acting.perform(ACT)
    acting.forget()
    acting.perform(ACT)
    assert [item.creator for item in forge.said] == ["interlock"], "what stands there is not said again"
    forge.set_status(context=context, state=state, description=description, by="dana")
    acting.forget()
    acting.perform(ACT)
    newest = next(item for item in forge.said if item.context == GATE_STATUS)
    assert (newest.creator, newest.state) == ("interlock", "failure")
    assert len(forge.said) == (3 if again else 2)
