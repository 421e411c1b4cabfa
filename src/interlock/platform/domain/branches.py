"""The one grammar of head branches: what a delivery's branch says of it. Only hints: nothing is believed for a name."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

WHOLE = "main"
"""Stands for the service in the branch of a revert that restores what is sealed, whatever it was."""


class Purpose(StrEnum):
    ONBOARD = "onboard"
    BUMP = "bump"
    """The pipeline's: a new build."""
    PROMOTE = "promote"
    REVERT = "revert"


@dataclass(frozen=True, slots=True)
class Branch:
    """``onboard/<service>``, ``bump/<service>/<tag>``, ``promote/<service>/<tag>``, ``revert/<service>/<commit>``."""

    purpose: Purpose
    service: str
    suffix: str = ""

    def __str__(self) -> str:
        return "/".join(filter(None, (self.purpose, self.service, self.suffix)))


def parse(head_ref: str) -> Branch | None:
    """None for a branch that is of no delivery's form."""
    purpose, *rest = head_ref.split("/")
    if purpose not in set(Purpose) or not 1 <= len(rest) <= 2 or not all(rest):
        return None
    return Branch(Purpose(purpose), *rest)
