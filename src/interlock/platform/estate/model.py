"""What all files of an estate share: strict models, and errors that carry file:line:column."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Annotated, TypeVar

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, StringConstraints, ValidationError

from interlock.errors import InputError
from interlock.formats import yaml
from interlock.platform.domain import names

API_VERSION = "interlock.dev/v1alpha1"


class Model(BaseModel):
    """Unknown fields are refused; files have them in camelCase alone."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)


def _duration(value: object) -> object:
    if isinstance(value, timedelta):
        return value
    match = re.fullmatch(r"([1-9][0-9]{0,4})([mhd])", value) if isinstance(value, str) else None
    if match is None:
        raise ValueError("a duration is a number and m, h or d, such as 5d")
    unit = {"m": "minutes", "h": "hours", "d": "days"}[match[2]]
    return timedelta(**{unit: int(match[1])})


def duration(value: timedelta) -> str:
    """As files write it, in its largest unit."""
    minutes = int(value.total_seconds()) // 60
    size, unit = next((size, unit) for size, unit in ((1440, "d"), (60, "h"), (1, "m")) if minutes % size == 0)
    return f"{minutes // size}{unit}"


def _moment(value: object) -> object:
    if isinstance(value, datetime):
        return value
    try:
        moment = datetime.fromisoformat(value) if isinstance(value, str) else None
    except ValueError:
        moment = None
    if moment is None or moment.tzinfo is None:
        raise ValueError('a time is quoted text with its offset, such as "2026-12-24T12:00:00+00:00"')
    return moment.astimezone(UTC)


def _one_line(value: str) -> str:
    if any(ord(character) < 32 or ord(character) == 127 for character in value):
        raise ValueError("control characters are not allowed")
    return value


Label = Annotated[str, StringConstraints(pattern=f"^{names.DNS_LABEL.pattern}$")]
"""A DNS label (RFC 1123)."""
PersonKey = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._@-]{0,63}$")]
Text = Annotated[str, StringConstraints(min_length=1, max_length=500), AfterValidator(_one_line)]
Login = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")]
Duration = Annotated[timedelta, BeforeValidator(_duration)]
Moment = Annotated[datetime, BeforeValidator(_moment)]
ImageRepository = Annotated[
    str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9.-]*(:[0-9]+)?(/[a-z0-9]+([._-][a-z0-9]+)*)+$")
]

M = TypeVar("M", bound=Model)


def parse(model: type[M], data: bytes | str, *, file: str) -> M:
    """Read one file. Raises InputError ``yaml-*`` or ``estate-invalid``, with the position of the fault."""
    document = yaml.load(data, file=file)
    if not isinstance(document.value, dict):
        raise InputError(
            "estate-invalid", "a mapping is needed", got=type(document.value).__name__, where=document.where()
        )
    try:
        return model.model_validate(document.value, by_alias=True, by_name=False)
    except ValidationError as error:
        # A misspelt field is also a missing one: the unknown name is what helps.
        every = error.errors()
        first = next((item for item in every if item["type"] == "extra_forbidden"), every[0])
        location = first["loc"]
        message = first["msg"].removeprefix("Value error, ")
        got = first.get("input")
        raise InputError(
            "estate-unknown-field" if first["type"] == "extra_forbidden" else "estate-invalid",
            f"{'.'.join(str(step) for step in location) or 'file'}: {message}",
            got=repr(got)[:200] if isinstance(got, str | int | float | bool) else None,
            where=document.where(*location),
            todo="see docs/reference for the fields of this file",
        ) from error


def refuse(
    message: str, *, data: bytes | str, file: str, path: tuple[str | int, ...], got: object = None
) -> InputError:
    """An error about a well-formed file that contradicts itself or another file of the estate."""
    return InputError(
        "estate-inconsistent", message, got=got, where=yaml.load(data, file=file).where(*path), todo="see platform.yaml"
    )
