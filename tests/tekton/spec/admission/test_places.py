"""Where a finding stands, what no webhook refuses and no run survives, and objects against one another."""

from __future__ import annotations

import time
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from interlock.formats import yaml
from interlock.tekton.spec import admission
from interlock.tekton.spec.admission import Finding
from interlock.tekton.spec.flags import ALPHA, Flags


def lines(text: str, flags: Flags = ALPHA) -> list[str]:
    """``line:column rule`` of every finding."""
    outcome = admission.judge(list(yaml.load_all(text, file="f")), flags)
    return [f"{item.where.line}:{item.where.column} {item.finding.rule}" for item in outcome.findings]


PIPELINE_RUN = """\
apiVersion: tekton.dev/v1
kind: PipelineRun
metadata: {name: run}
spec:
  pipelineSpec:
    tasks:
      - name: first
        taskSpec:
          steps:
            - image: alpine
              script: "true"
      - name: second
        runAfter: [first]
        params:
          - name: good
            value: x
          - name: bad
            value: $(params.none)
        taskSpec:
          params:
            - name: good
            - name: bad
          steps:
            - name: one
              image: alpine
              script: echo $(params.good)
            - name: two
              image: alpine
              env:
                - name: A
                  value: x
                - name: B
                  value: $(params.nobody)
"""


def test_elements_are_found_by_name_and_steps_of_inline_tasks_in_their_task() -> None:
    assert lines(PIPELINE_RUN) == ["17:13 variable-unknown", "26:23 script-injection", "32:19 variable-unknown"]
    found = admission.check(yaml.load(PIPELINE_RUN, file="f").value, flags=ALPHA)
    tasks = ("spec", "pipelineSpec", "tasks", 1)
    assert [item.path for item in found] == [
        (*tasks, "taskSpec", "steps", 1, "env", 1),
        (*tasks, "params", 1),
    ]


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("steps: [{image: a, scirpt: b}]", "5:35 unknown-field"),
        ("steps: [{image: a, volumeMounts: [{name: v, mountPath: /tekton/x}]}]", "5:63 volume-mount-tekton"),
        ("steps: [{script: a}]", "5:16 step-image"),
        ("steps: [{image: a, args: [$(params.x)]}]", "5:34 variable-unknown"),
        ("{params: [{name: p, type: x}], steps: [{image: a}]}", "5:33 param-type"),
        ("{volumes: [{name: v}, {name: v}], steps: [{image: a}]}", "5:36 volume-name-twice"),
    ],
)
def test_places(text: str, place: str) -> None:
    body = text if text.startswith("{") else "{" + text + "}"
    document = f"apiVersion: tekton.dev/v1\nkind: Task\nmetadata:\n  name: t\nspec: {body}\n"
    assert lines(document) == [place]


def test_a_field_in_another_case_is_told_apart_from_one_that_does_not_exist() -> None:
    def remedies(**step: Any) -> list[str]:
        value = {
            "apiVersion": "tekton.dev/v1",
            "kind": "Task",
            "metadata": {"name": "t"},
            "spec": {"steps": [{"image": "a", **step}]},
        }
        return [item.remedy for item in admission.check(value)]

    assert remedies(workingdir="/x") == ['Did you mean "workingDir"?']
    assert remedies(scrpt="x") == ['Did you mean "script"?']
    assert "documentation" in remedies(zzz="x")[0]


def run(**spec: Any) -> dict[str, Any]:
    spec = {"taskSpec": {"steps": [{"image": "a", "script": "x"}]}, **spec}
    return {"apiVersion": "tekton.dev/v1", "kind": "TaskRun", "metadata": {"name": "r"}, "spec": spec}


def only(found: list[Finding]) -> tuple[str, str]:
    assert len(found) == 1, found
    return found[0].rule, found[0].message


def test_nul_bytes() -> None:
    rule, message = only(admission.check(run(taskSpec={"steps": [{"image": "a", "script": "echo \0"}]})))
    assert (rule, "spec.taskSpec.steps[0].script" in message) == ("nul-byte", True)


@pytest.mark.parametrize("path", ["../x", "a/../../x", "/etc"])
def test_paths_that_climb(path: str) -> None:
    value = run(
        taskSpec={"workspaces": [{"name": "w"}], "steps": [{"image": "a", "script": "x"}]},
        workspaces=[{"name": "w", "subPath": path, "persistentVolumeClaim": {"claimName": "c"}}],
    )
    assert only(admission.check(value))[0] == "path-climbs"


def test_what_etcd_does_not_take() -> None:
    value = run(params=[{"name": "p", "value": "x" * 10_000_000}])
    began = time.process_time()
    rule, message = only(admission.check(value))
    assert (rule, message.splitlines()[0]) == ("object-size", "etcdserver: request is too large: spec")
    assert time.process_time() - began < 1


def chain(count: int, **last: Any) -> dict[str, Any]:
    tasks: list[dict[str, Any]] = [
        {"name": f"t{index}", "taskRef": {"name": "x"}, "runAfter": [f"t{index - 1}"] if index else []}
        for index in range(count)
    ]
    tasks[0] |= last
    spec = {"tasks": tasks}
    return {"apiVersion": "tekton.dev/v1", "kind": "Pipeline", "metadata": {"name": "p"}, "spec": spec}


def test_ten_thousand_tasks_within_a_second() -> None:
    began = time.process_time()
    rule, message = only(admission.check(chain(10_000)))
    assert (rule, "10000 tasks" in message) == ("object-size", True)
    assert time.process_time() - began < 1


def test_a_circle_of_many() -> None:
    found = admission.check(chain(900, runAfter=["t899"]))
    assert only(found) == (
        "graph-cycle",
        'invalid value: cycle detected; task "t0" depends on "t899": spec.tasks',
    )


def test_one_small_object_takes_a_few_milliseconds() -> None:
    value = run()
    admission.check(value)
    began = time.process_time()
    for _ in range(100):
        admission.check(value)
    assert (time.process_time() - began) / 100 < 0.005


@pytest.mark.parametrize(
    ("version", "kind"), [("tekton.dev/v2", "Task"), ("tekton.dev/v1", "StepAction"), ("tekton.dev/v1", "Tusk")]
)
def test_unknown_kinds(version: str, kind: str) -> None:
    found = admission.check({"apiVersion": version, "kind": kind, "metadata": {"name": "x"}, "spec": {}})
    assert only(found) == ("unknown-kind", f'no matches for kind "{kind}" in version "{version}": apiVersion')


def test_rules_of_older_versions() -> None:
    value = chain(1, params=[{"name": "p", "value": "$(HOME)"}])
    assert only(admission.check(value))[0] == "variable-prefix"
    assert admission.check(value, tekton="1.9") == []
    pending = run(status="TaskRunPending")
    assert admission.check(pending) == []
    assert "TaskRunPending should be TaskRunCancelled: spec.status" in only(admission.check(pending, tekton="1.9"))[1]


FIELDS = "name steps tasks params taskSpec pipelineSpec value type default when matrix results workspaces timeout"
MORE = "timeouts ref taskRef env include properties key"
TREE = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(f"{FIELDS} {MORE}".split()), inner, max_size=4)
    ),
    max_leaves=25,
)
KINDS = ["Task", "Pipeline", "TaskRun", "PipelineRun", "StepAction", "CustomRun", "VerificationPolicy"]


@settings(max_examples=300, deadline=None)
@given(kind=st.sampled_from(KINDS), version=st.sampled_from(["v1", "v1beta1", "v1alpha1"]), spec=TREE, metadata=TREE)
def test_whatever_comes_is_judged(kind: str, version: str, spec: Any, metadata: Any) -> None:
    value = {"apiVersion": f"tekton.dev/{version}", "kind": kind, "metadata": metadata, "spec": spec}
    for finding in admission.check(value, flags=ALPHA):
        assert finding.rule in admission.RULES
        found: Any = value
        for part in finding.path:
            found = found[part]


@settings(max_examples=200, deadline=None)
@given(kind=st.sampled_from(KINDS[:5]), spec=TREE)
def test_defaults_are_put_in_once(kind: str, spec: Any) -> None:
    version = "v1beta1" if kind == "StepAction" else "v1"
    value = {"apiVersion": f"tekton.dev/{version}", "kind": kind, "metadata": {"name": "x"}, "spec": spec}
    once = admission.defaulted(value)
    assert admission.defaulted(once) == once
