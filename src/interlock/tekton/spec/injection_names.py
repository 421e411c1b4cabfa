"""References to values in scripts, and the environment variables that take their place."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

_SOURCES: Final = "params|inputs\\.params|tasks|steps|body|header|extensions|tt\\.params"
_REFERENCE: Final = re.compile(
    rf"""\$\((?P<source>{_SOURCES})(?P<rest>(?:\.[A-Za-z0-9_-]+|\[(?:'[^'\n]*'|"[^"\n]*"|[0-9]+|\*)\])+)\)"""
)
_PART: Final = re.compile(r"""\.([A-Za-z0-9_-]+)|\[(?:'([^'\n]*)'|"([^"\n]*)"|([0-9]+|\*))\]""")
_PRODUCED: Final = frozenset(["tasks", "steps"])
_KINDS: Final = frozenset(["results", "outputs"])


@dataclass(frozen=True, slots=True)
class Reference:
    """``$(…)`` as written (``text``); ``param`` is the param's name, empty for results and webhook bodies."""

    text: str
    start: int
    end: int
    param: str
    variable: str
    """The environment variable for it: ``PARAM_X``, ``TASK_A_RESULT_B``."""


def references(script: str) -> Iterator[Reference]:
    """Every reference of ``script`` to a value that a run brings, in order: params, results, artifacts, event bodies.

    Paths (``$(results.x.path)``, ``$(workspaces.x.path)``) and context variables are the author's or the cluster's own.
    """
    for match in _REFERENCE.finditer(script):
        parts = [next(item for item in found if item) for found in _PART.findall(match["rest"]) if any(found)]
        source = match["source"]
        if not parts or (source in _PRODUCED and (len(parts) < 3 or parts[1] not in _KINDS)):
            continue
        is_param = source.endswith("params")
        if source in _PRODUCED:
            words = [source.removesuffix("s"), parts[0], parts[1].removesuffix("s"), *parts[2:]]
        else:
            words = ["param" if is_param else source, *parts]
        yield Reference(match[0], match.start(), match.end(), parts[0] if is_param else "", _variable(words))


def _variable(words: list[str]) -> str:
    return re.sub(r"[^A-Z0-9_]+", "_", "_".join(words).upper()).strip("_")
