"""Which pull request somebody means who names a service."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from interlock.cli.session import Session
from interlock.errors import NotFoundError


def found(service: str, *branches: str) -> str:
    """The head branch that is taken; ``branches``: those of the open pull requests, oldest first."""
    pulls = [SimpleNamespace(number=i, head_ref=name, from_fork=False) for i, name in enumerate(branches)]
    forge: Any = SimpleNamespace(pulls=lambda owner, name: pulls)
    estate: Any = SimpleNamespace(repository=lambda where: "acme/env-prod")
    environment: Any = SimpleNamespace(name="prod")
    return Session.open_pull(Session.__new__(Session), forge, estate, environment, service).head_ref


def test_a_delivery_of_no_service_is_asked_for_by_its_own_name() -> None:
    own, chart, restore = "promote/payments/main-012345678901", "chart/main/0123456789ab", "revert/main/0123456789ab"
    assert found("payments", own, chart) == own, "who approves payments does not approve a chart"
    assert found("main", own, chart) == chart
    assert found("payments", own, chart, restore) == restore, "what restores the whole is every service's"
    with pytest.raises(NotFoundError):
        found("payments", chart)
