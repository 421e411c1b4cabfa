"""Whether a run gives the params that its Pipeline or Task needs, in upstream's words.

Pipeline: pr/resources/validate_params.go; Task: tr/validate_taskrun.go; defaults that refer to other params:
pr/resources/apply.go ApplyParameters.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from interlock.errors import InputError
from interlock.formats.tekton import substitution
from interlock.formats.tekton.model import ParamValue, value_type
from interlock.formats.tekton.substitution import Replacements
from interlock.formats.tekton.task import Param, ParamSpec
from interlock.tekton.spec import variables
from interlock.tekton.spec.pipeline import PipelineTask

_MAX_DEPTH = 10
_PARAM = re.compile(r"""\$\(params(?:\.([_a-zA-Z0-9-]+)|\["[^"]+"\]|\['[^']+'\])[^)]*\)""")
_INDEXED = re.compile(r"""\$\(params(?:\.([_a-zA-Z0-9.-]+)|\["([^"]+)"\]|\['([^']+)'\])\[([0-9]+)\]\)""")


def check_pipeline(specs: Sequence[ParamSpec] | None, given: Sequence[Param] | None) -> None:
    """Raise InputError whose code is the kebab-cased reason of the run's condition.

    Codes: ``parameter-missing``, ``parameter-type-mismatch``, ``object-parameter-miss-keys``.
    """
    specs, given = specs or [], given or []
    names = {param.name for param in given}
    missing = [spec.name for spec in specs if spec.default is None and spec.name not in names]
    if missing:
        raise InputError("parameter-missing", f"pipelineRun missing parameters: {_go_list(missing)}")
    kinds = {spec.name: spec.kind for spec in specs}
    wrong = [param.name for param in given if param.name in kinds and kinds[param.name] != value_type(param.value)]
    if wrong:
        raise InputError("parameter-type-mismatch", f"parameters have inconsistent types : {_go_list(wrong)}")
    if keys := missing_keys(specs, given):
        message = f"pipelineRun missing object keys for parameters: {_go_map(keys)}"
        raise InputError("object-parameter-miss-keys", message)


def check_task(
    task: str, specs: Sequence[ParamSpec] | None, given: Sequence[Param] | None, fanned: Sequence[Param] = ()
) -> None:
    """Raise InputError ``params-invalid`` (reason TaskRunValidationFailed or PipelineValidationFailed).

    ``fanned`` are the params of a matrix, which become strings.
    """
    if specs is None:
        return
    given = given or []
    names = {param.name for param in (*given, *fanned)}
    kinds = {spec.name: spec.kind for spec in specs}
    prefix = f"invalid input params for task {task}: "
    missing = [spec.name for spec in specs if spec.default is None and spec.name not in names]
    if missing:
        message = f"{prefix}missing values for these params which have no default values: {_go_list(missing)}"
        raise InputError("params-invalid", message)
    wrong = [param.name for param in given if param.name in kinds and not _fits(param.value, kinds[param.name])]
    wrong += [param.name for param in fanned if kinds.get(param.name, "string") != "string"]
    if wrong:
        raise InputError(
            "params-invalid", f"{prefix}param types don't match the user-specified type: {_go_list(wrong)}"
        )
    if keys := missing_keys(specs, given):
        message = f"{prefix}missing keys for these params which are required in ParamSpec's properties {_go_map(keys)}"
        raise InputError("params-invalid", message)


def check_enums(specs: Sequence[ParamSpec] | None, given: Sequence[Param] | None) -> None:
    """Raise InputError ``param-enum`` (reason InvalidParamValue) for a value that its enum does not hold."""
    allowed: dict[str, list[str]] = {spec.name: spec.enum for spec in specs or [] if spec.enum}
    for param in given or []:
        if isinstance(param.value, str) and param.value and param.value not in allowed.get(param.name, [param.value]):
            message = f"param `{param.name}` value: {param.value} is not in the enum list"
            raise InputError("param-enum", message)


def check_enum_subset(
    task: str, given: Sequence[Param] | None, specs: Sequence[ParamSpec] | None, wanted: Sequence[ParamSpec] | None
) -> None:
    """Raise InputError ``param-enum-subset``: a pipeline's param allows what the task that is given it does not.

    ``given`` as the Pipeline writes them; ``wanted`` are the task's params. Upstream stops at the first param that has
    no enum to compare (ValidateParamEnumSubset), and so does this.
    """
    declared = {spec.name: spec for spec in specs or []}
    expected = {spec.name: spec for spec in wanted or []}
    for param in given or []:
        found = _PARAM.findall(param.value) if isinstance(param.value, str) else []
        if len(found) != 1:
            continue
        outer, inner = declared.get(found[0]), expected.get(param.name)
        if outer is None or outer.kind != "string" or inner is None or not inner.enum:
            return
        if not outer.enum:
            message = f'pipeline param "{outer.name}" has no enum, but referenced in "{task}" task has enums: '
            raise InputError("param-enum-subset", message + _go_list(inner.enum))
        if not set(outer.enum) <= set(inner.enum):
            held = f'pipeline param "{outer.name}" enum: {_go_list(outer.enum)}'
            message = f'{held} is not a subset of the referenced in "{task}" task param enum: {_go_list(inner.enum)}'
            raise InputError("param-enum-subset", message)


def _fits(value: ParamValue, kind: str) -> bool:
    """A string that holds a reference may become an array or object later (pipeline#4879)."""
    found = value_type(value)
    return found == kind or (isinstance(value, str) and substitution.is_reference(value))


def missing_keys(specs: Sequence[ParamSpec], given: Sequence[Param]) -> dict[str, list[str]]:
    """Keys of declared objects that neither default nor given value holds; only for objects that have any value."""
    values = {param.name: param.value for param in given}
    found: dict[str, list[str]] = {}
    for spec in specs:
        value = values.get(spec.name)
        held: set[str] = set(value) if isinstance(value, dict) else set()
        if isinstance(spec.default, dict):
            held |= set(spec.default)
        if spec.kind == "object" and held and (missing := [key for key in spec.properties or {} if key not in held]):
            found[spec.name] = sorted(missing)
    return found


def check_indices(specs: Sequence[ParamSpec] | None, given: Sequence[Param] | None, texts: Sequence[str]) -> None:
    """Raise InputError ``param-array-indexing-invalid`` if a ``$(params.x[i])`` in ``texts`` is out of range."""
    lengths = {spec.name: len(spec.default) for spec in specs or [] if isinstance(spec.default, list)}
    lengths |= {param.name: len(param.value) for param in given or [] if isinstance(param.value, list)}
    outside: set[str] = set()
    for text in texts:
        for match in _INDEXED.finditer(text):
            name = match[1] or match[2] or match[3]
            if name in lengths and int(match[4]) >= lengths[name]:
                outside.add(match[0])
    if outside:
        raise InputError("param-array-indexing-invalid", f"non-existent param references:{_go_list(sorted(outside))}")


def pipeline_values(specs: Sequence[ParamSpec] | None, given: Sequence[Param] | None) -> Replacements:
    """What ``params.*`` answers in a Pipeline: given values, else defaults, which may refer to each other.

    Raises InputError ``params-unresolved``: a cycle, an undefined param, or more than 10 levels.
    """
    values: dict[str, ParamValue] = {param.name: param.value for param in given or []}
    pending = {
        spec.name: spec.default
        for spec in specs or []
        if spec.name not in values and isinstance(spec.default, str) and spec.kind == "string"
    }
    known = variables.of_params(values)

    def resolve(name: str, depth: int, visiting: tuple[str, ...]) -> None:
        nonlocal known
        key = f"params.{name}"
        if name in visiting:
            raise InputError(
                "params-unresolved", f'parameter resolution failed: circular dependency detected in param "{key}"'
            )
        if depth > _MAX_DEPTH:
            message = f'parameter resolution failed: maximum recursion depth ({_MAX_DEPTH}) exceeded for param "{key}"'
            raise InputError("params-unresolved", message)
        text = pending[name]
        for reference in substitution.references(text):
            if not reference.startswith("params.") or reference in known.strings:
                continue
            other = reference.removeprefix("params.")
            if other not in pending:
                message = f'parameter resolution failed: param "{key}" references undefined param "{reference}"'
                raise InputError("params-unresolved", message)
            resolve(other, depth + 1, (*visiting, name))
        values[name] = substitution.replace(text, known.strings)
        known |= variables.of_params({name: values[name]})

    for name in pending:
        if name not in values:
            resolve(name, 0, ())
    for spec in specs or []:
        if spec.name not in values and isinstance(spec.default, (list, dict)):
            values[spec.name] = _replaced(spec.default, known.strings)
        elif isinstance(spec.default, dict) and isinstance(held := values.get(spec.name), dict):
            values[spec.name] = {**spec.default, **held}
    return variables.of_params(values)


def _replaced(value: list[str] | dict[str, str], strings: Mapping[str, str]) -> ParamValue:
    if isinstance(value, list):
        return [substitution.replace(item, strings) for item in value]
    return {key: substitution.replace(item, strings) for key, item in value.items()}


def index_texts(tasks: Sequence[PipelineTask]) -> list[str]:
    """Where a Pipeline's array params may be indexed (GetIndexingReferencesToArrayParams)."""
    found: list[str] = []
    for task in tasks:
        for param in (*(task.params or []), *((task.matrix.params if task.matrix else None) or [])):
            found += texts(param.value)
        found += [item.sub_path for item in task.workspaces or []]
        for condition in task.when or []:
            found += [condition.input, *(condition.values or [])]
    return [text for text in found if "$(" in text]


def texts(value: Any) -> list[str]:
    """Every string below a JSON value, for `check_indices`."""
    if isinstance(value, str):
        return [value]
    children = value.values() if isinstance(value, Mapping) else value if isinstance(value, list) else ()
    return [text for child in children for text in texts(child)]


def _go_list(items: Sequence[str]) -> str:
    return f"[{' '.join(items)}]"


def _go_map(items: Mapping[str, Sequence[str]]) -> str:
    return f"map[{' '.join(f'{key}:{_go_list(items[key])}' for key in sorted(items))}]"
