"""What a change of an estate's files makes stricter, field by field; anything else that changes counts as weaker.

Weaker is also what cannot be compared: a field that the table below does not know, a person more, another image of a
service. Who relies on a rule then hears of it before it changes, and not afterwards.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, fields
from typing import Any

from pydantic import BaseModel

from interlock.platform.domain.people import Person
from interlock.platform.estate import rules
from interlock.platform.estate.estate import Estate
from interlock.platform.estate.platform import PLATFORM, Environment, Platform

Path = tuple[str, ...]
Stricter = Callable[[Any, Any], bool]

_IMAGES = ("exists", "signed", "attested")
_HERE = object()
"""Stands for an item of a list itself, beside its fields."""


@dataclass(frozen=True, slots=True)
class Difference:
    """One field that two estates have differently."""

    path: str
    """File and field, such as ``platform.yaml environments.prod.rules.scanMaxAge``."""
    stricter: bool
    environments: frozenset[str]
    """Where it is in force."""


def differences(before: Estate, after: Estate) -> tuple[Difference, ...]:
    """Every field that differs, by its path."""
    old, new = _fields(before, after), _fields(after, before)
    everywhere = frozenset((PLATFORM, *(item.name for item in before.platform.environments)))
    found: list[Difference] = []
    whole: set[Path] = set()
    for path in sorted(old.keys() | new.keys()):
        one, other = old.get(path), new.get(path)
        if one == other or any(path[: len(item)] == item for item in whole):
            continue
        if _HERE in (one, other):
            whole.add(path)  # what is added or gone is told as one
        stricter = _HERE not in (one, other) and _stricter(path)(one, other)
        found.append(Difference(f"{path[0]} {'.'.join(path[1:])}".strip(), stricter, _where(path, everywhere)))
    return tuple(found)


def weaker(found: tuple[Difference, ...], environment: str) -> tuple[str, ...]:
    """The paths of what gets weaker there."""
    return tuple(item.path for item in found if not item.stricter and environment in item.environments)


def _covers(before: Any, after: Any) -> bool:
    return rules.uncovered(after, before) is None


def _on(before: Any, after: Any) -> bool:
    return bool(after)


def _off(before: Any, after: Any) -> bool:
    return not after


def _fewer(before: Any, after: Any) -> bool:
    return set(after) <= set(before)


def _more(before: Any, after: Any) -> bool:
    return set(after) >= set(before)


def _shorter(before: Any, after: Any) -> bool:
    """None: no limit."""
    return after is not None and (before is None or after <= before)


def _later(before: Any, after: Any) -> bool:
    return after is not None and (before is None or after >= before)


def _closer(before: Any, after: Any) -> bool:
    return rules.within(after, before)


def _frozen(before: Any, after: Any) -> bool:
    """Whether everything that was frozen stays so."""
    times = sorted((start, end) for start, end, _ in after or ())
    return all(_spans(start, end, times) for start, end, _ in before or ())


def _spans(start: Any, end: Any, times: list[tuple[Any, Any]]) -> bool:
    reached = start
    for begin, until in times:
        if begin <= reached:
            reached = max(reached, until)
    return bool(reached >= end)


def _weaker(before: Any, after: Any) -> bool:
    return False


_OF_RULES: Mapping[Path, Stricter] = {
    ("approvals",): _covers,
    ("changeRecord",): _on,
    ("signedCommits",): _on,
    ("healthyBefore",): _on,
    ("image",): lambda before, after: _IMAGES.index(after) >= _IMAGES.index(before),
    ("isolation",): _fewer,
    ("scanMaxAge",): _shorter,
    ("kinds", "*", "approvals"): _covers,
    ("kinds", "*", "change_record"): _on,
    ("kinds", "*", "windows"): _closer,
    ("kinds", "*", "freezes"): _on,
}
STRICTER: Mapping[Path, Stricter] = {
    **{("platform.yaml", "platform", "rules", *path): found for path, found in _OF_RULES.items()},
    **{("platform.yaml", "environments", "*", "rules", *path): found for path, found in _OF_RULES.items()},
    ("platform.yaml", "environments", "*", "sealed"): _on,
    ("platform.yaml", "environments", "*", "prune"): _off,
    ("platform.yaml", "environments", "*", "bases"): _fewer,
    ("platform.yaml", "environments", "*", "windows"): _closer,
    ("platform.yaml", "freezes", "*"): _frozen,
    ("platform.yaml", "advisories", "maxAge"): _shorter,
    ("platform.yaml", "keys", "overlap"): _later,
    ("platform.yaml", "tickets", "types"): _fewer,
    ("platform.yaml", "tickets", "deliverable"): _fewer,
    ("platform.yaml", "tickets", "approved"): _fewer,
    ("platform.yaml", "tickets", "rejected"): _more,
    ("platform.yaml", "tickets", "conflictClear"): _fewer,
    ("platform.yaml", "tickets", "window"): _shorter,
    ("people.yaml", "*", "accounts"): _fewer,
    ("people.yaml", "*", "key_fingerprints"): _fewer,
    ("people.yaml", "*", "roles"): _fewer,
    # Fewer teams may make somebody another team's: of nobody's, no requirement asks them.
    ("people.yaml", "*", "teams"): _off,
    ("people.yaml", "*", "valid_from"): _later,
    ("people.yaml", "*", "valid_until"): _shorter,
    ("checks.yaml", "*", "*"): lambda before, after: set(before or ()) <= set(after or ()),
}
"""Field -> whether its second value is at least as strict as its first; ``*`` is any name."""


def _stricter(path: Path) -> Stricter:
    for pattern, found in STRICTER.items():
        if len(pattern) == len(path) and all(one in ("*", other) for one, other in zip(pattern, path, strict=True)):
            return found
    return _weaker


def _where(path: Path, everywhere: frozenset[str]) -> frozenset[str]:
    """Fields of one environment are in force there; those of the platform repo decide over every other."""
    match path:
        case ("platform.yaml", "environments", name, _, *_):
            return frozenset({name})
        case ("platform.yaml", "freezes", name) | ("checks.yaml", _, name) if name != PLATFORM:
            return frozenset({name})
    return everywhere


def _fields(estate: Estate, other: Estate) -> dict[Path, object]:
    """Everything that an estate says; of kinds of delivery what holds of those that one of the two names."""
    found: dict[Path, object] = dict(_model(estate.platform, ("platform.yaml",)))
    theirs = {item.name: item for item in (other.platform.itself, *other.platform.environments)}
    for place in (estate.platform.itself, *estate.platform.environments):
        found.update(_kinds(place, theirs.get(place.name, place)))
        found[("platform.yaml", "freezes", place.name)] = _freezes(estate.platform, place.name)
    for person in estate.people.persons:
        found[("people.yaml", person.id)] = _HERE
        found.update(_person(person))
    for name, service in estate.services.items():
        found.update({("services", name): _HERE, **dict(_model(service, ("services", name)))})
    for kind, places in (estate.check_table.checks if estate.check_table else {}).items():
        for name, entries in places.items():
            asked = frozenset((item.id, tuple(sorted(item.parameters.items()))) for item in entries)
            found[("checks.yaml", kind, name)] = asked
    found.update({("keys", item.name): getattr(estate.keys, item.name) for item in fields(estate.keys)})
    return found


_NAMED_BY = {"environments": "name", "teams": "id", "goldenPaths": "shape"}
_ELSEWHERE = {("platform.yaml", "freezes")}


def _model(model: BaseModel, at: Path) -> Iterator[tuple[Path, object]]:
    for name, field in type(model).model_fields.items():
        value, path = getattr(model, name), (*at, field.alias or name)
        if path in _ELSEWHERE or path[-2:] == ("rules", "kinds"):
            continue
        if isinstance(value, BaseModel):
            yield from _model(value, path)
        elif path[-1] in _NAMED_BY and isinstance(value, tuple) and all(isinstance(x, BaseModel) for x in value):
            named = {str(getattr(item, _NAMED_BY[path[-1]])): item for item in value}
            yield path, tuple(named)
            for key, item in named.items():
                yield (*path, key), _HERE
                yield from _model(item, (*path, key))
        else:
            yield path, value


def _kinds(environment: Environment, other: Environment) -> Iterator[tuple[Path, object]]:
    itself = environment.name == PLATFORM
    place: Path = ("platform.yaml", "platform") if itself else ("platform.yaml", "environments", environment.name)
    for kind in environment.rules.kinds.keys() | other.rules.kinds.keys():
        asked = rules.of(environment, kind)
        for item in fields(asked):
            yield (*place, "rules", "kinds", kind, item.name), getattr(asked, item.name)


def _freezes(platform: Platform, environment: str) -> object:
    found = [(item.start, item.end, item.name) for item in platform.freezes if environment in item.environments]
    return tuple(sorted(found))


def _person(person: Person) -> Iterator[tuple[Path, object]]:
    for item in fields(person):
        if item.name not in ("id", "ssh_keys"):
            yield ("people.yaml", person.id, item.name), getattr(person, item.name)
