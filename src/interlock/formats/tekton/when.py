"""``when``: all conditions must hold for a task to run (v1/when_types.go)."""

from __future__ import annotations

import json
from collections.abc import Sequence

from interlock.formats.tekton import substitution
from interlock.formats.tekton.substitution import Replacements
from interlock.formats.tekton.task import When


def allows(conditions: Sequence[When] | None) -> bool:
    """Whether every condition holds. Values must be substituted already."""
    return all(
        (condition.input in (condition.values or [])) == (condition.operator == "in") for condition in conditions or []
    )


def substituted(conditions: Sequence[When] | None, replacements: Replacements) -> list[When] | None:
    """The conditions with their variables replaced; an array as ``input`` becomes its JSON text."""
    if conditions is None:
        return None
    return [
        condition.model_copy(
            update={
                "input": _input(condition.input, replacements),
                "values": substitution.expand_all(condition.values or [], replacements),
            }
        )
        for condition in conditions
    ]


def _input(text: str, replacements: Replacements) -> str:
    if text.startswith("$(") and text.endswith(")") and text[2:-1].removesuffix("[*]") in replacements.arrays:
        return json.dumps(substitution.expand(text, replacements), ensure_ascii=False, separators=(",", ":"))
    return substitution.replace(text, replacements.strings)
