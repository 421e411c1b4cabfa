"""What every Tekton model shares: strict fields, two markers for what an engine of processes does not do, values.

A field marked `NotExecuted` belongs to the specification but changes what a run *means*; the local engine refuses it
before anything starts. A field marked `NotEnforced` only asks the cluster for something (a quota, an image pull rule);
the engine runs without it and says so in the run's capabilities.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, TypeAlias, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, ValidationError
from pydantic.alias_generators import to_camel

from interlock.errors import InputError, Location
from interlock.formats import yaml

ParamValue: TypeAlias = str | list[str] | dict[str, str]
"""The value of a param or result: string, array or object (v1/param_types.go ParamValue)."""


@dataclass(frozen=True, slots=True)
class NotExecuted:
    """Marks a field that `interlock.local` refuses. ``construct`` is its name in messages."""

    construct: str


@dataclass(frozen=True, slots=True)
class NotEnforced:
    """Marks a field that only a cluster can enforce. ``construct`` is its name in the run's capabilities."""

    construct: str


class Model(BaseModel):
    """A frozen object of the API. Unknown fields are errors, as in upstream's webhook (cmd/webhook/main.go)."""

    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        alias_generator=to_camel,
        validate_by_alias=True,
        validate_by_name=False,
        serialize_by_alias=True,
    )

    def to_object(self) -> dict[str, Any]:
        """The JSON object that was read, with camelCase keys and without unset fields."""
        return self.model_dump(mode="json", by_alias=True, exclude_unset=True, exclude_none=True)


AnyModel = TypeVar("AnyModel", bound=Model)


def param_value(value: object) -> ParamValue:
    """Go's ParamValue.UnmarshalJSON: a list or mapping of strings keeps its shape, the rest becomes its raw text."""
    if isinstance(value, str):
        return value
    if value is None:
        return ""
    if isinstance(value, list) and all(isinstance(item, str) for item in value):
        return value
    if isinstance(value, Mapping) and all(isinstance(item, str) for item in value.values()):
        return dict(value)
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def value_type(value: ParamValue) -> str:
    """``string``, ``array`` or ``object``."""
    if isinstance(value, str):
        return "string"
    return "array" if isinstance(value, list) else "object"


AnyParamValue = Annotated[ParamValue, BeforeValidator(param_value)]


class ObjectMeta(Model):
    """Kubernetes metadata; what the server fills in is accepted and not interpreted."""

    name: str = ""
    generate_name: str = ""
    namespace: str = ""
    uid: str = ""
    labels: dict[str, str] | None = None
    annotations: dict[str, str] | None = None
    resource_version: str = ""
    generation: int = 0
    creation_timestamp: str | None = None
    deletion_timestamp: str | None = None
    deletion_grace_period_seconds: int | None = None
    owner_references: list[dict[str, Any]] | None = None
    finalizers: list[str] | None = None
    managed_fields: list[dict[str, Any]] | None = None
    self_link: str = ""


def parse(
    model: type[AnyModel], value: object, *, document: yaml.Document | None = None, at: yaml.Path = (), what: str = ""
) -> AnyModel:
    """``value`` as ``model``. Raises InputError ``tekton-invalid`` with the field and, given a document, its place.

    ``at`` is the path of ``value`` inside ``document``.
    """
    try:
        return model.model_validate(value)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        path = tuple(
            step for step in first["loc"] if not (isinstance(step, str) and step.startswith(("function-", "lax-")))
        )
        field = yaml.dotted(path) or "the object"
        where: Location | None = document.where(*at, *path) if document else None
        if first["type"] == "extra_forbidden":
            message, got = f"unknown field {field!r}", None
        elif first["type"] == "missing":
            message, got = f"missing field {field!r}", None
        else:
            message, got = f"invalid {field!r}: {first['msg']}", first.get("input")
        raise InputError("tekton-invalid", f"{what}: {message}" if what else message, got=got, where=where) from error


def marked(
    model: Model, marker: type[NotExecuted] | type[NotEnforced], path: yaml.Path = ()
) -> Iterator[tuple[yaml.Path, str]]:
    """Every set field below ``model`` that carries ``marker``, as (path, construct)."""
    held = model.model_fields_set
    for name, field in type(model).model_fields.items():
        if name not in held:
            continue
        value = getattr(model, name)
        if value is None or value == [] or value == {} or value == "" or value is False:
            continue
        here = (*path, field.alias or name)
        for note in field.metadata:
            if isinstance(note, marker):
                yield here, note.construct
        if isinstance(value, Model):
            yield from marked(value, marker, here)
        elif isinstance(value, list):
            for index, item in enumerate(value):
                if isinstance(item, Model):
                    yield from marked(item, marker, (*here, index))
