"""A folder of examples, all under way at once on one stage; each file's verdict when it is asked for."""

from __future__ import annotations

import shutil
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from interlock.errors import InputError

from . import corpus, expectation
from .comparison import condition, differences
from .expectation import Expectation
from .stage import Settings, Stage, Submitted

UPSTREAM = Path(__file__).parents[1] / "expected"
OWN = Path(__file__).parents[1] / "own"


@dataclass(frozen=True)
class Verdict:
    """Of one file: why it was not run, or how it differs from its expectation."""

    name: str
    kind: str
    """Class, research/tekton.md section 2.2."""
    not_run: str = ""
    differences: tuple[str, ...] = ()

    @property
    def passed(self) -> bool:
        return not self.not_run and not self.differences


class Suite:
    """``names`` below ``folder``, held against the expectations of the same names; ``work`` is the engines' folder."""

    def __init__(self, folder: Path, names: Iterable[str], expectations: Path, work: Path) -> None:
        written = expectation.names(expectations)
        self._expected = {name: expectation.load(name, expectations) for name in names if name in written}
        self._not_run = {name: _not_run(expected) for name, expected in self._expected.items()}
        examples = [corpus.load(folder, name) for name in names if not self._not_run.get(name)]
        self._stage = Stage(work)
        self._verdicts: dict[str, Verdict] = {}
        self._submitted: dict[str, Submitted] = {}
        for example in examples:
            settings = _settings(example.name, self._expected.get(example.name))
            given = self._expected[example.name].given if example.name in self._expected else ()
            try:
                self._submitted[example.name] = self._stage.submit(example, settings, given)
            except InputError as error:
                expected = self._expected.get(example.name)
                wanted = bool(expected and expected.refused and expected.refused in error.message)
                self._verdicts[example.name] = Verdict(
                    example.name, "a", differences=() if wanted else (error.message,)
                )

    def verdict(self, name: str) -> Verdict:
        """When every run of the file is done. A file without an expectation is judged by its runs' conditions."""
        if name not in self._verdicts:
            self._verdicts[name] = self._judge(name)
        return self._verdicts[name]

    def _judge(self, name: str) -> Verdict:
        expected = self._expected.get(name)
        kind = expected.kind if expected else "a"
        if reason := self._not_run.get(name):
            return Verdict(name, kind, reason)
        try:
            for answer in expected.answers if expected else ():
                self._submitted[name].answer(answer.who, answer.said)
            runs = self._submitted[name].finished()
        except TimeoutError as error:
            return Verdict(name, kind, differences=(str(error),))
        if expected is not None and expected.refused:
            return Verdict(name, kind, differences=("the webhook does not refuse it",))
        if expected is not None:
            return Verdict(name, kind, differences=tuple(differences(runs, expected.runs)))
        ended = ((condition(run.object), run) for run in runs)
        return Verdict(
            name, kind, differences=tuple(f"{run.object['status']}" for text, run in ended if text[:4] != "True")
        )

    def close(self) -> None:
        self._stage.close()


def _not_run(expected: Expectation) -> str:
    missing = [program for program in expected.needs if shutil.which(program) is None]
    return expected.reason if expected.kind != "a" else ", ".join(f"{program} is not installed" for program in missing)


def _settings(name: str, expected: Expectation | None) -> Settings:
    """Upstream's flags for the file's folder, unless the expectation names others."""
    folder = next((part for part in ("alpha", "beta") if f"/{part}/" in f"/{name}"), "stable")
    if expected is None:
        return Settings(folder)
    return Settings(expected.flags or folder, workspace_binding=expected.workspace_binding)
