"""Setting and removing keys: the wanted value is read back, and every other byte stays."""

from __future__ import annotations

import difflib
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from interlock.errors import InputError
from interlock.formats import yaml

TEXT = """\
# The same everywhere.
image:
  repository: r/payments  # without tag
  tag: ""
  digest: ""

# Particular.
replicas: 1
config: {}  # none yet
resources: {limits: {cpu: 1}}
"""


@pytest.mark.parametrize(
    ("keys", "value", "new"),
    [
        (("replicas",), 3, "replicas: 3"),
        (("replicas",), "3", 'replicas: "3"'),
        (("image", "tag"), "main", '  tag: "main"'),
        (("config", "LOG_LEVEL"), "debug", "  LOG_LEVEL: debug"),
        (("config", "ON"), "yes", '  "ON": "yes"'),
        (("resources", "limits", "memory"), "1Gi", "resources: {limits: {cpu: 1, memory: 1Gi}}"),
        (("resources", "requests", "cpu"), "0.5", 'resources: {limits: {cpu: 1}, requests: {cpu: "0.5"}}'),
        (("probes", "liveness", "periodSeconds"), 5, "    periodSeconds: 5"),
        (("debug",), True, "debug: true"),
    ],
)
def test_a_key_is_written_where_it_belongs(keys: tuple[str, ...], value: Any, new: str) -> None:
    made = yaml.set_entries(TEXT, {keys: value}, file="x")
    assert new in made.splitlines()
    assert "# without tag" in made and "# none yet" in made and made.startswith("# The same everywhere.\n")


def test_a_first_key_opens_its_mapping_and_the_last_closes_it() -> None:
    made = yaml.set_entries("config: {}  # none\nreplicas: 1\n", {("config", "A"): "x", ("config", "B"): "z"}, file="x")
    assert made == "config:  # none\n  A: x\n  B: z\nreplicas: 1\n"
    assert yaml.set_entries(made, {}, remove=[("config", "A"), ("config", "B")], file="x") == (
        "config: {}  # none\nreplicas: 1\n"
    )


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("a:\n  b: 1\n  c: 2  # gone\nd: 3\n", "a:\n  b: 1\nd: 3\n"),
        ("a:\n  c: |\n    text\n    more\n  b: 1\n", "a:\n  b: 1\n"),
        ("a: {b: 1, c: 2}\n", "a: {b: 1}\n"),
        ("a: {c: 2, b: 1}\n", "a: {b: 1}\n"),
        ("a:\n  c:\n    deep: [1, 2]\n  b: 1\n", "a:\n  b: 1\n"),
        ("a:\r\n  b: 1\r\n  c: 2\r\n", "a:\r\n  b: 1\r\n"),
    ],
)
def test_a_key_is_taken_out_with_its_lines(before: str, after: str) -> None:
    assert yaml.set_entries(before, {}, remove=[("a", "c")], file="x") == after


@pytest.mark.parametrize("text", ["", "# nothing yet\n", "{}\n", "a:\n", "a: null\n", "a: ~ # none"])
def test_what_is_empty_gets_its_first_key(text: str) -> None:
    made = yaml.set_entries(text, {("a", "b"): 1}, file="x")
    assert yaml.load(made, file="x").value == {"a": {"b": 1}}


@pytest.mark.parametrize(
    ("keys", "remove"), [(("image",), ()), (("replicas", "x"), ()), (("image", "tag", "x"), ()), (("x",), [("gone",)])]
)
def test_what_is_no_single_value_is_refused(keys: tuple[str, ...], remove: Any) -> None:
    with pytest.raises(InputError) as caught:
        yaml.set_entries(TEXT, {keys: 1}, remove=remove, file="x")
    assert caught.value.code == "yaml-path"


def test_a_text_that_hides_something_is_not_edited() -> None:
    for text in ("a: &x 1\nb: *x\n", "a: 1\na: 2\n", "a: yes\n"):
        with pytest.raises(InputError):
            yaml.set_entries(text, {("b",): 1}, file="x")


names = st.text("abAB_y1-", min_size=1, max_size=4)
texts = st.text("ab :#'\"\\{}[],&*!|>%@`~-?1.\n\té€", max_size=12)
scalars = st.one_of(texts, st.integers(-99, 99), st.booleans(), st.none(), st.just(0.5))
trees = st.recursive(scalars, lambda inner: st.dictionaries(names, inner, max_size=3) | st.lists(inner, max_size=2))


@given(st.dictionaries(names, trees, max_size=4), st.lists(names, min_size=1, max_size=3), scalars, st.booleans())
def test_the_rest_stays_byte_for_byte(document: dict[str, Any], keys: list[str], value: Any, comments: bool) -> None:
    text = yaml.dump(document)
    if comments:
        text = "# first\n" + "".join(f"{line}\n" for line in text.splitlines()) + "# last\n"
    wanted = _expected(document, keys, value)
    try:
        made = yaml.set_entries(text, {tuple(keys): value}, file="x")
    except InputError as error:
        assert error.code in ("yaml-path", "yaml-edit", "yaml-ambiguous", "yaml-syntax"), error
        assume(False)
        return
    found = yaml.load(made, file="x").value
    assert found == wanted and repr(found) == repr(wanted)
    gone = [line[2:] for line in difflib.ndiff(text.splitlines(), made.splitlines()) if line.startswith("- ")]
    assert len(gone) <= 1 + str(document).count("\\n"), "one entry's lines at most are replaced"
    if comments:
        assert made.startswith("# first\n") and made.endswith("# last\n")


def _expected(document: dict[str, Any], keys: list[str], value: Any) -> Any:
    made: dict[str, Any] = yaml.load(yaml.dump(document), file="x").value
    holder: Any = made
    for key in keys[:-1]:
        if not isinstance(holder, dict):
            return None
        if holder.get(key) is None:
            holder[key] = {}
        holder = holder[key]
    if isinstance(holder, dict):
        holder[keys[-1]] = value
    return made


words = st.text("abc", min_size=1, max_size=3)
plain = st.recursive(
    st.one_of(words, st.integers(0, 9)), lambda inner: st.dictionaries(words, inner, min_size=1, max_size=3)
)
mappings = st.dictionaries(words, plain, min_size=1, max_size=3)


@given(mappings, words, words, words)
def test_a_new_key_of_a_plain_text_is_never_refused_and_leaves_no_trace(
    document: dict[str, Any], first: str, second: str, value: str
) -> None:
    assume(isinstance(document.get(first, {}), dict) and second not in document.get(first, {}))
    text = yaml.dump(document)
    made = yaml.set_entries(text, {(first, second): value}, file="x")
    assert yaml.load(made, file="x").value[first][second] == value
    back = yaml.set_entries(made, {}, remove=[(first, second)], file="x")
    assert back == text if first in document else yaml.load(back, file="x").value == {**document, first: {}}
