"""The one reading of an Application: what the gate, the loops and the proof mean by "deployed"."""

from __future__ import annotations

from typing import Any

import pytest

from interlock.platform.domain import health

SYNCED: dict[str, Any] = {
    "sync": {"status": "Synced", "revision": "a" * 40},
    "health": {"status": "Healthy"},
    "operationState": {"phase": "Succeeded"},
}


def application(**status: Any) -> dict[str, Any]:
    return {"metadata": {"name": "payments-prod"}, "status": SYNCED | status}


def test_synced_healthy_and_applied_is_deployed() -> None:
    found = health.of(application())
    assert found == health.Sync("payments-prod", "Synced", "Healthy", "Succeeded", "a" * 40)
    assert found.deployed == "a" * 40


@pytest.mark.parametrize("operation", [None, {}])
def test_without_an_operation_the_comparison_tells(operation: Any) -> None:
    assert health.of(application(operationState=operation)).deployed == "a" * 40


@pytest.mark.parametrize(
    "status",
    [
        {"sync": {"status": "OutOfSync", "revision": "a" * 40}},
        {"sync": {"status": "Synced"}},
        {"sync": {"status": "Synced", "revision": ""}},
        {"sync": {"revision": "a" * 40}},
        {"sync": "Synced"},
        {"health": {"status": "Progressing"}},
        {"health": {}},
        {"operationState": {"phase": "Running"}},
        {"operationState": {"phase": "Failed"}},
        {"operationState": {"phase": ""}},
        {"operationState": {"message": "no phase"}},
        {"operationState": "Succeeded"},
    ],
)
def test_anything_less_is_not(status: dict[str, Any]) -> None:
    assert health.of(application(**status)).deployed is None


def test_a_failed_operation_is_told_with_the_comparison() -> None:
    assert health.of(application(operationState={"phase": "Failed"})).state == "Synced, operation Failed"
    assert health.of({}) == health.Sync("", "Unknown", "Unknown", "", "")
