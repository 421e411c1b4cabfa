"""The rendered diff: what the cluster would get, whatever the text looks like."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import Any

from interlock.platform.checks.check import Check
from interlock.platform.checks.reasons import PUSH, Reason, table
from interlock.platform.domain import workload
from interlock.platform.domain.facts import Unread
from interlock.platform.domain.verdict import Finding
from interlock.platform.domain.workload import Object, Path
from interlock.platform.estate import Service
from interlock.platform.facts import Facts, ground, image
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
ByKey = Mapping[Key, Object]

VERSION_LABEL = "app.kubernetes.io/version"
FIRST_RELEASE = frozenset({"Deployment", "Service", "PodDisruptionBudget", "HorizontalPodAutoscaler", "NetworkPolicy"})
"""Kinds that a chart may add when the image gets its first digest. Nothing that grants rights or holds secrets."""


class RenderedDiff(Check):
    """Differences other than these are a change of configuration or chart, whoever asked for an image.

    Images are seen wherever an object names one. Those of the service become the wanted one, every one of them; any
    other stays what it is. A first release may bring the images that the service's registration names.
    """

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
        before, after = by_key(rendering.before), by_key(rendering.after)
        gone, added = sorted(before.keys() - after.keys()), sorted(after.keys() - before.keys())
        first = not any(True for item in before.values() for _ in workload.images(item))
        if gone or (added and not first):
            return self.invalid("rendered-diff-other", f"{'removed' if gone else 'added'}: {name((gone or added)[0])}")
        if odd := [key for key in added if key[1] not in FIRST_RELEASE]:
            return self.invalid("rendered-diff-other", f"added: {name(odd[0])}")
        for key in sorted(before.keys() & after.keys()):
            places = {path for path, _ in workload.images(after[key])}
            for path, _, _ in differences(before[key], after[key]):
                if path not in places and not _label(path):
                    return self.invalid("rendered-diff-other", f"{name(key)}: {'.'.join(map(str, path))}")
        return self._images(facts.get(ground.registered), str(wanted), before, after) or self.valid(
            f"{len(added)} added" if first else str(wanted)
        )

    def _images(self, service: Service, wanted: str, before: ByKey, after: ByKey) -> Finding | None:
        """The finding over images that are not what they may be; None when each is."""
        named = {item.image for item in service.workloads} - {service.image}
        found = False
        for key, item in after.items():
            held = dict(workload.images(before.get(key, {})))
            for path, value in workload.images(item):
                if value == wanted:
                    found = True
                elif not (held.get(path) == value and not _of(value, {service.image})) and not (
                    key not in before and _of(value, named)
                ):
                    return self.invalid("rendered-diff-other", f"{name(key)} runs {value}, expected {wanted}")
        return None if found else self.invalid("rendered-nothing", wanted)


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


def _of(image: str, repositories: Collection[str]) -> bool:
    """Whether an image is of one of these repositories."""
    return any(image.startswith((f"{name}:", f"{name}@")) or image == name for name in repositories)


def _label(path: Path) -> bool:
    match path:
        case ("metadata", "labels", label) | ("spec", "template", "metadata", "labels", label):
            return label == VERSION_LABEL
    return False


def by_key(objects: Objects) -> ByKey:
    """Later objects of the same name win, as Argo CD takes them: a repeated one is seen as what it becomes."""
    found: dict[Key, Mapping[str, Any]] = {}
    for item in objects:
        metadata = item.get("metadata") or {}
        key = (str(item.get("apiVersion")), str(item.get("kind")), str(metadata.get("namespace", "")))
        found[*key, str(metadata.get("name", ""))] = item
    return found


def name(key: Key) -> str:
    return f"{key[1]} {key[3]}"
