"""Which changes of an estate's files are stricter; everything else is weaker, and said so for where it is in force."""

from __future__ import annotations

from typing import Any

import pytest

from interlock.platform import estate
from interlock.platform.domain.ids import CommitId
from interlock.platform.estate.strictness import differences, weaker

Files = dict[str, bytes]
EVERYWHERE = frozenset({"platform", "dev", "test", "prod"})
PROD = "      scanMaxAge: 30d\n"
FREEZE = 'freezes: [{name: year end, from: "2026-12-20T00:00:00+00:00", to: "2027-01-05T00:00:00+00:00", %s}]'
YEAR_END = FREEZE % "environments: [prod]"
LATER = '{name: later, from: "2026-12-26T00:00:00+00:00", to: "2027-01-06T00:00:00+00:00", environments: [prod]}'


def loaded(files: Files) -> estate.Estate:
    return estate.load(files, commit=CommitId("a" * 40))


def changed(files: Files, path: str, old: str, new: str) -> estate.Estate:
    text = files[path].decode()
    assert old in text
    return loaded({**files, path: text.replace(old, new).encode()})


def told(before: estate.Estate, after: estate.Estate) -> dict[str, tuple[bool, Any]]:
    return {item.path: (item.stricter, item.environments) for item in differences(before, after)}


STRICTER = [
    ("platform.yaml", PROD, "      scanMaxAge: 7d\n", "environments.prod.rules.scanMaxAge"),
    ("platform.yaml", "healthyBefore: false", "healthyBefore: true", "environments.dev.rules.healthyBefore"),
    ("platform.yaml", "image: signed\n", "image: attested\n", "environments.dev.rules.image"),
    ("platform.yaml", "signedCommits: false", "signedCommits: true", "environments.dev.rules.signedCommits"),
    ("platform.yaml", "[bubblewrap, container]", "[bubblewrap]", "environments.prod.rules.isolation"),
    ("platform.yaml", 'to: "24:00"', 'to: "18:00"', "environments.prod.windows"),
    ("platform.yaml", "maxAge: 3650d", "maxAge: 5d", "advisories.maxAge"),
    ("platform.yaml", "advisories:\n", "keys: {overlap: 60d}\nadvisories:\n", "keys.overlap"),
    ("platform.yaml", "types: [normal, standard, emergency]", "types: [normal]", "tickets.types"),
    ("platform.yaml", "deliverable: [scheduled, implement]", "deliverable: [implement]", "tickets.deliverable"),
    ("platform.yaml", "freezes: []", YEAR_END, "freezes.prod"),
    ("people.yaml", "forge: [dana, dana-alt]", "forge: [dana]", "dana.accounts"),
    ("people.yaml", "    roles: [change-manager]\n", "", "carol.roles"),
    ("people.yaml", "  - id: sam\n", '  - id: sam\n    validUntil: "2027-01-01T00:00:00+00:00"\n', "sam.valid_until"),
]


@pytest.mark.parametrize(("path", "old", "new", "field"), STRICTER, ids=[item[-1] for item in STRICTER])
def test_what_asks_more_is_stricter_and_its_opposite_weaker(
    files: Files, path: str, old: str, new: str, field: str
) -> None:
    files = {**files, "platform.yaml": files["platform.yaml"].replace(b"maxAge: 5d", b"maxAge: 3650d")}
    before, after = loaded(files), changed(files, path, old, new)
    forth, back = told(before, after), told(after, before)
    (where,) = {item[1] for item in forth.values()}
    assert forth == {f"{path} {field}": (True, where)}
    assert back == {f"{path} {field}": (False, where)}
    name = field.split(".")
    assert where == (frozenset({name[1]}) if name[0] in ("environments", "freezes") else EVERYWHERE)


WEAKER = [
    ("platform.yaml", "  - id: ledger\n    name: Ledger\n", "  - id: ledger\n    name: General ledger\n"),
    ("platform.yaml", "  - id: payments\n", "  - id: treasury\n    name: Treasury\n  - id: payments\n"),
    ("platform.yaml", "git: https://git\n", "git: https://elsewhere\n"),
    ("platform.yaml", "timezone: UTC", "timezone: Europe/Berlin"),
    ("platform.yaml", 'implement: ["-1"]', 'implement: ["-1", "-7"]'),
    ("platform.yaml", "count: 2", "count: 3"),
    ("people.yaml", "teams: [ledger]", "teams: [ledger, platform]"),
    (
        "people.yaml",
        "teams: [payments]\n    accounts:\n      forge: [dana",
        "teams: []\n    accounts:\n      forge: [dana",
    ),
    ("people.yaml", "forge: [rita]", "forge: [rita, rita-two]"),
    ("people.yaml", "name: Rita Lindqvist", "name: Rita Lind"),
    ("services/payments.yaml", "owner: sam", "owner: dana"),
    ("services/payments.yaml", "configurationItem: payments", "configurationItem: other"),
]


@pytest.mark.parametrize(("path", "old", "new"), WEAKER)
def test_what_cannot_be_compared_counts_as_weaker(files: Files, path: str, old: str, new: str) -> None:
    after = changed(files, path, old, new)
    found = differences(loaded(files), after)
    stricter = {item.path for item in found if item.stricter}
    if new == "count: 3":
        assert stricter == {item.path for item in found} == {"platform.yaml platform.rules.kinds.platform.approvals"}
    elif "teams: []" in new:
        assert stricter == {"people.yaml dana.teams"} == {item.path for item in found}
    else:
        assert found and not stricter
        assert weaker(found, "prod")


def test_who_comes_and_what_is_new_is_told_as_one(files: Files) -> None:
    entry = "  - id: ines\n    name: Ines\n    email: ines@acme.test\n    teams: [payments]\n"
    after = changed(files, "people.yaml", "people:\n", f"people:\n{entry}")
    assert told(loaded(files), after) == {"people.yaml ines": (False, EVERYWHERE)}


def test_comments_and_layout_say_nothing(files: Files) -> None:
    assert told(loaded(files), changed(files, "platform.yaml", "# The estate.", "# An estate.")) == {}


def test_kinds_are_compared_by_what_holds_of_them(files: Files) -> None:
    """Whether a rule is said of a kind or of the environment makes no difference; who must approve does."""
    kinds = "      kinds:\n        image: {approvals: [{who: service-owner}, {who: other-team}]}\n"
    same = changed(files, "platform.yaml", PROD, PROD + kinds)
    assert told(loaded(files), same) == {}
    more = changed(files, "platform.yaml", PROD, PROD + kinds.replace("}]}", "}, {who: change-manager}]}"))
    path = "platform.yaml environments.prod.rules.kinds.image.approvals"
    assert told(same, more) == {path: (True, frozenset({"prod"}))}
    assert told(more, loaded(files)) == {path: (False, frozenset({"prod"}))}


@pytest.mark.parametrize(
    ("after", "stricter"),
    [
        (YEAR_END.replace("year end", "quarter"), True),
        (YEAR_END.replace("2026-12-20", "2026-12-19"), True),
        (YEAR_END.replace("2026-12-20", "2026-12-21"), False),
        (YEAR_END.replace("2027-01-05", "2027-01-04"), False),
        ("freezes: []", False),
        (f"{YEAR_END.replace('2027-01-05', '2026-12-27')[:-1]}, {LATER}]", True),
        (f"{YEAR_END.replace('2027-01-05', '2026-12-25')[:-1]}, {LATER}]", False),
    ],
)
def test_a_freeze_may_only_grow(files: Files, after: str, stricter: bool) -> None:
    before = changed(files, "platform.yaml", "freezes: []", YEAR_END)
    moved = changed(files, "platform.yaml", "freezes: []", after)
    assert told(before, moved) == {"platform.yaml freezes.prod": (stricter, frozenset({"prod"}))}


def test_a_table_of_checks_that_asks_more_is_stricter(files: Files) -> None:
    text = files["checks.yaml"].decode()
    entry = "  onboarding:\n"
    less = text.replace("      - id: image-promoted\n", "", 1)
    assert less != text and entry in text
    before, after = loaded({**files, "checks.yaml": less.encode()}), loaded(files)
    (path,) = told(before, after)
    assert told(before, after)[path][0] and not told(after, before)[path][0]
