"""Sync windows and the cron schedules that they begin by."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from interlock.errors import InputError
from interlock.formats.argocd import cron
from interlock.formats.argocd.windows import SyncWindow, may_sync

TUESDAY = datetime(2026, 3, 10, 12, 30, tzinfo=UTC)


def window(kind: str = "allow", schedule: str = "0 12 * * *", duration: str = "1h", **more: Any) -> SyncWindow:
    return SyncWindow.model_validate({"kind": kind, "schedule": schedule, "duration": duration, **more})


@pytest.mark.parametrize(
    ("schedule", "after", "expected"),
    [
        ("0 12 * * *", datetime(2026, 3, 10, 11), datetime(2026, 3, 10, 12)),
        ("0 12 * * *", datetime(2026, 3, 10, 12), datetime(2026, 3, 11, 12)),
        ("*/15 * * * *", datetime(2026, 3, 10, 11, 46), datetime(2026, 3, 10, 12)),
        ("0 0 1 * *", datetime(2026, 3, 10), datetime(2026, 4, 1)),
        ("0 0 29 2 *", datetime(2026, 3, 10), datetime(2028, 2, 29)),
        ("0 9 * * mon-fri", datetime(2026, 3, 13, 10), datetime(2026, 3, 16, 9)),
        ("0 9 * * 0", datetime(2026, 3, 10), datetime(2026, 3, 15, 9)),
        ("0 0 1 * mon", datetime(2026, 3, 10), datetime(2026, 3, 16)),
        ("0 22 */1 * ?", datetime(2026, 3, 10, 23), datetime(2026, 3, 11, 22)),
        ("30 8-10/2 * jan,mar *", datetime(2026, 3, 10, 8, 30), datetime(2026, 3, 10, 10, 30)),
    ],
)
def test_schedules(schedule: str, after: datetime, expected: datetime) -> None:
    assert cron.parse(schedule).next(after) == expected


def test_a_schedule_that_never_comes() -> None:
    assert cron.parse("0 0 31 2 *").next(datetime(2026, 1, 1)) is None


@pytest.mark.parametrize(
    "text",
    [
        "",
        "* * * *",
        "* * * * * *",
        "60 * * * *",
        "* 24 * * *",
        "* * 0 * *",
        "* * * 13 *",
        "* * * * 7",
        "a * * * *",
        "*/0 * * * *",
        "5-1 * * * *",
        "@daily",
    ],
)
def test_what_is_no_schedule(text: str) -> None:
    with pytest.raises(InputError) as caught:
        cron.parse(text)
    assert caught.value.code == "cron-invalid"


@given(st.datetimes(datetime(2020, 1, 1), datetime(2030, 1, 1)), st.integers(0, 59), st.integers(0, 23))
def test_the_next_time_is_later_and_fits(after: datetime, minute: int, hour: int) -> None:
    found = cron.parse(f"{minute} {hour} * * *").next(after)
    assert found is not None
    assert timedelta() < found - after <= timedelta(days=1)
    assert (found.minute, found.hour) == (minute, hour)


def test_no_window_allows() -> None:
    assert may_sync([], now=TUESDAY).allowed


def test_an_allow_window_allows_while_it_is_open_and_otherwise_forbids() -> None:
    assert may_sync([window()], now=TUESDAY).allowed
    closed = may_sync([window()], now=TUESDAY + timedelta(hours=1))
    assert not closed.allowed
    assert closed.reason == "allow window is not open: 0 12 * * * for 1h"
    assert may_sync([window(), window(schedule="0 13 * * *")], now=TUESDAY + timedelta(hours=1)).allowed


def test_a_deny_window_beats_every_allow_window() -> None:
    freeze = window("deny", description="quarter end")
    assert may_sync([window(), freeze], now=TUESDAY).reason == "deny window is open: 0 12 * * * for 1h (quarter end)"
    assert may_sync([freeze], now=TUESDAY + timedelta(hours=2)).allowed


def test_a_window_is_half_open() -> None:
    noon = TUESDAY.replace(minute=0)
    assert not may_sync([window("deny")], now=noon + timedelta(minutes=1)).allowed
    assert may_sync([window("deny")], now=noon + timedelta(hours=1)).allowed


def test_a_person_may_only_where_every_window_in_the_way_says_so() -> None:
    one, other = window("deny", manualSync=True), window("deny")
    assert may_sync([one], now=TUESDAY, manual=True).allowed
    assert not may_sync([one], now=TUESDAY).allowed
    assert not may_sync([one, other], now=TUESDAY, manual=True).allowed
    late = TUESDAY + timedelta(hours=2)
    assert may_sync([window(manualSync=True)], now=late, manual=True).allowed
    assert not may_sync([window(manualSync=True), window()], now=late, manual=True).allowed


def test_a_running_sync_may_go_on_if_the_windows_say_so() -> None:
    began = TUESDAY - timedelta(hours=1)
    assert may_sync([window("deny", syncOverrun=True)], now=TUESDAY, started=began).allowed
    assert not may_sync([window("deny")], now=TUESDAY, started=began).allowed
    assert not may_sync([window("deny", syncOverrun=True)], now=TUESDAY, started=TUESDAY).allowed
    late = TUESDAY + timedelta(hours=1)
    assert may_sync([window(syncOverrun=True)], now=late, started=TUESDAY).allowed
    assert not may_sync([window(syncOverrun=True)], now=late, started=late).allowed


def test_the_schedule_is_read_in_the_windows_own_time_zone() -> None:
    frankfurt = window(schedule="30 13 * * *", duration="30m", timeZone="Europe/Berlin")
    assert may_sync([frankfurt], now=TUESDAY + timedelta(minutes=1)).allowed
    assert not may_sync([frankfurt], now=TUESDAY - timedelta(minutes=30)).allowed
    nowhere = window(schedule="30 12 * * *", duration="30m", timeZone="Mars/Olympus")
    assert may_sync([nowhere], now=TUESDAY + timedelta(minutes=1)).allowed


@pytest.mark.parametrize("broken", [window(schedule="never"), window(duration="1 hour"), window("deny", duration="")])
def test_a_window_that_cannot_be_read_forbids(broken: SyncWindow) -> None:
    found = may_sync([broken], now=TUESDAY)
    assert not found.allowed
    assert found.reason.startswith("invalid sync windows: ")


@pytest.mark.parametrize(
    ("lists", "expected"),
    [
        ({"applications": ["pay*"]}, True),
        ({"applications": ["other"]}, False),
        ({"namespaces": ["payments"]}, True),
        ({"clusters": ["https://prod-*"]}, True),
        ({"clusters": ["prod"]}, True),
        ({"applications": ["other"], "namespaces": ["payments"]}, True),
        ({"applications": ["other"], "namespaces": ["payments"], "andOperator": True}, False),
        ({"applications": ["*"], "namespaces": ["payments"], "andOperator": True}, True),
        ({}, False),
    ],
)
def test_whom_a_window_concerns(lists: dict[str, Any], expected: bool) -> None:
    found = window(**lists).concerns("payments-prod", "payments", "https://prod-cluster", "prod")
    assert found is expected
