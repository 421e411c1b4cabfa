"""The lock file: deterministic, strict, comparable."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from interlock.errors import InputError
from interlock.formats.tekton.task import Param
from interlock.tekton.spec.resolution import Fetched, RefSource, lock

AT, LATER = "2026-01-01T00:00:00Z", "2026-02-01T00:00:00Z"


def entry(name: str, data: bytes = b"x", revision: str = "", at: str = AT, resolver: str = "git") -> lock.Entry:
    key = lock.key(resolver, [Param(name="url", value=name)])
    return lock.entry(key, Fetched(data, RefSource(f"git+{name}", {"sha1": revision}), revision), at=at)


TEXT = st.text(st.characters(codec="utf-8", exclude_categories=("Cs", "Cc")), min_size=1, max_size=20)
ENTRIES = st.lists(
    st.builds(entry, TEXT, st.binary(max_size=8), TEXT, resolver=st.sampled_from(lock.LOCKED)), max_size=5
)


@given(ENTRIES)
def test_what_is_written_is_read_again(entries: list[lock.Entry]) -> None:
    made = lock.Lock().with_entries(entries)
    assert lock.parse(made.dump(), file="interlock.lock") == made


@given(ENTRIES)
def test_the_order_of_resolution_does_not_show(entries: list[lock.Entry]) -> None:
    distinct = list({item.key: item for item in entries}.values())
    assert lock.Lock().with_entries(distinct).dump() == lock.Lock().with_entries(distinct[::-1]).dump()


@given(ENTRIES, ENTRIES)
def test_comparison_names_every_difference(one: list[lock.Entry], other: list[lock.Entry]) -> None:
    old, new = lock.Lock().with_entries(one), lock.Lock().with_entries(other)
    changes = lock.compare(old, new)
    assert lock.compare(old, old) == []
    assert {change.key for change in changes if change.kind == "added"} == set(new.entries) - set(old.entries)
    assert {change.key for change in changes if change.kind == "removed"} == set(old.entries) - set(new.entries)
    assert [change.key for change in changes] == sorted(change.key for change in changes)


def test_an_entry_that_says_the_same_keeps_its_time() -> None:
    held = lock.Lock().with_entries([entry("a")])
    assert held.with_entries([entry("a", at=LATER)]) == held
    changed = held.with_entries([entry("a", b"y", at=LATER)])
    assert changed.entries[entry("a").key].at == LATER
    (change,) = lock.compare(held, changed)
    assert str(change).startswith("changed  git url=a: sha256:")


def test_params_that_only_open_doors_are_not_part_of_a_reference() -> None:
    plain = [Param(name="url", value="u")]
    private = [*plain, Param(name="gitToken", value="secret-name"), Param(name="cache", value="never")]
    assert lock.key("git", plain) == lock.key("git", private)
    assert "secret-name" not in entry("u").to_object()


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("version: 2\nresolved: []\n", "version"),
        ("version: 1\nresolved: [{resolver: cluster}]\n", "resolved.0.resolver"),
        ("version: 1\nresolved: []\nmore: 1\n", "more"),
        ("- 1\n", ""),
    ],
)
def test_other_files_are_refused_with_their_place(text: str, place: str) -> None:
    with pytest.raises(InputError) as caught:
        lock.parse(text, file="interlock.lock")
    assert caught.value.code == "lock-invalid"
    assert f"lock file: {place}" in caught.value.message and caught.value.where is not None


def test_two_entries_of_one_reference_are_refused() -> None:
    text = lock.Lock().with_entries([entry("a")]).dump()
    double = text + text.partition("resolved:\n")[2]
    with pytest.raises(InputError, match="two entries of one reference"):
        lock.parse(double, file="interlock.lock")
