"""Merge patches, JSON patches and strategic merge patches."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from interlock.errors import InputError
from interlock.formats.kubernetes.patch import json_patch, merge_patch
from interlock.formats.kubernetes.strategic import strategic_merge
from interlock.formats.kubernetes.types import builtin

SCALARS = st.none() | st.booleans() | st.integers(0, 3) | st.sampled_from("xyz")
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from("abc"), inner, max_size=3)
)
OBJECTS = st.dictionaries(st.sampled_from("abc"), VALUES, max_size=3)


def without_nulls(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: without_nulls(item) for name, item in value.items() if item is not None}
    return value


def difference(old: dict[str, Any], new: dict[str, Any]) -> dict[str, Any]:
    """The merge patch from ``old`` to ``new``."""
    patch: dict[str, Any] = dict.fromkeys(old.keys() - new.keys())
    for name, value in new.items():
        before = old.get(name)
        if isinstance(value, dict) and isinstance(before, dict):
            patch[name] = difference(before, value)
        elif value != before or name not in old:
            patch[name] = value
    return patch


@given(OBJECTS, OBJECTS)
def test_a_merge_patch_leads_from_one_object_to_the_other(old: dict[str, Any], new: dict[str, Any]) -> None:
    new = without_nulls(new)
    assert merge_patch(old, difference(old, new)) == new


@given(OBJECTS, OBJECTS)
def test_merging_twice_is_merging_once_and_the_target_is_untouched(old: dict[str, Any], patch: dict[str, Any]) -> None:
    before = copy.deepcopy(old)
    once = merge_patch(old, patch)
    assert merge_patch(once, patch) == once
    assert old == before


@pytest.mark.parametrize(  # RFC 7396, appendix A
    ("target", "patch", "result"),
    [
        ({"a": "b"}, {"a": "c"}, {"a": "c"}),
        ({"a": "b"}, {"b": "c"}, {"a": "b", "b": "c"}),
        ({"a": "b"}, {"a": None}, {}),
        ({"a": "b", "b": "c"}, {"a": None}, {"b": "c"}),
        ({"a": ["b"]}, {"a": "c"}, {"a": "c"}),
        ({"a": "c"}, {"a": ["b"]}, {"a": ["b"]}),
        ({"a": {"b": "c"}}, {"a": {"b": "d", "c": None}}, {"a": {"b": "d"}}),
        ({"a": [{"b": "c"}]}, {"a": [1]}, {"a": [1]}),
        (["a", "b"], ["c", "d"], ["c", "d"]),
        ({"a": "b"}, ["c"], ["c"]),
        ({"a": "foo"}, None, None),
        ({"e": None}, {"a": 1}, {"e": None, "a": 1}),
        ([1, 2], {"a": "b", "c": None}, {"a": "b"}),
        ({}, {"a": {"bb": {"ccc": None}}}, {"a": {"bb": {}}}),
    ],
)
def test_merge_patch_examples_of_the_rfc(target: Any, patch: Any, result: Any) -> None:
    assert merge_patch(target, patch) == result


@pytest.mark.parametrize(  # RFC 6902, appendix A
    ("target", "patch", "result"),
    [
        ({"foo": "bar"}, [{"op": "add", "path": "/baz", "value": "qux"}], {"baz": "qux", "foo": "bar"}),
        ({"foo": ["bar", "baz"]}, [{"op": "add", "path": "/foo/1", "value": "qux"}], {"foo": ["bar", "qux", "baz"]}),
        ({"baz": "qux", "foo": "bar"}, [{"op": "remove", "path": "/baz"}], {"foo": "bar"}),
        ({"foo": ["bar", "qux", "baz"]}, [{"op": "remove", "path": "/foo/1"}], {"foo": ["bar", "baz"]}),
        ({"baz": "qux"}, [{"op": "replace", "path": "/baz", "value": "boo"}], {"baz": "boo"}),
        ({"a": {"x": 1}, "b": {}}, [{"op": "move", "from": "/a/x", "path": "/b/y"}], {"a": {}, "b": {"y": 1}}),
        ({"foo": [1, 2, 3]}, [{"op": "move", "from": "/foo/0", "path": "/foo/2"}], {"foo": [2, 3, 1]}),
        ({"a": 1}, [{"op": "test", "path": "/a", "value": 1}], {"a": 1}),
        ({"foo": ["bar"]}, [{"op": "add", "path": "/foo/-", "value": ["abc"]}], {"foo": ["bar", ["abc"]]}),
        ({"/": 9, "~1": 10}, [{"op": "test", "path": "/~01", "value": 10}], {"/": 9, "~1": 10}),
        ({"a": 1}, [{"op": "copy", "from": "/a", "path": "/b"}], {"a": 1, "b": 1}),
        ({"a": 1}, [{"op": "replace", "path": "", "value": []}], []),
    ],
)
def test_json_patch_examples_of_the_rfc(target: Any, patch: Any, result: Any) -> None:
    assert json_patch(target, patch) == result


def test_replacing_a_member_that_is_missing_sets_it() -> None:
    """As the API server's library does, against the RFC: `tkn pipelinerun cancel` replaces /spec/status."""
    assert json_patch({"spec": {}}, [{"op": "replace", "path": "/spec/status", "value": "x"}]) == {
        "spec": {"status": "x"}
    }
    with pytest.raises(InputError, match="no value at"):
        json_patch({"spec": 1}, [{"op": "replace", "path": "/spec/status", "value": "x"}])


@pytest.mark.parametrize(
    ("patch", "code"),
    [
        ([{"op": "test", "path": "/a", "value": True}], "json-patch-failed"),
        ([{"op": "remove", "path": "/missing"}], "json-patch-failed"),
        ([{"op": "add", "path": "/list/01", "value": 1}], "json-patch-invalid"),
        ([{"op": "add", "path": "/list/5", "value": 1}], "json-patch-failed"),
        ([{"op": "move", "from": "/map", "path": "/map/in"}], "json-patch-failed"),
        ([{"op": "frobnicate", "path": "/a"}], "json-patch-invalid"),
        ([{"op": "add", "path": "/a"}], "json-patch-invalid"),
        ([{"op": "add", "path": "a", "value": 1}], "json-patch-invalid"),
        ({"op": "add"}, "json-patch-invalid"),
    ],
)
def test_a_json_patch_that_does_not_fit_is_refused_whole(patch: Any, code: str) -> None:
    target = {"a": 1, "list": [1], "map": {}}
    with pytest.raises(InputError) as caught:
        json_patch(target, patch)
    assert caught.value.code == code
    assert target == {"a": 1, "list": [1], "map": {}}


DEPLOYMENT = builtin("Deployment")


def containers(*items: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"spec": {"template": {"spec": {"containers": list(items), **more}}}}


def test_containers_are_merged_by_name() -> None:
    live = containers({"name": "a", "image": "x:1", "env": [{"name": "K", "value": "1"}]}, {"name": "b", "image": "y"})
    patch = containers({"name": "a", "image": "x:2", "env": [{"name": "L", "value": "2"}]})
    assert strategic_merge(live, patch, DEPLOYMENT) == containers(
        {"name": "a", "image": "x:2", "env": [{"name": "K", "value": "1"}, {"name": "L", "value": "2"}]},
        {"name": "b", "image": "y"},
    )


def test_an_item_is_deleted_by_its_key_and_the_list_ordered_as_asked() -> None:
    live = containers({"name": "a"}, {"name": "b"}, {"name": "c"})
    patch = {
        "spec": {
            "template": {
                "spec": {
                    "$setElementOrder/containers": [{"name": "c"}, {"name": "a"}],
                    "containers": [{"name": "b", "$patch": "delete"}],
                }
            }
        }
    }
    assert strategic_merge(live, patch, DEPLOYMENT) == containers({"name": "c"}, {"name": "a"})


def test_finalizers_are_a_set_from_which_values_are_deleted() -> None:
    live = {"metadata": {"finalizers": ["a", "b"]}}
    patch = {"metadata": {"$deleteFromPrimitiveList/finalizers": ["a"], "finalizers": ["c"]}}
    assert strategic_merge(live, patch, DEPLOYMENT) == {"metadata": {"finalizers": ["b", "c"]}}


def test_keys_that_are_not_retained_go() -> None:
    live = {"spec": {"strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 1}}}}
    patch = {"spec": {"strategy": {"$retainKeys": ["type"], "type": "Recreate"}}}
    assert strategic_merge(live, patch, DEPLOYMENT) == {"spec": {"strategy": {"type": "Recreate"}}}


def test_null_and_replace_remove() -> None:
    live = {"metadata": {"labels": {"a": "1"}, "annotations": {"b": "2"}}}
    patch = {"metadata": {"labels": None, "annotations": {"$patch": "replace", "c": "3"}}}
    assert strategic_merge(live, patch, DEPLOYMENT) == {"metadata": {"annotations": {"c": "3"}}}


def test_an_item_without_its_merge_key_is_refused() -> None:
    with pytest.raises(InputError) as caught:
        strategic_merge(containers(), containers({"image": "x"}), DEPLOYMENT)
    assert caught.value.code == "strategic-patch-invalid"
