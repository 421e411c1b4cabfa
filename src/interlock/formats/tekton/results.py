"""Results: what steps wrote into files, as typed values, within Kubernetes' 4096 bytes (research/tekton.md 1.3).

A result is the file's content, verbatim, a trailing newline included. Upstream carries results in the pod's termination
message, so everything a TaskRun emits is counted together, with the entries that Tekton adds for each step.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from interlock.errors import InputError
from interlock.formats.tekton import references, substitution
from interlock.formats.tekton.model import ParamValue, param_value, value_type
from interlock.formats.tekton.pipeline import PipelineResult
from interlock.formats.tekton.substitution import Replacements
from interlock.formats.tekton.task import TaskResult

LIMIT = 4096
"""Bytes of a termination message (pkg/termination/write.go MaxContainerTerminationMessageLength)."""
TOO_LARGE = "Termination message is above max allowed size 4096, caused by large task result."

_TASK_RESULT, _INTERNAL = 1, 3


@dataclass(frozen=True, slots=True)
class Result:
    """An emitted result."""

    name: str
    value: ParamValue

    def to_object(self) -> dict[str, Any]:
        """An entry of status.results."""
        return {"name": self.name, "type": value_type(self.value), "value": self.value}


def message_size(contents: Mapping[str, str], steps: int) -> int:
    """Bytes that ``contents`` take in the termination message of a TaskRun of which ``steps`` have ended."""
    entries: list[dict[str, object]] = [
        {"key": name, "value": text, "type": _TASK_RESULT} for name, text in contents.items()
    ]
    entries += [{"key": "StartedAt", "value": "2006-01-02T15:04:05.000Z", "type": _INTERNAL}] * steps
    text = json.dumps(entries, ensure_ascii=False, separators=(",", ":"))
    # Go's encoder escapes these six-fold; U+2028 and U+2029 are three bytes in UTF-8 and six escaped.
    return (
        len(text.encode())
        + 5 * sum(text.count(char) for char in "<>&")
        + 3 * (text.count("\u2028") + text.count("\u2029"))
    )


def decode(declared: Sequence[TaskResult] | None, contents: Mapping[str, str]) -> tuple[list[Result], str | None]:
    """(results, error): declared strings verbatim, others from JSON; a type mismatch or missing key is the error.

    The error is upstream's text for reason TaskRunValidationFailed; mismatched results are left out.
    """
    results: list[Result] = []
    mismatched: dict[str, str] = {}
    missing: dict[str, list[str]] = {}
    for spec in declared or []:
        if spec.name not in contents:
            continue
        text = contents[spec.name]
        value = text if spec.kind == "string" else _from_json(text)
        if (found := value_type(value)) != spec.kind:
            mismatched[spec.name] = (
                f'task result is expected to be "{spec.kind}" type but was initialized to a different type "{found}"'
            )
            continue
        if isinstance(value, dict) and (keys := sorted(set(spec.properties or {}) - set(value))):
            missing[spec.name] = keys
        results.append(Result(spec.name, value))
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


def _from_json(text: str) -> ParamValue:
    try:
        return param_value(json.loads(text))
    except ValueError:
        return text


def of_status(status: Mapping[str, Any] | None) -> dict[str, ParamValue]:
    """Results by name, from a TaskRun's status."""
    return {item["name"]: param_value(item["value"]) for item in (status or {}).get("results", [])}


def for_reference(value: ParamValue, *, custom: bool = False) -> ParamValue:
    """A result as references see it: a custom task's, always text, is an array if it is the JSON of one with elements.

    resultrefresolution.go paramValueFromCustomRunResult.
    """
    if custom and isinstance(value, str) and value.lstrip()[:1] == "[":
        decoded = _from_json(value)
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
