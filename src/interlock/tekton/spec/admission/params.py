"""Declared parameters and the values given to them (v1/param_types.go, the first half of v1/task_validation.go)."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from interlock.tekton.spec.admission import variables
from interlock.tekton.spec.admission.context import Context, Object, text
from interlock.tekton.spec.admission.defaults import value_type
from interlock.tekton.spec.admission.faults import Fault, Faults, invalid, key, missing, via
from interlock.tekton.spec.admission.wording import listed

_NAME = re.compile(r"[_a-zA-Z][_a-zA-Z0-9.-]*")
_OBJECT_NAME = re.compile(r"[_a-zA-Z][_a-zA-Z0-9-]*")
_NAME_HELP = (
    "String/Array Names: \nMust only contain alphanumeric characters, hyphens (-), underscores (_), and dots (.)\n"
    "Must begin with a letter or an underscore (_)"
)
_OBJECT_NAME_HELP = (
    "Object Names: \nMust only contain alphanumeric characters, hyphens (-), underscores (_) \n"
    "Must begin with a letter or an underscore (_)"
)


@dataclass(frozen=True, slots=True)
class Declared:
    """The names that a text may refer to, by what they are."""

    all: Collection[str]
    arrays: Collection[str]
    objects: Mapping[str, Collection[str]]
    """The keys of each object."""


def declared(params: Sequence[Object]) -> Declared:
    return Declared(
        {text(param, "name") for param in params},
        {text(param, "name") for param in params if param.get("type") == "array"},
        {text(param, "name"): param.get("properties") or {} for param in params if param.get("type") == "object"},
    )


def types(params: Sequence[Object]) -> Faults:
    """ValidateParameterTypes: a known type, a default of that type, string properties."""
    for param in params:
        name, kind = text(param, "name"), text(param, "type")
        if kind not in ("string", "array", "object"):
            yield invalid("param-type", kind, f"{name}.type")
        elif "default" in param and value_type(param["default"]) != kind:
            words = f'"{kind}" type does not match default value\'s type: "{value_type(param["default"])}"'
            yield Fault("param-default-type", words, (f"{name}.type", f"{name}.default.type"))
        else:
            yield from _properties(param, name)


def _properties(param: Object, name: str) -> Faults:
    wrong = sorted(key for key, item in (param.get("properties") or {}).items() if text(item, "type") != "string")
    if wrong:
        words = f"The value type specified for these keys {listed(wrong)} is invalid"
        yield Fault("param-properties", words, (f"{name}.properties",))


def have_properties(params: Sequence[Object]) -> Faults:
    """ValidateObjectParamsHaveProperties."""
    for param in params:
        if param.get("type") == "object" and param.get("properties") is None:
            yield missing("param-properties", f"{text(param, 'name')}.properties")


def declarations(context: Context, params: Sequence[Object], *, enums: bool = True) -> Faults:
    """Names that are unique and well formed, enums that hold together (the half of ValidateParameterVariables that
    looks at no step)."""
    yield from once(params)
    if enums:
        yield from via(enumerations(context, params), "params")
    yield from _formats(params)


def once(params: Sequence[Object]) -> Faults:
    """ValidateNoDuplicateNames."""
    for name in _repeated(text(param, "name") for param in params):
        yield from via([Fault("param-duplicate", "parameter appears more than once")], "params", key(name))


def _repeated(names: Iterable[str]) -> Iterator[str]:
    return (name for name, count in Counter(names).items() if count > 1)


def enumerations(context: Context, params: Sequence[Object]) -> Faults:
    """validateParamEnums."""
    for param in params:
        enum, name = param.get("enum") or [], text(param, "name")
        if not enum:
            continue
        if not context.flags.enable_param_enum:
            words = "feature flag `enable-param-enum` should be set to true to use Enum"
            yield from via([Fault("feature-flag", words)], key(name))
        if param.get("type") != "string":
            yield from via([Fault("param-enum", "enum can only be set with string type param")], key(name))
        for value in _repeated(enum):
            words = f"parameter enum value {value} appears more than once"
            yield from via([Fault("param-enum", words)], key(name))
        default = param.get("default")
        if isinstance(default, str) and default and default not in enum:
            words = f"param default value {default} not in the enum list"
            yield from via([Fault("param-enum", words)], key(name))


def _formats(params: Sequence[Object]) -> Faults:
    """ValidateNameFormat."""
    objects = [param for param in params if param.get("type") == "object"]
    plain = sorted({text(param, "name") for param in params if param.get("type") != "object"})
    if wrong := [name for name in plain if not _NAME.fullmatch(name)]:
        words = f"The format of following array and string variable names is invalid: {listed(wrong)}"
        yield Fault("param-name", words, ("params",), _NAME_HELP)
    bad: dict[str, list[str]] = {}
    for param in objects:
        name = text(param, "name")
        if not _OBJECT_NAME.fullmatch(name):
            bad[name] = []
        for property in sorted(param.get("properties") or {}):
            if not _OBJECT_NAME.fullmatch(property):
                bad.setdefault(name, []).append(property)
    if bad:
        printed = " ".join(f"{name}:{listed(keys)}" for name, keys in sorted(bad.items()))
        words = f"Object param name and key name format is invalid: map[{printed}]"
        yield Fault("param-name", words, ("params",), _OBJECT_NAME_HELP)


def given_once(params: Sequence[Object]) -> Faults:
    """validateDuplicateParameters: of the values that a pipeline task gives."""
    seen: set[str] = set()
    for index, param in enumerate(params):
        name = text(param, "name")
        if name in seen:
            words = f'parameter names must be unique, the parameter "{name}" is also defined at'
            yield Fault("param-given-twice", words, (f"[{index}].name",))
        seen.add(name)


def values(params: Sequence[Object]) -> list[str]:
    """Every text in the values (extractValues)."""
    found: list[str] = []
    for param in params:
        found.extend(texts(param))
    return found


def texts(param: Object) -> list[str]:
    """The texts in one value."""
    value = param.get("value")
    if isinstance(value, str):
        return [value]
    if isinstance(value, list):
        return value
    return list(value.values()) if isinstance(value, Mapping) else []


def expressions(param: Object) -> list[str]:
    """The references in one value, without ``$(`` and ``)``."""
    return [found for item in texts(param) for found in variables.all_expressions(item)]


def usage(params: Sequence[Object], known: Declared) -> Faults:
    """References of a pipeline task's params to the pipeline's (…ParametersVariablesInTaskParameters)."""
    yield from via(given_once(params), "params")
    for param in params:
        name, value = text(param, "name"), param.get("value")
        if isinstance(value, list):
            for index, item in enumerate(value):
                yield from via(array(item, known), "params", key(name), "value", index)
        elif isinstance(value, Mapping):
            for property, item in value.items():
                yield from via(string(item, known), "params", key(name), "properties", key(property))
        elif value and "$(" in value:
            if variables.is_whole(value, "params"):
                yield from via(variables.unknown(value, "params", known.all), "params", key(name))
            else:
                yield from via(string(value, known), "params", key(name))


def string(value: str, known: Declared) -> Faults:
    """validateStringVariable."""
    if "$(" in value:
        yield from variables.unknown(value, "params", known.all)
        yield from _object(value, known)
        yield from variables.prohibited(value, "params", known.arrays)


def array(value: str, known: Declared) -> Faults:
    """validateArrayVariable."""
    if "$(" in value:
        yield from variables.unknown(value, "params", known.all)
        yield from _object(value, known)
        yield from variables.isolated(value, "params", known.arrays)


def _object(value: str, known: Declared) -> Faults:
    """validateObjectVariable. Only objects that the text names can be at fault."""
    for name, keys in known.objects.items():
        if name in value:
            yield from variables.unknown(value, f"params\\.{name}", keys)
    yield from variables.prohibited_whole(value, "params", known.objects)
