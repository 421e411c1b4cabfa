"""What the last counted tests covered, wing by wing (`make test`); exit code 1 when a wing is below its floor.

Lines, not branches, and of this process alone: what a controller, an engine or a command covers that a test starts as
a process of its own is not counted.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

from coverage import Coverage

SOURCE = Path(__file__).resolve().parents[2] / "src" / "interlock"
FLOORS = {"platform": 88.0}
"""Percent, a little below what was covered when it was written down. It is raised, never lowered."""
LEAST = 10
"""So many modules of a wing with a floor are named: those that are covered least."""


@dataclass(frozen=True, slots=True)
class Lines:
    """Executable lines, and those of them that were executed."""

    all: int = 0
    covered: int = 0

    def __add__(self, other: Lines) -> Lines:
        return Lines(self.all + other.all, self.covered + other.covered)

    @property
    def percent(self) -> float:
        return 100 * self.covered / self.all if self.all else 100.0

    def row(self, name: str) -> str:
        return f"  {name:<44} {self.covered:>6} of {self.all:>6} lines {self.percent:>6.1f} %"


def main() -> int:
    wings: dict[str, dict[str, Lines]] = defaultdict(dict)
    for module, lines in measured().items():
        wings[module.parts[0]][module.as_posix()] = lines
    if uncounted := FLOORS.keys() - wings.keys():
        print(f"Coverage: nothing was counted of {', '.join(uncounted)}")
        return 1
    sums = {name: sum(modules.values(), Lines()) for name, modules in sorted(wings.items())}
    print("\nCoverage, in this process")
    for name, lines in sums.items():
        print(lines.row(name))
    print(sum(sums.values(), Lines()).row("total"))
    return max(judged(name, sums[name], wings[name]) for name in FLOORS)


def measured() -> dict[Path, Lines]:
    """By module, relative to the package."""
    coverage = Coverage()
    coverage.load()
    found = {}
    for name in coverage.get_data().measured_files():
        _, executable, _, missing, _ = coverage.analysis2(name)
        found[Path(name).relative_to(SOURCE)] = Lines(len(executable), len(executable) - len(missing))
    return found


def judged(wing: str, lines: Lines, modules: dict[str, Lines]) -> int:
    """Names the least covered modules; 1 when the wing is below its floor, else 0."""
    print(f"Least covered of {wing}")
    for name, some in sorted(modules.items(), key=lambda item: (item[1].percent, item[0]))[:LEAST]:
        print(some.row(name))
    if lines.percent >= FLOORS[wing]:
        return 0
    print(
        f"{wing} is covered to {lines.percent:.1f} %; the floor is {FLOORS[wing]} %: write the tests that are missing"
    )
    return 1


if __name__ == "__main__":
    raise SystemExit(main())
