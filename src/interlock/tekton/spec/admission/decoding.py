"""Reading an object as the webhook's strict decoder does, but telling everything that is wrong and not the first only.

knative.dev/pkg/webhook/json/decode.go and encoding/json: names of fields match exactly, or without regard to case
where the definition (config/300-crds) has no schema and the API server so hands through what it got; `null` sets
nothing; durations are spelled as Go does (60s is 1m0s); a param's value may be anything, and becomes text if it is no
list or map of strings (ParamValue.UnmarshalJSON). Metadata is typed but not strict. Status is the controllers' and not
read.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from interlock.errors import InputError
from interlock.formats import yaml
from interlock.formats.tekton import types
from interlock.tekton.spec.admission.wording import duration, nanoseconds, quoted

_SCHEMALESS = {
    ("PipelineTask", "taskSpec"),
    ("PipelineTask", "pipelineSpec"),
    ("TaskRunSpec", "taskSpec"),
    ("PipelineRunSpec", "pipelineSpec"),
    ("WorkspaceBinding", "volumeClaimTemplate"),
    ("TaskSpec", "volumes"),
    ("EmbeddedCustomRunSpec", "spec"),
    ("Template", "affinity"),
    ("Template", "securityContext"),
    ("Template", "volumes"),
}
"""(struct, field) with x-kubernetes-preserve-unknown-fields in config/300-crds."""

# Fields whose Go type has a name of its own; it is in the decoder's words.
_NAMED = {
    ("ParamSpec", "type"): "ParamType",
    ("PropertySpec", "type"): "ParamType",
    ("TaskResult", "type"): "ResultsType",
    ("StepResult", "type"): "ResultsType",
    ("TaskRef", "kind"): "TaskKind",
    ("TaskRef", "resolver"): "ResolverName",
    ("PipelineRef", "resolver"): "ResolverName",
    ("Ref", "resolver"): "ResolverName",
    ("Step", "onError"): "OnErrorType",
    ("PipelineTask", "onError"): "PipelineTaskOnErrorType",
    ("TaskRunSpec", "status"): "TaskRunSpecStatus",
    ("TaskRunSpec", "statusMessage"): "TaskRunSpecStatusMessage",
    ("PipelineRunSpec", "status"): "PipelineRunSpecStatus",
    ("Matrix", "include"): "IncludeParamsList",
    ("TaskSpec", "volumes"): "Volumes",
    ("EmbeddedTask", "volumes"): "Volumes",
}
_NAMED_LISTS = {
    "[]v1.Param": "Params",
    "[]v1beta1.Param": "Params",
    "[]v1.ParamSpec": "ParamSpecs",
    "[]v1beta1.ParamSpec": "ParamSpecs",
    "[]v1.WhenExpression": "WhenExpressions",
    "[]v1beta1.WhenExpression": "WhenExpressions",
}

_LOCAL_REFERENCES = (
    "ConfigMapKeySelector",
    "SecretKeySelector",
    "ConfigMapEnvSource",
    "SecretEnvSource",
    "ConfigMapVolumeSource",
    "ConfigMapProjection",
    "SecretProjection",
)

_INT64 = (
    "runAsUser",
    "runAsGroup",
    "fsGroup",
    "supplementalGroups",
    "terminationGracePeriodSeconds",
    "tolerationSeconds",
    "expirationSeconds",
    "seconds",
    "generation",
    "deletionGracePeriodSeconds",
)
_QUANTITY = re.compile(r"[-+]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([KMGTPE]i|[numkMGTPE]|[eE][-+]?[0-9]+)?")
_BAD_QUANTITY = "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'"
# What Go says when it writes the object back: a value that was never read has no type.
NO_VALUE = 'json: error calling MarshalJSON for type v1.ParamValue: impossible ParamValues.Type: ""'
_GO = {"int": "int", "string": "string", "bool": "bool", "raw": "runtime.RawExtension", "param-value": "ParamValue"}
_PACKAGES = {"core": "v1", "meta": "v1", "run": "v1beta1", "resolution": "v1beta1", "knative": "apis"}


@dataclass(frozen=True, slots=True)
class Misfit:
    """A field that does not exist (``unknown``) or does not take its value; ``text`` is the decoder's."""

    path: yaml.Path
    text: str
    unknown: bool = False
    schemaless: bool = False
    candidates: tuple[str, ...] = ()
    """Names that the struct has, of an unknown one."""
    fatal: bool = False
    """Whether the decoder stops here; it passes over the others and tells the first of them at the end."""

    @property
    def order(self) -> tuple[Any, ...]:
        """The decoder's: fields by name, as the API server hands them on; metadata after everything else."""
        parts = tuple((0, part, "") if isinstance(part, int) else (1, 0, part) for part in self.path)
        return (not self.fatal, self.path[0] == "metadata", parts)


@dataclass(slots=True)
class _Reader:
    package: str
    """Of the struct that is read."""
    misfits: list[Misfit] = field(default_factory=list)
    names: list[str] = field(default_factory=list)
    """The fields on the way, as the decoder names them."""

    def read(self, value: Any, expression: str, path: yaml.Path, struct: str, loose: bool) -> Any:
        """``value`` as the type expression takes it; what does not fit is told and left out (None)."""
        constructor, inner = types.split(expression)
        if constructor == "*":
            return self.read(value, inner, path, struct, loose)
        if value is None:
            return None
        if constructor == "[]":
            return self._list(value, inner, path, struct, loose, expression)
        if constructor == "map[string]":
            if not isinstance(value, Mapping):
                return self._wrong(value, path, struct, expression)
            read = ((name, self.read(item, inner, (*path, name), struct, loose)) for name, item in value.items())
            return {name: ("" if inner == "string" else {}) if item is None else item for name, item in read}
        if "." in expression:
            if not isinstance(value, Mapping):
                return self._wrong(value, path, struct, expression)
            return self._struct(value, expression, path, loose)
        return self._plain(value, expression, path, struct)

    def _list(self, value: Any, inner: str, path: yaml.Path, struct: str, loose: bool, expression: str) -> Any:
        if not isinstance(value, list):
            return self._wrong(value, path, struct, expression)
        zero: Any = "" if inner == "string" else 0 if inner == "int" else {}
        read = (self.read(item, inner, (*path, index), struct, loose) for index, item in enumerate(value))
        return [zero if item is None else item for item in read]

    def _struct(self, value: Mapping[str, Any], expression: str, path: yaml.Path, loose: bool) -> dict[str, Any]:
        package, _, name = expression.partition(".")
        outer, self.package = self.package, package
        fields = _fields(package, name)
        found: dict[str, Any] = {}
        for key, item in value.items():
            known = fields.get(key) or (_folded(package, name).get(key.lower()) if loose else None)
            if known is None:
                self._unknown(key, (*path, key), loose, tuple(fields))
                continue
            below = loose or (name, known.name) in _SCHEMALESS
            self.names.extend((*_embedded(name, known.name), known.name))
            read = self.read(item, known.type, (*path, key), name, below)
            del self.names[-1 - len(_embedded(name, known.name)) :]
            if read is not None:
                found[known.name] = read
        for known in fields.values():
            if known.type == "param-value" and known.name not in value:
                self._add(path, NO_VALUE)
        self.package = outer
        return found

    def _unknown(self, key: str, path: yaml.Path, loose: bool, candidates: tuple[str, ...]) -> None:
        text = f"json: unknown field {quoted(key)}" if loose else f'unknown field "{yaml.dotted(path)}"'
        self.misfits.append(Misfit(path, text, True, loose, candidates))

    def _plain(self, value: Any, expression: str, path: yaml.Path, struct: str) -> Any:
        if expression == "param-value":
            return param_value(value)
        if expression == "raw":
            return value
        if expression in ("string", "time"):
            return value if isinstance(value, str) else self._wrong(value, path, struct, expression)
        if expression == "bool":
            return value if isinstance(value, bool) else self._wrong(value, path, struct, expression)
        if expression == "int":
            whole = isinstance(value, int) and not isinstance(value, bool)
            return value if whole else self._wrong(value, path, struct, expression)
        if expression == "duration":
            return self._duration(value, path, struct)
        if expression == "quantity":
            text = str(value).lower() if isinstance(value, bool) else str(value)
            return value if _QUANTITY.fullmatch(text) else self._add(path, _BAD_QUANTITY, fatal=True)
        if isinstance(value, str) or (isinstance(value, int) and not isinstance(value, bool)):
            return value  # int-or-string
        return self._wrong(value, path, struct, "int32", fatal=True)

    def _duration(self, value: Any, path: yaml.Path, struct: str) -> Any:
        if not isinstance(value, str):
            return self._wrong(value, path, struct, "string", fatal=True)
        try:
            return duration(nanoseconds(value))
        except InputError as error:
            return self._add(path, error.message, fatal=True)

    def _wrong(self, value: Any, path: yaml.Path, struct: str, expression: str, *, fatal: bool = False) -> None:
        fields = ".".join(self.names)
        got = _json_type(value)
        if expression == "int" and isinstance(value, float):
            got = f"number {value}"
        itself = str(path[-1]).lower() == self.names[-1].lower()  # and no element of the field
        named = (_NAMED.get((struct, self.names[-1])) if itself else None) or _NAMED_LISTS.get(expression)
        kind = f"{self.package}.{named}" if named else self._go(expression, self.names[-1])
        self._add(
            path, f"json: cannot unmarshal {got} into Go struct field {struct}.{fields} of type {kind}", fatal=fatal
        )

    def _go(self, expression: str, field: str) -> str:
        """The name of a type in Go. Of Kubernetes' integers the table does not say how wide they are."""
        if expression == "map[string]quantity":
            return "v1.ResourceList"
        constructor, inner = types.split(expression)
        if constructor:
            return constructor + self._go(inner, field)
        package, dot, name = expression.partition(".")
        if dot:
            return f"{_PACKAGES.get(package, package)}.{name}"
        if expression == "int" and self.package in ("core", "meta"):
            return "int64" if field in _INT64 else "int32"
        return _GO.get(expression, expression)

    def _add(self, path: yaml.Path, text: str, *, fatal: bool = False) -> None:
        self.misfits.append(Misfit(path, text, fatal=fatal))


def decode(value: Mapping[str, Any], expression: str) -> tuple[dict[str, Any], list[Misfit]]:
    """The object of a struct, with the names of its fields as Go spells them and without nulls; and what misfits."""
    package, _, struct = expression.partition(".")
    reader = _Reader(package)
    found: dict[str, Any] = {}
    fields = _fields(package, struct)
    for key, item in value.items():
        if key == "metadata":
            reader.names = [key]
            found[key] = reader.read(_known(item), "meta.ObjectMeta", (key,), struct, True) or {}
        elif key == "status":
            found[key] = item
        elif (known := fields.get(key)) is not None:
            reader.names = [key]
            if (read := reader.read(item, known.type, (key,), struct, False)) is not None:
                found[key] = read
        else:
            reader._unknown(key, (key,), False, tuple(fields))
    return found, reader.misfits


def _embedded(struct: str, name: str) -> tuple[str, ...]:
    """The embedded struct that a field stands in: the decoder names it on the way."""
    if struct == "EmbeddedTask" and name not in ("apiVersion", "kind", "spec", "metadata"):
        return ("TaskSpec",)
    if struct in ("TaskRef", "PipelineRef", "Ref") and name in ("resolver", "params"):
        return ("ResolverRef",)
    if struct == "Probe" and name in ("exec", "httpGet", "tcpSocket", "grpc"):
        return ("ProbeHandler",)
    if name == "name" and struct in _LOCAL_REFERENCES:
        return ("LocalObjectReference",)
    return ("VolumeSource",) if struct == "Volume" and name != "name" else ()


def _known(metadata: Any) -> Any:
    """Metadata without the fields that ObjectMeta does not have: they are nobody's concern here."""
    if not isinstance(metadata, Mapping):
        return metadata
    fields = _fields("meta", "ObjectMeta")
    return {key: item for key, item in metadata.items() if key in fields and key != "managedFields"}


def param_value(value: Any) -> str | list[str] | dict[str, str]:
    """A param's value: a list of strings, a map of strings, or text (v1/param_types.go UnmarshalJSON)."""
    if isinstance(value, str):
        return value
    if isinstance(value, list) and all(item is None or isinstance(item, str) for item in value):
        return [item or "" for item in value]
    if isinstance(value, Mapping) and all(item is None or isinstance(item, str) for item in value.values()):
        return {name: item or "" for name, item in value.items()}
    if value is None:
        return ""
    return json.dumps(value, separators=(",", ":"), sort_keys=True, ensure_ascii=False)


_cached: dict[tuple[str, str], Mapping[str, types.Field]] = {}
_cached_folded: dict[tuple[str, str], Mapping[str, types.Field]] = {}


def _fields(package: str, name: str) -> Mapping[str, types.Field]:
    if (package, name) not in _cached:
        _cached[package, name] = {item.name: item for item in types.struct(package, name)}
    return _cached[package, name]


def _folded(package: str, name: str) -> Mapping[str, types.Field]:
    if (package, name) not in _cached_folded:
        _cached_folded[package, name] = {item.name.lower(): item for item in types.struct(package, name)}
    return _cached_folded[package, name]


def _json_type(value: Any) -> str:
    if isinstance(value, bool):
        return "bool"
    if isinstance(value, int | float):
        return "number"
    return "string" if isinstance(value, str) else "array" if isinstance(value, list) else "object"
