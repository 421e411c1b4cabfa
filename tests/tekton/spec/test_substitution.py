"""``$(...)``: one pass, unknown references stay, arrays expand where a list is."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from interlock.errors import InputError
from interlock.formats.tekton import model, substitution
from interlock.formats.tekton.substitution import Replacements
from interlock.formats.tekton.task import Param, ParamSpec, TaskSpec, WorkspaceDeclaration
from interlock.tekton.spec import environment, params, variables
from interlock.tekton.spec.runs import WorkspaceBinding

VALUES = variables.of_params({"a": "A", "list": ["x", "yy"], "box": {"k": "v"}, "dot.ted": "D"})


@pytest.mark.parametrize(
    ("text", "replaced"),
    [
        ("$(params.a)", "A"),
        ("$(params[\"a\"]) $(params['a'])", "A A"),
        ('$(params["dot.ted"])', "D"),
        ("$(params.list[1])", "yy"),
        ("$(params.box.k)", "v"),
        ("$(params.b) $(x $(params.a)", "$(params.b) $(x A"),
        ("$$(params.a) $(params.a", "$A $(params.a"),
        ("$($(params.a))", "$(A)"),
        ("$(params.list[*]) $(params.list[2])", "$(params.list[*]) $(params.list[2])"),
    ],
)
def test_references_in_text(text: str, replaced: str) -> None:
    assert substitution.replace(text, VALUES.strings) == replaced


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("$(params.list[*])", ["x", "yy"]),
        ("$(params.list)", ["x", "yy"]),
        ("a $(params.list[*])", ["a $(params.list[*])"]),
        ("$(params.a)", ["A"]),
    ],
)
def test_an_array_expands_only_if_it_is_the_whole_element(text: str, parts: list[str]) -> None:
    assert substitution.expand(text, VALUES) == parts


@pytest.mark.parametrize(
    ("value", "replaced"),
    [
        ("$(params.list[*])", ["x", "yy"]),
        ("$(params.box[*])", {"k": "v"}),
        ("<$(params.list[*])>", "<$(params.list[*])>"),
        (["$(params.list[*])", "$(params.a)"], ["x", "yy", "A"]),
        ({"$(params.a)": "$(params.a)"}, {"$(params.a)": "A"}),
    ],
)
def test_a_value_that_is_one_reference_takes_its_type(value: Any, replaced: Any) -> None:
    assert substitution.replace_value(value, VALUES) == replaced


@given(st.text(max_size=40), st.dictionaries(st.sampled_from("abc"), st.text(max_size=20), max_size=3))
def test_what_was_put_in_is_not_read_again(text: str, values: dict[str, str]) -> None:
    """Replacing from left to right by hand gives the same, whatever the values hold."""
    parts: list[str] = []
    rest = text
    while True:
        found = min(((rest.find(f"$({key})"), key) for key in values if f"$({key})" in rest), default=None)
        if found is None:
            break
        at, key = found
        parts += [rest[:at], values[key]]
        rest = rest[at + len(key) + 3 :]
    assert substitution.replace(text, values) == "".join([*parts, rest])


@given(st.text(max_size=60))
def test_without_values_nothing_changes(text: str) -> None:
    assert substitution.replace(text, {}) == text


def spec(**fields: Any) -> TaskSpec:
    return model.parse(TaskSpec, {"steps": [{"image": "x", **fields}]})


def test_every_field_of_a_step_is_replaced() -> None:
    given = spec(
        name="$(params.a)",
        workingDir="/$(params.a)",
        script="$(params.a) $(params.list[*])",
        args=["$(params.list[*])", "-$(params.a)"],
        onError="$(params.a)",
        env=[
            {"name": "$(params.a)", "value": "$(params.a)"},
            {"name": "S", "valueFrom": {"secretKeyRef": {"name": "$(params.a)", "key": "$(params.a)"}}},
        ],
        envFrom=[{"prefix": "$(params.a)", "configMapRef": {"name": "$(params.a)"}}],
        volumeMounts=[{"name": "$(params.a)", "mountPath": "/$(params.a)", "subPath": "$(params.a)"}],
    )
    [step] = variables.in_task(given, VALUES).to_object()["steps"]
    assert step == {
        "image": "x",
        "name": "A",
        "workingDir": "/A",
        "script": "A $(params.list[*])",
        "args": ["x", "yy", "-A"],
        "onError": "A",
        "env": [
            {"name": "$(params.a)", "value": "A"},
            {"name": "S", "valueFrom": {"secretKeyRef": {"name": "A", "key": "A"}}},
        ],
        "envFrom": [{"prefix": "A", "configMapRef": {"name": "A"}}],
        "volumeMounts": [{"name": "A", "mountPath": "/A", "subPath": "A"}],
    }


def test_a_resolved_task_sees_context_results_exit_codes_and_workspaces() -> None:
    given = model.parse(
        TaskSpec,
        {
            "results": [{"name": "r.x"}],
            "steps": [
                {
                    "image": "x",
                    "script": "$(context.taskRun.name)|$(context.task.retry-count)|"
                    "$(results.r.x.path)|$(results['r.x'].path)|"
                    "$(steps.step-unnamed-0.exitCode.path)|$(workspaces.w.path)|$(workspaces.w.bound)|$(workspaces.w.claim)|"
                    "$(workspaces.o.bound)|$(workspaces.o.path)|$(credentials.path)",
                }
            ],
        },
    )
    done = variables.resolved_task(
        given,
        params=Replacements(),
        context=variables.task_context("t", "run", "ns", "uid", 2),
        bindings=[model.parse(WorkspaceBinding, {"name": "w", "persistentVolumeClaim": {"claimName": "pvc"}})],
        declarations=[
            model.parse(WorkspaceDeclaration, {"name": "w", "mountPath": "/here"}),
            model.parse(WorkspaceDeclaration, {"name": "o", "optional": True}),
        ],
    )
    assert (done.steps or [])[0].script.endswith("$(credentials.path)"), "the status shows it unanswered, as upstream's"
    assert (variables.executable(done).steps or [])[0].script.split("|") == [
        "run",
        "2",
        "/tekton/results/r.x",
        "/tekton/results/r.x",
        "/tekton/steps/step-unnamed-0/exitCode",
        "/here",
        "true",
        "pvc",
        "false",
        "",
        "/tekton/creds",
    ]


def specs(*values: dict[str, Any]) -> list[ParamSpec]:
    return [model.parse(ParamSpec, value) for value in values]


def test_pipeline_defaults_may_refer_to_each_other() -> None:
    given = [model.parse(Param, {"name": "repo", "value": "app"})]
    found = params.pipeline_values(
        specs(
            {"name": "image", "default": "$(params.registry)/$(params.repo)"},
            {"name": "registry", "default": "r.test"},
            {"name": "repo"},
            {"name": "args", "default": ["--image=$(params.image)"]},
        ),
        given,
    )
    assert found.strings["params.image"] == "r.test/app"
    assert found.arrays["params.args"] == ["--image=r.test/app"]


@pytest.mark.parametrize(
    ("declared", "message"),
    [
        (
            [{"name": "a", "default": "$(params.b)"}, {"name": "b", "default": "$(params.a)"}],
            'parameter resolution failed: circular dependency detected in param "params.a"',
        ),
        (
            [{"name": "a", "default": "$(params.z)"}],
            'parameter resolution failed: param "params.a" references undefined param "params.z"',
        ),
    ],
)
def test_defaults_that_cannot_be_resolved(declared: list[dict[str, Any]], message: str) -> None:
    with pytest.raises(InputError) as caught:
        params.pipeline_values(specs(*declared), [])
    assert caught.value.message == message


def test_an_object_merges_over_its_default_key_by_key() -> None:
    declared = specs({"name": "o", "properties": {"a": {}, "b": {}}, "default": {"a": "1", "b": "2"}})
    given = [model.parse(Param, {"name": "o", "value": {"b": "3"}})]
    found = variables.task_params(declared, given)
    assert (found.strings["params.o.a"], found.strings["params.o.b"]) == ("1", "3")


@pytest.mark.parametrize(
    ("declared", "given", "message"),
    [
        ([{"name": "a"}, {"name": "b"}], {}, "missing values for these params which have no default values: [a b]"),
        ([{"name": "a", "type": "array"}], {"a": "x"}, "param types don't match the user-specified type: [a]"),
        (
            [{"name": "o", "properties": {"a": {}, "b": {}}}],
            {"o": {"a": "x"}},
            "missing keys for these params which are required in ParamSpec's properties map[o:[b]]",
        ),
    ],
)
def test_params_that_do_not_fit_a_task(declared: list[dict[str, Any]], given: dict[str, Any], message: str) -> None:
    values = [model.parse(Param, {"name": name, "value": value}) for name, value in given.items()]
    with pytest.raises(InputError) as caught:
        params.check_task("t", specs(*declared), values)
    assert caught.value.message == f"invalid input params for task t: {message}"


@pytest.mark.parametrize(
    ("text", "expanded"),
    [
        ("$(A)", "1"),
        ("$$(A)", "$(A)"),
        ("$(B)", "$(B)"),
        ("$A $$ $", "$A $ $"),
        ("$(A", "$(A"),
        ("$$$(A)", "$1"),
    ],
)
def test_container_variables_expand_as_kubernetes_expands_them(text: str, expanded: str) -> None:
    assert environment.expand(text, {"A": "1"}) == expanded


def test_each_variable_sees_those_before_it() -> None:
    assert environment.ordered([("A", "1"), ("B", "$(A)$(C)"), ("C", "3"), ("A", "$(A)0")], {}) == {
        "A": "10",
        "B": "1$(C)",
        "C": "3",
    }
