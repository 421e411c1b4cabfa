"""Declared results of tasks and steps (v1/result_validation.go)."""

from __future__ import annotations

import re
from collections.abc import Sequence

from interlock.tekton.spec.admission.context import Object, text
from interlock.tekton.spec.admission.defaults import value_type
from interlock.tekton.spec.admission.faults import Fault, Faults, invalid, missing, via
from interlock.tekton.spec.admission.names import LABEL_HELP, is_label
from interlock.tekton.spec.admission.wording import listed, quoted

_FORMAT = "^([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]$"
_NAME = re.compile(r"([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]")
_NAME_HELP = (
    "must consist of alphanumeric characters, '-', '_', and must start and end with an alphanumeric character (e.g. "
    f"'MyName',  or 'my-name',  or 'my_name', regex used for validation is '{_FORMAT}')"
)
_STEP_RESULT = re.compile(r"\$\(steps\.(.*?)\.results\.(.*?)\)")


def of_task(results: Sequence[Object]) -> Faults:
    for index, result in enumerate(results):
        yield from via(_task_result(result), index)


def _task_result(result: Object) -> Faults:
    if not _NAME.fullmatch(text(result, "name")):
        yield _bad_name(result)
        return
    kind = text(result, "type")
    if kind == "object":
        yield from _object(result, "The value type")
    elif kind not in ("array", "", "string"):
        yield invalid("result-type", kind, "type", "type must be string")
    yield from _value(result)


def of_step(results: Sequence[Object]) -> Faults:
    """ValidateStepResults."""
    for index, result in enumerate(results):
        yield from via(_step_result(result), index)


def _step_result(result: Object) -> Faults:
    kind = text(result, "type")
    if not _NAME.fullmatch(text(result, "name")):
        yield _bad_name(result)
    elif kind == "object":
        yield from _object(result, "the value type")
    elif kind not in ("array", "", "string"):
        yield invalid("result-type", kind, "type", f"invalid type {kind}")


def _bad_name(result: Object) -> Fault:
    return Fault("result-name", f"invalid key name {quoted(text(result, 'name'))}", ("name",), f"Name {_NAME_HELP}")


def _object(result: Object, what: str) -> Faults:
    path = f"{text(result, 'name')}.properties"
    if result.get("properties") is None:
        yield missing("result-properties", path)
    elif wrong := sorted(name for name, item in result["properties"].items() if text(item, "type") != "string"):
        words = f"{what} specified for these keys {listed(wrong)} is invalid, the type must be string"
        yield Fault("result-properties", words, (path,))


def _value(result: Object) -> Faults:
    """The value is a reference to a step's result (validateValue)."""
    if "value" not in result:
        return
    name, value = text(result, "name"), result["value"]
    if value_type(value) != "string":
        words = f'Invalid Type. Wanted string but got: "{value_type(value)}"'
        yield Fault("result-value", words, (f"{name}.type",))
        return
    if not value:
        return
    found = _STEP_RESULT.search(value)
    if found is None:
        words = (
            "Could not extract step name and result name. Expected value to look like "
            f'$(steps.<stepName>.results.<resultName>) but got "{value}"'
        )
        yield Fault("result-value", words, (f"{name}.value",))
        return
    if not is_label(found[1]):
        help = f"stepName in $(steps.<stepName>.results.<resultName>) must be a valid DNS Label, {_MORE}"
        yield Fault("result-value", f"invalid extracted step name {quoted(found[1])}", (f"{name}.value",), help)
    if not _NAME.fullmatch(found[2]):
        help = f"resultName in $(steps.<stepName>.results.<resultName>) {_NAME_HELP}"
        yield Fault("result-value", f"invalid extracted result name {quoted(found[2])}", (f"{name}.value",), help)


_MORE = f"For more info refer to {LABEL_HELP}"
