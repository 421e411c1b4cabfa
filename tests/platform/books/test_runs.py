"""Sorted runs: what is in them is found, what is not is proven not to be, and no page can be another one."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from interlock.platform.books.ledger import runs
from interlock.platform.books.ledger.runs import DoubtError, Inner, Page

keys = st.integers(0, 40).map(lambda number: number.to_bytes(8, "big"))
records = st.sets(st.tuples(keys, st.integers(0, 2**40)), min_size=1, max_size=2000)


def built(items: list[bytes]) -> tuple[Page, dict[int, bytes]]:
    pages = list(runs.build(iter(items), 7))
    assert [page.number for page, _ in pages] == list(range(7, 7 + len(pages)))
    return pages[-1][0], {page.number: data for page, data in pages}


def found(root: Page, prefix: bytes, pages: dict[int, bytes]) -> list[bytes]:
    """Ascending."""

    def read(page: Page) -> Inner | bytes:
        return runs.parse(pages.get(page.number), page)

    return [item for group in reversed(list(runs.find(root, prefix, read))) for item in group]


@settings(deadline=None, max_examples=40)
@given(records, keys)
def test_all_records_of_a_key_are_found_in_order_and_no_others(items: set[tuple[bytes, int]], key: bytes) -> None:
    rows = sorted(runs.record(name, offset, bytes(32)) for name, offset in items)
    root, pages = built(rows)
    assert found(root, key, pages) == [row for row in rows if row.startswith(key)]
    assert found(root, b"", pages) == rows


def test_a_large_run_has_few_levels() -> None:
    rows = [runs.record(number.to_bytes(8, "big"), number, bytes(32)) for number in range(100_000)]
    root, pages = built(rows)
    for number in (0, 1, 125, 126, 64_512, 99_999):
        assert found(root, number.to_bytes(8, "big"), pages) == [rows[number]]
    assert found(root, (100_000).to_bytes(8, "big"), pages) == []
    touched: list[int] = []

    def read(page: Page) -> Inner | bytes:
        touched.append(page.number)
        return runs.parse(pages[page.number], page)

    list(runs.find(root, (70_001).to_bytes(8, "big"), read))
    assert len(touched) == 3


@settings(deadline=None, max_examples=20)
@given(records, st.data())
def test_a_page_that_is_missing_or_other_is_doubted(items: set[tuple[bytes, int]], data: st.DataObject) -> None:
    root, pages = built(sorted(runs.record(name, offset, bytes(32)) for name, offset in items))
    number = data.draw(st.sampled_from(sorted(pages)))
    at = data.draw(st.integers(0, len(pages[number]) - 1))
    other = bytearray(pages[number])
    other[at] ^= 1
    for changed in ({**pages, number: bytes(other)}, {key: page for key, page in pages.items() if key != number}):
        with pytest.raises(DoubtError):
            found(root, b"", changed)
