"""Versions and constraints as hashicorp/go-version reads them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from interlock.tekton.spec.resolution import versions
from interlock.tekton.spec.resolution.versions import Version

# From go-version's constraint_test.go.
CASES = [
    (">= 1.0, < 1.2", "1.1.5", True),
    ("< 1.0, < 1.2", "1.1.5", False),
    ("= 1.0", "1.1.5", False),
    ("= 1.0", "1.0.0", True),
    ("1.0", "1.0.0", True),
    ("~> 1.0", "2.0", False),
    ("~> 1.0", "1.1", True),
    ("~> 1.0", "1.2.3", True),
    ("~> 1.0.0", "1.2.3", False),
    ("~> 1.0.0", "1.0.7", True),
    ("~> 1.0.0", "1.1.0", False),
    ("~> 1.0.7", "1.0.4", False),
    ("~> 1.0.7", "1.0.7", True),
    ("~> 1.0.7", "1.0.8", True),
    ("~> 1.0.9.5", "1.0.9.4", False),
    ("~> 1.0.9.5", "1.0.9.6", True),
    ("~> 1.0.9.5", "1.0.9.5.0", True),
    ("~> 1.0.9.5", "1.0.9.7", True),
    ("> 2.0", "2.1.0-beta", False),
    ("> 2.1.0-a", "2.1.0-beta", True),
    (">= 2.1.0-a", "2.1.1-beta", False),
    (">= 2.0.0", "2.1.0-beta", False),
    ("!= 0.4", "0.4.0", False),
    ("!= 0.4", "0.5.0", True),
]


@pytest.mark.parametrize(("constraint", "version", "expected"), CASES)
def test_constraints(constraint: str, version: str, expected: bool) -> None:
    wanted, found = versions.constraint(constraint), versions.parse(version)
    assert wanted is not None and found is not None
    assert wanted.allows(found) is expected


@pytest.mark.parametrize("text", ["latest", "", ">> 1", "1.x", ">= ", "1,", "1." + "9" * 300])
def test_what_is_no_constraint(text: str) -> None:
    assert versions.constraint(text) is None


NUMBERS = st.lists(st.integers(0, 30), min_size=1, max_size=4).map(lambda parts: ".".join(map(str, parts)))


@given(NUMBERS, NUMBERS)
def test_versions_are_ordered_as_their_numbers(one: str, other: str) -> None:
    first, second = versions.parse(one), versions.parse(other)
    assert first is not None and second is not None

    def padded(text: str) -> list[int]:
        numbers = [int(part) for part in text.split(".")]
        return numbers + [0] * (4 - len(numbers))

    assert (first < second) == (padded(one) < padded(other))
    assert (first == second) == (padded(one) == padded(other))


def test_a_prerelease_comes_before_its_release() -> None:
    order = ["1.0.0-alpha", "1.0.0-alpha.1", "1.0.0-beta", "1.0.0-rc.2", "1.0.0-rc.10", "1.0.0", "1.0.1"]
    parsed = [found for found in map(versions.parse, order) if found is not None]
    assert parsed == sorted(parsed) and len(parsed) == len(order)
    assert str(Version((1, 0, 0), "rc.1")) == "1.0.0-rc.1"
