"""An edit changes the named scalars and no other byte."""

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
