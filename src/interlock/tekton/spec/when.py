"""``when``: all conditions must hold for a task to run (v1/when_types.go).

A CEL condition is compiled after its references were replaced as text, and sees no variables.
"""

from __future__ import annotations

import json
from collections.abc import Sequence

from interlock.formats.tekton import substitution
from interlock.formats.tekton.substitution import Replacements
from interlock.formats.tekton.task import When
from interlock.tekton.spec import cel


def allows(conditions: Sequence[When] | None) -> bool:
    """Whether every condition holds. Values must be substituted already.

    Raises InputError ``cel-invalid`` (reason CELEvaluationFailed); every CEL is judged, as upstream does.
    """
    check(conditions)
    return all(
        (condition.input in (condition.values or [])) == (condition.operator == "in")
        and (not condition.cel or cel.holds(condition.cel))
        for condition in conditions or []
    )


def check(conditions: Sequence[When] | None) -> None:
    """Raise InputError ``cel-invalid`` for a CEL condition that cannot be judged (EvaluateCEL)."""
    for condition in conditions or []:
        if condition.cel:
            cel.holds(condition.cel)


def substituted(conditions: Sequence[When] | None, replacements: Replacements) -> list[When] | None:
    """The conditions with their variables replaced; an array as ``input`` becomes its JSON text."""
    if conditions is None:
        return None
    return [condition.model_copy(update=_replaced(condition, replacements)) for condition in conditions]


def _replaced(condition: When, replacements: Replacements) -> dict[str, object]:
    update: dict[str, object] = {}
    if condition.input:
        update["input"] = _input(condition.input, replacements)
    if condition.values:
        update["values"] = substitution.expand_all(condition.values, replacements)
    if condition.cel:
        update["cel"] = substitution.replace(condition.cel, replacements.strings)
    return update


def _input(text: str, replacements: Replacements) -> str:
    if text.startswith("$(") and text.endswith(")") and text[2:-1].removesuffix("[*]") in replacements.arrays:
        return json.dumps(substitution.expand(text, replacements), ensure_ascii=False, separators=(",", ":"))
    return substitution.replace(text, replacements.strings)
