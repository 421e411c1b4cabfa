"""A step that refers to a StepAction: what it becomes (tr/resources/taskspec.go resolveStepRef, apply.go).

Params reach the action in this order: the task's values into the step's params, the step's params, defaults that refer
to other params, plain defaults. A param that is a step's result becomes a reference to it, which is answered when the
step starts.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from interlock.errors import InputError
from interlock.formats.tekton import substitution
from interlock.formats.tekton.model import ParamValue, parse
from interlock.formats.tekton.substitution import Replacements
from interlock.formats.tekton.task import Param, ParamSpec, Step, StepActionSpec
from interlock.tekton.spec import references, variables

_INDEXED = r"""\$\(params(?:\.{name}|\["{name}"\]|\['{name}'\])\[([0-9]+)\]\)"""


def merged(step: Step, action: StepActionSpec, task_params: Replacements) -> Step:
    """``step`` with the action's fields in place of its reference; ``task_params`` answers ``params.*`` of the Task.

    Raises InputError ``step-action-params`` with upstream's words: extra or missing params, defaults that refer to
    nothing or in a circle, a value whose type is not the default's.
    """
    given = variables.in_params(step.params or [], task_params)
    _check(given, action.params or [])
    answers = _answers(given, action.params or [])
    value = action.model_dump(mode="json", by_alias=True, exclude_unset=True, exclude_none=True)
    for name in ("description", "params"):
        value.pop(name, None)
    filled = variables.in_container(
        value, Replacements({**answers.strings, **_of_step_results(value, given, action.params or [])}, answers.arrays)
    )
    own = step.to_object()
    for name in ("ref", "params"):
        own.pop(name, None)
    # What the action leaves empty and upstream overwrites all the same: the image, the working folder, the context.
    for name in ("image", "workingDir", "securityContext"):
        own.pop(name, None)
    return parse(Step, {**own, **{name: item for name, item in filled.items() if item}})


def _check(given: Sequence[Param], declared: Sequence[ParamSpec]) -> None:
    names = {spec.name for spec in declared}
    extra = [param.name for param in given if param.name not in names]
    if extra:
        raise _invalid(f"extra params passed by Step to StepAction: [{' '.join(extra)}]")
    held = {param.name for param in given}
    missing = [spec.name for spec in declared if spec.default is None and spec.name not in held]
    if missing:
        raise _invalid(f"non-existent params in Step: [{' '.join(missing)}]")


def _answers(given: Sequence[Param], declared: Sequence[ParamSpec]) -> Replacements:
    """What ``params.*`` answers in the action: a default's entries too, beside a value of another type."""
    values: dict[str, ParamValue] = {}
    defaults: dict[str, ParamValue] = {}
    pending: dict[str, str] = {}
    provided = {param.name: param.value for param in given}
    for spec in declared:
        refers = isinstance(spec.default, str) and "$(params." in spec.default
        if spec.default is not None and not refers:
            defaults[spec.name] = spec.default
        if spec.name in provided:
            values[spec.name] = _merged(spec.default, provided[spec.name])
        elif isinstance(spec.default, str) and refers:
            pending[spec.name] = spec.default
        elif spec.default is not None:
            values[spec.name] = spec.default
    while pending:
        ready = {name: text for name, text in pending.items() if _references(text) <= values.keys()}
        if not ready:
            raise _unresolvable(pending, {spec.name for spec in declared})
        for name, text in ready.items():
            values[name] = substitution.replace(text, variables.of_params(values, legacy=True).strings)
            del pending[name]
    answers = variables.of_params(defaults, legacy=True) | variables.of_params(values, legacy=True)
    doubled = sorted(answers.strings.keys() & answers.arrays.keys())
    if doubled:
        name = doubled[0].removeprefix("inputs.").removeprefix("params.")
        raise _invalid(
            f"invalid parameter substitution: {name}. Please check the types of the default value and the passed value"
        )
    return answers


def _merged(default: ParamValue | None, value: ParamValue) -> ParamValue:
    return {**default, **value} if isinstance(default, dict) and isinstance(value, dict) else value


def _references(text: str) -> set[str]:
    found = substitution.references(text)
    return {key.removeprefix("params.") for key in found if key.startswith("params.")}


def _unresolvable(pending: Mapping[str, str], declared: set[str]) -> InputError:
    for name, text in pending.items():
        for other in sorted(_references(text)):
            if other not in declared:
                return _invalid(f'parameter "{name}" references non-existent parameter "{other}"')
    return _invalid("circular dependency detected in parameter references")


def _of_step_results(value: object, given: Sequence[Param], declared: Sequence[ParamSpec]) -> dict[str, str]:
    """Params that are a step's result, as references to it (replacementsFromStepResults)."""
    found: dict[str, str] = {}
    specs = {spec.name: spec for spec in declared}
    for param in given:
        if not isinstance(param.value, str) or not param.value.startswith("$(steps."):
            continue
        reference = references.of_step(param.value[2:].removesuffix(")"))
        if reference is None:
            raise _invalid(references.STEP_FORMS)
        base = f"steps.{reference.task}.results.{reference.result}"
        spec = specs[param.name]
        keys = [*substitution.spellings("params", param.name), f"inputs.params.{param.name}"]
        if spec.kind == "object":
            found |= {f"params.{param.name}.{key}": f"$({base}.{key})" for key in spec.properties or {}}
        elif spec.kind == "array":
            found |= {f"{key}[*]": f"$({base}[*])" for key in keys}
            found |= {f"{key}[{index}]": f"$({base}[{index}])" for key in keys for index in _indices(value, param.name)}
        else:
            found |= dict.fromkeys(keys, param.value)
    return found


def _indices(value: object, name: str) -> set[str]:
    """Indices with which a param is used below ``value``."""
    pattern = re.compile(_INDEXED.format(name=re.escape(name)))
    return {index for text in references.strings(value) for index in pattern.findall(text)}


def _invalid(message: str) -> InputError:
    return InputError("step-action-params", message)
