"""References of the form ``$(params.x)`` in a text, and the rules about them (pkg/substitution/substitution.go).

``prefix`` is upstream's regular expression (its dots match anything where upstream forgot to escape them); the found
names are checked against the names that exist, or that may not be used here.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Collection

from interlock.tekton.spec.admission.faults import Fault, Faults
from interlock.tekton.spec.admission.wording import quoted

_INDEX = re.compile(r"\[([0-9])*\*?\]")
_BODY = r".*?(?:\[\*\])?"
_PREFIX = re.compile(r"[A-Za-z0-9_.\\-]*")
_NOTHING = re.compile(r"(?!)()()()")
_WHOLE = r"[_a-zA-Z0-9.-]+\[\*\]"

Check = Callable[[str, str, Collection[str]], Faults]


@functools.lru_cache(maxsize=4096)
def _pattern(prefix: str, body: str = _BODY) -> re.Pattern[str]:
    """braceMatchingRegex. Names go into it as they are; one that no param may have matches nothing."""
    if not _PREFIX.fullmatch(prefix):
        return _NOTHING
    return re.compile(rf"\$\({prefix}(?:\.({body})|\[\"({body})\"\]|\['({body})'\])\)")


def _references(value: str, prefix: str) -> list[str]:
    """The references' bodies: ``foo``, ``foo.bar``, ``foo[*]`` (extractEntireVariablesFromString)."""
    if "$(" not in value:
        return []
    return [match[1] or match[2] or match[3] or "" for match in _pattern(prefix).finditer(value)]


def names(value: str, prefix: str) -> tuple[list[str], str]:
    """The names that are referred to, and what is wrong with a reference (ExtractVariablesFromString)."""
    if "$(" not in value:
        return [], ""
    found: list[str] = []
    for match in _pattern(prefix).finditer(value):
        dotted = match[1] or ""
        if dotted.count(".") > 1:
            problem = (
                f'Invalid referencing of parameters in "{value}"! Only two dot-separated components after the prefix '
                f'"{prefix}" are allowed.'
            )
            return found, problem
        found.append(dotted.split(".")[0] if "." in dotted else dotted or match[2] or match[3] or "")
    return found, ""


def present(value: str, prefix: str) -> bool:
    return "$(" in value and _pattern(prefix).search(value) is not None


def expressions(value: str, prefix: str) -> list[str]:
    """The references as they are written, with ``$(`` and ``)`` (ExtractVariableExpressions)."""
    return [match[0] for match in _pattern(prefix).finditer(value)] if "$(" in value else []


def unknown(value: str, prefix: str, known: Collection[str], *, detail: bool = False) -> Faults:
    """A reference to a name that does not exist (ValidateNoReferencesToUnknownVariables)."""
    found, problem = names(value, prefix)
    if problem:
        yield Fault("variable-reference", problem)
        return
    for name in found:
        name = _INDEX.sub("", name)
        if name not in known:
            what = f"non-existent variable `{name}` in" if detail else "non-existent variable in"
            yield Fault("variable-unknown", f"{what} {quoted(value)}")
            return


def prohibited(value: str, prefix: str, forbidden: Collection[str]) -> Faults:
    """A reference to an array where a string stands (ValidateNoReferencesToProhibitedVariables)."""
    found, problem = names(value, prefix)
    if problem:
        yield Fault("variable-reference", problem)
    elif any(name.removesuffix("[*]") in forbidden for name in found):
        yield Fault("variable-type", f"variable type invalid in {quoted(value)}")


def prohibited_whole(value: str, prefix: str, forbidden: Collection[str]) -> Faults:
    """A reference to a whole array or object (ValidateNoReferencesToEntireProhibitedVariables)."""
    if any(name.removesuffix("[*]") in forbidden for name in _references(value, prefix)):
        yield Fault("variable-type", f"variable type invalid in {quoted(value)}")


def isolated(value: str, prefix: str, arrays: Collection[str]) -> Faults:
    """An array among other characters (ValidateVariableReferenceIsIsolated)."""
    found, problem = names(value, prefix)
    if problem:
        yield Fault("variable-reference", problem)
        return
    if not found:
        return
    first = _pattern(prefix).search(value)
    if first is not None and len(first[0]) != len(value):
        for name in found:
            if name.removesuffix("[*]") in arrays:
                yield Fault("variable-isolated", f"variable is not properly isolated in {quoted(value)}")
                return


def is_whole(value: str, prefix: str) -> bool:
    """Whether ``value`` is one reference to a whole array or object (ValidateWholeArrayOrObjectRefInStringVariable)."""
    return "$(" in value and _pattern(prefix, _WHOLE).fullmatch(value) is not None


# v1/resultref.go variableSubstitutionFormat: dots are part of the first class, so one group says the same.
_EXPRESSION = re.compile(r"\$\(([_a-zA-Z0-9.-]+(?:\[(?:[0-9]+|\*)\])?)\)")


def all_expressions(value: str) -> list[str]:
    """Every reference of whatever kind, without ``$(`` and ``)`` (validateString)."""
    return _EXPRESSION.findall(value) if "$(" in value else []
