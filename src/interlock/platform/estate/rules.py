"""What each kind of delivery asks for in an environment: never less than the environment, nor than the design's table.

What an estate does not say of a kind is the environment's own rule. What it says must be at least as strict:

- *approvals*: every requirement of the environment and of the table is covered by a requirement of its own that is at
  least as strong. Then whoever meets what the kind asks has met those too, each person counting once.
- *changeRecord*: true where the environment says so.
- *windows*: within the environment's, minute by minute, where they hold for the kind; windows of different time zones
  are not compared.
- *freezes*: true, except for the kinds that the table lets through.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from interlock.errors import InputError
from interlock.formats import yaml
from interlock.platform.estate.platform import PLATFORM, Environment, KindRules, Platform, Requirement, Who
from interlock.platform.estate.windows import Window

WEAKER: Mapping[Who, Who] = {
    "owners-touched": "service-owner",
    "service-owner": "anyone",
    "data-owner": "anyone",
    "platform-reviewer": "anyone",
    "platform-team": "anyone",
    "other-team": "anyone",
    "change-manager": "anyone",
}
"""Who is strong enough for whom, step by step: the owners of all services that a delivery touches (one at least) are
the owner of each, and everybody is anyone. No other two are comparable: a reviewer need not be of the platform's team,
nor the owner of the data own the service."""


Path = tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class Floor:
    """One row of the design's table (section 6)."""

    approvals: tuple[Requirement, ...] = ()
    windows: bool = True
    """Whether change windows hold for it."""
    freezes: bool = True


_OWNER_AND_OTHER = (Requirement(who="service-owner"), Requirement(who="other-team"))
_ONE_OTHER = (Requirement(who="anyone"),)
FLOOR: Mapping[str, Floor] = {
    "image": Floor(_OWNER_AND_OTHER),
    "configuration": Floor(_OWNER_AND_OTHER),
    "secret": Floor(_ONE_OTHER),
    "traffic": Floor(),  # opened by the platform alone: the image delivery's people approved its plan
    "chart": Floor((Requirement(who="platform-reviewer"),)),
    "middleware": Floor(),  # by the class of its plan: its checks ask the owner of the data
    "removal": Floor((Requirement(who="data-owner"),)),
    # Neither a freeze nor a Sunday keeps a bad release running.
    "revert": Floor(_ONE_OTHER, windows=False, freezes=False),
    "access": Floor(_ONE_OTHER, windows=False, freezes=False),
    "onboarding": Floor(),  # equals the golden path byte for byte
    "platform": Floor((Requirement(who="platform-team", count=2),)),
}
"""Approvals hold where the environment asks for change records (prod), and in the platform repo for kind `platform`.
Who a delivery comes from never counts, so one ``anyone`` is another person."""


@dataclass(frozen=True, slots=True)
class Demand:
    """What is asked of one kind in one environment."""

    approvals: tuple[Requirement, ...]
    change_record: bool
    windows: tuple[Window, ...]
    """None means: always open."""
    freezes: bool
    """Whether the estate's freezes stop it."""


def of(environment: Environment, kind: str) -> Demand:
    """What a delivery of ``kind`` must have there; a kind that the table does not know has the environment's rules."""
    own, said = _own(environment, kind), environment.rules.kinds.get(kind, KindRules())
    approvals = own.approvals if said.approvals is None else said.approvals
    return Demand(
        # Who changes the rules themselves does so by the table, whatever they say.
        approvals=covering(approvals, FLOOR[kind].approvals) if environment.name == kind == PLATFORM else approvals,
        change_record=own.change_record if said.change_record is None else said.change_record,
        windows=own.windows if said.windows is None else said.windows,
        freezes=own.freezes if said.freezes is None else said.freezes,
    )


def covering(said: Sequence[Requirement], least: Sequence[Requirement]) -> tuple[Requirement, ...]:
    """Requirements that cover both; one of the two where it covers the other."""
    if uncovered(said, least) is None:
        return tuple(said)
    return tuple(least) if uncovered(least, said) is None else (*said, *least)


def records(environment: Environment) -> bool:
    """Whether a delivery of any kind asks for a change record there."""
    return environment.rules.change_record or any(item.change_record for item in environment.rules.kinds.values())


def asking(platform: Platform, environment: Environment) -> bool:
    """Whether some delivery there may ask for a change record: an edit of the platform repo may do so wherever another
    environment has them."""
    return records(environment) or (environment.name == PLATFORM and any(map(records, platform.environments)))


def _own(environment: Environment, kind: str) -> Demand:
    floor = FLOOR.get(kind, Floor())
    windows = environment.windows if floor.windows else ()
    return Demand(environment.rules.approvals, environment.rules.change_record, windows, floor.freezes)


def check(platform: Platform, data: bytes, *, file: str) -> None:
    """Raises InputError ``rules-kind-unknown``, ``rules-weaker`` or ``rules-team`` with the position in ``data``."""
    places: list[tuple[Path, Environment]] = [(("platform", "rules"), platform.itself)]
    places += [(("environments", index, "rules"), item) for index, item in enumerate(platform.environments)]
    for place, environment in places:
        for path, code, message, expected, todo in _problems(platform, environment):
            where = yaml.load(data, file=file).where(*place, *path)
            raise InputError(code, f"{environment.name}: {message}", expected=expected, where=where, todo=todo)


def _problems(platform: Platform, environment: Environment) -> Iterator[tuple[Path, str, str, str, str]]:
    """(path in the environment's rules, code, message, what is expected, what to do)."""
    rules = environment.rules
    lists: list[tuple[Path, Sequence[Requirement]]] = [(("approvals",), rules.approvals)]
    lists += [(("kinds", kind, "approvals"), item.approvals or ()) for kind, item in rules.kinds.items()]
    for path, asked in lists:
        if platform.platform.team is None and any(item.who == "platform-team" for item in asked):
            yield path, "rules-team", "`platform-team` is nobody", "one of `teams`", "name it in `platform.team`"
    for kind, said in rules.kinds.items():
        if kind not in FLOOR:
            yield (
                ("kinds", kind),
                "rules-kind-unknown",
                f"{kind!r} is no kind of delivery",
                ", ".join(FLOOR),
                "leave it out",
            )
            continue
        for field, problem, expected in _weaker(environment, kind, said):
            yield ("kinds", kind, field), "rules-weaker", f"{kind}: {problem}", expected, _SAY_MORE


_SAY_MORE = "say at least as much, or leave the field out: then the environment's own rule holds"


def _weaker(environment: Environment, kind: str, said: KindRules) -> Iterator[tuple[str, str, str]]:
    """(field, what is weaker than it may be, what is expected)."""
    own = _own(environment, kind)
    if said.approvals is not None:
        for whose, asked in (("the environment", own.approvals), ("the design's table", least(environment, kind))):
            if (who := uncovered(said.approvals, asked)) is not None:
                yield "approvals", f"weaker than what {whose} asks", f"a requirement of its own for {who}"
    if said.change_record is False and own.change_record:
        yield "changeRecord", "the environment asks for a change record", "true"
    if said.windows is not None and not within(said.windows, own.windows):
        yield "windows", "open when the environment is not", "times within the environment's, in the same time zones"
    if said.freezes is False and own.freezes:
        yield "freezes", "freezes hold for this kind", "true"


def least(environment: Environment, kind: str) -> tuple[Requirement, ...]:
    """The approvals of the design's table, where they hold."""
    holds = environment.rules.change_record or environment.name == kind == PLATFORM
    return FLOOR[kind].approvals if holds else ()


def raised(own: Demand, asked: Sequence[Requirement]) -> Demand:
    """``own``, and an approval more for each of ``asked`` that it does not cover."""
    found = own.approvals
    while (who := uncovered(found, asked)) is not None:
        found = (*found, Requirement(who=who))
    return replace(own, approvals=found)


def repositorys(own: Demand) -> Demand:
    """The same of a delivery that is of no service: what an owner is asked, a platform reviewer is, whose the
    repository is."""
    owners = ("service-owner", "owners-touched", "data-owner")
    asked = (
        Requirement(who="platform-reviewer", count=item.count) if item.who in owners else item for item in own.approvals
    )
    return replace(own, approvals=tuple(asked))


def uncovered(said: Sequence[Requirement], asked: Sequence[Requirement]) -> Who | None:
    """Whose approval of ``asked`` no requirement of ``said`` covers, each covering one; None when all are covered.

    Strongest first, any that will do: strength branches downwards only (``WEAKER``), so that all that are strong
    enough for one are good for the same others afterwards, and the first choice is never the wrong one.
    """
    offers = [item.who for item in said for _ in range(item.count)]
    wanted = [item.who for item in asked for _ in range(item.count)]
    for who in sorted(wanted, key=lambda item: -len(_chain(item))):
        found = next((offer for offer in offers if who in _chain(offer)), None)
        if found is None:
            return who
        offers.remove(found)
    return None


def _chain(who: Who) -> tuple[Who, ...]:
    """``who`` and all that they are strong enough for."""
    return (who, *_chain(WEAKER[who])) if who in WEAKER else (who,)


def within(inner: Sequence[Window], outer: Sequence[Window]) -> bool:
    """Whether ``outer`` is open whenever ``inner`` is, whatever the time zones do; none means: always open."""
    return not outer or (bool(inner) and _minutes(inner) <= _minutes(outer))


def _minutes(windows: Sequence[Window]) -> set[tuple[str, str, int]]:
    """(zone, day, minute) of every minute in which one of them is open."""
    return {
        (str(item.zone), day, minute) for item in windows for day in item.days for minute in range(item.start, item.end)
    }
