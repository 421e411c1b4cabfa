"""When a delivery may be merged: weekly change windows and freezes."""

from __future__ import annotations

from datetime import UTC, datetime, tzinfo
from typing import Annotated, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import BeforeValidator, Field, model_validator

from interlock.platform.estate.model import Label, Model, Moment, Text

Day = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
_DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


def _minutes(value: object) -> object:
    if isinstance(value, str) and len(value) == 5 and value[2] == ":" and (value[:2] + value[3:]).isdigit():
        minutes = int(value[:2]) * 60 + int(value[3:])
        if minutes <= 24 * 60 and int(value[3:]) < 60:
            return minutes
    raise ValueError('a time of day is quoted text from "00:00" to "24:00"')


def _zone(value: object) -> object:
    if value == "UTC":
        return UTC  # known to machines without a time zone database too
    try:
        return ZoneInfo(value) if isinstance(value, str) else value
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise ValueError(f"no such time zone: {value!r}") from error


class Window(Model, arbitrary_types_allowed=True):
    """A weekly window. It does not cross midnight: write two."""

    days: tuple[Day, ...] = Field(min_length=1)
    start: Annotated[int, BeforeValidator(_minutes)] = Field(alias="from")
    """Minutes since midnight, inclusive."""
    end: Annotated[int, BeforeValidator(_minutes)] = Field(alias="to")
    """Minutes since midnight, exclusive."""
    zone: Annotated[tzinfo, BeforeValidator(_zone)] = Field(alias="timezone", default=UTC)

    @model_validator(mode="after")
    def _ordered(self) -> Window:
        if self.start >= self.end:
            raise ValueError("a window ends after it starts, on the same day")
        return self

    def __str__(self) -> str:
        times = " to ".join(f"{time // 60:02}:{time % 60:02}" for time in (self.start, self.end))
        return f"{', '.join(self.days)} {times} {self.zone}"

    def contains(self, now: datetime) -> bool:
        local = now.astimezone(self.zone)
        return _DAYS[local.weekday()] in self.days and self.start <= local.hour * 60 + local.minute < self.end


class Freeze(Model):
    """A time in which nothing is delivered into the named environments."""

    name: Text
    start: Moment = Field(alias="from")
    end: Moment = Field(alias="to")
    environments: tuple[Label, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _ordered(self) -> Freeze:
        if self.start >= self.end:
            raise ValueError("a freeze ends after it starts")
        return self

    def covers(self, environment: str, now: datetime) -> bool:
        return environment in self.environments and self.start <= now < self.end
