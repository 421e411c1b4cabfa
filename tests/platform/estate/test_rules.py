"""What a kind of delivery asks: what the environment asks, or more, and never less than the design's table."""

from __future__ import annotations

from itertools import permutations
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from interlock.errors import InputError
from interlock.platform import estate
from interlock.platform.domain.ids import CommitId
from interlock.platform.estate import Requirement, rules
from interlock.platform.estate.platform import Who
from interlock.platform.estate.windows import Window

Files = dict[str, bytes]
WHO: tuple[Who, ...] = get_args(Who)
PROD = "      scanMaxAge: 30d\n"
OFFICE = '[{days: [mon, tue], from: "08:00", to: "17:00"}]'


def said(files: Files, kinds: str, *, after: str = PROD) -> estate.Estate:
    """The sample estate with ``kinds`` in the rules that hold the line ``after``, prod's unless another is given."""
    text = files["platform.yaml"].decode()
    assert text.count(after) == 1
    indent = after[: len(after) - len(after.lstrip())]
    added = f"{indent}kinds:\n" + "".join(f"{indent}  {line}\n" for line in kinds.splitlines())
    return estate.load(
        {**files, "platform.yaml": text.replace(after, after + added).encode()}, commit=CommitId("a" * 40)
    )


def who(found: rules.Demand) -> list[str]:
    return [item.who for item in found.approvals for _ in range(item.count)]


def test_what_is_not_said_is_the_environments(files: Files) -> None:
    loaded = estate.load(files, commit=CommitId("a" * 40))
    for name in ("dev", "test", "prod", "platform"):
        environment = loaded.environment(name)
        for kind in ("image", "onboarding", "configuration", "of-a-later-release"):
            own = environment.rules
            asked = rules.Demand(own.approvals, own.change_record, environment.windows, True)
            assert rules.of(environment, kind) == asked


def test_the_designs_table_lets_two_kinds_through(files: Files) -> None:
    prod = estate.load(files, commit=CommitId("a" * 40)).environment("prod")
    assert prod.windows
    revert, access = rules.of(prod, "revert"), rules.of(prod, "access")
    assert (revert.windows, revert.freezes) == ((), False)
    assert (access.windows, access.freezes) == ((), False)
    assert who(revert) == who(access) == ["service-owner", "other-team"]


def test_a_kind_asks_more_than_its_environment(files: Files) -> None:
    loaded = said(
        files,
        "configuration:\n"
        "  approvals: [{who: other-team}, {who: owners-touched}, {who: change-manager, count: 2}]\n"
        f"  windows: {OFFICE}\n"
        "revert: {freezes: true}",
    )
    prod = loaded.environment("prod")
    found = rules.of(prod, "configuration")
    assert who(found) == ["other-team", "owners-touched", "change-manager", "change-manager"]
    assert found.change_record and found.freezes and [item.start for item in found.windows] == [480]
    assert rules.of(prod, "revert") == rules.Demand(prod.rules.approvals, True, (), True)
    assert rules.of(prod, "image").approvals == prod.rules.approvals
    assert rules.of(loaded.environment("test"), "configuration").approvals == loaded.environment("test").rules.approvals


def test_an_environment_without_records_is_not_held_to_the_table(files: Files) -> None:
    """dev is free for all; the table is prod's. What its own rules ask is asked there too."""
    loaded = said(
        files, "image: {approvals: [{who: anyone}], changeRecord: true}", after="      healthyBefore: false\n"
    )
    assert who(rules.of(loaded.environment("dev"), "image")) == ["anyone"]
    assert rules.of(loaded.environment("dev"), "image").change_record


@pytest.mark.parametrize(
    ("kinds", "code", "column", "told"),
    [
        ("imagee: {freezes: true}", "rules-kind-unknown", 17, "imagee"),
        ("image: {approvals: []}", "rules-weaker", 28, "service-owner"),
        ("image: {approvals: [{who: service-owner}]}", "rules-weaker", 28, "other-team"),
        ("image: {approvals: [{who: other-team, count: 2}]}", "rules-weaker", 28, "service-owner"),
        ("image: {approvals: [{who: service-owner}, {who: anyone, count: 9}]}", "rules-weaker", 28, "other-team"),
        ("image: {approvals: [{who: other-team}, {who: data-owner}]}", "rules-weaker", 28, "service-owner"),
        # The environment's own requirements do not do for the table's.
        (
            "chart: {approvals: [{who: service-owner}, {who: other-team}]}",
            "rules-weaker",
            28,
            "platform-reviewer",
        ),
        ("image: {changeRecord: false}", "rules-weaker", 31, "change record"),
        ("image: {freezes: false}", "rules-weaker", 26, "freezes"),
        ("image: {windows: []}", "rules-weaker", 26, "open when"),
        (
            'image: {windows: [{days: [mon], from: "08:00", to: "09:00", timezone: Europe/Berlin}]}',
            "rules-weaker",
            26,
            "open when",
        ),
        ("image: {approvals: [{who: nobody}]}", "estate-invalid", 35, "who"),
        ("image: {approval: []}", "estate-unknown-field", 27, "approval"),
        ("image: {change_record: true}", "estate-unknown-field", 32, "change_record"),
    ],
)
def test_what_is_weaker_or_not_known_is_refused_with_its_position(
    files: Files, kinds: str, code: str, column: int, told: str
) -> None:
    with pytest.raises(InputError, match=told) as caught:
        said(files, kinds)
    text = files["platform.yaml"].decode()
    line = text[: text.index(PROD)].count("\n") + 3
    assert (caught.value.code, str(caught.value.where)) == (code, f"platform.yaml:{line}:{column}")
    assert caught.value.todo


def test_the_platform_asks_two_of_its_team(files: Files) -> None:
    text = files["platform.yaml"].decode()
    said = (
        "      - who: platform-team\n    kinds:\n      platform:\n        approvals:\n          - who: platform-team\n"
    )
    assert f"{said}            count: 2\n" in text

    def load(text: str) -> estate.Estate:
        return estate.load({**files, "platform.yaml": text.encode()}, commit=CommitId("a" * 40))

    def asked(approvals: str) -> list[str]:
        kinds = "      - who: platform-reviewer\n    kinds:\n"
        changed = text.replace(
            f"{said}            count: 2\n", f"{kinds}      platform: {{approvals: [{approvals}]}}\n"
        )
        return who(rules.of(load(changed).environment("platform"), "platform"))

    with pytest.raises(InputError, match="the design's table"):
        asked("{who: platform-team}, {who: platform-reviewer}")
    with pytest.raises(InputError, match="the environment"):
        asked("{who: platform-team, count: 3}")
    assert asked("{who: platform-team, count: 2}, {who: platform-reviewer}")[:2] == ["platform-team"] * 2
    with pytest.raises(InputError, match="team nobody"):
        load(text.replace("  team: platform\n", "  team: nobody\n"))
    with pytest.raises(InputError, match="platform-team") as caught:
        load(text.replace("  team: platform\n", ""))
    assert caught.value.code == "rules-team"


# Stricter than.

requirements = st.lists(st.sampled_from(WHO), max_size=5)


def asked(found: list[Who]) -> list[Requirement]:
    return [Requirement(who=item) for item in found]


def strong_enough(offer: Who, wanted: Who) -> bool:
    return wanted in (offer, "anyone") or (offer, wanted) == ("owners-touched", "service-owner")


@given(requirements, requirements)
def test_covered_is_that_some_assignment_covers_every_one(offers: list[Who], wanted: list[Who]) -> None:
    some = any(
        all(strong_enough(offer, who) for offer, who in zip(chosen, wanted, strict=True))
        for chosen in permutations(offers, len(wanted))
    )
    assert (rules.uncovered(asked(offers), asked(wanted)) is None) == some


persons = st.lists(st.sets(st.sampled_from(WHO)), max_size=5)
"""Of each person whose approval theirs is; everybody is anyone, and who owns all that is touched owns the service."""


def meet(people: list[set[Who]], wanted: list[Who]) -> bool:
    """Whether the people meet every requirement, each counting once."""
    closed = [found | {"anyone"} | ({"service-owner"} if "owners-touched" in found else set()) for found in people]
    return any(
        all(who in person for person, who in zip(chosen, wanted, strict=True))
        for chosen in permutations(closed, len(wanted))
    )


@given(requirements, requirements, persons)
def test_who_meets_what_is_stricter_has_met_what_is_weaker(
    said: list[Who], wanted: list[Who], people: list[set[Who]]
) -> None:
    if rules.uncovered(asked(said), asked(wanted)) is None and meet(people, said):
        assert meet(people, wanted)


@given(requirements, requirements, requirements)
def test_stricter_than_is_an_order(one: list[Who], two: list[Who], three: list[Who]) -> None:
    def stricter(a: list[Who], b: list[Who]) -> bool:
        return rules.uncovered(asked(a), asked(b)) is None

    assert stricter(one, one) and stricter(one, [])
    assert stricter(one + two, one)
    if stricter(one, two) and stricter(two, three):
        assert stricter(one, three)


def test_a_count_is_that_many_requirements() -> None:
    two = [Requirement(who="other-team", count=2)]
    assert rules.uncovered(two, asked(["other-team", "anyone"])) is None
    assert rules.uncovered(two, asked(["other-team"] * 3)) == "other-team"


# Windows.


def window(days: tuple[str, ...], start: str, end: str, zone: str = "UTC") -> Window:
    return Window.model_validate({"days": days, "from": start, "to": end, "timezone": zone})


@pytest.mark.parametrize(
    ("inner", "outer", "contained"),
    [
        ([], [], True),
        ([window(("mon",), "08:00", "09:00")], [], True),
        ([], [window(("mon",), "00:00", "24:00")], False),
        ([window(("mon",), "08:00", "09:00")], [window(("mon", "tue"), "08:00", "17:00")], True),
        ([window(("mon", "wed"), "08:00", "09:00")], [window(("mon", "tue"), "08:00", "17:00")], False),
        ([window(("mon",), "07:59", "09:00")], [window(("mon",), "08:00", "17:00")], False),
        # Together the outer ones cover what none of them does.
        (
            [window(("mon",), "09:00", "15:00")],
            [window(("mon",), "08:00", "12:00"), window(("mon",), "12:00", "17:00")],
            True,
        ),
        ([window(("mon",), "09:00", "10:00", "Europe/Berlin")], [window(("mon",), "00:00", "24:00")], False),
        (
            [window(("mon",), "09:00", "10:00", "Europe/Berlin")],
            [window(("mon",), "00:00", "24:00", "Europe/Berlin")],
            True,
        ),
    ],
)
def test_windows_within_windows(inner: list[Window], outer: list[Window], contained: bool) -> None:
    assert rules.within(inner, outer) is contained


REQUIREMENTS = st.lists(st.builds(Requirement, who=st.sampled_from(WHO), count=st.integers(1, 2)), max_size=4).map(
    tuple
)


@given(REQUIREMENTS, REQUIREMENTS)
def test_what_is_raised_covers_both_and_asks_no_more_of_what_is_covered(
    own: tuple[Requirement, ...], asked: tuple[Requirement, ...]
) -> None:
    demand = rules.Demand(own, True, (), True)
    found = rules.raised(demand, asked).approvals
    assert found[: len(own)] == own
    assert rules.uncovered(found, own) is None and rules.uncovered(found, asked) is None
    assert rules.raised(rules.Demand(found, True, (), True), asked).approvals == found


def test_the_repositorys_owner_stands_in_for_a_services(files: Files) -> None:
    prod = estate.load(files, commit=CommitId("a" * 40)).environment("prod")
    assert who(rules.repositorys(rules.of(prod, "chart"))) == ["platform-reviewer", "other-team"]
    several = rules.Demand((Requirement(who="data-owner", count=2), Requirement(who="anyone")), True, (), True)
    assert who(rules.repositorys(several)) == ["platform-reviewer", "platform-reviewer", "anyone"]
    assert [item.who for item in rules.least(prod, "chart")] == ["platform-reviewer"]


def test_an_edit_of_the_platform_may_ask_for_a_record_where_another_environment_has_them(files: Files) -> None:
    loaded = estate.load(files, commit=CommitId("a" * 40))
    asking = {name: rules.asking(loaded.platform, loaded.environment(name)) for name in ("platform", "test", "prod")}
    assert asking == {"platform": True, "test": False, "prod": True}
    text = files["platform.yaml"].replace(b"changeRecord: true", b"changeRecord: false")
    without = estate.load({**files, "platform.yaml": text}, commit=CommitId("a" * 40))
    assert not rules.asking(without.platform, without.platform.itself)


def test_who_edits_the_platform_is_asked_by_the_table_whatever_is_said(files: Files) -> None:
    loaded = estate.load(files, commit=CommitId("a" * 40))
    own = loaded.platform.platform
    bare = loaded.platform.model_copy(
        update={"platform": own.model_copy(update={"rules": own.rules.model_copy(update={"kinds": {}})})}
    )
    assert who(rules.of(bare.itself, "platform")) == ["platform-team", "platform-team"]
    assert who(rules.of(bare.itself, "onboarding")) == ["platform-team"]


def test_requirements_of_two_are_covered_together() -> None:
    def asked(*names: str) -> list[Requirement]:
        return [Requirement(who=name) for name in names]

    assert rules.covering(asked("service-owner", "anyone"), asked("anyone")) == (*asked("service-owner", "anyone"),)
    assert rules.covering(asked("anyone"), asked("platform-team")) == (*asked("platform-team"),)
    assert rules.covering(asked("platform-reviewer"), asked("platform-team")) == (
        *asked("platform-reviewer", "platform-team"),
    )
