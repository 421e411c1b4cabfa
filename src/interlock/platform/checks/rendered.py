"""The rendered diff: what the cluster would get, whatever the text looks like."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from interlock.platform.checks.check import Check
from interlock.platform.checks.reasons import PUSH, Reason, table
from interlock.platform.domain.facts import Unread
from interlock.platform.domain.verdict import Finding
from interlock.platform.facts import Facts, image
from interlock.platform.facts import rendering as renderings
from interlock.platform.facts.facts import missing
from interlock.platform.facts.rendering import Objects

REASONS = table(
    {
        "rendered-diff-other": Reason("The rendered objects would differ in more than image and version label.", PUSH),
        "rendered-nothing": Reason("The rendered objects do not contain the new image.", PUSH),
        "render-failed": Reason(
            "The chart cannot be rendered.", "run `helm template` on both commits and mend the chart"
        ),
    }
)

Key = tuple[str, str, str, str]
Path = tuple[str | int, ...]

VERSION_LABEL = "app.kubernetes.io/version"
FIRST_RELEASE = frozenset({"Deployment", "Service", "PodDisruptionBudget", "HorizontalPodAutoscaler", "NetworkPolicy"})
"""Kinds that a chart may add when the image gets its first digest. Nothing that grants rights or holds secrets."""


class RenderedDiff(Check):
    """Differences other than these are a change of configuration or chart, whoever asked for an image."""

    id = "image-rendered-diff"
    claim = "The rendered objects differ only in container image and version label; a first release adds its workload."

    def judge(self, facts: Facts) -> Finding:
        rendering, wanted = facts.look(renderings.read), facts.get(image.wanted)
        if isinstance(rendering, Unread):
            # Because of the files, or because they could not be read.
            fault = rendering.code.startswith(("helm-", "yaml-"))
            return self.invalid("render-failed", rendering.detail) if fault else self.unread(rendering)
        if wanted is None:
            raise missing("image")
        reference = str(wanted)
        before, after = _by_key(rendering.before), _by_key(rendering.after)
        gone = sorted(before.keys() - after.keys())
        added = sorted(after.keys() - before.keys())
        first = not any(True for item in before.values() for _ in images(item))
        if gone or (added and not first):
            return self.invalid("rendered-diff-other", f"{'removed' if gone else 'added'}: {_name((gone or added)[0])}")
        if odd := [key for key in added if key[1] not in FIRST_RELEASE]:
            return self.invalid("rendered-diff-other", f"added: {_name(odd[0])}")
        for key in sorted(before.keys() & after.keys()):
            for path, _, _ in differences(before[key], after[key]):
                if not _allowed(path):
                    return self.invalid("rendered-diff-other", f"{_name(key)}: {'.'.join(map(str, path))}")
        found = [(key, value) for key, item in after.items() for value in images(item)]
        if not found:
            return self.invalid("rendered-nothing", reference)
        if wrong := [f"{_name(key)} runs {value}" for key, value in found if value != reference]:
            return self.invalid("rendered-diff-other", f"{wrong[0]}, expected {reference}")
        return self.valid(f"{len(added)} added" if first else reference)


def differences(before: Any, after: Any, path: Path = ()) -> Iterator[tuple[Path, Any, Any]]:
    """Leaves that differ, as (path, before, after); None stands for absent."""
    if isinstance(before, Mapping) and isinstance(after, Mapping):
        for key in sorted(before.keys() | after.keys()):
            yield from differences(before.get(key), after.get(key), (*path, key))
    elif isinstance(before, list) and isinstance(after, list) and len(before) == len(after):
        for index, (one, other) in enumerate(zip(before, after, strict=True)):
            yield from differences(one, other, (*path, index))
    elif before != after or type(before) is not type(after):
        yield path, before, after


def images(item: Mapping[str, Any]) -> Iterator[str]:
    """Every container image in an object, init containers included, whatever its kind."""
    for path, value in _leaves(item):
        if len(path) >= 3 and path[-1] == "image" and path[-3] in ("containers", "initContainers"):
            yield str(value)


def _leaves(value: Any, path: Path = ()) -> Iterator[tuple[Path, Any]]:
    if isinstance(value, Mapping):
        for key, item in value.items():
            yield from _leaves(item, (*path, key))
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _leaves(item, (*path, index))
    else:
        yield path, value


def _allowed(path: Path) -> bool:
    match path:
        case ("metadata", "labels", label) | ("spec", "template", "metadata", "labels", label):
            return label == VERSION_LABEL
        case ("spec", "template", "spec", "containers" | "initContainers", int(), "image"):
            return True
    return False


def _by_key(objects: Objects) -> dict[Key, Mapping[str, Any]]:
    """Later objects of the same name win, as Argo CD takes them: a repeated one is seen as what it becomes."""
    found: dict[Key, Mapping[str, Any]] = {}
    for item in objects:
        metadata = item.get("metadata") or {}
        key = (str(item.get("apiVersion")), str(item.get("kind")), str(metadata.get("namespace", "")))
        found[*key, str(metadata.get("name", ""))] = item
    return found


def _name(key: Key) -> str:
    return f"{key[1]} {key[3]}"
