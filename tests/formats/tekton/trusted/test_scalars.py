"""Texts as Go writes them. Expectations come from Go 1.26 and apimachinery 0.36."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from interlock.errors import InputError
from interlock.formats.tekton.trusted import scalars


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("<a> & b", '"\\u003ca\\u003e \\u0026 b"'),
        ("\u2028\u2029", '"\\u2028\\u2029"'),
        ("\b\f\n\r\t\x00\x7f", '"\\b\\f\\n\\r\\t\\u0000\x7f"'),
        ('"\\/', '"\\"\\\\/"'),
        ("é😀", '"é😀"'),
    ],
)
def test_strings(text: str, written: str) -> None:
    assert scalars.string(text) == written


@pytest.mark.parametrize(
    ("value", "written"),
    [(1.0, "1"), (0.1, "0.1"), (1e21, "1e+21"), (1e20, "100000000000000000000"), (1e-6, "0.000001"), (1e-7, "1e-7")],
)
def test_numbers(value: float, written: str) -> None:
    assert scalars.number(value) == written


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_a_number_reads_back(value: float) -> None:
    assert float(scalars.number(value)) == value


@pytest.mark.parametrize("value", [float("inf"), float("nan")])
def test_what_json_cannot_say_is_refused(value: float) -> None:
    with pytest.raises(InputError, match="number-invalid"):
        scalars.number(value)


@pytest.mark.parametrize(
    ("value", "written"),
    [
        (None, "0"),
        ("1.5Gi", "1536Mi"),
        ("2048Mi", "2Gi"),
        ("1500Ki", "1500Ki"),
        ("100m", "100m"),
        ("0.5", "500m"),
        (0.25, "250m"),
        (2, "2"),
        ("1000", "1k"),
        ("10e2", "1e3"),
        ("1.0005Ki", "1024512m"),
        ("9Ei", "9223372036854775807"),
        # Go's shortcut: taken for canonical, kept as read.
        ("12E6", "12E6"),
        ("+1", "+1"),
        ("01", "01"),
        ("1.500", "1.500"),
        ("-0.1n", "-1n"),
    ],
)
def test_quantities(value: object, written: str) -> None:
    assert scalars.quantity(value) == written


@pytest.mark.parametrize("value", ["", "1 Gi", "x", True, [], "1Kii"])
def test_what_is_no_quantity_is_refused(value: object) -> None:
    with pytest.raises(InputError, match="quantity-invalid"):
        scalars.quantity(value)


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("1h", "1h0m0s"),
        ("90s", "1m30s"),
        ("1h0m0.5s", "1h0m0.5s"),
        ("1.5us", "1.5µs"),
        ("100ns", "100ns"),
        ("0", "0s"),
        ("-1m", "-1m0s"),
        ("2562047h", "2562047h0m0s"),
    ],
)
def test_durations(text: str, written: str) -> None:
    assert scalars.duration(text) == written
    assert scalars.duration(written) == written


@pytest.mark.parametrize("text", ["", "1", "1d", "h", None, 5, "2562048h", "１h"])
def test_what_is_no_duration_is_refused(text: object) -> None:
    with pytest.raises(InputError, match="duration-invalid"):
        scalars.duration(text)


def test_times_are_utc_and_whole_seconds() -> None:
    assert scalars.time("2026-01-02T03:04:05.678+02:00") == "2026-01-02T01:04:05Z"
    for text in ("2026-01-02T03:04:05", "now", None):
        with pytest.raises(InputError, match="time-invalid"):
            scalars.time(text)


def test_any_value_has_its_maps_sorted_at_every_level() -> None:
    value = {"z": [1, {"b": None, "a": "<"}], "a": True}
    assert scalars.anything(value) == '{"a":true,"z":[1,{"a":"\\u003c","b":null}]}'
