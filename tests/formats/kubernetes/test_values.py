"""Quantities, selectors, JSONPath, names: the small languages of the API."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from interlock.errors import InputError
from interlock.formats.kubernetes import jsonpath, names, quantity, selectors

SUFFIXES = st.sampled_from(["", "n", "u", "m", "k", "M", "G", "Ki", "Mi", "Gi", "e3", "E-2"])


@given(st.integers(-(10**6), 10**6), st.integers(0, 999), SUFFIXES)
def test_a_canonical_quantity_has_the_value_and_is_its_own_canonical_form(whole: int, part: int, suffix: str) -> None:
    text = f"{whole}.{part:03d}{suffix}"
    once = quantity.canonical(text)
    assert quantity.canonical(once) == once
    assert abs(quantity.parse(once) - quantity.parse(text)) < Decimal("1e-9")
    # Away from zero, as Go rounds (ParseQuantity).
    assert abs(quantity.parse(once)) >= abs(quantity.parse(text))


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("1000m", "1"),
        ("0.5", "500m"),
        ("1024Mi", "1Gi"),
        ("1.5Gi", "1536Mi"),
        ("2048", "2048"),
        ("1000000", "1M"),
        ("0", "0"),
    ],
)
def test_quantities_are_written_as_the_api_writes_them(text: str, written: str) -> None:
    assert quantity.canonical(text) == written


@pytest.mark.parametrize("text", ["", "1 Gi", "Gi", "1gi", "--1", "1e", "NaN"])
def test_what_is_no_quantity_is_refused(text: str) -> None:
    with pytest.raises(InputError) as caught:
        quantity.parse(text)
    assert caught.value.code == "quantity-invalid"


LABELS = {"app": "payments", "tier": "backend", "level": "7", "acme.test/owner": "sam"}


@pytest.mark.parametrize(
    ("selector", "expected"),
    [
        ("", True),
        ("app=payments", True),
        ("app==payments,tier!=web", True),
        ("app!=payments", False),
        ("missing!=x", True),
        ("app in (a, payments)", True),
        ("app notin (a,payments)", False),
        ("missing notin (a)", True),
        ("tier", True),
        ("!tier", False),
        ("! missing", True),
        ("level>6,level<8", True),
        ("level > 7", False),
        ("acme.test/owner=sam", True),
        ("app=", False),
    ],
)
def test_label_selectors(selector: str, expected: bool) -> None:
    assert selectors.label_selector(selector)(LABELS) is expected


@pytest.mark.parametrize("selector", ["a=b=c", "app in payments", "a b", "=x", "app in (a", "app=b/c"])
def test_what_is_no_label_selector_is_refused(selector: str) -> None:
    with pytest.raises(InputError) as caught:
        selectors.label_selector(selector)
    assert caught.value.code == "selector-invalid"


def test_selectors_of_objects() -> None:
    matches = selectors.object_selector(
        {
            "matchLabels": {"app": "payments"},
            "matchExpressions": [{"key": "tier", "operator": "In", "values": ["backend"]}],
        }
    )
    assert matches(LABELS)
    assert not matches({"app": "payments"})
    assert selectors.object_selector({})(LABELS)
    assert not selectors.object_selector(None)(LABELS)


def test_field_selectors_know_their_fields() -> None:
    supported = frozenset({"metadata.name", "status.phase"})
    matches = selectors.field_selector("metadata.name=a,status.phase!=Failed", supported=supported)
    assert matches({"metadata": {"name": "a"}, "status": {"phase": "Running"}})
    assert not matches({"metadata": {"name": "b"}})
    with pytest.raises(InputError):
        selectors.field_selector("spec.color=red", supported=supported)


RUN = {
    "metadata": {"name": "x", "labels": {"tekton.dev/pipeline": "build"}},
    "status": {
        "conditions": [{"type": "Ready", "status": "False"}, {"type": "Succeeded", "status": "True"}],
        "n": [1, 2],
    },
}


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        (".metadata.name", ["x"]),
        ('.status.conditions[?(@.type=="Succeeded")].status', ["True"]),
        ("{.status.n[*]}", [1, 2]),
        (".status.n[-1]", [2]),
        (".metadata.labels['tekton.dev/pipeline']", ["build"]),
        (r".metadata.labels.tekton\.dev/pipeline", ["build"]),
        (".status.missing.deeper", []),
    ],
)
def test_json_paths(path: str, expected: list[object]) -> None:
    assert jsonpath.values(RUN, path) == expected


def test_a_json_path_that_is_not_understood_is_refused() -> None:
    with pytest.raises(InputError) as caught:
        jsonpath.values(RUN, ".status..name")
    assert caught.value.code == "jsonpath-unsupported"


@pytest.mark.parametrize(
    ("name", "kind", "good"),
    [
        ("payments", "ConfigMap", True),
        ("payments.acme.test", "ConfigMap", True),
        ("Payments", "ConfigMap", False),
        ("a_b", "ConfigMap", False),
        ("a" * 254, "ConfigMap", False),
        ("../etc", "ConfigMap", False),
        ("a.b", "Namespace", False),
        ("1a", "Service", False),
        ("system:masters", "ClusterRole", True),
        ("a/b", "ClusterRole", False),
    ],
)
def test_names(name: str, kind: str, good: bool) -> None:
    assert (not list(names.name_faults(name, kind))) is good


def test_metadata_is_checked() -> None:
    metadata = {
        "labels": {"ok": "fine", "bad key": "x", "y": "not fine!"},
        "annotations": {"a/b/c": "x"},
        "finalizers": ["not valid"],
        "ownerReferences": [{"apiVersion": "v1", "kind": "Pod", "name": "p"}],
    }
    found = [cause.field for cause in names.metadata_faults(metadata)]
    assert found == [
        "metadata.labels",
        "metadata.labels",
        "metadata.annotations",
        "metadata.finalizers[0]",
        "metadata.ownerReferences[0].uid",
    ]
