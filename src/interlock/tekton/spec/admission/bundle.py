"""Many documents at once: what is wrong with each, and between them, and with their scripts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from interlock.errors import Location
from interlock.formats import yaml
from interlock.tekton.spec import injection
from interlock.tekton.spec.admission import crossing, review
from interlock.tekton.spec.admission.review import Finding
from interlock.tekton.spec.flags import Flags, Version


@dataclass(frozen=True, slots=True)
class Placed:
    """A finding where it was written; ``object`` is like ``Task/build``."""

    finding: Finding
    where: Location
    object: str


@dataclass(frozen=True, slots=True)
class Outcome:
    findings: list[Placed]
    """By file and position."""
    judged: int
    passed_over: int
    """Documents that are none of Tekton's."""


def judge(documents: Sequence[yaml.Document], flags: Flags, tekton: Version = "1.15") -> Outcome:
    """Review every object of the documents, items of a List too, and what they say of one another."""
    objects = [(document, *item) for document in documents for item in _objects(document.value, ())]
    reviews = [
        (document, path, review.of(value, flags, tekton=tekton))
        for document, path, value in objects
        if review.known(value)
    ]
    known = crossing.names(item.value for _, _, item in reviews)
    found: list[Placed] = []
    for document, path, item in reviews:
        findings = item.findings()
        if not any(not misfit.unknown for misfit in item.misfits):
            findings += crossing.check(item.value, known)
        findings += _injections(item.written)
        name = _name(item.written)
        found += [Placed(finding, document.where(*path, *finding.path), name) for finding in findings]
    found.sort(key=lambda placed: (placed.where.file, placed.where.line, placed.where.column))
    return Outcome(found, len(reviews), len(objects) - len(reviews))


def _injections(value: Mapping[str, Any]) -> Iterator[Finding]:
    """Values that are put into the text of a script. No webhook minds; who sets the value writes the script."""
    for found in injection.findings(value):
        yield Finding(found.rule, found.message, found.path, found.severity, found.remedy)


def _objects(value: Any, path: yaml.Path) -> Iterator[tuple[yaml.Path, Mapping[str, Any]]]:
    if not isinstance(value, Mapping):
        yield path, {}
        return
    items = value.get("items")
    if value.get("kind") == "List" and isinstance(items, list):
        for index, item in enumerate(items):
            yield from _objects(item, (*path, "items", index))
        return
    yield path, value


def _name(value: Mapping[str, Any]) -> str:
    metadata = value.get("metadata")
    name = (metadata.get("name") or metadata.get("generateName") or "") if isinstance(metadata, Mapping) else ""
    return f"{value.get('kind')}/{name}"
