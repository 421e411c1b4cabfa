"""The rules by id, from ``rules.txt``: what each demands, and what to do where it does not hold.

Ids are stable: reports name them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from importlib import resources
from types import MappingProxyType


@dataclass(frozen=True, slots=True)
class Rule:
    summary: str
    remedy: str


def _read() -> Mapping[str, Rule]:
    text = resources.files(__package__).joinpath("rules.txt").read_text("utf-8")
    rows = (line.split(" | ") for line in text.partition("\n\n")[2].splitlines())
    return MappingProxyType({name: Rule(summary, f"{remedy}.") for name, summary, remedy in rows})


RULES = _read()
