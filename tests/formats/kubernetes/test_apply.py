"""Server-side apply as an algebra: what a manager says holds, what it stops saying goes, what others say stays."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from interlock.errors import InputError
from interlock.formats.kubernetes import apply, fields, managed
from interlock.formats.kubernetes.structural import custom_resource
from interlock.formats.kubernetes.types import builtin

THING = custom_resource(
    {
        "type": "object",
        "properties": {
            "spec": {
                "type": "object",
                "properties": {
                    "data": {"type": "object", "additionalProperties": {"type": "integer"}},
                    "size": {"type": "integer"},
                    "steps": {"type": "array", "items": {"type": "integer"}},
                    "tags": {"type": "array", "x-kubernetes-list-type": "set", "items": {"type": "string"}},
                    "ports": {
                        "type": "array",
                        "x-kubernetes-list-type": "map",
                        "x-kubernetes-list-map-keys": ["name"],
                        "items": {
                            "type": "object",
                            "required": ["name"],
                            "properties": {"name": {"type": "string"}, "number": {"type": "integer"}},
                        },
                    },
                    "open": {"x-kubernetes-preserve-unknown-fields": True},
                },
            }
        },
    }
)
NAMES = st.sampled_from("abcd")
NUMBERS = st.integers(0, 3)
PORTS = st.lists(
    st.builds(
        lambda name, number: {"name": name, **({} if number is None else {"number": number})},
        NAMES,
        st.none() | NUMBERS,
    ),
    min_size=1,
    max_size=4,
    unique_by=lambda port: port["name"],
)
SPECS = st.fixed_dictionaries(
    {},
    optional={
        "data": st.dictionaries(NAMES, NUMBERS, min_size=1, max_size=3),
        "size": NUMBERS,
        "steps": st.lists(NUMBERS, max_size=3),
        "tags": st.lists(NAMES, min_size=1, max_size=3, unique=True),
        "ports": PORTS,
        "open": st.dictionaries(NAMES, NUMBERS | st.lists(NUMBERS, max_size=2), min_size=1, max_size=2),
    },
)


def thing(spec: dict[str, Any]) -> dict[str, Any]:
    head = {"apiVersion": "acme.test/v1", "kind": "Thing", "metadata": {"name": "one"}}
    return {**head, "spec": spec} if spec else head


def put(live: dict[str, Any] | None, spec: dict[str, Any], manager: str, *, force: bool = False, now: str = "t") -> Any:
    return apply.apply(live, thing(spec), THING, manager=manager, now=now, force=force)


def content(obj: dict[str, Any]) -> Any:
    """The object without empty maps and lists: whether those stay behind is not what ownership is about."""

    def bare(value: Any) -> Any:
        if isinstance(value, dict):
            kept = {name: bare(item) for name, item in value.items() if name != "managedFields"}
            return {name: item for name, item in kept.items() if item not in ({}, [], None)}
        if isinstance(value, list):
            return [bare(item) for item in value]
        return value

    return bare(obj)


def owners(obj: dict[str, Any], manager: str) -> fields.FieldSet:
    return frozenset().union(*(entry.owned for entry in managed.read(obj).values() if entry.manager.name == manager))


@given(SPECS)
def test_applying_twice_changes_nothing(spec: dict[str, Any]) -> None:
    live = put(None, spec, "m")
    assert put(live, spec, "m", now="later") is live


@given(SPECS, SPECS)
def test_what_a_lone_manager_leaves_out_is_removed(first: dict[str, Any], second: dict[str, Any]) -> None:
    live = put(put(None, first, "m"), second, "m")
    direct = put(None, second, "m")
    # Items that stay keep their place, so order may differ; everything else is as if it had been applied first.
    assert fields.field_set(content(live), THING) == fields.field_set(content(direct), THING)
    assert owners(live, "m") == owners(direct, "m")


@given(SPECS, SPECS)
def test_a_forced_configuration_holds(first: dict[str, Any], second: dict[str, Any]) -> None:
    live = put(put(None, first, "a"), second, "b", force=True)
    wanted = fields.field_set(thing(second), THING)
    assert wanted - set(managed.UNOWNED) <= fields.field_set(live, THING)
    assert put(live, second, "b") is live


@given(SPECS, SPECS)
def test_a_conflict_names_the_manager_and_changes_nothing(first: dict[str, Any], second: dict[str, Any]) -> None:
    live = put(None, first, "a")
    before = copy.deepcopy(live)
    try:
        after = put(live, second, "b")
    except apply.ApplyConflictError as error:
        assert {item.manager for item in error.conflicts} == {'"a"'}
        assert all(f'conflict with "a": {item.field}' == str(item) for item in error.conflicts)
    else:
        # No conflict: everything that a had applied is still what a applied.
        assert put(after, first, "a") is after
    assert live == before


@given(SPECS, SPECS)
def test_taking_by_force_leaves_the_loser_only_what_it_still_agrees_with(
    first: dict[str, Any], second: dict[str, Any]
) -> None:
    live = put(put(None, first, "a"), second, "b", force=True)
    unchanged = put(live, first, "a", force=True) is live
    contested = owners(put(None, first, "a"), "a") - owners(live, "a")
    assert unchanged == (not contested)


@given(SPECS, SPECS)
def test_what_two_managers_agree_on_survives_one_of_them(first: dict[str, Any], second: dict[str, Any]) -> None:
    live = put(put(None, first, "a"), second, "b", force=True)
    left = put(live, {}, "b")
    assert owners(left, "b") == frozenset()
    kept = owners(live, "a")
    assert kept <= fields.field_set(left, THING)


@given(SPECS, SPECS)
def test_an_update_owns_exactly_what_it_changed(first: dict[str, Any], second: dict[str, Any]) -> None:
    live = put(None, first, "a")
    new = apply.update(live, thing(second), THING, manager="editor", now="t2")
    touched = owners(new, "editor")
    assert not touched & owners(new, "a")
    for path in fields.field_set(thing(second), THING) - set(managed.UNOWNED):
        assert (
            path in touched
            or path in owners(new, "a")
            or second == first
            or any(path[:n] in touched for n in range(len(path)))
        )


@given(SPECS)
def test_field_sets_survive_their_encoding(spec: dict[str, Any]) -> None:
    found = fields.field_set(thing(spec), THING)
    assert fields.decode(fields.encode(found)) == found


def deployment(**spec: Any) -> dict[str, Any]:
    container = {"name": "app", "image": "registry.acme.test/payments:1", "ports": [{"containerPort": 8080}]}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "payments", "labels": {"team": "payments"}},
        "spec": {"template": {"spec": {"containers": [container]}}, **spec},
    }


def test_managed_fields_are_written_as_upstream_writes_them() -> None:
    live = apply.apply(
        None, deployment(replicas=2), builtin("Deployment"), manager="argocd-controller", now="2026-01-01T00:00:00Z"
    )
    (row,) = live["metadata"]["managedFields"]
    assert {name: value for name, value in row.items() if name != "fieldsV1"} == {
        "manager": "argocd-controller",
        "operation": "Apply",
        "apiVersion": "apps/v1",
        "time": "2026-01-01T00:00:00Z",
        "fieldsType": "FieldsV1",
    }
    port = 'k:{"containerPort":8080,"protocol":"TCP"}'
    assert row["fieldsV1"] == {
        "f:metadata": {"f:labels": {"f:team": {}}},
        "f:spec": {
            "f:replicas": {},
            "f:template": {
                "f:spec": {
                    "f:containers": {
                        'k:{"name":"app"}': {
                            ".": {},
                            "f:name": {},
                            "f:image": {},
                            "f:ports": {port: {".": {}, "f:containerPort": {}}},
                        }
                    }
                }
            },
        },
    }


def test_several_conflicts_are_listed_by_manager() -> None:
    schema = builtin("Deployment")
    live = apply.update(
        None, deployment(replicas=2, paused=True), schema, manager="kubectl-edit", now="2026-01-01T00:00:00Z"
    )
    with pytest.raises(apply.ApplyConflictError) as caught:
        apply.apply(live, deployment(replicas=3, paused=False), schema, manager="argocd-controller", now="t")
    assert caught.value.message == (
        'Apply failed with 2 conflicts: conflicts with "kubectl-edit" using apps/v1 at 2026-01-01T00:00:00Z:\n'
        "- .spec.paused\n- .spec.replicas"
    )


def test_ports_that_differ_only_by_protocol_are_two_items() -> None:
    schema = builtin("Deployment")
    config = deployment()
    config["spec"]["template"]["spec"]["containers"][0]["ports"].append({"containerPort": 8080, "protocol": "UDP"})
    live = apply.apply(None, config, schema, manager="m", now="t")
    live = apply.apply(live, deployment(), schema, manager="m", now="t")
    assert live["spec"]["template"]["spec"]["containers"][0]["ports"] == [{"containerPort": 8080}]


def test_a_list_with_the_same_key_twice_is_refused() -> None:
    config = deployment()
    config["spec"]["template"]["spec"]["containers"] *= 2
    with pytest.raises(InputError) as caught:
        apply.apply(None, config, builtin("Deployment"), manager="m", now="t")
    assert caught.value.code == "list-item-duplicate"


def test_status_is_owned_only_through_its_subresource() -> None:
    schema = builtin("Deployment")
    config = {**deployment(replicas=1), "status": {"replicas": 1}}
    live = apply.apply(None, config, schema, manager="m", now="t", ignore=(("f:status",),))
    assert not any(path[0] == "f:status" for path in owners(live, "m"))


def test_order_follows_the_configuration_and_keeps_foreign_items_between_their_neighbours() -> None:
    first = put(None, {"ports": [{"name": "a"}, {"name": "b"}, {"name": "c"}]}, "a")
    second = put(first, {"ports": [{"name": "c"}, {"name": "d"}, {"name": "a"}]}, "b")
    assert [port["name"] for port in second["spec"]["ports"]] == ["b", "c", "d", "a"]


def test_a_manager_of_client_side_apply_hands_over_its_fields() -> None:
    live = apply.update(None, thing({"size": 1}), THING, manager="kubectl-client-side-apply", now="t")
    live = apply.adopt(live, "kubectl-client-side-apply", becomes="argocd-controller", now="t")
    after = put(live, {"data": {"a": 1}}, "argocd-controller")
    assert after["spec"] == {"data": {"a": 1}}
