"""The decisions: one page each, in the index under its own title, told in the same form."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

FOLDER = Path(__file__).parents[2] / "docs" / "explanation" / "decisions"
PAGES = sorted(FOLDER.glob("[0-9]*.md"))
LONGEST = 40


def test_the_index_lists_every_page_in_order_under_its_title() -> None:
    listed = re.findall(r"^\| (\d+) \| \[(.+)\]\((.+)\) \| (\w+) \|$", (FOLDER / "README.md").read_text(), re.M)
    titles = [re.match(r"# (\d+)\. (.+)\n\n(\w+),", page.read_text()) for page in PAGES]
    found = [
        (title[1], title[2], page.name, title[3].lower()) for title, page in zip(titles, PAGES, strict=True) if title
    ]
    assert listed == found
    assert [int(number) for number, *_ in listed] == list(range(1, len(PAGES) + 1))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_a_decision_is_short_dated_and_says_what_follows(page: Path) -> None:
    text = page.read_text()
    assert re.findall(r"^## (.+)$", text, re.M) == ["Context", "Decision", "Consequences"]
    assert re.search(r"^(Accepted|Replaced), \d{4}-\d{2}-\d{2}\.", text, re.M)
    assert page.stem.startswith(f"{int(text[2 : text.index('.')]):04}-")
    assert len(text.splitlines()) <= LONGEST
