"""What a step takes from steps before it, at the moment it starts: results and artifacts (pkg/entrypoint).

``$(steps.S.results.R)`` is answered in command, args, env and when, never in a script; ``$(steps.S.outputs.A)`` and
``inputs`` in these and in a script. A reference that cannot be answered leaves everything as it is written, as
upstream's entrypoint does, which only logs it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from interlock.errors import InputError
from interlock.formats.tekton.model import ParamValue
from interlock.formats.tekton.task import When
from interlock.tekton.spec import references, results

_RESULT = re.compile(r"\$\((steps\..*?\.results\..*?)\)")
_ARTIFACT = re.compile(r"\$\(steps\.([^.]+)\.(inputs|outputs)\.([^.)]+)\)")
_WHOLE_ARRAY = 'value must be in "$(steps.<step-name>.results.<result-name>[*])" format, when using array results'


@dataclass(frozen=True, slots=True)
class Produced:
    """What the steps so far have left: texts of results by step and name, artifacts documents by step."""

    results: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    artifacts: Mapping[str, str] = field(default_factory=dict)

    def value(self, reference: references.ResultRef) -> ParamValue:
        """Raises InputError ``step-result-missing``."""
        try:
            text = self.results[reference.task][reference.result]
        except KeyError:
            raise InputError("step-result-missing", f"step {reference.task} has no result {reference.result}") from None
        return results.from_json(text)

    def artifact(self, step: str, kind: str, name: str) -> str:
        """JSON of an artifact's values. Raises InputError ``step-artifact-missing``."""
        try:
            document = json.loads(self.artifacts[step])
            listed = document.get(kind) or []
            return next(
                results.go_json([_artifact_value(value) for value in item["values"]])
                for item in listed
                if item.get("name") == name
            )
        except (KeyError, ValueError, AttributeError, TypeError, StopIteration):
            template = f"$(steps.{step}.{kind}.{name})"
            raise InputError("step-artifact-missing", f"values for template {template} not found") from None


def _artifact_value(value: dict[str, Any]) -> dict[str, Any]:
    """In the order in which Go writes it (v1/artifact_types.go ArtifactValue)."""
    digest = {"digest": dict(sorted(value["digest"].items()))} if value.get("digest") else {}
    return {**digest, **({"uri": value["uri"]} if value.get("uri") else {})}


def used(text: str) -> bool:
    """Whether ``text`` refers to a result or an artifact of a step."""
    return "$(steps." in text and (_RESULT.search(text) is not None or _ARTIFACT.search(text) is not None)


def in_command(parts: Sequence[str], produced: Produced) -> list[str]:
    """Command and args. Raises InputError when a reference cannot be answered."""
    return [_artifacts(part, produced) for text in parts for part in _expanded(text, produced)]


def in_script(text: str, produced: Produced) -> str:
    """Artifacts only. Raises InputError when a reference cannot be answered."""
    return _artifacts(text, produced)


def in_environment(variables: Mapping[str, str], produced: Produced) -> dict[str, str]:
    """Values of variables. Raises InputError when a reference cannot be answered."""
    return {name: _artifacts(_text(value, produced), produced) for name, value in variables.items()}


def in_when(conditions: Sequence[When], produced: Produced) -> list[When]:
    """Raises InputError when a reference cannot be answered."""
    return [
        condition.model_copy(
            update={
                "input": _text(condition.input, produced),
                "values": [part for text in condition.values or [] for part in _expanded(text, produced)],
                "cel": _text(condition.cel, produced),
            }
        )
        for condition in conditions
    ]


def _expanded(text: str, produced: Produced) -> list[str]:
    """``text``, or the elements where all of it is one whole array."""
    for match in _RESULT.finditer(text):
        reference = references.of_step(match[1])
        if reference is not None and reference.star and match[0] == text:
            value = produced.value(reference)
            return list(value) if isinstance(value, list) else [""]
    return [_text(text, produced, whole=True)]


def _text(text: str, produced: Produced, *, whole: bool = False) -> str:
    def answer(match: re.Match[str]) -> str:
        reference = references.of_step(match[1])
        if reference is None:
            raise InputError("step-result-missing", references.STEP_FORMS, got=match[1])
        return _one(reference, produced.value(reference), whole=whole)

    return _RESULT.sub(answer, text)


def _one(reference: references.ResultRef, value: ParamValue, *, whole: bool) -> str:
    """A reference's text; another shape than the reference's gives Go's zero value."""
    if reference.key:
        return value.get(reference.key, "") if isinstance(value, dict) else ""
    if reference.index is not None:
        if not isinstance(value, list) or reference.index >= len(value):
            raise InputError("step-result-missing", f"index out of range [{reference.index}]")
        return value[reference.index]
    if reference.star:
        if whole and isinstance(value, list) and value:
            raise InputError("step-result-missing", _WHOLE_ARRAY)
        return ""
    return value if isinstance(value, str) else ""


def _artifacts(text: str, produced: Produced) -> str:
    return _ARTIFACT.sub(lambda match: produced.artifact(match[1], match[2], match[3]), text)


def attempt(replace: Callable[[], Any], otherwise: Any) -> tuple[Any, str]:
    """(what ``replace`` gives, ""), or (``otherwise``, why not): upstream logs it and goes on."""
    try:
        return replace(), ""
    except InputError as error:
        return otherwise, error.message
