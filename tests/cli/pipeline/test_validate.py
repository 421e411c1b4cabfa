"""`interlock pipeline validate`: what it prints, in which shape, and how it ends."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from interlock import cli
from interlock.errors import InterlockError

GOOD = """\
apiVersion: tekton.dev/v1
kind: Task
metadata: {name: build}
spec:
  params: [{name: url}]
  workspaces: [{name: source}]
  results: [{name: commit}]
  steps: [{image: alpine, script: "true"}]
"""
BAD = GOOD.replace("image: alpine", "imagee: alpine").replace("name: build", "name: other")
CALLER = """\
apiVersion: tekton.dev/v1
kind: Pipeline
metadata: {name: all}
spec:
  tasks:
    - name: build
      taskRef: {name: build}
    - name: use
      taskRef: {name: elsewhere}
      params: [{name: x, value: $(tasks.build.results.nope)}]
"""
OTHER = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: c}\n"

Run = Callable[..., Result]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    monkeypatch.chdir(tmp_path)

    def call(*arguments: str, files: dict[str, str] | None = None, stdin: str = "") -> Result:
        for name, text in (files or {}).items():
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / name).write_text(text)
        return CliRunner().invoke(cli.app, ["pipeline", "validate", *arguments], input=stdin)

    return call


def test_nothing_is_wrong(run: Run) -> None:
    result = run("task.yaml", files={"task.yaml": GOOD})
    assert (result.exit_code, result.stdout) == (0, "1 object, 0 errors, 0 warnings\n")


def test_findings_have_a_place_a_rule_and_a_remedy(run: Run) -> None:
    result = run("task.yaml", files={"task.yaml": BAD})
    assert result.exit_code == 1
    assert result.stdout.splitlines() == [
        "task.yaml:8:11: error: missing field(s): spec.steps[0].Image [step-image]",
        "    Set image, here or in stepTemplate.",
        'task.yaml:8:20: error: strict decoding error: unknown field "spec.steps[0].imagee" [unknown-field]',
        '    Did you mean "image"?',
        "1 object, 2 errors, 0 warnings",
    ]


def test_a_folder_with_all_below_it_and_what_is_none_of_ours(run: Run) -> None:
    files = {"d/a/task.yml": GOOD, "d/b.yaml": OTHER + "---\n" + OTHER, "d/c.txt": "{", "d/e.json": '{"kind": "X"}'}
    result = run("d", files=files)
    assert (result.exit_code, result.stdout) == (0, "1 object, 0 errors, 0 warnings, 3 other documents passed over\n")


def test_objects_of_one_call_are_checked_against_one_another(run: Run) -> None:
    result = run("d", files={"d/task.yaml": GOOD, "d/pipeline.yaml": CALLER})
    assert result.exit_code == 1
    told = [line.split(": error: ") for line in result.stdout.splitlines() if ": error: " in line]
    assert told == [
        [
            "d/pipeline.yaml:6:7",
            'invalid input params for task "build": missing values for these params which have no default values: '
            "[url] [call-params]",
        ],
        ["d/pipeline.yaml:6:7", 'declared workspace "source" is required but has not been bound [call-workspaces]'],
        [
            "d/pipeline.yaml:8:7",
            'invalid result reference in pipeline task "use": "nope" is not a named result returned by pipeline task '
            '"build" [call-results]',
        ],
    ]
    alone = run("d/pipeline.yaml")
    assert alone.exit_code == 0


def test_standard_input_of_several_documents(run: Run) -> None:
    result = run("-", stdin=GOOD + "---\n" + BAD)
    assert result.exit_code == 1
    assert "-:17:20: error" in result.stdout


def test_a_list_of_objects(run: Run) -> None:
    value = {"apiVersion": "v1", "kind": "List", "items": [{"apiVersion": "tekton.dev/v1", "kind": "Task"}]}
    result = run("l.json", "--output", "json", files={"l.json": json.dumps(value)})
    found = json.loads(result.stdout)["findings"]
    assert {item["rule"] for item in found} == {"object-name", "task-steps"}
    assert all(item["path"][:2] == ["items", 0] for item in found if item["path"])


def test_json(run: Run) -> None:
    result = run("task.yaml", "-o", "json", files={"task.yaml": BAD})
    told = json.loads(result.stdout)
    assert (result.exit_code, told["objects"], told["passedOver"], told["unreadable"]) == (1, 1, 0, [])
    assert told["findings"][1] == {
        "rule": "unknown-field",
        "severity": "error",
        "message": 'strict decoding error: unknown field "spec.steps[0].imagee"',
        "remedy": 'Did you mean "image"?',
        "object": "Task/other",
        "path": ["spec", "steps", 0, "imagee"],
        "file": "task.yaml",
        "line": 8,
        "column": 20,
    }


def test_sarif(run: Run) -> None:
    result = run("a b.yaml", "-o", "sarif", files={"a b.yaml": BAD})
    told = json.loads(result.stdout)
    assert (told["version"], told["$schema"].endswith("sarif-schema-2.1.0.json")) == ("2.1.0", True)
    (scan,) = told["runs"]
    assert [rule["id"] for rule in scan["tool"]["driver"]["rules"]] == ["step-image", "unknown-field"]
    for found in scan["results"]:
        assert scan["tool"]["driver"]["rules"][found["ruleIndex"]]["id"] == found["ruleId"]
    place = scan["results"][0]["locations"][0]["physicalLocation"]
    assert place == {"artifactLocation": {"uri": "a%20b.yaml"}, "region": {"startLine": 8, "startColumn": 11}}


GATED = GOOD.replace("script:", "stdoutConfig: {path: /x}, script:")


@pytest.mark.parametrize(
    ("options", "code"), [([], 1), (["--alpha"], 0), (["--feature-flag", "enable-api-fields=alpha"], 0)]
)
def test_flags(run: Run, options: list[str], code: int) -> None:
    assert run("t.yaml", *options, files={"t.yaml": GATED}).exit_code == code


def test_the_version_of_tekton(run: Run) -> None:
    text = CALLER.replace("$(tasks.build.results.nope)", "$(HOME)")
    assert run("p.yaml", files={"p.yaml": text}).exit_code == 1
    assert run("p.yaml", "--tekton-version", "1.9").exit_code == 0


@pytest.mark.parametrize("flag", ["enable-everything=true", "enable-api-fields", "enable-api-fields=gamma"])
def test_flags_that_are_none(run: Run, flag: str) -> None:
    result = run("t.yaml", "--feature-flag", flag, files={"t.yaml": GOOD})
    assert isinstance(result.exception, InterlockError)
    assert (result.exception.code, result.exception.exit_code) == ("feature-flag", 2)


def test_a_path_that_is_not_there(run: Run) -> None:
    error = run("nowhere").exception
    assert isinstance(error, InterlockError)
    assert (error.code, error.exit_code) == ("path-missing", 3)


def task(**spec: Any) -> str:
    value = {"apiVersion": "tekton.dev/v1", "kind": "Task", "metadata": {"name": "t"}, "spec": spec}
    return json.dumps(value)


def pipeline(tasks: list[dict[str, Any]]) -> str:
    value = {"apiVersion": "tekton.dev/v1", "kind": "Pipeline", "metadata": {"name": "p"}, "spec": {"tasks": tasks}}
    return json.dumps(value)


STEP = {"image": "alpine", "script": "true"}
BOMB = "a: &a [x, x]\n" + "".join(f"{b}: &{b} [*{a}, *{a}]\n" for a, b in zip("abcdefgh", "bcdefghi", strict=True))
RUN = {"taskSpec": {"workspaces": [{"name": "w"}], "steps": [STEP]}}
CLIMBING = {**RUN, "workspaces": [{"name": "w", "subPath": "../x", "persistentVolumeClaim": {"claimName": "c"}}]}
HOSTILE = {
    "a bomb": (BOMB, 2, "anchors and aliases are not allowed"),
    "a circle": (
        pipeline([{"name": a, "taskRef": {"name": "x"}, "runAfter": [b]} for a, b in ("ab", "ba")]),
        1,
        'cycle detected; task "a" depends on "b"',
    ),
    "ten thousand tasks": (
        pipeline([{"name": f"task-{number}", "taskSpec": {"steps": [STEP]}} for number in range(10_000)]),
        1,
        "etcdserver: request is too large",
    ),
    "a param of ten megabytes": (
        task(params=[{"name": "p", "default": "x" * 10_000_000}], steps=[STEP]),
        2,
        "too large",
    ),
    "a script with a NUL": (task(steps=[{"image": "alpine", "script": "a\0b"}]), 1, "a NUL byte"),
    "a path that climbs": (
        json.dumps({"apiVersion": "tekton.dev/v1", "kind": "TaskRun", "metadata": {"name": "r"}, "spec": CLIMBING}),
        1,
        "invalid value: ../x",
    ),
    "an unknown version": (GOOD.replace("tekton.dev/v1", "tekton.dev/v7"), 1, "no matches for kind"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_one_clear_error(run: Run, name: str) -> None:
    text, code, words = HOSTILE[name]
    result = run("f.yaml", files={"f.yaml": text})
    assert result.exit_code == code
    errors = [line for line in result.stdout.splitlines() if ": error: " in line]
    assert (len(errors), words in errors[0]) == (1, True), errors
    assert len(result.stdout) < 1_000


INJECTED = """\
apiVersion: tekton.dev/v1
kind: Task
metadata: {name: greet}
spec:
  params: [{name: who}]
  steps:
    # Says hello.
    - image: alpine
      script: |
        #!/bin/sh
        echo "Hello $(params.who)"
"""


def test_values_in_scripts_are_a_warning_and_can_be_moved_into_env(run: Run, tmp_path: Path) -> None:
    result = run("t.yaml", files={"t.yaml": INJECTED})
    assert result.exit_code == 0
    assert result.stdout.startswith("t.yaml:9:15: warning: $(params.who)")
    fixed = run("t.yaml", "--fix")
    assert (fixed.exit_code, fixed.stdout) == (0, "1 object, 0 errors, 0 warnings\n")
    text = (tmp_path / "t.yaml").read_text()
    assert "# Says hello." in text
    assert "$(params.who)" not in text.partition("script:")[2].partition("env:")[0]


def test_standard_input_is_not_rewritten(run: Run) -> None:
    result = run("-", "--fix", stdin=INJECTED)
    assert result.exit_code == 2
    assert "[fix-standard-input]" in result.stdout


def test_one_unreadable_file_hides_no_other(run: Run) -> None:
    result = run("d", files={"d/a.yaml": "a: [", "d/b.yaml": BAD})
    assert result.exit_code == 2
    assert result.stdout.splitlines()[-1] == "1 object, 2 errors, 0 warnings, 1 file unreadable"
