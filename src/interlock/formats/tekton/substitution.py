"""Variable substitution (pkg/substitution/replacements.go, v1/param_types.go).

One pass over the text: what was put in is never read again, and a reference that nothing answers stays as it is.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from interlock.formats.tekton.model import ParamValue

_REFERENCE = re.compile(r"\$\(([^()]*)\)")
# v1/resultref.go exactVariableSubstitutionFormat: the whole text is one reference.
_EXACT = re.compile(r"^\$\([_a-zA-Z0-9.-]+(\.[_a-zA-Z0-9.-]+)*(\[([0-9]+|\*)\])?\)$")
_VARIABLE = re.compile(r"\$\([_a-zA-Z0-9.-]+(?:\.[_a-zA-Z0-9.-]+)*(?:\[(?:[0-9]+|\*)\])?\)")

SPELLINGS = ("{prefix}.{name}", '{prefix}["{name}"]', "{prefix}['{name}']")


@dataclass(frozen=True, slots=True)
class Replacements:
    """Values by reference key (``params.x``, ``tasks.a.results.b[0]``)."""

    strings: Mapping[str, str] = field(default_factory=dict)
    arrays: Mapping[str, list[str]] = field(default_factory=dict)
    objects: Mapping[str, Mapping[str, str]] = field(default_factory=dict)

    def __or__(self, other: Replacements) -> Replacements:
        """Both; ``other`` wins."""
        return Replacements(
            {**self.strings, **other.strings}, {**self.arrays, **other.arrays}, {**self.objects, **other.objects}
        )


def merged(items: Iterable[Replacements]) -> Replacements:
    """All of them; later ones win. Linear in what they hold, where a chain of ``|`` would copy it again and again."""
    strings: dict[str, str] = {}
    arrays: dict[str, list[str]] = {}
    objects: dict[str, Mapping[str, str]] = {}
    for item in items:
        strings.update(item.strings)
        arrays.update(item.arrays)
        objects.update(item.objects)
    return Replacements(strings, arrays, objects)


def of_value(keys: list[str], value: ParamValue) -> Replacements:
    """What a value answers under its reference spellings: itself, its elements by index, its entries by key."""
    if isinstance(value, str):
        return Replacements(dict.fromkeys(keys, value))
    if isinstance(value, list):
        elements = {f"{key}[{index}]": item for key in keys for index, item in enumerate(value)}
        return Replacements(elements, dict.fromkeys(keys, value))
    # Entries are reached by the dotted spelling only (objectIndividualVariablePattern).
    entries = {f"{keys[0]}.{name}": item for name, item in value.items()}
    return Replacements(entries, {}, dict.fromkeys(keys, value))


def spellings(prefix: str, name: str) -> list[str]:
    """``params.n``, ``params["n"]``, ``params['n']``."""
    return [pattern.format(prefix=prefix, name=name) for pattern in SPELLINGS]


def replace(text: str, strings: Mapping[str, str]) -> str:
    """``text`` with every answered ``$(key)`` replaced."""
    if "$(" not in text:
        return text
    return _REFERENCE.sub(lambda match: strings.get(match[1], match[0]), text)


def expand(text: str, replacements: Replacements) -> list[str]:
    """``text`` as list elements: several if all of it is one reference to an array, else one."""
    if text.startswith("$(") and text.endswith(")"):
        key = text[2:-1].removesuffix("[*]")
        if key in replacements.arrays:
            return list(replacements.arrays[key])
    return [replace(text, replacements.strings)]


def expand_all(texts: list[str], replacements: Replacements) -> list[str]:
    """``command``, ``args``, ``when.values`` and array params: each element expanded in turn."""
    return [part for text in texts for part in expand(text, replacements)]


def replace_value(value: ParamValue, replacements: Replacements) -> ParamValue:
    """A param's value. A string that is one reference to an array or object takes that type (applyOrCorrect)."""
    if isinstance(value, list):
        return expand_all(value, replacements)
    if isinstance(value, dict):
        return {key: replace(item, replacements.strings) for key, item in value.items()}
    if _EXACT.match(value):
        key = value[2:-1].removesuffix("[*]")
        if key in replacements.objects:
            return dict(replacements.objects[key])
        if key in replacements.arrays:
            return expand(value, replacements)
    return replace(value, replacements.strings)


def references(value: ParamValue) -> list[str]:
    """Keys of the references in a value, in order (GetVarSubstitutionExpressions)."""
    texts = [value] if isinstance(value, str) else value if isinstance(value, list) else list(value.values())
    return [match[0][2:-1] for text in texts for match in _VARIABLE.finditer(text)]


def is_reference(text: str) -> bool:
    """Whether a reference occurs in ``text`` (VariableSubstitutionRegex)."""
    return _VARIABLE.search(text) is not None
