"""What a static check found."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Severity(StrEnum):
    ERROR = "error"
    """The integration server would refuse or misroute: the build stops."""
    WARNING = "warning"


@dataclass(frozen=True, slots=True, order=True)
class Issue:
    """One finding of a rule, at a place. Its basis is always static: no flow has been run."""

    file: str
    line: int
    """Counts from 1; 0 when the rule is about the whole file."""
    rule: str
    severity: Severity
    message: str

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}" if self.line else self.file
        return f"{place}: {self.severity}: {self.message} [{self.rule}]"
