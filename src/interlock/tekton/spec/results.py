"""Results: what steps wrote into files, as typed values, within Kubernetes' 4096 bytes (research/tekton.md 1.3).

A result is the file's content, verbatim, a trailing newline included. Upstream carries results in the pod's termination
message, so everything a TaskRun emits is counted together, with the entries that Tekton adds for each step.
"""

from __future__ import annotations

import base64
import json
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from interlock.errors import InputError
from interlock.formats.tekton import substitution
from interlock.formats.tekton.model import ParamValue, param_value, value_type
from interlock.formats.tekton.substitution import Replacements
from interlock.formats.tekton.task import StepResult, TaskResult, TaskSpec
from interlock.tekton.spec import references
from interlock.tekton.spec.flags import Flags
from interlock.tekton.spec.pipeline import PipelineResult

LIMIT = 4096
"""Bytes of a termination message (pkg/termination/write.go MaxContainerTerminationMessageLength)."""
TOO_LARGE = "Termination message is above max allowed size 4096, caused by large task result."

_TASK_RESULT, _INTERNAL, _STEP_RESULT = 1, 3, 4
"""Types of the entries of a termination message (pkg/result/result.go)."""


@dataclass(frozen=True, slots=True)
class Result:
    """An emitted result."""

    name: str
    value: ParamValue

    def to_object(self) -> dict[str, Any]:
        """An entry of status.results."""
        return {"name": self.name, "type": value_type(self.value), "value": self.value}


@dataclass(frozen=True, slots=True)
class Emission:
    """What the end of a step brought to light: texts by name, in the order of their declaration.

    ``task`` are results of the Task that exist by then, ``step`` those that the step itself declares.
    """

    step_name: str
    task: Mapping[str, str]
    step: Mapping[str, str]

    def entries(self) -> list[dict[str, object]]:
        """As in the step's termination message (result.RunResult)."""
        found = [{"key": name, "value": text, "type": _TASK_RESULT} for name, text in self.task.items()]
        return found + [{"key": name, "value": text, "type": _STEP_RESULT} for name, text in self.step.items()]

    def message(self) -> str:
        """What stays in ``terminated.message`` of the step's state (createMessageFromResults)."""
        return go_json(self.entries()) if self.task or self.step else ""


def too_large(emission: Emission, flags: Flags) -> str | None:
    """Why the results of a step's end cannot be carried, in upstream's words; None if they can.

    In termination messages they share 4096 bytes with what Tekton itself adds, each step writing all that exist by
    then; compressed if the flag says so and it helps. Through sidecar logs each may have ``max-result-size`` bytes.
    """
    if flags.results_from == "sidecar-logs":
        for name, text in (*emission.task.items(), *emission.step.items()):
            size = len(go_json({"Name": name, "Value": text, "Type": "task"}).encode())
            if size > flags.max_result_size:
                return f"{size} bytes results size exceeds configured limit of {flags.max_result_size} bytes"
        return None
    entries: list[dict[str, object]] = [*emission.entries(), _STARTED]
    message = go_json(entries).encode()
    if len(message) > LIMIT and flags.enable_termination_message_compression:
        message = b"tknz:" + base64.b64encode(zlib.compress(message, 9, -15)).rstrip(b"=")
    return TOO_LARGE if len(message) > LIMIT else None


_STARTED: dict[str, object] = {"key": "StartedAt", "value": "2006-01-02T15:04:05.000Z", "type": _INTERNAL}


def go_json(value: object) -> str:
    """encoding/json: compact, with what could be HTML escaped."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    for char in "<>&\u2028\u2029":
        text = text.replace(char, f"\\u{ord(char):04x}")
    return text


def of_step(declared: Sequence[StepResult] | None, texts: Mapping[str, str]) -> list[Result]:
    """The results of a step's state: declared strings verbatim, others from JSON where it is."""
    kinds = {spec.name: spec.kind for spec in declared or []}
    return [Result(name, text if kinds.get(name) == "string" else from_json(text)) for name, text in texts.items()]


def of_task(spec: TaskSpec, emissions: Sequence[Emission]) -> tuple[list[Result], str | None]:
    """(results, error) of a finished TaskRun: by first appearance, the last value counts (pkg/pod/status.go).

    The error is upstream's text for reason TaskRunValidationFailed: a type that is not the declared one, an object
    without a declared key. Results of the wrong type are left out.
    """
    declared = {result.name: result for result in spec.results or []}
    steps = {step.name: step for step in spec.steps or [] if step.name}
    found: dict[str, ParamValue] = {}
    for emission in emissions:
        for name, text in emission.task.items():
            found[name] = text if declared[name].kind == "string" else from_json(text)
        own = of_step(steps[emission.step_name].results, emission.step) if emission.step_name in steps else []
        wanted = {_step_result(result): name for name, result in declared.items() if result.value is not None}
        for item in own:
            if (emission.step_name, item.name) in wanted:
                found[wanted[emission.step_name, item.name]] = item.value
    return _checked(declared, found)


def _step_result(result: TaskResult) -> tuple[str, str] | None:
    """(step, result) that ``value: $(steps.S.results.R)`` names."""
    if not isinstance(result.value, str):
        return None
    reference = references.of_step(result.value[2:].removesuffix(")"))
    return (reference.task, reference.result) if reference is not None else None


def _checked(declared: Mapping[str, TaskResult], found: Mapping[str, ParamValue]) -> tuple[list[Result], str | None]:
    results: list[Result] = []
    mismatched: dict[str, str] = {}
    missing: dict[str, list[str]] = {}
    for name, value in found.items():
        kind, actual = declared[name].kind, value_type(value)
        if actual != kind:
            mismatched[name] = (
                f'task result is expected to be "{kind}" type but was initialized to a different type "{actual}"'
            )
            continue
        if isinstance(value, dict) and (keys := sorted(set(declared[name].properties or {}) - set(value))):
            missing[name] = keys
        results.append(Result(name, value))
    if mismatched:
        listed = ",".join(f' "{name}": {mismatched[name]}' for name in sorted(mismatched))
        return results, (
            "Provided results don't match declared results; may be invalid JSON or missing result declaration: "
            + listed
        )
    if missing:
        listed = " ".join(f"{name}:[{' '.join(keys)}]" for name, keys in sorted(missing.items()))
        return results, f"missing keys for these results which are required in TaskResult's properties map[{listed}]"
    return results, None


def from_json(text: str) -> ParamValue:
    """ParamValue.UnmarshalJSON: arrays and objects of strings, a quoted string; the rest stays as written."""
    try:
        value = json.loads(text)
    except ValueError:
        return text
    if isinstance(value, str):
        return value
    found = param_value(value) if text[:1] in ("[", "{") else text
    return text if isinstance(found, str) else found


def of_status(status: Mapping[str, Any] | None) -> dict[str, ParamValue]:
    """Results by name, from a TaskRun's status."""
    return {item["name"]: param_value(item["value"]) for item in (status or {}).get("results", [])}


def for_reference(value: ParamValue, *, custom: bool = False) -> ParamValue:
    """A result as references see it: a custom task's, always text, is an array if it is the JSON of one with elements.

    resultrefresolution.go paramValueFromCustomRunResult.
    """
    if custom and isinstance(value, str) and value.lstrip()[:1] == "[":
        decoded = from_json(value)
        if isinstance(decoded, list) and decoded:
            return decoded
    return value


def of_pipeline(
    declared: Sequence[PipelineResult] | None,
    results: Mapping[str, Mapping[str, ParamValue]],
    succeeded: Mapping[str, bool],
) -> list[dict[str, Any]]:
    """status.results of a finished PipelineRun (ApplyTaskResultsToPipelineResults).

    ``results`` by task; ``succeeded`` has every task. A result whose producer did not succeed is left out; one that a
    successful producer did not write raises InputError ``pipeline-results`` (reason CouldntGetPipelineResult).
    """
    found: list[dict[str, Any]] = []
    invalid: list[str] = []
    for result in declared or []:
        answers: list[Replacements] = []
        complete = bool(expressions := substitution.references(result.value))
        for expression in expressions:
            ref = references.parse(expression)
            value = results.get(ref.task, {}).get(ref.result) if ref is not None else None
            answer = _answer(expression, ref, value)
            if answer is not None:
                answers.append(answer)
                continue
            complete = False
            if ref is None or value is not None or succeeded.get(ref.task, True):
                invalid.append(result.name)
        if complete:
            value = substitution.replace_value(result.value, substitution.merged(answers))
            found.append({"name": result.name, "value": value})
    if invalid:
        raise InputError(
            "pipeline-results", f"invalid pipelineresults [{' '.join(invalid)}], the referenced results don't exist"
        )
    return found


def _answer(expression: str, ref: references.ResultRef | None, value: ParamValue | None) -> Replacements | None:
    """What one reference of a pipeline result answers; an array without an index is its first element, as upstream."""
    if ref is None or value is None:
        return None
    if ref.key:
        return Replacements({expression: value[ref.key]}) if isinstance(value, dict) and ref.key in value else None
    whole = expression.removesuffix("[*]")
    if isinstance(value, str):
        return Replacements({expression: value})
    if isinstance(value, dict):
        return Replacements(objects={whole: value})
    if ref.star:
        return Replacements(arrays={whole: value})
    index = ref.index or 0
    return Replacements({expression: value[index]}) if index < len(value) else None
