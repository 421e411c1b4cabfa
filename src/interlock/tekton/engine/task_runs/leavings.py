"""What the steps of an attempt leave in its folder: results, artifacts. Read as what they are: files of a stranger."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from interlock.errors import InputError
from interlock.formats.tekton.task import Step
from interlock.local.sandbox import beneath
from interlock.tekton.engine.task_runs.task_plan import Container, Plan
from interlock.tekton.spec.results import Emission
from interlock.tekton.spec.step_results import Produced

_MOST = 2 << 20
"""Bytes read of one file: more than any way of carrying a result takes (max-result-size is 1.5 MiB at most)."""


def emission(plan: Plan, folder: Path, container: Container) -> Emission:
    """What the end of a step brings to light, masked. Raises InputError ``result-not-text``."""
    step = container.spec
    own = [result.name for result in step.results or []] if isinstance(step, Step) else []
    return Emission(
        container.name.removeprefix("step-"),
        _texts(plan, folder / "results", "", [item.name for item in plan.spec.results or [] if item.value is None]),
        _texts(plan, folder / "run" / str(container.index), "status/results/", own),
    )


def _texts(plan: Plan, base: Path, below: str, names: Sequence[str]) -> dict[str, str]:
    found: dict[str, str] = {}
    for name in names:
        content = beneath.read(base, below + name, _MOST)
        if content is not None:
            found[name] = plan.masker.text(_text(name, content))
    return found


def _text(name: str, content: bytes) -> str:
    try:
        return content.decode()
    except UnicodeDecodeError as error:
        raise InputError(
            "result-not-text",
            f'result "{name}" is not UTF-8 text',
            got=f"byte 0x{content[error.start]:02x} at offset {error.start}",
            todo="encode it, for example with base64",
        ) from error


def task_artifacts(plan: Plan, folder: Path) -> str:
    """The Task's provenance.json, masked; empty if there is none."""
    return plan.masker.text(_lenient(beneath.read(folder / "artifacts", "provenance.json", _MOST)))


def step_artifacts(plan: Plan, folder: Path, container: Container) -> str:
    """A step's provenance.json, masked; empty if there is none."""
    return plan.masker.text(_lenient(_raw_artifacts(folder, container.index)))


def _raw_artifacts(folder: Path, index: int) -> bytes | None:
    return beneath.read(folder / "run" / str(index), "status/artifacts/provenance.json", _MOST)


def _lenient(content: bytes | None) -> str:
    return (content or b"").decode("utf-8", "replace")


def produced(plan: Plan, folder: Path, finished: Sequence[Container]) -> Produced:
    """For the steps after ``finished``, unmasked: what a step hands to the next is its own matter."""
    results: dict[str, dict[str, str]] = {}
    artifacts: dict[str, str] = {}
    for container in finished:
        name, base = container.name.removeprefix("step-"), folder / "run" / str(container.index)
        declared = [item.name for item in getattr(container.spec, "results", None) or []]
        found = {item: beneath.read(base, f"status/results/{item}", _MOST) for item in declared}
        results[name] = {item: _lenient(content) for item, content in found.items() if content is not None}
        content = _raw_artifacts(folder, container.index)
        if content is not None:
            artifacts[name] = _lenient(content)
    return Produced(results, artifacts)
