"""Version order, held against vectors of each ecosystem's own tools (google/osv-scalibr semantic/testdata)."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from interlock.formats.osv import versions

VECTORS = Path(__file__).parents[4] / "shared/conformance/osv-version-vectors"

# Lines whose versions PEP 440 does not order, and PyPI has refused since 2022: `packaging` says so and we say unknown.
LEGACY = {
    "pypi-versions.txt": {*range(47, 55), 56, 57, 58},
    "pypi-versions-generated.txt": {
        *(*range(525, 533), 1994, 4222, 4223, *range(4909, 4925), 5367, *range(7249, 7259), 7542, 8716),
        *(*range(9328, 9349), 11207, 11234, 11235, 11248, 11424, 11759, 11871, 11872),
    },
}


def compare(ecosystem: str, one: str, other: str) -> str | None:
    left, right = versions.parse(ecosystem, one), versions.parse(ecosystem, other)
    if left is None or right is None:
        return None
    return "<" if left < right else ">" if right < left else "="


@pytest.mark.parametrize(
    ("ecosystem", "name", "least"),
    [
        ("Maven", "maven-versions.txt", 102),
        ("Maven", "maven-versions-generated.txt", 14_752),
        ("PyPI", "pypi-versions.txt", 37),
        ("PyPI", "pypi-versions-generated.txt", 12_375),
    ],
)
def test_the_ecosystems_own_order(ecosystem: str, name: str, least: int, capsys: pytest.CaptureFixture[str]) -> None:
    file = VECTORS / name
    if not file.is_file():
        pytest.skip(f"conformance data absent: {file}")
    right, wrong, unordered = 0, [], set()
    for number, line in enumerate(file.read_text().splitlines(), start=1):
        if not line.strip() or line.startswith(("#", "//")):
            continue
        one, sign, other = line.split()
        found = compare(ecosystem, one, other)
        if found is None:
            unordered.add(number)
        elif found == sign:
            right += 1
        else:
            wrong.append((number, line, found))
    with capsys.disabled():
        print(f"\n{name}: {right} right, {len(wrong)} wrong, {len(unordered)} unknown")
    assert wrong == []
    assert unordered == LEGACY.get(name, set())
    assert right + len(unordered) >= least


@pytest.mark.parametrize("text", ["", "${project.version}", "1.0 beta", "x" * 501])
def test_what_is_no_maven_version_is_unknown(text: str) -> None:
    assert versions.parse("Maven", text) is None


def test_another_ecosystem_is_unknown() -> None:
    assert versions.parse("crates.io", "1.0.0") is None


VERSION = st.text(alphabet="0123456789.-abrc", min_size=1, max_size=12)


@given(VERSION, VERSION)
def test_maven_order_is_antisymmetric(one: str, other: str) -> None:
    mirrored = {"<": ">", ">": "<", "=": "=", None: None}
    assert compare("Maven", one, other) == mirrored[compare("Maven", other, one)]


@given(VERSION)
def test_a_maven_version_equals_itself_with_zeroes_behind(one: str) -> None:
    assert compare("Maven", one, one) == "="
