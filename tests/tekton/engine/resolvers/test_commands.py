"""`interlock pipeline resolve` and `interlock pipeline lock`, as a person types them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from interlock.cli.pipeline import app
from interlock.errors import IntegrityError, NotFoundError, RefusedError
from interlock.formats import yaml

RUN = """\
apiVersion: tekton.dev/v1
kind: PipelineRun
metadata:
  name: build
  annotations:
    pipelinesascode.tekton.dev/on-event: "[push]"
    pipelinesascode.tekton.dev/on-target-branch: "[main, release-*]"
    pipelinesascode.tekton.dev/task: "[greet, tasks/unit.yaml]"
spec:
  params: [{name: revision, value: "{{ revision }}"}, {name: sender, value: "{{ sender }}"}]
  pipelineSpec:
    tasks:
    - {name: greet, taskRef: {name: greet}}
    - {name: unit, taskRef: {name: unit}}
"""
UNIT = """\
apiVersion: tekton.dev/v1beta1
kind: Task
metadata: {name: unit}
spec: {steps: [{name: t, image: alpine, script: "true", resources: {limits: {cpu: "1"}}}]}
"""
PIPELINE = """\
apiVersion: tekton.dev/v1
kind: Pipeline
metadata: {name: inner}
spec:
  params: [{name: revision}]
  tasks:
  - name: unit
    taskRef:
      resolver: git
      params:
      - {name: url, value: "https://git.example.test/team/catalog.git"}
      - {name: revision, value: $(params.revision)}
      - {name: pathInRepo, value: unit.yaml}
"""
LOCKED_RUN = """\
apiVersion: tekton.dev/v1
kind: PipelineRun
metadata: {name: run}
spec:
  params: [{name: revision, value: main}]
  pipelineRef:
    resolver: git
    params:
    - {name: url, value: "https://git.example.test/team/catalog.git"}
    - {name: revision, value: $(params.revision)}
    - {name: pathInRepo, value: pipeline.yaml}
"""


def call(*arguments: str) -> Result:
    return CliRunner().invoke(app, arguments)


def done(*arguments: str) -> Result:
    result = call(*arguments)
    assert result.exit_code == 0, (result.output, result.exception)
    return result


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, task_text: str) -> Path:
    """A work tree with a `.tekton` folder, a task beside it and a catalog; the current folder."""
    folder = tmp_path / "here"
    for name, text in {
        ".tekton/run.yaml": RUN,
        "tasks/unit.yaml": UNIT,
        "catalog/task/greet/0.1/greet.yaml": task_text,
    }.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    monkeypatch.chdir(folder)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("INTERLOCK_CONTEXT", str(tmp_path / "no-context"))
    return folder


CATALOG = ("--remote-mirror", "https://artifacthub.io=catalog")


def test_a_folder_becomes_one_run(here: Path) -> None:
    result = done("resolve", *CATALOG, "-p", "revision=abc")
    run = yaml.load(result.stdout, file="out").value
    assert run["metadata"]["generateName"] == "build-"
    assert run["spec"]["params"][0] == {"name": "revision", "value": "abc"}
    assert [task["taskSpec"]["steps"][0]["name"] for task in run["spec"]["pipelineSpec"]["tasks"]] == ["hello", "t"]
    assert "taskRef" not in result.stdout and "finally" not in result.stdout
    assert "left as they are (give them with -p): sender" in result.stderr


def test_expressions_in_templates(here: Path) -> None:
    text = RUN.replace("{{ revision }}", '{{ cel: pac.revision.startsWith("ab") ? "yes" : "no" }}')
    (here / ".tekton/run.yaml").write_text(text.replace("{{ sender }}", "{{ cel: body.x }}{{ body.x }}"))
    result = done("resolve", *CATALOG, "-p", "revision=abc", "-o", "json")
    assert [param["value"] for param in json.loads(result.stdout)["spec"]["params"]] == ["yes", "{{ body.x }}"]
    assert "not evaluated: body.x: no such key: x" in result.stderr


def test_json_and_kept_names(here: Path) -> None:
    result = done("resolve", ".tekton", *CATALOG, "-o", "json", "--no-generate-name", "-s", "greet")
    run = json.loads(result.stdout)
    assert run["metadata"]["name"] == "build"
    assert run["spec"]["pipelineSpec"]["tasks"][0] == {"name": "greet", "taskRef": {"name": "greet"}}


def test_only_what_an_event_starts(here: Path) -> None:
    assert "generateName" in done("resolve", *CATALOG, "--event", "push", "--target-branch", "release-2").stdout
    result = call("resolve", *CATALOG, "--event", "pull_request")
    assert isinstance(result.exception, NotFoundError)
    assert "on-event [push] does not match pull_request" in result.stderr
    assert "cannot match the event to any pipelineruns" in result.exception.message


def test_nothing_is_fetched_that_is_not_configured(here: Path) -> None:
    result = call("resolve")
    assert isinstance(result.exception, RefusedError)
    assert "no mirror is configured for https://artifacthub.io" in result.exception.message
    assert "--remote-mirror" in (result.exception.todo or "")


@pytest.mark.parametrize("reference", ["../outside.yaml", "tasks/../../outside.yaml", "link/outside.yaml"])
def test_annotations_do_not_leave_the_work_tree(here: Path, reference: str) -> None:
    (here.parent / "outside.yaml").write_text(UNIT)
    (here / "link").symlink_to(here.parent)
    (here / ".tekton/run.yaml").write_text(RUN.replace("tasks/unit.yaml", reference))
    result = call("resolve", *CATALOG)
    assert result.exception is not None and "leaves its mirror" in str(result.exception)


def test_a_bad_document_is_told(here: Path) -> None:
    (here / ".tekton/bad.yaml").write_text("apiVersion: tekton.dev/v1\nkind: Task\nmetadata: {name: x}\nspec: [1]\n")
    result = done("resolve", *CATALOG)
    assert "x: error decoding yaml document: json: cannot unmarshal array into Go struct field" in result.stderr


# -- lock --------------------------------------------------------------------------------------------------------------


@pytest.fixture
def mirror(world: Any, here: Path) -> tuple[str, ...]:
    """Options for a repository with a pipeline and the task that it refers to."""
    world.repository().commit({"pipeline.yaml": PIPELINE, "unit.yaml": UNIT})
    (here / "run.yaml").write_text(LOCKED_RUN)
    return ("--remote-mirror", f"https://git.example.test/team/={world.folder / 'repositories'}")


def change(world: Any) -> None:
    path = world.folder / "repositories/catalog/unit.yaml"
    path.write_text(UNIT.replace("true", "false"))
    from subprocess import run

    identity = ["-c", "user.name=t", "-c", "user.email=t@t.test"]
    run(["git", *identity, "commit", "--quiet", "-am", "Change"], cwd=path.parent, check=True)


def test_references_of_references_are_locked(here: Path, mirror: tuple[str, ...]) -> None:
    result = done("lock", "run.yaml", *mirror)
    assert [line.split()[0] for line in result.stdout.splitlines()] == ["added", "added", "interlock.lock:"]
    held = yaml.load((here / "interlock.lock").read_text(), file="lock").value
    # The inner pipeline's revision is the run's param.
    assert [(item["params"]["pathInRepo"], item["params"]["revision"]) for item in held["resolved"]] == [
        ("pipeline.yaml", "main"),
        ("unit.yaml", "main"),
    ]
    assert "nothing changed" in done("lock", "run.yaml", *mirror).stdout


def test_a_lock_holds_until_it_is_updated(world: Any, here: Path, mirror: tuple[str, ...]) -> None:
    done("lock", "run.yaml", *mirror)
    before = (here / "interlock.lock").read_bytes()
    change(world)
    done("lock", "run.yaml", *mirror)
    assert (here / "interlock.lock").read_bytes() == before
    checked = call("lock", "run.yaml", *mirror, "--update", "--check")
    assert checked.exit_code == 1 and "changed  git pathInRepo=unit.yaml" in checked.stdout
    assert (here / "interlock.lock").read_bytes() == before
    done("lock", "run.yaml", *mirror, "--update")
    assert (here / "interlock.lock").read_bytes() != before
    # What is pinned and was seen needs neither mirror nor network.
    done("lock", "run.yaml", "--check")


def test_a_lock_that_lacks_something_does_not_pass_the_check(here: Path, mirror: tuple[str, ...]) -> None:
    checked = call("lock", "run.yaml", *mirror, "--check")
    assert checked.exit_code == 1 and not (here / "interlock.lock").exists()


def test_a_lock_whose_content_is_another_is_an_integrity_error(
    world: Any, here: Path, mirror: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    done("lock", "run.yaml", *mirror)
    path = here / "interlock.lock"
    value = yaml.load(path.read_text(), file="lock").value
    value["resolved"][1]["digest"] = "sha256:" + "0" * 64
    path.write_text(yaml.dump(value))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "empty"))
    checked = call("lock", "run.yaml", *mirror, "--check")
    assert isinstance(checked.exception, IntegrityError) and checked.exception.code == "lock-mismatch"


def test_what_only_a_run_knows_is_said(here: Path, mirror: tuple[str, ...]) -> None:
    (here / "pipeline.yaml").write_text(PIPELINE)
    result = done("lock", "pipeline.yaml", *mirror)
    assert "not locked, known only in a run" in result.stderr and "$(params.revision)" in result.stderr
    assert "0 pinned" in result.stdout
    assert "1 pinned" in done("lock", "pipeline.yaml", *mirror, "-p", "revision=main").stdout
