"""The strict loader refuses whatever two YAML dialects could read differently."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from interlock.errors import InputError, Location
from interlock.formats import yaml


def refusal(text: str | bytes) -> InputError:
    with pytest.raises(InputError) as caught:
        list(yaml.load_all(text, file="f.yaml"))
    return caught.value


@pytest.mark.parametrize(
    "scalar", ["no", "Yes", "on", "y", "0755", "0o17", "0x1F", "1_000", "12345678e90", "1e3", ".5", "5."]
)
@pytest.mark.parametrize("place", ["a: {}", "- {}", "{}: 1"])
def test_ambiguous_plain_scalars_are_refused_wherever_they_stand(scalar: str, place: str) -> None:
    assert refusal(place.replace("{}", scalar)).code == "yaml-ambiguous"


@pytest.mark.parametrize("scalar", ["12:30:45", "2024-01-01", ".inf", ".NaN", "="])
def test_times_dates_and_special_floats_are_refused(scalar: str) -> None:
    error = refusal(f"a: {scalar}")
    assert error.code == "yaml-ambiguous"
    assert error.todo == f'quote it: "{scalar}"'


@pytest.mark.parametrize(
    ("number", "value"), [(str(2**64 - 1), 2**64 - 1), (str(-(2**63)), -(2**63)), ("9" * 300 + ".5", 1e300)]
)
def test_numbers_of_64_bits_are_read(number: str, value: float) -> None:
    assert yaml.load(f"a: {number}", file="f.yaml").value == {"a": value}


@pytest.mark.parametrize(
    "number", [str(2**64), str(-(2**63) - 1), "9" * 400, "-" + "9" * 5000, "9" * 400 + ".5", "-" + "9" * 5000 + ".0"]
)
def test_numbers_that_no_dialect_can_hold_are_refused(number: str) -> None:
    error = refusal(f"a:\n  - {number}")
    assert (error.code, error.where) == ("yaml-number", Location("f.yaml", 2, 5))
    assert len(str(error)) < 200


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1", 1),
        ("-7", -7),
        ("1.5", 1.5),
        ("true", True),
        ("null", None),
        ("~", None),
        ("main-0a1b", "main-0a1b"),
        ("'no'", "no"),
    ],
)
def test_scalars_that_all_dialects_agree_on(text: str, value: object) -> None:
    assert yaml.load(f"a: {text}", file="f.yaml").value == {"a": value}


@pytest.mark.parametrize(
    ("text", "code", "line", "column"),
    [
        ("a: 1\nb: 2\na: 3\n", "yaml-duplicate-key", 3, 1),
        ("a: &x 1\nb: *x\n", "yaml-syntax", 1, 4),
        ("a: !!python/object:os.system 1\n", "yaml-syntax", 1, 4),
        ("a: [1, 2\n", "yaml-syntax", 2, 1),
        ("1: a\n", "yaml-key", 1, 1),
    ],
)
def test_refusals_name_the_place(text: str, code: str, line: int, column: int) -> None:
    error = refusal(text)
    assert (error.code, error.where) == (code, Location("f.yaml", line, column))


def test_a_merge_key_cannot_smuggle_fields() -> None:
    assert refusal("a: {x: 1}\nb:\n  <<: {y: 2}\n").code == "yaml-ambiguous"


def test_bombs_are_refused_without_being_built() -> None:
    assert refusal("[" * 5000).code == "yaml-depth"
    assert refusal("a:\n" + "".join(" " * n + "a:\n" for n in range(1, 300))).code == "yaml-depth"
    assert refusal("x" * (5 * 1024 * 1024)).code == "yaml-size"
    assert refusal(b"\xff\xfe").code == "yaml-encoding"


def test_one_document_means_one() -> None:
    with pytest.raises(InputError) as caught:
        yaml.load("a: 1\n---\nb: 2\n", file="f.yaml")
    assert caught.value.code == "yaml-documents"
    assert [document.value for document in yaml.load_all("a: 1\n---\n---\nb: 2\n", file="f")] == [
        {"a": 1},
        None,
        {"b": 2},
    ]


def test_positions_of_values_and_of_their_nearest_parent() -> None:
    document = yaml.load("spec:\n  steps:\n    - name: x\n", file="f.yaml")
    assert document.where("spec", "steps", 0, "name") == Location("f.yaml", 3, 13)
    assert document.where("spec", "steps", 7, "image") == Location("f.yaml", 3, 5)


plain_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.text(st.characters(codec="utf-8", exclude_categories=["Cs", "Cc"])),
    lambda inner: (
        st.lists(inner) | st.dictionaries(st.text(st.characters(codec="ascii", exclude_categories=["Cc"])), inner)
    ),
    max_leaves=12,
)


@given(plain_values)
def test_what_is_dumped_is_read_back(value: object) -> None:
    assert yaml.load(yaml.dump(value), file="f").value == value
