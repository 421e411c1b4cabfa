"""Charts: where values come from, dependencies, what is refused."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from interlock.errors import InputError, InterlockError, NotFoundError, UnsupportedError
from interlock.formats import helm
from interlock.formats.helm import values as merging

Render = Callable[..., list[helm.Rendered]]
SHOW = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: x}\ndata:\n  seen: {{ .Values | toJson | quote }}\n"


def seen(rendered: list[helm.Rendered]) -> Any:
    return json.loads(rendered[0].object["data"]["seen"])


def test_later_values_win_and_maps_merge(render: Render) -> None:
    rendered = render(
        {
            "templates/a.yaml": SHOW,
            "values.yaml": "a: {chart: 0, file: 0, both: zero, deep: {x: 1}}\nkeep: true",
            "one.yaml": "a: {file: 1, both: one}\nlist: [1, 2]",
            "two.yaml": "a: {both: two}\nlist: [3]",
        },
        value_files=["one.yaml", "two.yaml"],
        parameters=[helm.Parameter("a.deep.x", "5"), helm.Parameter("a.tag", "1e3", force_string=True)],
    )
    assert seen(rendered) == {
        "a": {"chart": 0, "file": 1, "both": "two", "deep": {"x": 5}, "tag": "1e3"},
        "keep": True,
        "list": [3],
    }


def test_null_removes_a_default(render: Render) -> None:
    files = {"templates/a.yaml": SHOW, "values.yaml": "a: {x: 1, z: 2}\nb: 3", "off.yaml": "a: {x: null}\nb: null"}
    assert seen(render(files, value_files=["off.yaml"])) == {"a": {"z": 2}}


def test_given_values_beat_files(render: Render) -> None:
    files = {"templates/a.yaml": SHOW, "one.yaml": "a: 1"}
    content = {f"chart/{path}": text.encode() for path, text in files.items()}
    content["chart/Chart.yaml"] = b"apiVersion: v2\nname: demo\nversion: 0.1.0\n"
    made = helm.render(content, "chart", value_files=["one.yaml"], values={"a": 2}, release_name="r", namespace="n")
    assert seen(made) == {"a": 2}


def test_a_number_that_go_cannot_hold_is_refused() -> None:
    content = {"chart/Chart.yaml": b"apiVersion: v2\nname: demo\nversion: 0.1.0\n"}
    with pytest.raises(InputError) as caught:
        helm.render(content, "chart", values={"a": [10**309]}, release_name="r", namespace="n")
    assert caught.value.code == "helm-number"


def test_value_files_may_lie_elsewhere_in_the_repository(render: Render) -> None:
    files = {"templates/a.yaml": SHOW, "/shared/a.yaml": "a: 1", "/shared/b.yaml": "b: 2"}
    assert seen(render(files, value_files=["/shared/a.yaml", "../shared/b.yaml"])) == {"a": 1, "b": 2}


def test_the_source_of_an_object_is_its_template(render: Render) -> None:
    made = render({"templates/b.yaml": SHOW, "templates/a.yaml": SHOW, "templates/NOTES.txt": "{{ .Values.x.y }}"})
    assert [item.source for item in made] == ["chart/templates/a.yaml", "chart/templates/b.yaml"]


def test_documents_lists_and_definitions(render: Render) -> None:
    secret = "{apiVersion: v1, kind: Secret, metadata: {name: a}}"
    text = f"---\n# nothing\n---\napiVersion: v1\nkind: List\nitems:\n  - {secret}\n"
    made = render({"templates/a.yaml": text, "crds/c.yaml": "apiVersion: x/v1\nkind: CustomResourceDefinition\n"})
    assert [item.object["kind"] for item in made] == ["CustomResourceDefinition", "Secret"]


SUB = "apiVersion: v2\nname: sub\nversion: 1.2.3\n"
NEEDS = 'apiVersion: v2\nname: demo\nversion: 0.1.0\ndependencies:\n  - {name: sub, version: 1.2.3, repository: "file://../sub"}\n'


def test_a_subchart_sees_its_own_values_and_the_global_ones(render: Render) -> None:
    files = {
        "Chart.yaml": NEEDS,
        "values.yaml": "sub: {a: parent}\nglobal: {zone: z1}\nmine: 1",
        "/sub/Chart.yaml": SUB,
        "/sub/values.yaml": "a: own\nb: own",
        "/sub/templates/a.yaml": SHOW,
    }
    assert seen(render(files)) == {"a": "parent", "b": "own", "global": {"zone": "z1"}}


def test_a_dependency_can_be_switched_off(render: Render) -> None:
    files = {
        "Chart.yaml": NEEDS.replace('sub"}', 'sub", condition: "sub.enabled"}'),
        "values.yaml": "sub: {enabled: false}",
        "/sub/Chart.yaml": SUB,
        "/sub/templates/a.yaml": SHOW,
    }
    assert render(files) == []


def test_of_a_library_chart_only_the_definitions_count(render: Render) -> None:
    files = {
        "Chart.yaml": NEEDS,
        "templates/a.yaml": '{{ include "lib.map" . }}',
        "/sub/Chart.yaml": SUB + "type: library\n",
        "/sub/templates/_a.tpl": '{{ define "lib.map" }}' + SHOW + "{{ end }}",
        "/sub/templates/b.yaml": "not: rendered",
    }
    (made,) = render(files, values="x: 1")
    assert made.source == "chart/templates/a.yaml"


def test_the_parent_redefines_what_its_dependency_defined(render: Render) -> None:
    files = {
        "Chart.yaml": NEEDS,
        "templates/_own.tpl": '{{ define "name" }}parent{{ end }}',
        "/sub/Chart.yaml": SUB,
        "/sub/templates/_own.tpl": '{{ define "name" }}child{{ end }}',
        "/sub/templates/a.yaml": 'apiVersion: v1\nkind: A\nmetadata: {name: {{ include "name" . }}}',
    }
    (made,) = render(files)
    assert made.object["metadata"]["name"] == "parent"


@pytest.mark.parametrize(
    ("files", "code"),
    [
        ({"Chart.yaml": "apiVersion: v1\nname: demo\nversion: 1\n"}, "helm-unsupported"),
        ({"Chart.yaml": 'apiVersion: v2\nname: demo\nversion: 0.1.0\nkubeVersion: ">=1.2"\n'}, "helm-unsupported"),
        ({"Chart.yaml": "apiVersion: v2\nversion: 0.1.0\n"}, "helm-chart"),
        ({"Chart.yaml": NEEDS.replace("file://../sub", "https://charts.test")}, "helm-unsupported"),
        ({"Chart.yaml": NEEDS.replace("../sub", "../../../etc")}, "helm-path"),
        ({"Chart.yaml": NEEDS}, "helm-chart-missing"),
        ({"Chart.yaml": NEEDS, "/sub/Chart.yaml": SUB.replace("1.2.3", "1.2.4")}, "helm-dependency"),
        ({"Chart.yaml": NEEDS.replace("1.2.3", "^1.2.3"), "/sub/Chart.yaml": SUB}, "helm-unsupported"),
        (
            {"Chart.yaml": NEEDS, "/sub/Chart.yaml": NEEDS.replace("demo", "sub").replace("0.1.0", "1.2.3")},
            "helm-chart",
        ),
        ({"values.schema.json": "[]"}, "helm-schema"),
        ({"values.schema.json": "{"}, "helm-schema"),
        ({"values.schema.json": '{"type": "nonsense"}'}, "helm-schema"),
        ({"values.schema.json": '{"required": ["a"]}'}, "helm-schema"),
        ({"values.schema.json": '{"$ref": "https://elsewhere.test/schema.json"}'}, "helm-schema"),
        ({"values.schema.json": '{"$ref": "file:///etc/hostname"}'}, "helm-schema"),
        ({"values.schema.json": "[" * 100_000}, "helm-schema"),
        ({".helmignore": "*.md"}, "helm-unsupported"),
        ({"charts/sub-1.tgz": "x"}, "helm-unsupported"),
        ({"values.yaml": "[1]"}, "helm-values"),
        ({"values.yaml": "a: yes"}, "yaml-ambiguous"),
        ({"templates/a.yaml": "just text"}, "helm-output"),
        ({"templates/a.yaml": "a: 1\na: 2"}, "yaml-duplicate-key"),
    ],
)
def test_what_cannot_be_right_is_refused(render: Render, files: dict[str, str], code: str) -> None:
    with pytest.raises(InterlockError) as caught:
        render(files)
    assert caught.value.code == code
    assert caught.value.where is not None


@pytest.mark.parametrize(
    ("name", "error"),
    [
        ("absent.yaml", NotFoundError),
        ("../../x.yaml", InputError),
        ("$ref/x.yaml", UnsupportedError),
        ("*.yaml", UnsupportedError),
    ],
)
def test_value_files_that_cannot_be_read(render: Render, name: str, error: type[InterlockError]) -> None:
    with pytest.raises(error):
        render({"templates/a.yaml": SHOW}, value_files=[name])


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("a", "1", {"a": 1}),
        ("a.b", "true", {"a": {"b": True}}),
        ("a.b", "null", {"a": {"b": None}}),
        ("a", "007", {"a": "007"}),
        ("l[1].x", "v", {"l": [None, {"x": "v"}]}),
        (r"a\.b", "x", {"a.b": "x"}),
    ],
)
def test_parameters_are_typed_as_set_does(name: str, value: str, expected: dict[str, Any]) -> None:
    found: dict[str, Any] = {}
    merging.set_parameter(found, name, value)
    assert found == expected


@pytest.mark.parametrize("name", ["", "a..b", "a[x]", "a[99999]", "a="])
def test_names_that_are_no_parameters(name: str) -> None:
    with pytest.raises(InputError):
        merging.set_parameter({}, name, "x")


TABLES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=3),
    lambda inner: st.dictionaries(st.sampled_from("abc"), inner, max_size=3),
    max_leaves=8,
).filter(lambda value: isinstance(value, dict))


@given(TABLES, TABLES, TABLES)
def test_overlaying_is_associative_and_changes_nothing_given(one: Any, two: Any, three: Any) -> None:
    before = copy.deepcopy((one, two, three))
    left = merging.overlay(merging.overlay(one, two), three)
    right = merging.overlay(one, merging.overlay(two, three))
    assert merging.overlay({}, one) == merging.overlay(one, {}) == one
    assert merging.overlay(one, one) == one
    assert (one, two, three) == before
    # A scalar between two maps cuts what lies below it off; without one, grouping does not matter.
    if all(isinstance(value, dict) for table in (one, two, three) for value in table.values()):
        assert left.keys() == right.keys()


SCHEMA = '{"properties": {"a": {"type": "integer", "x-own": true}, "global": true}, "additionalProperties": false}'


def test_a_schema_is_asked_about_its_own_charts_values(render: Render) -> None:
    assert render({"values.schema.json": SCHEMA}, values="a: 1") == []
    below = {"Chart.yaml": NEEDS, "/sub/Chart.yaml": SUB, "/sub/values.schema.json": SCHEMA}
    assert render(below, values="other: 1\nsub: {a: 2}") == []
    with pytest.raises(InputError) as caught:
        render(below, values="sub: {a: hunter2}")
    assert (caught.value.code, str(caught.value.where)) == ("helm-schema", "sub/values.schema.json")
    assert "a: the value is not of type" in caught.value.message and "hunter2" not in str(caught.value)
