"""``checks.yaml`` of the platform repo: which checks a kind of delivery must pass in an environment, and how strictly.

It is part of the rules in force: a decision that names a sealed platform commit names the table of then. Whether there
is a check of an id is not asked here: that is what the software of the day knows, and the gate says.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Annotated, Literal

from pydantic import Field, StrictBool, StrictInt, StringConstraints

from interlock.formats import yaml
from interlock.platform.estate.model import API_VERSION, Label, Model, Text, parse, refuse

FILE = "checks.yaml"
Parameter = StrictBool | StrictInt | Text


class CheckEntry(Model):
    """One check that must hold."""

    id: Label
    parameters: dict[Annotated[str, StringConstraints(pattern=r"^[a-z][A-Za-z0-9]{0,62}$")], Parameter] = Field(
        default_factory=dict
    )


class CheckTable(Model):
    """The file: kind of delivery -> environment -> checks, in the order in which they are told."""

    api_version: Literal["interlock.dev/v1alpha1"] = Field(alias="apiVersion")
    kind: Literal["CheckTable"]
    checks: dict[Label, dict[Label, Annotated[tuple[CheckEntry, ...], Field(min_length=1)]]]

    def of(self, kind: str, environment: str) -> tuple[CheckEntry, ...] | None:
        """None where the table does not say."""
        return self.checks.get(kind, {}).get(environment)

    def dump(self) -> bytes:
        """The file: the same bytes for equal tables, which `read` reads back."""
        return yaml.dump(
            {
                "apiVersion": API_VERSION,
                "kind": self.kind,
                "checks": {
                    kind: {name: list(map(_written, entries)) for name, entries in sorted(places.items())}
                    for kind, places in sorted(self.checks.items())
                },
            }
        ).encode()


def read(data: bytes, *, environments: Collection[str], file: str = FILE) -> CheckTable:
    """Raises InputError ``yaml-*`` or ``estate-*`` with the position: also for an environment that is none of
    ``environments``, and for an id that stands twice in one place."""
    table = parse(CheckTable, data, file=file)
    for kind, places in table.checks.items():
        for name, entries in places.items():
            path = ("checks", kind, name)
            if name not in environments:
                raise refuse("no such environment in platform.yaml", data=data, file=file, path=path, got=name)
            for index in _repeated(entries):
                again = (*path, index, "id")
                raise refuse("the check stands there twice", data=data, file=file, path=again, got=entries[index].id)
    return table


def _repeated(entries: tuple[CheckEntry, ...]) -> Iterator[int]:
    ids = [item.id for item in entries]
    return (index for index, name in enumerate(ids) if name in ids[:index])


def _written(entry: CheckEntry) -> dict[str, object]:
    return {"id": entry.id} | ({"parameters": dict(sorted(entry.parameters.items()))} if entry.parameters else {})
