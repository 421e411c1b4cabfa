"""The check table: data of the sealed platform commit."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from interlock.errors import InputError
from interlock.platform import estate
from interlock.platform.domain.ids import CommitId
from interlock.platform.estate import CheckEntry, CheckTable, check_table

Files = dict[str, bytes]
COMMIT = CommitId("a" * 40)
HEAD = "apiVersion: interlock.dev/v1alpha1\nkind: CheckTable\nchecks:\n"
TABLE = """\
  image:
    prod:
      - id: image-scan
        parameters: {maxAge: 30d, threshold: 7, strict: true}
      - id: of-a-later-release
    dev:
      - id: image-exists
  onboarding:
    platform:
      - id: registration
"""


def load(files: Files, table: str) -> estate.Estate:
    return estate.load({**files, check_table.FILE: (HEAD + table).encode()}, commit=COMMIT)


def test_an_estate_without_the_file_has_none(files: Files) -> None:
    old = {path: data for path, data in files.items() if path != "checks.yaml"}
    assert estate.load(old, commit=COMMIT).check_table is None
    assert estate.load(files, commit=COMMIT).check_table is not None, "a new estate begins with one"


def test_the_table_says_which_checks_a_kind_must_pass(files: Files) -> None:
    table = load(files, TABLE).check_table
    assert table is not None
    scan, later = table.of("image", "prod") or ()
    assert scan.parameters == {"maxAge": "30d", "threshold": 7, "strict": True}
    assert later == CheckEntry(id="of-a-later-release"), "an id that nobody knows is no error here"
    assert [item.id for item in table.of("onboarding", "platform") or ()] == ["registration"]
    assert table.of("image", "test") is None and table.of("chart", "prod") is None


def test_the_table_is_part_of_the_rules_in_force(files: Files) -> None:
    without, with_it = estate.load(files, commit=COMMIT), load(files, TABLE)
    assert estate.belongs(check_table.FILE)
    assert len({without.digest, with_it.digest, load(files, TABLE.replace("30d", "31d")).digest}) == 3


@pytest.mark.parametrize(
    ("old", "new", "place"),
    [
        ("    dev:", "    stage:", "10:7"),
        ("id: of-a-later-release", "id: image-scan", "8:13"),
        ("id: image-exists", "id: Image", "10:13"),
        ("threshold: 7", "threshold: 7.5", "7:46"),
        ("threshold: 7", "threshold: [7]", "7:46"),
        ("threshold: 7", "threshold: null", "7:46"),
        ("strict: true", "Strict: true", None),
        ("      - id: image-exists", "      []", "10:7"),
        ("      - id: image-exists", "      - {id: a, because: b}", "10:26"),
        ("  onboarding:", "  image:", None),
    ],
)
def test_a_table_that_contradicts_itself_or_the_estate_is_refused(
    files: Files, old: str, new: str, place: str | None
) -> None:
    assert TABLE.count(old) == 1
    with pytest.raises(InputError) as caught:
        load(files, TABLE.replace(old, new))
    assert caught.value.code.startswith(("estate-", "yaml-"))
    assert caught.value.where is not None and caught.value.where.file == check_table.FILE
    if place:
        assert str(caught.value.where) == f"{check_table.FILE}:{place}"


labels = st.text("abc", min_size=1, max_size=3)
parameters = st.dictionaries(
    st.text("aB1", max_size=3).map(lambda rest: f"p{rest}"),
    st.booleans()
    | st.integers(-(2**63), 2**63)
    | st.text(st.characters(min_codepoint=32, max_codepoint=126), min_size=1),
)
entries = st.lists(
    st.builds(CheckEntry, id=labels, parameters=parameters), min_size=1, max_size=3, unique_by=lambda x: x.id
)
tables = st.dictionaries(labels, st.dictionaries(labels, entries, max_size=3), max_size=3).map(
    lambda checks: CheckTable.model_validate(
        {"apiVersion": "interlock.dev/v1alpha1", "kind": "CheckTable", "checks": checks}
    )
)


@given(tables)
def test_a_table_is_written_as_it_is_read(table: CheckTable) -> None:
    places = {name for kind in table.checks.values() for name in kind}
    again = check_table.read(table.dump(), environments=places)
    assert again == table
    assert again.dump() == table.dump()


@given(tables)
def test_equal_tables_are_equal_bytes(table: CheckTable) -> None:
    backwards = {kind: dict(reversed(places.items())) for kind, places in reversed(table.checks.items())}
    assert table.model_copy(update={"checks": backwards}).dump() == table.dump()
