"""What upstream calls a FieldError: words, the fields they are about, and how both grow on the way up.

knative.dev/pkg/apis/field_error.go. A `Fault` is one leaf; a validation yields faults, `via` puts the path of the
caller in front of them, and `refusal` prints them as the webhook does (equal words merged, everything sorted).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from interlock.formats import yaml


@dataclass(frozen=True, slots=True)
class Fault:
    """``paths`` are upstream's spellings; a path "" is the value that was validated itself."""

    rule: str
    message: str
    paths: tuple[str, ...] = ("",)
    details: str = ""
    near: yaml.Path = ()
    """Where to look when upstream's path leads nowhere: it forgets the parents of steps of inline tasks."""

    def __str__(self) -> str:
        line = f"{self.message}: {', '.join(self.paths)}"
        return f"{line}\n{self.details}" if self.details else line


Faults = Iterator[Fault]


def key(name: str) -> str:
    """A named element, as a part of a path (ViaKey)."""
    return f"[{name}]"


def via(faults: Iterable[Fault], *prefix: str | int) -> Faults:
    """``faults`` below a field: names, indexes and `key`s in the order of the path (ViaField, ViaFieldIndex)."""
    parts = [f"[{part}]" if isinstance(part, int) else part for part in prefix]
    for fault in faults:
        yield replace(fault, paths=tuple(_flatten([*parts, path]) for path in fault.paths))


def near(faults: Iterable[Fault], *path: str | int) -> Faults:
    """``faults`` with a hint where their fields stand."""
    for fault in faults:
        yield fault if fault.near else replace(fault, near=path)


def _flatten(parts: list[str]) -> str:
    found: list[str] = []
    for part in parts:
        for piece in part.split("."):
            if piece == "":
                continue
            if found and piece.startswith("[") and piece.endswith("]"):
                found[-1] += piece
            else:
                found.append(piece)
    return ".".join(found)


def merged(faults: Iterable[Fault]) -> list[Fault]:
    """One fault for equal words, with all their paths; sorted by words (merge of field_error.go)."""
    found: dict[tuple[str, str], Fault] = {}
    for fault in faults:
        known = found.get((fault.message, fault.details))
        paths = fault.paths if known is None else (*known.paths, *(p for p in fault.paths if p not in known.paths))
        found[fault.message, fault.details] = replace(known or fault, paths=paths)
    ordered = sorted(found.values(), key=lambda item: (item.message, item.details))
    return [replace(item, paths=tuple(sorted(item.paths))) for item in ordered]


def refusal(faults: Iterable[Fault]) -> str:
    """All faults in upstream's words (FieldError.Error)."""
    return "\n".join(map(str, merged(faults)))


def missing(rule: str, *paths: str) -> Fault:
    return Fault(rule, "missing field(s)", paths)


def disallowed(rule: str, *paths: str) -> Fault:
    return Fault(rule, "must not set the field(s)", paths)


def invalid(rule: str, value: object, path: str = "", details: str = "") -> Fault:
    return Fault(rule, f"invalid value: {value}", (path,), details)


def neither(rule: str, *paths: str) -> Fault:
    return Fault(rule, "expected exactly one, got neither", paths)


def both(rule: str, *paths: str) -> Fault:
    return Fault(rule, "expected exactly one, got both", paths)
