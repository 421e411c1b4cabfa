from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from interlock.platform.estate.windows import Freeze, Window

BERLIN = {"days": ["mon", "tue"], "from": "22:00", "to": "24:00", "timezone": "Europe/Berlin"}


def test_a_window_is_read_in_its_own_zone() -> None:
    window = Window.model_validate(BERLIN)
    monday = datetime(2026, 8, 24, 20, 0, tzinfo=UTC)  # 22:00 in Berlin, summer time
    assert window.contains(monday)
    assert not window.contains(monday - timedelta(seconds=1))
    assert window.contains(monday + timedelta(hours=2) - timedelta(seconds=1))
    assert not window.contains(datetime(2026, 8, 26, 20, 0, tzinfo=UTC))
    winter = datetime(2026, 12, 14, 21, 0, tzinfo=UTC)
    assert window.contains(winter) and not window.contains(winter - timedelta(seconds=1))


@given(st.datetimes(timezones=st.just(UTC), min_value=datetime(2000, 1, 1), max_value=datetime(2100, 1, 1)))
def test_the_whole_week_is_always_open(now: datetime) -> None:
    days = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
    assert Window.model_validate({"days": days, "from": "00:00", "to": "24:00"}).contains(now)


@pytest.mark.parametrize(
    "change", [{"from": "24:00"}, {"days": []}, {"to": "7:00"}, {"from": 60}, {"days": ["monday"]}]
)
def test_malformed_windows_are_refused(change: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        Window.model_validate({**BERLIN, **change})


def test_a_freeze_covers_its_environments_from_start_to_end() -> None:
    freeze = Freeze.model_validate(
        {
            "name": "Year end",
            "from": "2026-12-20T00:00:00+01:00",
            "to": "2027-01-02T00:00:00+01:00",
            "environments": ["prod"],
        }
    )
    start = datetime(2026, 12, 19, 23, 0, tzinfo=UTC)
    assert freeze.covers("prod", start) and not freeze.covers("test", start)
    assert not freeze.covers("prod", start - timedelta(seconds=1))
    assert not freeze.covers("prod", datetime(2027, 1, 1, 23, 0, tzinfo=UTC))
