"""Five-field cron schedules as sync windows use them (robfig/cron v3: minute, hour, day, month, day of week)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from interlock.errors import InputError

_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_DAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
_BOUNDS = ((0, 59), (0, 23), (1, 31), (1, 12), (0, 6))
_HORIZON_DAYS = 366 * 5


@dataclass(frozen=True, slots=True)
class Schedule:
    """Sets of the values at which it fires. When both day fields are restricted, one of them is enough."""

    minutes: frozenset[int]
    hours: frozenset[int]
    days: frozenset[int]
    months: frozenset[int]
    weekdays: frozenset[int]
    either_day: bool

    def next(self, after: datetime) -> datetime | None:
        """The first time strictly after ``after``; None when there is none within five years."""
        start = after.replace(second=0, microsecond=0) + timedelta(minutes=1)
        day = start.replace(hour=0, minute=0)
        for _ in range(_HORIZON_DAYS):
            if self._fires_on(day):
                for hour in sorted(self.hours):
                    for minute in sorted(self.minutes):
                        moment = day.replace(hour=hour, minute=minute)
                        if moment >= start:
                            return moment
            day += timedelta(days=1)
        return None

    def _fires_on(self, day: datetime) -> bool:
        by_day = day.day in self.days
        by_weekday = (day.weekday() + 1) % 7 in self.weekdays
        return day.month in self.months and (by_day or by_weekday if self.either_day else by_day and by_weekday)


def parse(text: str) -> Schedule:
    """Raises InputError ``cron-invalid``."""
    words = text.split()
    if len(words) != 5:
        raise InputError("cron-invalid", f"expected exactly 5 fields, found {len(words)}", got=text)
    sets: list[frozenset[int]] = []
    stars: list[bool] = []
    for index, word in enumerate(words):
        names = _MONTHS if index == 3 else _DAYS if index == 4 else ()
        values, star = _field(word, _BOUNDS[index], names, text)
        sets.append(values)
        stars.append(star)
    minutes, hours, days, months, weekdays = sets
    return Schedule(minutes, hours, days, months, weekdays, either_day=not stars[2] and not stars[4])


def _field(word: str, bounds: tuple[int, int], names: tuple[str, ...], text: str) -> tuple[frozenset[int], bool]:
    found: set[int] = set()
    star = False
    low, high = bounds
    for part in word.split(","):
        span, slash, step_text = part.partition("/")
        if slash and not (step_text.isdigit() and int(step_text) > 0):
            raise InputError("cron-invalid", f"bad step in {part!r}", got=text)
        step = int(step_text) if slash else 1
        first, dash, last = span.partition("-")
        if span in ("*", "?"):
            start, end = low, high
            star = star or step == 1
        else:
            start = _number(first, names, low, text)
            end = _number(last, names, low, text) if dash else high if slash else start
        if start < low or end > high or start > end:
            raise InputError("cron-invalid", f"{part!r} is outside of {low}-{high}", got=text)
        found.update(range(start, end + 1, step))
    return frozenset(found), star


def _number(word: str, names: tuple[str, ...], low: int, text: str) -> int:
    if word.lower() in names:
        return names.index(word.lower()) + low
    if word.isdigit():
        return int(word)
    raise InputError("cron-invalid", f"{word!r} is no number", got=text)
