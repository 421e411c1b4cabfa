"""An edit changes or adds what is named, and no other byte."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from interlock.errors import InputError
from interlock.formats import yaml

VALUES = """\
# what runs in prod
image:
  repository: registry.acme.test/integration/payments  # never changes here
  tag: main-000000000000      # set by promotion
  digest: "sha256:00"
replicas: 2
"""


def test_comments_and_layout_survive() -> None:
    changes: dict[yaml.Path, str] = {("image", "tag"): "main-111111111111", ("image", "digest"): "sha256:11"}
    assert yaml.set_scalars(VALUES, changes, file="values.yaml") == VALUES.replace(
        "main-000000000000", "main-111111111111"
    ).replace("sha256:00", "sha256:11")


def test_an_empty_value_is_filled() -> None:
    assert (
        yaml.set_scalars("image:\n  tag: # none yet\n", {("image", "tag"): "a"}, file="f")
        == "image:\n  tag: a # none yet\n"
    )


@pytest.mark.parametrize("text", ["tag:\ta\n", "tag: a\t\n", "tag: a\t# why\n", "{tag: a\t}\n", "other:\t1\ntag: a\n"])
def test_what_can_be_read_can_be_edited(text: str) -> None:
    """Tabs after a scalar: libyaml reads them, PyYAML's own parser does not."""
    assert yaml.load(text, file="f").value["tag"] == "a"
    assert yaml.set_scalars(text, {("tag",): "b"}, file="f") == text.replace("a\t", "b\t").replace(
        "tag: a\n", "tag: b\n"
    ).replace("tag:\ta", "tag:\tb")


@pytest.mark.parametrize("path", [("image", "name"), ("image",), ("replicas", 0)])
def test_an_edit_never_adds_structure(path: yaml.Path) -> None:
    with pytest.raises(InputError) as caught:
        yaml.set_scalars(VALUES, {path: "x"}, file="values.yaml")
    assert caught.value.code == "yaml-path"


@given(st.text(st.characters(codec="utf-8", exclude_categories=["Cs", "Cc"])))
def test_any_text_reads_back_as_that_text(value: str) -> None:
    edited = yaml.set_scalars(VALUES, {("image", "tag"): value}, file="values.yaml")
    assert yaml.load(edited, file="f").value["image"]["tag"] == value
    assert edited.splitlines()[0] == VALUES.splitlines()[0]


FREEZE = {"name": "year end", "from": "2026-12-20T00:00:00+00:00", "environments": ["prod"]}
BLOCK = """\
  - name: year end
    from: "2026-12-20T00:00:00+00:00"
    environments:
      - prod
"""


def test_an_item_is_appended_to_a_list_of_lines() -> None:
    text = "freezes:  # all\n  - name: a  # the first\n    to: |\n      x\n\n  # the end\nother: 1\n"
    grown = yaml.append(text, ("freezes",), FREEZE, file="f")
    assert grown == text.replace("      x\n", f"      x\n\n{BLOCK}", 1).replace(f"{BLOCK}\n", BLOCK)
    text = "people:\n- id: a\n  keys: [k]  # one\n# the end\n"
    assert yaml.append(text, ("people",), {"id": "b"}, file="f") == text.replace("# one\n", "# one\n- id: b\n")
    assert yaml.append("- a", (), "b", file="f") == "- a\n- b\n"


def test_an_empty_list_becomes_lines_and_one_on_a_line_stays_there() -> None:
    text = "a: 1\nfreezes: []  # none\nother: 1\n"
    assert yaml.append(text, ("freezes",), FREEZE, file="f") == f"a: 1\nfreezes:  # none\n{BLOCK}other: 1\n"
    assert yaml.append("freezes: []", ("freezes",), FREEZE, file="f") == f"freezes:\n{BLOCK}"
    assert yaml.append("forge: [a, b]  # x\n", ("forge",), "c", file="f") == 'forge: [a, b, "c"]  # x\n'
    nested = "people:\n  - id: a\n    roles: []\n"
    assert yaml.append(nested, ("people", 0, "roles"), "r", file="f") == ("people:\n  - id: a\n    roles:\n      - r\n")


def test_a_key_is_put_last() -> None:
    text = "people:\n  - id: a\n    keys:\n      - k  # one\n  # the next\n  - {id: b}\n"
    grown = yaml.put(text, ("people", 0), "until", "2026-01-01", file="f")
    assert grown == text.replace("# one\n", '# one\n    until: "2026-01-01"\n')
    assert yaml.put(text, ("people", 1), "until", "x", file="f") == text.replace("{id: b}", '{id: b, "until": "x"}')


@pytest.mark.parametrize(
    ("text", "path"),
    [("a: 1\n", ("a",)), ("a: {b: 1}\n", ("b",)), ("a: {b: 1}\n", ("a",)), ("", ()), ("a: &x []\n", ("a",))],
)
def test_only_what_is_a_list_is_appended_to(text: str, path: yaml.Path) -> None:
    with pytest.raises(InputError, match="yaml-"):
        yaml.append(text, path, "x", file="f")


@pytest.mark.parametrize(("text", "path"), [("a: 1\n", ("a",)), ("a: {b: 1}\n", ("a",)), ("a: [1]\n", ("a",))])
def test_a_key_that_is_there_is_not_put_again(text: str, path: yaml.Path) -> None:
    with pytest.raises(InputError, match="yaml-path"):
        yaml.put(text, path, "b", "x", file="f")


_scalars = st.text(st.characters(codec="utf-8", exclude_categories=["Cs", "Cc"]), max_size=9)
_values = st.recursive(
    _scalars | st.booleans() | st.integers(-9, 9),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_scalars, inner, max_size=3),
    max_leaves=6,
)
_NOTES = st.sampled_from(["", "# a note\n", "\n", "\n  # [a: {note}]\n"])


@given(
    st.lists(st.tuples(_values, _NOTES), min_size=1, max_size=3), _values,
    st.sampled_from(["after: 1\n", "", "# end\n"]),
)  # fmt: skip
def test_every_other_byte_stays(items: list[tuple[object, str]], value: object, end: str) -> None:
    lines = [f"{note}{yaml.dump([item])}" for item, note in items]
    text = f"# first\nlist:\n{''.join(lines)}{end}"
    before = yaml.load(text, file="f").value
    grown = yaml.append(text, ("list",), value, file="f")
    assert yaml.load(grown, file="f").value == {**before, "list": [*before["list"], value]}
    assert _is_longer(grown, text)
    flow = f"list: {json.dumps([item for item, _ in items], ensure_ascii=False)}  # a note\n{end}"
    assert _is_longer(yaml.append(flow, ("list",), value, file="f"), flow)


def _is_longer(grown: str, text: str) -> bool:
    """Whether ``grown`` is ``text`` with something put in at one place."""
    same = next((index for index, pair in enumerate(zip(grown, text, strict=False)) if pair[0] != pair[1]), len(text))
    return any(
        grown[:at] == text[:at] and grown[len(grown) - (len(text) - at) :] == text[at:] for at in range(same + 1)
    )
