"""TaskRuns from object to status."""

from __future__ import annotations

import json
from typing import Any

SHELL = "test/shell"


def results(run: Any) -> dict[str, Any]:
    return {item["name"]: item["value"] for item in run["status"].get("results", [])}


def test_a_script_runs_and_its_status_is_tektons(rig: Any, condition: Any) -> None:
    run = rig.script("echo hello")
    assert condition(run) == ("True", "Succeeded", "All Steps have completed executing")
    (step,) = run["status"]["steps"]
    assert step["name"] == "s"
    assert step["container"] == "step-s"
    assert step["terminationReason"] == "Completed"
    assert step["terminated"]["exitCode"] == 0
    assert step["terminated"]["reason"] == "Completed"
    assert step["terminated"]["startedAt"] <= step["terminated"]["finishedAt"]
    assert run["status"]["startTime"] <= run["status"]["completionTime"]
    assert run["status"]["taskSpec"]["steps"][0]["script"] == "echo hello"
    assert run["status"]["provenance"]["featureFlags"]["resultExtractionMethod"] == "termination-message"
    assert rig.log() == "hello\n"


def test_a_failing_step_ends_the_task_and_the_next_is_skipped(rig: Any, condition: Any) -> None:
    run = rig.run_task(f"steps: [{{name: a, image: {SHELL}, script: exit 3}}, {{image: {SHELL}, script: echo never}}]")
    assert condition(run) == ("False", "StepFailed", '"step-a" exited with code 3: Error')
    first, second = run["status"]["steps"]
    assert (first["terminated"]["exitCode"], first["terminated"]["reason"]) == (3, "Error")
    assert (second["container"], second["terminationReason"]) == ("step-unnamed-1", "Skipped")
    assert not (rig.data / "logs/ci/run/unnamed-1.log").exists()


def test_set_e_is_implied_without_a_shebang(rig: Any, condition: Any) -> None:
    assert condition(rig.script("false\necho on"))[1] == "StepFailed"


def test_on_error_continue_records_the_exit_code_and_goes_on(rig: Any, condition: Any) -> None:
    run = rig.run_task(
        f"""
        steps:
          - {{name: a, image: {SHELL}, onError: continue, script: exit 7}}
          - name: b
            image: {SHELL}
            script: test "$(cat $(steps.step-a.exitCode.path))" = 7
        """
    )
    assert condition(run)[0] == "True"
    step = run["status"]["steps"][0]
    assert (step["terminationReason"], step["terminated"]["exitCode"]) == ("Continued", 7)


def test_params_of_all_types_reach_the_step(rig: Any, condition: Any) -> None:
    rig.apply(
        f"""
apiVersion: tekton.dev/v1
kind: Task
metadata: {{name: greet, labels: {{team: a}}}}
spec:
  params:
    - {{name: who}}
    - {{name: list, type: array, default: [x, yy]}}
    - {{name: box, properties: {{a: {{}}, b: {{}}}}, default: {{a: one}}}}
  steps:
    - name: s
      image: {SHELL}
      env: [{{name: WHO, value: $(params.who)}}]
      args: ["$(params.list[*])", "$(params.box.a)-$(params.box.b)", "$(WHO)!"]
      script: |
        printf '%s|' "$@" "$(params.list[1])" '$(params.unknown)'
---
apiVersion: tekton.dev/v1
kind: TaskRun
metadata: {{name: run}}
spec:
  taskRef: {{name: greet}}
  params: [{{name: who, value: "$(params.list[0])"}}, {{name: box, value: {{b: two}}}}]
"""
    )
    run = rig.finished("TaskRun", "run")
    assert condition(run)[0] == "True"
    # What a value brings in is not read again.
    assert rig.log() == "x|yy|one-two|$(params.list[0])!|yy|$(params.unknown)|"
    assert run["metadata"]["labels"] == {
        "team": "a",
        "tekton.dev/task": "greet",
        "app.kubernetes.io/managed-by": "tekton-pipelines",
    }


def test_results_are_verbatim_and_typed(rig: Any, condition: Any) -> None:
    run = rig.script(
        """
        echo text > $(results.plain.path)
        printf '["a","b"]' > $(results.list.path)
        printf '{"k":"v"}' > $(results.box.path)
        """,
        spec={
            "results": [
                {"name": "plain"},
                {"name": "list", "type": "array"},
                {"name": "box", "type": "object", "properties": {"k": {}}},
                {"name": "absent"},
            ]
        },
    )
    assert condition(run)[0] == "True"
    assert results(run) == {"plain": "text\n", "list": ["a", "b"], "box": {"k": "v"}}
    assert [item["type"] for item in run["status"]["results"]] == ["string", "array", "object"]


def test_a_result_of_another_type_than_declared_fails_the_run(rig: Any, condition: Any) -> None:
    run = rig.script("printf word > $(results.list.path)", spec={"results": [{"name": "list", "type": "array"}]})
    assert condition(run) == (
        "False",
        "TaskRunValidationFailed",
        "[User error] Provided results don't match declared results; may be invalid JSON or missing result declaration:"
        '  "list": task result is expected to be "array" type but was initialized to a different type "string"',
    )


def test_results_of_all_steps_together_fit_in_4096_bytes(rig: Any, condition: Any) -> None:
    spec = f"""
        results: [{{name: a}}, {{name: b}}]
        steps:
          - {{name: one, image: {SHELL}, script: "printf %02000d 1 > $(results.a.path)"}}
          - {{name: two, image: {SHELL}, script: "printf %0SIZEd 1 > $(results.b.path)"}}
        """
    assert condition(rig.run_task(spec.replace("SIZE", "1500"), name="fits"))[0] == "True"
    run = rig.run_task(spec.replace("SIZE", "2100"), name="large")
    assert condition(run)[1:] == ("StepFailed", '"step-two" exited with code 1: Error')
    assert "Termination message is above max allowed size 4096" in rig.log("large", "two")
    assert [item["name"] for item in run["status"]["results"]] == ["a"], "what the first step emitted was carried"


def test_a_result_that_is_a_link_or_a_pipe_is_no_result(rig: Any) -> None:
    run = rig.script(
        "ln -s /etc/passwd $(results.a.path); mkfifo $(results.b.path)",
        spec={"results": [{"name": "a"}, {"name": "b"}]},
    )
    assert results(run) == {}


def test_a_failed_attempt_is_archived_and_the_next_one_starts_afresh(rig: Any, condition: Any) -> None:
    run = rig.script(
        "test ! -e /workspace/seen; touch /workspace/seen; echo attempt $(context.task.retry-count)\n"
        "test $(context.task.retry-count) -gt 0",
        retries=2,
    )
    assert condition(run)[0] == "True"
    (archived,) = run["status"]["retriesStatus"]
    assert condition({"status": archived})[:2] == ("False", "StepFailed")
    assert rig.log() == "attempt 0\nattempt 1\n"


def test_the_last_failure_is_kept_when_retries_are_used_up(rig: Any, condition: Any) -> None:
    run = rig.script("exit 1", retries=1)
    assert condition(run)[1] == "StepFailed"
    assert len(run["status"]["retriesStatus"]) == 1


def test_a_task_over_its_timeout_is_killed(rig: Any, condition: Any) -> None:
    run = rig.script("sleep 600", timeout="250ms")
    assert condition(run) == ("False", "TaskRunTimeout", 'TaskRun "run" failed to finish within "250ms"')
    (step,) = run["status"]["steps"]
    assert step["terminated"]["reason"] == "TaskRunTimeout"
    assert step["terminated"]["message"] == "Step s terminated as pod run-pod is terminated"


def test_a_step_over_its_timeout_fails_the_task(rig: Any, condition: Any) -> None:
    run = rig.run_task(f"steps: [{{name: s, image: {SHELL}, timeout: 200ms, script: sleep 600}}]")
    assert condition(run) == (
        "False",
        "StepFailed",
        '"step-s" exited because the step exceeded the specified timeout limit',
    )
    assert run["status"]["steps"][0]["terminationReason"] == "TimeoutExceeded"


def test_a_cancelled_run_ends_and_leaves_nothing(rig: Any, condition: Any) -> None:
    rig.apply(
        f"""
apiVersion: tekton.dev/v1
kind: TaskRun
metadata: {{name: run}}
spec: {{retries: 3, taskSpec: {{steps: [{{name: s, image: {SHELL}, script: sleep 600}}]}}}}
"""
    )
    rig.cluster.wait(lambda: "running" in str(rig.get("TaskRun", "run").get("status", {}).get("steps", "")))
    rig.client.patch("tekton.dev/v1", "TaskRun", "run", {"spec": {"status": "TaskRunCancelled"}}, namespace="ci")
    run = rig.finished("TaskRun", "run")
    assert condition(run)[:2] == ("False", "TaskRunCancelled")
    assert condition(run)[2].startswith('TaskRun "run" was cancelled.')
    rig.stop()
    assert not list((rig.data / "runs").glob("*/*"))


def test_secrets_reach_the_steps_that_mount_them_and_no_other(rig: Any, condition: Any) -> None:
    rig.apply(
        f"""
apiVersion: v1
kind: Secret
metadata: {{name: key}}
stringData: {{token: s3cr3t-token-value}}
---
apiVersion: v1
kind: ConfigMap
metadata: {{name: settings}}
data: {{mode: "fast $(HOME) $$x"}}
---
apiVersion: tekton.dev/v1
kind: TaskRun
metadata: {{name: run}}
spec:
  taskSpec:
    results: [{{name: leak}}]
    volumes: [{{name: k, secret: {{secretName: key}}}}]
    steps:
      - name: with
        image: {SHELL}
        volumeMounts: [{{name: k, mountPath: /var/key, readOnly: true}}]
        env:
          - {{name: TOKEN, valueFrom: {{secretKeyRef: {{name: key, key: token}}}}}}
          - {{name: ABSENT, valueFrom: {{secretKeyRef: {{name: key, key: none, optional: true}}}}}}
        envFrom: [{{prefix: S_, configMapRef: {{name: settings}}}}]
        script: |
          test "$(cat /var/key/token)" = "$TOKEN"
          test "$S_mode" = 'fast $(HOME) $$x'
          echo "token $TOKEN"
          printf %s "$TOKEN" | base64
          printf %s "$TOKEN" > $(results.leak.path)
          touch /var/key/more && exit 9
          true
      - name: without
        image: {SHELL}
        script: |
          test ! -e /var/key
          test -z "$TOKEN"
"""
    )
    run = rig.finished("TaskRun", "run")
    assert condition(run)[0] == "True", rig.log("run", "with")
    assert rig.log("run", "with").startswith("token ***\n***")
    assert results(run) == {"leak": "***"}
    assert "s3cr3t" not in json.dumps(run)


def test_a_missing_secret_ends_the_run_before_its_first_step(rig: Any, condition: Any) -> None:
    run = rig.run_task(
        f"{{volumes: [{{name: k, secret: {{secretName: gone}}}}], steps: [{{name: s, image: {SHELL}, script: 'true', "
        "volumeMounts: [{name: k, mountPath: /k}]}]}"
    )
    assert condition(run) == (
        "False",
        "CreateContainerConfigError",
        'Failed to create pod due to config error: secret "gone" not found',
    )


def test_annotated_secrets_of_the_service_account_become_git_and_docker_credentials(rig: Any, condition: Any) -> None:
    rig.apply(
        """
apiVersion: v1
kind: Secret
metadata: {name: git, annotations: {tekton.dev/git-0: "http://127.0.0.1:8480"}}
type: kubernetes.io/basic-auth
stringData: {username: interlock-ci, password: p@ss/word-123}
---
apiVersion: v1
kind: Secret
metadata: {name: registry}
type: kubernetes.io/dockerconfigjson
stringData: {.dockerconfigjson: '{"auths": {"registry.acme.test": {"username": "ci", "password": "hunter2-hunter2"}}}'}
---
apiVersion: v1
kind: ServiceAccount
metadata: {name: builder}
secrets: [{name: git}, {name: registry}, {name: gone}]
"""
    )
    run = rig.script(
        "cat ~/.git-credentials; stat -c %a ~/.git-credentials; git config --get credential.helper\n"
        "grep -c registry.acme.test ~/.docker/config.json; cat ~/.docker/config.json; ls $(credentials.path)",
        serviceAccountName="builder",
    )
    assert condition(run)[0] == "True", rig.log()
    assert rig.log().startswith("http://interlock-ci:***@127.0.0.1:8480\n600\nstore\n1\n")
    assert "hunter2" not in rig.log()


def test_workspaces_are_private_shared_or_read_only_as_bound(rig: Any, condition: Any) -> None:
    task = f"""
apiVersion: tekton.dev/v1
kind: Task
metadata: {{name: use}}
spec:
  params: [{{name: do}}]
  workspaces: [{{name: w}}, {{name: cache, optional: true}}]
  steps:
    - name: s
      image: {SHELL}
      script: |
        test "$(workspaces.cache.bound)" = false -a -z "$(workspaces.cache.path)"
        cd $(workspaces.w.path); $(params.do)
"""

    def run(name: str, do: str, binding: str) -> Any:
        rig.apply(
            f"""
apiVersion: tekton.dev/v1
kind: TaskRun
metadata: {{name: {name}}}
spec:
  taskRef: {{name: use}}
  params: [{{name: do, value: "{do}"}}]
  workspaces: [{{name: w, {binding}}}]
"""
        )
        return rig.finished("TaskRun", name)

    rig.apply(task)
    claim = "persistentVolumeClaim: {claimName: shared}"
    assert condition(run("writes", "mkdir -p sub; echo kept > sub/file", claim))[0] == "True"
    assert condition(run("reads", "grep kept sub/file", claim))[0] == "True"
    assert condition(run("below", "grep kept file", f"subPath: sub, {claim}"))[0] == "True"
    assert condition(run("another", "test ! -e sub", "persistentVolumeClaim: {claimName: other}"))[0] == "True"
    assert condition(run("empty", 'test -z \\"$(ls)\\"', "emptyDir: {}"))[0] == "True"
    climbing = run("climbs", "'true'", f"subPath: ../other, {claim}")
    assert condition(climbing)[:2] == ("False", "TaskRunValidationFailed")
    assert "must not be absolute or contain '..'" in condition(climbing)[2]


def test_a_workspace_listed_by_a_step_is_seen_by_that_step_alone(rig: Any, condition: Any) -> None:
    rig.apply(
        f"""
apiVersion: tekton.dev/v1
kind: TaskRun
metadata: {{name: run}}
spec:
  workspaces: [{{name: w, emptyDir: {{}}}}]
  taskSpec:
    workspaces: [{{name: w}}]
    steps:
      - name: a
        image: {SHELL}
        workspaces: [{{name: w, mountPath: /here}}]
        script: "test $(workspaces.w.path) = /here; touch /here/x"
      - {{name: b, image: {SHELL}, script: "test ! -e /here; test ! -e /workspace/w/x"}}
"""
    )
    assert condition(rig.finished("TaskRun", "run"))[0] == "True"


def test_a_relative_working_dir_is_made_below_workspace(rig: Any, condition: Any) -> None:
    run = rig.run_task(f"steps: [{{name: s, image: {SHELL}, workingDir: a/b, script: pwd}}]")
    assert condition(run)[0] == "True"
    assert rig.log() == "/workspace/a/b\n"


def test_the_step_template_is_inherited(rig: Any, condition: Any) -> None:
    run = rig.run_task(
        f"""
        stepTemplate: {{image: {SHELL}, env: [{{name: A, value: template}}, {{name: B, value: b}}]}}
        steps: [{{name: s, env: [{{name: A, value: step}}], command: [sh, -c], args: ['echo $A $B']}}]
        """
    )
    assert condition(run)[0] == "True"
    assert rig.log() == "step b\n"


def test_what_is_not_executed_is_refused_by_name(rig: Any, condition: Any) -> None:
    step = f"{{name: s, image: {SHELL}, script: 'true'}}"
    for index, (extra, name) in enumerate(
        [
            (f"volumes: [{{name: v, nfs: {{server: s, path: /}}}}], steps: [{step}]", "nfs volumes"),
            (f"volumes: [{{name: v, hostPath: {{path: /}}}}], steps: [{step}]", "hostPath volumes"),
        ]
    ):
        run = rig.run_task(f"{{{extra}}}", name=f"run-{index}")
        assert condition(run) == (
            "False",
            "TaskRunValidationFailed",
            f"interlock.local does not execute {name} yet",
        )


def test_an_image_that_nothing_stands_for_ends_the_run_before_its_first_step(rig: Any, condition: Any) -> None:
    run = rig.run_task(
        f"steps: [{{name: a, image: {SHELL}, script: 'true'}}, {{name: b, image: acme.test/x, script: 'true'}}]"
    )
    message = "nothing on this machine stands for image acme.test/x"
    assert condition(run) == ("False", "TaskRunImagePullFailed", message)
    assert "steps" not in run["status"]


def test_a_task_that_prints_its_environment_is_refused_before_it_runs(rig: Any, condition: Any) -> None:
    run = rig.script("echo start\nprintenv | sort")
    assert condition(run)[:2] == ("False", "TaskRunValidationFailed")
    assert "[task-prints-environment]" in condition(run)[2]
    assert "line 2" in condition(run)[2]
    assert not (rig.data / "logs/ci/run").exists()


def test_a_param_cannot_bring_in_what_prints_the_environment(rig: Any, condition: Any) -> None:
    run = rig.script("$(params.x)", spec={"params": [{"name": "x", "default": "printenv"}]})
    assert "[task-prints-environment]" in condition(run)[2]


def test_the_toolbox_image_is_executed_by_the_installed_toolbox_and_status_says_so(
    idle_rig: Any, condition: Any
) -> None:
    image = "registry.acme.test/platform/toolbox@sha256:" + "0" * 64
    tool = idle_rig.folder / "tool"
    tool.write_text(
        '#!/bin/sh\necho "toolbox $*"; cat $INTERLOCK_NAMES\n'
        'echo \'{"name": "buildah", "version": "1.2"}\' > $INTERLOCK_TOOLS\n'
    )
    tool.chmod(0o755)
    idle_rig.start(images={image: "installed-toolbox"}, toolbox=tool, names={"https://git": "http://127.0.0.1:1"})
    run = idle_rig.run_task(
        f'steps: [{{name: s, image: "{image}", command: [interlock-toolbox, sbom], args: ["$(context.taskRun.name)"]}}]'
    )
    assert condition(run)[0] == "True", idle_rig.log()
    assert idle_rig.log() == 'toolbox sbom run\n{"https://git": "http://127.0.0.1:1"}'
    assert run["status"]["steps"][0]["imageID"].startswith("interlock.local/installed-toolbox@sha256:")
    found = json.loads(run["metadata"]["annotations"]["interlock.dev/capabilities"])
    assert found["isolation"] == "bubblewrap"
    assert found["images"] == {image: {"executed-by": "installed-toolbox"}}
    assert found["network"] == []
    assert found["tools"][0]["name"] == "interlock-toolbox"
    assert found["tools"][1] == {"name": "buildah", "version": "1.2", "reportedBy": "s"}
    assert "isolation bubblewrap, network none" in (idle_rig.data / "logs/ci/run/s.log").read_text().splitlines()[0]


def test_an_unknown_field_is_refused(rig: Any, condition: Any) -> None:
    run = rig.run_task(f"steps: [{{name: s, image: {SHELL}, scripts: x}}]")
    assert condition(run) == (
        "False",
        "TaskRunValidationFailed",
        "TaskRun: unknown field 'spec.taskSpec.steps[0].scripts'",
    )


def test_a_missing_task_is_named(rig: Any, condition: Any) -> None:
    rig.apply("{apiVersion: tekton.dev/v1, kind: TaskRun, metadata: {name: run}, spec: {taskRef: {name: gone}}}")
    assert condition(rig.finished("TaskRun", "run"))[1:] == (
        "TaskRunResolutionFailed",
        'error when listing tasks for taskRun run: tasks.tekton.dev "gone" not found',
    )
