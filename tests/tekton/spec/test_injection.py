"""Values in the text of scripts: found, and moved into env; the YAML around stays as it is."""
# ruff: noqa: E501 - tables of scripts

from __future__ import annotations

import textwrap
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from interlock.errors import InputError
from interlock.formats import yaml
from interlock.tekton.spec import injection

CONFORMANCE = Path(__file__).parents[4] / "shared" / "conformance"


def load(text: str) -> Any:
    return yaml.load(textwrap.dedent(text), file="test").value


def task(script: str, *, params: str = "[]", kind: str = "Task") -> str:
    body = textwrap.indent(script, "        ")
    return (
        f"apiVersion: tekton.dev/v1\nkind: {kind}\nmetadata: {{name: t}}\nspec:\n  params: {params}\n  steps:\n"
        f"    - name: s\n      image: alpine\n      script: |\n{body}\n"
    )


def script_of(text: str) -> str:
    return str(yaml.load(text, file="test").value["spec"]["steps"][0]["script"]).rstrip("\n")


def env_of(text: str) -> dict[str, str]:
    step = yaml.load(text, file="test").value["spec"]["steps"][0]
    return {item["name"]: item["value"] for item in step.get("env", [])}


# Found


@pytest.mark.parametrize(
    ("text", "paths"),
    [
        ("{kind: Task, spec: {steps: [{image: a, script: 'echo $(params.x)'}]}}", [("spec", "steps", 0, "script")]),
        ("{kind: StepAction, spec: {image: a, script: 'echo $(params.x)'}}", [("spec", "script")]),
        ("{steps: [{script: 'true'}, {script: 'echo $(params.x)'}]}", [("steps", 1, "script")]),
        (
            "{kind: Pipeline, spec: {tasks: [{name: a, taskSpec: {steps: [{script: '$(params.x)'}]}}], finally: "
            "[{name: b, taskSpec: {sidecars: [{script: '$(tasks.a.results.r)'}]}}]}}",
            [
                ("spec", "tasks", 0, "taskSpec", "steps", 0, "script"),
                ("spec", "finally", 0, "taskSpec", "sidecars", 0, "script"),
            ],
        ),
        (
            "{kind: PipelineRun, spec: {pipelineSpec: {tasks: [{name: a, taskSpec: {steps: [{script: '$(params.x)'}]}}]}}}",
            [("spec", "pipelineSpec", "tasks", 0, "taskSpec", "steps", 0, "script")],
        ),
        ("{kind: TaskRun, spec: {taskSpec: {steps: [{script: '$(params[\"a.b\"])'}]}}}", [("spec", "taskSpec", "steps", 0, "script")]),
        ("{kind: Task, spec: {steps: [{image: a, args: ['$(params.x)'], env: [{name: A, value: $(params.x)}]}]}}", []),
        ("{kind: Task, spec: {steps: [{script: 'cat $(workspaces.w.path)/$(context.task.name) > $(results.r.path)'}]}}", []),
        ("{kind: ConfigMap, data: {script: 'echo $(params.x)'}}", []),
    ],
)  # fmt: skip
def test_references_in_scripts_are_found_wherever_a_step_stands(text: str, paths: list[yaml.Path]) -> None:
    assert [finding.path for finding in injection.findings(load(text))] == paths


@pytest.mark.parametrize(
    "reference",
    ["$(params.x)", "$(params['x'])", "$(params.x[0])", "$(params.x.key)", "$(inputs.params.x)", "$(tasks.a.results.b)",
     "$(steps.a.results.b)", "$(tasks.a.outputs.b)", "$(body.head.ref)", "$(tt.params.x)"],
)  # fmt: skip
def test_every_spelling_is_found(reference: str) -> None:
    (finding,) = injection.findings({"steps": [{"script": f"true\necho {reference}"}]})
    assert reference in finding.message and "line 2" in finding.message
    assert (finding.rule, bool(finding.remedy)) == ("script-injection", True)


def test_a_value_from_a_webhook_is_an_error() -> None:
    spec = {"steps": [{"script": "echo $(params.a) $(params.b)"}]}
    assert [item.severity for item in injection.findings(spec)] == ["warning", "warning"]
    assert [item.severity for item in injection.findings(spec, tainted=["a"])] == ["error", "warning"]
    run = {"kind": "TaskRun", "spec": {"params": [{"name": "b", "value": "1"}], "taskSpec": spec}}
    made = {**run, "metadata": {"labels": {"triggers.tekton.dev/trigger": "push"}}}
    assert [item.severity for item in injection.findings(made)] == ["warning", "error"]
    named = {**run, "metadata": {"annotations": {"interlock.dev/webhook-params": "a"}}}
    assert [item.severity for item in injection.findings(named)] == ["error", "warning"]
    assert injection.findings({"steps": [{"script": "echo $(body.x)"}]})[0].severity == "error"


def test_taint_follows_a_matrix() -> None:
    script = {"steps": [{"script": "$(params.one)"}]}
    fan = {"name": "a", "matrix": {"params": [{"name": "one", "value": ["$(params.branch)"]}]}, "taskSpec": script}
    (found,) = injection.findings({"spec": {"tasks": [fan]}}, tainted=["branch"])
    assert found.severity == "error"


def test_a_run_is_refused_for_what_a_webhook_sends_only() -> None:
    spec = {"taskSpec": {"steps": [{"script": "echo $(params.a)"}]}}
    injection.refuse({"name": "by-hand"}, spec)
    injection.refuse({"annotations": {"interlock.dev/webhook-params": "b"}}, spec)
    with pytest.raises(InputError) as caught:
        injection.refuse({"annotations": {"interlock.dev/webhook-params": "a"}}, spec)
    assert caught.value.code == "script-injection"
    assert caught.value.message.startswith("spec.taskSpec.steps[0].script: $(params.a), which comes from a webhook,")


def test_taint_follows_params_into_embedded_tasks() -> None:
    pipeline = load(
        """
        kind: Pipeline
        spec:
          tasks:
            - name: a
              params: [{name: given, value: "v-$(params.branch)"}, {name: branch, value: main}]
              taskSpec: {steps: [{script: "$(params.given) $(params.branch) $(params.other)"}]}
            - name: b
              taskSpec: {steps: [{script: "$(params.branch)"}]}
        """
    )
    found = injection.findings(pipeline, tainted=["branch"])
    assert [item.severity for item in found] == ["error", "warning", "warning", "error"]


# Fixed


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("echo $(params.x)", 'echo "${PARAM_X}"'),
        ('echo "a $(params.x) b"', 'echo "a ${PARAM_X} b"'),
        ("echo 'a $(params.x) b'", "echo 'a '\"${PARAM_X}\"' b'"),
        ("echo '$(params.x)'", 'echo "${PARAM_X}"'),
        ("x=$(params.x) y=$(params.y) make", 'x="${PARAM_X}" y="${PARAM_Y}" make'),
        ("ls > $(params.x)/out 2>> $(params.y)", 'ls > "${PARAM_X}"/out 2>> "${PARAM_Y}"'),
        ("cat <<EOF\n$(params.x) $HOME\nEOF", "cat <<EOF\n${PARAM_X} $HOME\nEOF"),
        ("cat <<'EOF'\n$(params.x) $HOME `a` \\b\nEOF\necho '$A'", "cat <<EOF\n${PARAM_X} \\$HOME \\`a\\` \\\\b\nEOF\necho '$A'"),
        ('x=$(git -C $(params.x) log "$(params.y)")', 'x=$(git -C "${PARAM_X}" log "${PARAM_Y}")'),
        ('echo "$(cat $(params.x))"', 'echo "$(cat "${PARAM_X}")"'),
        ("for f in $(params.x); do echo $f; done", "for f in ${PARAM_X}; do echo $f; done"),
        ("#!/bin/bash\na=($(params.x) b)", "#!/bin/bash\na=(${PARAM_X} b)"),
        ("#!/bin/bash\n[[ $(params.x) == a* ]]", "#!/bin/bash\n[[ ${PARAM_X} == a* ]]"),
        ("case $(params.x) in\n  $(params.y)) a;;\nesac", 'case "${PARAM_X}" in\n  "${PARAM_Y}") a;;\nesac'),
        ('echo ${A:-$(params.x)} "${B:-$(params.x)}"', 'echo ${A:-"${PARAM_X}"} "${B:-${PARAM_X}}"'),
        ("echo a # $(params.x)", "echo a # params.x"),
        ("sh -c 'echo $(params.x)'", "sh -c 'echo \"${PARAM_X}\"'"),
        ("env A=$(params.x) make", 'env A="${PARAM_X}" make'),
        ("echo $(tasks.build-it.results.the.digest)", 'echo "${TASK_BUILD_IT_RESULT_THE_DIGEST}"'),
        ("echo $(params.o.key) $(params.a[1]) $(params['d.e'])", 'echo "${PARAM_O_KEY}" "${PARAM_A_1}" "${PARAM_D_E}"'),
        ('#!/usr/bin/env python3\nprint("$(params.x)")', '#!/usr/bin/env python3\nimport os\nprint(os.environ["PARAM_X"])'),
        ("#!/usr/bin/env python3\nimport os\nx = 'a $(params.x) b'", "#!/usr/bin/env python3\nimport os\nx = ('a ' + os.environ[\"PARAM_X\"] + ' b')"),
        ('#!/usr/bin/env python3\nimport os\nx = f"{y} $(params.x)"', '#!/usr/bin/env python3\nimport os\nx = f"{y} {os.environ[\'PARAM_X\']}"'),
        ('#!/usr/bin/env python3\nimport os\nx = $(params.n)', '#!/usr/bin/env python3\nimport os\nx = __import__("ast").literal_eval(os.environ["PARAM_N"])'),
        ('#!/usr/bin/env python3\nimport os\nf("a "\n  "$(params.x)")', '#!/usr/bin/env python3\nimport os\nf(("a " +\n  os.environ["PARAM_X"]))'),
        ('#!/usr/bin/env node\nlog("a $(params.x)", `b $(params.y)`)', '#!/usr/bin/env node\nlog(("a " + process.env.PARAM_X), `b ${process.env.PARAM_Y}`)'),
        ("#!/usr/bin/env node\nconst n = $(params.n) // $(params.n)", "#!/usr/bin/env node\nconst n = JSON.parse(process.env.PARAM_N) // params.n"),
    ],
)  # fmt: skip
def test_the_script_reads_the_value_from_a_variable(before: str, after: str) -> None:
    done = injection.fix(task(before))
    assert script_of(done.text) == after
    assert done.left == ()
    assert all(value.startswith("$(") for value in env_of(done.text).values())


@pytest.mark.parametrize(
    ("script", "reason"),
    [
        ("$(params.x) a", "run as a command"),
        ("if $(params.x); then a; fi", "run as a command"),
        ("sudo $(params.x)", "runs the value as a command"),
        ('eval "$(params.x)"', "eval evaluates"),
        ('sh -c "echo $(params.x)"', "sh -c reads"),
        ("echo $(( $(params.x) + 1 ))", "arithmetic"),
        ("#!/bin/bash\n[[ $(params.x) -eq 1 ]]", "arithmetic"),
        ("echo `cat $(params.x)`", "backticks"),
        ('python3 -c "print($(params.x))"', "reads the value as code"),
        ("python3 <<EOF\nprint('$(params.x)')\nEOF", "reads the here-document"),
        ("bash <<'EOF'\n$(params.x)\nEOF", "reads the here-document"),
        ("awk '{ print $(params.x) }' f", "reads the value as code"),
        ("echo \\$(params.x)", "understood"),
        ('echo "\\$(params.x)"', "after a backslash"),
        ("echo $(params.x[*])", "array"),
        ("echo $(body.x)", "TriggerBinding"),
        ("#!$(params.x)\necho", "#! line"),
        ("#!/usr/bin/env perl\nprint '$(params.x)'", "perl are not rewritten"),
        ("#!/usr/bin/env python3\nx = b'$(params.x)'", "bytes"),
        ("#!/usr/bin/env python3\nx = f'{\"$(params.x)\"}'", "expression of an f-string"),
        ('#!/usr/bin/python2\nprint "$(params.x)"', "not Python 3"),
        ("#!/usr/bin/env node\nx = /$(params.x)/", "regular expression"),
        ("#!/usr/bin/env node\nx = `${f('$(params.x)')}`", "expression of a template"),
    ],
)  # fmt: skip
def test_what_a_variable_would_not_make_safe_is_left_with_the_reason(script: str, reason: str) -> None:
    text = task(script)
    done = injection.fix(text)
    assert done.text == text
    (kept,) = done.left
    assert reason in kept.reason
    assert kept.where.line == 9 + script[: script.index("$(")].count("\n") + 1


def test_words_that_may_be_none_or_several_stay_unquoted() -> None:
    params = '[{name: goals, default: clean package}, {name: extra, default: ""}, {name: one, default: x}, {name: any}]'
    script = "mvn $(params.goals) $(params.extra) $(params.one) $(params.any) -D$(params.extra) > $(params.extra)"
    done = injection.fixed(task(script, params=params))
    assert script_of(done) == (
        'mvn ${PARAM_GOALS} ${PARAM_EXTRA} "${PARAM_ONE}" "${PARAM_ANY}" -D${PARAM_EXTRA} > "${PARAM_EXTRA}"'
    )


def test_comments_and_layout_stay() -> None:
    before = textwrap.dedent(
        """\
        # A task.
        apiVersion: tekton.dev/v1   # the version
        kind: Task
        spec:
          steps:
            # first
            - script: |   # read by sh
                # about it

                echo   "$(params.x)"   # loud

              name: 'a'
              image:   alpine
            - name: b
              image: alpine
              env:   # own
                # a comment of A
                - {name: A, value: "1"}
              script: echo $(params.x)   # one line
            - {name: c, image: alpine, script: 'echo $(params.y)'}
            - name: d
              env: [{name: A, value: $(params.y)}, {name: PARAM_X, value: other}]
              image: alpine
              script: "echo $(params.x) $(params.y)"
        ---
        kind: Other   # untouched
        """
    )
    after = textwrap.dedent(
        """\
        # A task.
        apiVersion: tekton.dev/v1   # the version
        kind: Task
        spec:
          steps:
            # first
            - env:
                - name: PARAM_X
                  value: $(params.x)
              script: |   # read by sh
                # about it

                echo   "${PARAM_X}"   # loud

              name: 'a'
              image:   alpine
            - name: b
              image: alpine
              env:   # own
                - name: PARAM_X
                  value: $(params.x)
                # a comment of A
                - {name: A, value: "1"}
              script: "echo \\"${PARAM_X}\\""   # one line
            - {name: c, image: alpine, env: [{name: PARAM_Y, value: "$(params.y)"}], script: "echo \\"${PARAM_Y}\\""}
            - name: d
              env: [{name: PARAM_X_2, value: "$(params.x)"}, {name: A, value: $(params.y)}, {name: PARAM_X, value: other}]
              image: alpine
              script: "echo \\"${PARAM_X_2}\\" \\"${A}\\""
        ---
        kind: Other   # untouched
        """
    )
    assert injection.fixed(before) == after
    assert injection.fixed(after) == after


@pytest.mark.parametrize("style", ["|", "|-", "|+", "|2", ">", ">-", '"', "'", "plain"])
def test_every_style_of_scalar_reads_back(style: str) -> None:
    head = "steps:\n- image: a\n  name: s\n"
    if style[0] in "|>":
        text = f"{head}  script: {style}\n    echo $(params.x)\n\n    true\n\n  workingDir: /x\n"
    else:
        quote = "" if style == "plain" else style
        text = f"{head}  script: {quote}echo $(params.x){quote}\n  workingDir: /x\n"
    before, after = (yaml.load(item, file="t").value["steps"][0] for item in (text, injection.fixed(text)))
    assert after["script"] == before["script"].replace("$(params.x)", '"${PARAM_X}"')
    assert after["env"] == [{"name": "PARAM_X", "value": "$(params.x)"}]
    assert {**after, "script": 0, "env": 0} == {**before, "script": 0, "env": 0}


def test_what_is_not_strict_yaml_is_refused() -> None:
    with pytest.raises(InputError):
        injection.fixed("a: 1\na: 2\n")


_pieces = st.sampled_from(
    ["$(params.x)", "$(params.y.z)", "'", '"', " ", "\n", "a", "\\", "$", "`", "(", ")", "{", "}", "$(", "${", "<<EOF\n",
     "EOF\n", "<<'E'\n", "E\n", "#", ";", "|", "&", "[[ ", " ]]", "if ", "case x in ", ";;", "esac", "((", "))", "=", "é"]
)  # fmt: skip


@given(st.lists(_pieces, max_size=25).map("".join))
def test_no_script_breaks_the_rewriting_and_twice_is_once(script: str) -> None:
    value = {"kind": "Task", "spec": {"steps": [{"image": "a", "script": script}]}}
    text = yaml.dump(value)
    done = injection.fix(text)
    left = injection.findings(yaml.load(done.text, file="t").value)
    assert len(left) == len(done.left)
    assert injection.fixed(done.text) == done.text


def test_published_tasks_are_fixed_with_few_exceptions() -> None:
    if not CONFORMANCE.is_dir():
        pytest.skip(f"no conformance data at {CONFORMANCE}")
    found = left = 0
    for file in sorted([*CONFORMANCE.glob("tekton-catalog/**/*.yaml"), *CONFORMANCE.glob("tekton-examples/**/*.yaml")]):
        text = file.read_text()
        found += sum(len(injection.findings(item.value)) for item in yaml.load_all(text, file=file.name))
        done = injection.fix(text, file=file.name)
        after = sum(len(injection.findings(item.value)) for item in yaml.load_all(done.text, file=file.name))
        assert after == len(done.left), file.name
        left += after
    assert found > 600
    assert left < found * 0.08
