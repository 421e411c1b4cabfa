"""values.schema.json: what a chart's values may be, as `helm template` validates by it (pkg/chartutil/jsonschema.go).

Each chart's schema is asked about its own values, a dependency's about what stands below its name. A schema is of a
repository, and so hostile: patterns are matched in linear time, as Go does, and nothing is read from elsewhere. What is
wrong is told by place and keyword, never by value.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import jsonschema_rs

from interlock.errors import InputError
from interlock.formats.helm.cache import Cache

FILE = "values.schema.json"
_LINEAR = jsonschema_rs.RegexOptions()


@dataclass(frozen=True)
class Schema:
    """``document`` is the schema as JSON, keywords of others included."""

    document: Mapping[str, Any]
    validator: jsonschema_rs.Validator

    def faults(self, values: Mapping[str, Any]) -> Iterator[tuple[tuple[str | int, ...], str]]:
        """What ``values`` do not meet: (path of the value, what is wrong with it)."""
        for error in self.validator.iter_errors(dict(values)):
            yield tuple(error.instance_path), error.message


def _read(key: tuple[str, bytes]) -> Schema:
    file, data = key
    try:
        document = json.loads(data)
        if not isinstance(document, dict):
            raise InputError("helm-schema", "a schema is a JSON object", got=type(document).__name__, where=file)
        return Schema(
            document,
            jsonschema_rs.validator_for(document, mask="the value", offline=True, pattern_options=_LINEAR),
        )
    except (ValueError, RecursionError) as error:  # of JSON, of text that is no UTF-8, and of the schema
        raise InputError("helm-schema", "not a JSON schema", got=str(error).split("\n")[0], where=file) from error


_schema = Cache(_read, lambda key: len(key[1]))


def load(data: bytes, *, file: str) -> Schema:
    """Raises InputError ``helm-schema``."""
    return _schema((file, data))


def check(schema: Schema, values: Mapping[str, Any], *, file: str) -> None:
    """Raises InputError ``helm-schema`` with the first place that does not meet it."""
    for path, problem in schema.faults(values):
        place = ".".join(map(str, path)) or "the values"
        raise InputError("helm-schema", f"{place}: {problem}", where=file, todo="mend the values")
