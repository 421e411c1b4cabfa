"""Whose lease it is."""

from datetime import UTC, datetime, timedelta

import pytest

from interlock.platform.controller.lease import taken_by

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)


def lease(holder: str, age: timedelta, duration: int = 15) -> dict[str, object]:
    renewed = (NOW - age).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    return {"spec": {"holderIdentity": holder, "renewTime": renewed, "leaseDurationSeconds": duration}}


@pytest.mark.parametrize(
    ("found", "holder"),
    [
        ({}, None),
        (lease("", timedelta(0)), None),
        (lease("other", timedelta(seconds=14)), "other"),
        (lease("other", timedelta(seconds=15)), None),
    ],
)
def test_a_lease_is_taken_until_its_time_is_over(found: dict[str, object], holder: str | None) -> None:
    assert taken_by(found, NOW) == holder
