"""The Pod of a TaskRun: what pkg/pod/pod_test.go and workspace/apply_test.go of upstream expect, written by hand."""

from __future__ import annotations

from typing import Any

import pytest

from interlock.formats import yaml
from interlock.formats.tekton.model import parse
from interlock.formats.tekton.task import TaskSpec
from interlock.tekton.spec import pod, pod_volumes
from interlock.tekton.spec.flags import Flags

IMPLICIT: list[dict[str, Any]] = [
    {"name": "tekton-internal-workspace", "mountPath": "/workspace"},
    {"name": "tekton-internal-home", "mountPath": "/tekton/home"},
    {"name": "tekton-internal-results", "mountPath": "/tekton/results"},
    {"name": "tekton-internal-steps", "mountPath": "/tekton/steps", "readOnly": True},
    {"name": "tekton-internal-artifacts", "mountPath": "/tekton/artifacts"},
]
DOWNWARD = {"name": "tekton-internal-downward", "mountPath": "/tekton/downward", "readOnly": True}
BIN = {"name": "tekton-internal-bin", "mountPath": "/tekton/bin", "readOnly": True}
ENTRYPOINT = ["-termination_path", "/tekton/termination"]


def build(
    spec: str, run: str = "{}", *, flags: Flags | None = None, retries: int = 0, **options: Any
) -> dict[str, Any]:
    task_run = {
        "metadata": {
            "name": "run",
            "namespace": "ci",
            "uid": "123",
            "labels": {"tekton.dev/task": "build", "app.kubernetes.io/managed-by": "me"},
            "annotations": {"why": "because", "kubectl.kubernetes.io/last-applied-configuration": "{}"},
        },
        "spec": yaml.load(run, file="run").value,
    }
    settings = pod.Settings(executed_by="a test", flags=flags or Flags())
    parsed = parse(TaskSpec, yaml.load(spec, file="spec").value)
    return pod.build(task_run, parsed, retries=retries, settings=settings, **options)


def container(value: dict[str, Any], name: str) -> dict[str, Any]:
    found = [*value["spec"]["initContainers"], *value["spec"]["containers"]]
    return next(item for item in found if item["name"] == name)


def test_the_simplest_pod() -> None:
    """pod_test.go TestPodBuild, "simple"."""
    value = build("steps: [{name: name, image: image, command: [cmd]}]")
    spec = value["spec"]
    assert spec["restartPolicy"] == "Never" and spec["nodeName"] == "interlock-tekton"
    assert spec["activeDeadlineSeconds"] == 5400
    assert [item["name"] for item in spec["initContainers"]] == ["prepare"]
    prepare = spec["initContainers"][0]
    assert prepare["command"] == [
        "/ko-app/entrypoint",
        "init",
        "/ko-app/entrypoint",
        "/tekton/bin/entrypoint",
        "step-name",
    ]
    assert spec["containers"] == [
        {
            "name": "step-name",
            "image": "image",
            "command": ["/tekton/bin/entrypoint"],
            "args": [
                "-wait_file",
                "/tekton/downward/ready",
                "-wait_file_content",
                "-post_file",
                "/tekton/run/0/out",
                *ENTRYPOINT,
                "-step_metadata_dir",
                "/tekton/run/0/status",
                "-entrypoint",
                "cmd",
                "--",
            ],
            "volumeMounts": [
                DOWNWARD,
                {"name": "tekton-creds-init-home-0", "mountPath": "/tekton/creds"},
                {"name": "tekton-internal-run-0", "mountPath": "/tekton/run/0"},
                BIN,
                *IMPLICIT,
            ],
            "terminationMessagePath": "/tekton/termination",
        }
    ]
    assert [volume["name"] for volume in spec["volumes"]] == [
        *(mount["name"] for mount in IMPLICIT),
        "tekton-internal-bin",
        "tekton-internal-downward",
        "tekton-creds-init-home-0",
        "tekton-internal-run-0",
    ]


def test_its_name_labels_annotations_and_owner() -> None:
    metadata = build("steps: [{image: image, command: [cmd]}]", retries=2)["metadata"]
    assert metadata["name"] == "run-pod-retry2"
    assert metadata["labels"] == {
        "tekton.dev/task": "build",
        "tekton.dev/taskRun": "run",
        "tekton.dev/taskRunUID": "123",
        "app.kubernetes.io/managed-by": "tekton-pipelines",
    }
    assert metadata["annotations"] == {
        "why": "because",
        "pipeline.tekton.dev/release": "interlock.local",
        "interlock.dev/executed-by": "a test",
    }
    assert metadata["ownerReferences"] == [
        {
            "apiVersion": "tekton.dev/v1",
            "kind": "TaskRun",
            "name": "run",
            "uid": "123",
            "controller": True,
            "blockOwnerDeletion": True,
        }
    ]


@pytest.mark.parametrize(
    ("task_run", "retries", "expected"),
    [
        ("run", 0, "run-pod"),
        ("run", 1, "run-pod-retry1"),
        # kmeta.ChildName: past 63 characters the rest is an MD5 of the parent.
        ("a" * 70, 0, "aaaaaaaaaaaaaaaaaaaaaaaaaaa0f5c6c4e740bfcc08c3c26ccb2673d46-pod"),
    ],
)
def test_names_as_upstream_derives_them(task_run: str, retries: int, expected: str) -> None:
    assert pod.name(task_run, retries) == expected


def test_a_second_step_waits_for_the_first_and_reads_its_folder_only() -> None:
    value = build("steps: [{image: a, command: [one, two], args: [three]}, {image: b, command: [four]}]")
    first, second = value["spec"]["containers"]
    assert (first["name"], second["name"]) == ("step-unnamed-0", "step-unnamed-1")
    assert first["args"][-5:] == ["-entrypoint", "one", "--", "two", "three"]
    assert second["args"][:2] == ["-wait_file", "/tekton/run/0/out"]
    assert DOWNWARD not in second["volumeMounts"]
    runs = [mount for mount in second["volumeMounts"] if mount["name"].startswith("tekton-internal-run")]
    assert runs == [
        {"name": "tekton-internal-run-0", "mountPath": "/tekton/run/0", "readOnly": True},
        {"name": "tekton-internal-run-1", "mountPath": "/tekton/run/1"},
    ]


def test_scripts_are_placed_and_not_shown() -> None:
    value = build(
        "steps: [{name: s, image: a, script: echo confidential, args: [x]}]\n"
        "sidecars: [{name: db, image: b, script: serve confidential}]"
    )
    assert [item["name"] for item in value["spec"]["initContainers"]] == ["prepare", "place-scripts"]
    assert container(value, "step-s")["args"][-4:] == ["-entrypoint", "/tekton/scripts/script-0", "--", "x"]
    assert container(value, "sidecar-db")["command"] == ["/tekton/scripts/sidecar-script-0"]
    assert "confidential" not in str(value)


def test_entrypoint_arguments_of_every_option() -> None:
    """entrypoint.go orderContainers, in its order."""
    value = build(
        """
results: [{name: digest}, {name: from-step, value: $(steps.s.results.x)}]
steps:
  - name: s
    image: a
    command: [cmd]
    onError: continue
    timeout: 90s
    stdoutConfig: {path: /out}
    stderrConfig: {path: /err}
    results: [{name: x}, {name: z}]
    when: [{input: a, operator: in, values: [a]}]
"""
    )
    assert container(value, "step-s")["args"][9:] == [
        "-on_error",
        "continue",
        "-timeout",
        "1m30s",
        "-stdout_path",
        "/out",
        "-stderr_path",
        "/err",
        "-step_results",
        "x,z",
        "--when_expressions",
        '[{"input":"a","operator":"in","values":["a"]}]',
        "-results",
        "digest",
        "-entrypoint",
        "cmd",
        "--",
    ]


def test_breakpoints_are_alpha() -> None:
    run = "{debug: {breakpoints: {onFailure: enabled, beforeSteps: [s]}}}"
    spec = "steps: [{name: s, image: a, command: [cmd]}]"
    assert "-breakpoint_on_failure" not in container(build(spec, run), "step-s")["args"]
    args = container(build(spec, run, flags=Flags(enable_api_fields="alpha")), "step-s")["args"]
    assert args[-5:-2] == ["-breakpoint_on_failure", "-debug_before_step", "-entrypoint"]


def test_a_pod_that_is_ready_at_once() -> None:
    """pod_test.go "simple with running-in-environment-with-injected-sidecar set to false"."""
    flags = Flags(running_in_environment_with_injected_sidecars=False)
    value = build("steps: [{name: s, image: a, command: [cmd]}]", flags=flags)
    assert container(value, "step-s")["args"][0] == "-post_file"
    assert value["metadata"]["annotations"]["tekton.dev/ready"] == "READY"
    with_sidecar = "steps: [{name: s, image: a, command: [cmd]}]\nsidecars: [{name: x, image: b}]"
    assert container(build(with_sidecar, flags=flags), "step-s")["args"][0] == "-wait_file"


def test_sidecars_as_containers_or_as_init_containers() -> None:
    spec = "steps: [{name: s, image: a, command: [c]}]\nsidecars: [{name: db, image: b, ports: [{containerPort: 1}]}]"
    assert [item["name"] for item in build(spec)["spec"]["containers"]] == ["step-s", "sidecar-db"]
    native = build(spec, flags=Flags(enable_kubernetes_sidecar=True))["spec"]
    assert [item["name"] for item in native["initContainers"]] == ["prepare", "sidecar-db"]
    assert native["initContainers"][1]["restartPolicy"] == "Always"


def test_working_directories_below_the_workspace_are_made() -> None:
    value = build(
        "steps: [{image: a, command: [c], workingDir: src/}, {image: a, command: [c], workingDir: /workspace/b}, "
        "{image: a, command: [c], workingDir: /elsewhere}]"
    )
    made = container(value, "working-dir-initializer")
    assert (made["args"], made["workingDir"]) == (["/workspace/b", "src"], "/workspace")


def test_workspaces_are_volumes() -> None:
    value = build(
        "workspaces: [{name: source}, {name: docs, mountPath: /docs, readOnly: true}, {name: creds}]\n"
        "steps: [{name: one, image: a, command: [c], workspaces: [{name: creds, mountPath: /creds}]},"
        " {name: two, image: a, command: [c]}]",
        "{workspaces: [{name: source, persistentVolumeClaim: {claimName: pvc}, subPath: x},"
        " {name: docs, persistentVolumeClaim: {claimName: pvc}}, {name: creds, secret: {secretName: s}}]}",
    )
    shared, secret = pod_volumes.hashed_name("ws", "source"), pod_volumes.hashed_name("ws", "creds")
    first, second = value["spec"]["containers"]
    assert [mount for mount in second["volumeMounts"] if mount["name"].startswith("ws-")] == [
        {"name": shared, "mountPath": "/workspace/source", "subPath": "x"},
        {"name": shared, "mountPath": "/docs", "readOnly": True},
    ]
    assert {"name": secret, "mountPath": "/creds"} in first["volumeMounts"]
    assert [volume for volume in value["spec"]["volumes"] if volume["name"].startswith("ws-")] == [
        {"name": shared, "persistentVolumeClaim": {"claimName": "pvc"}},
        {"name": secret, "secret": {"secretName": "s"}},
    ]


def test_a_volume_that_is_mounted_by_its_variable_is_the_workspaces() -> None:
    """examples/v1/taskruns/workspace-in-sidecar.yaml: the engine's value of the variable is ws-signals."""
    value = build(
        "workspaces: [{name: signals}]\nsteps: [{name: s, image: a, command: [c]}]\n"
        "sidecars: [{name: x, image: a, volumeMounts: [{name: ws-signals, mountPath: /signals}]}]",
        "{workspaces: [{name: signals, emptyDir: {}}]}",
    )
    mounts = container(value, "sidecar-x")["volumeMounts"]
    assert {mount["name"] for mount in mounts} == {pod_volumes.hashed_name("ws", "signals")}


def test_a_variable_given_twice_counts_once() -> None:
    value = build("steps: [{name: s, image: a, command: [c], env: [{name: A, value: '1'}, {name: B}, {name: A}]}]")
    assert container(value, "step-s")["env"] == [{"name": "B"}, {"name": "A"}]


def test_hashed_names() -> None:
    """pod_test.go: the volume of secret multi-creds."""
    assert pod_volumes.hashed_name("tekton-creds", "multi-creds", 8) == "tekton-creds-8e736f4e"


def test_the_pod_template() -> None:
    value = build(
        "steps: [{image: a, command: [c], env: [{name: A, value: '1'}]}]",
        "{timeout: '0s', serviceAccountName: builder, podTemplate: {nodeSelector: {disk: ssd}, env: [{name: B, "
        "value: '2'}], automountServiceAccountToken: false, volumes: [{name: v, emptyDir: {}}]}}",
    )["spec"]
    assert value["nodeSelector"] == {"disk": "ssd"} and value["automountServiceAccountToken"] is False
    assert value["serviceAccountName"] == "builder" and value["activeDeadlineSeconds"] == 2147483647
    assert value["containers"][0]["env"] == [{"name": "A", "value": "1"}, {"name": "B", "value": "2"}]
    assert value["volumes"][-1] == {"name": "v", "emptyDir": {}}


def test_what_is_masked_is_not_in_it() -> None:
    value = build(
        "steps: [{image: a, command: [c, hunter22], args: ['--token=hunter22'], env: [{name: T, value: hunter22}]}]",
        masked=lambda text: text.replace("hunter22", "***"),
    )
    assert "hunter22" not in str(value)
    assert value["spec"]["containers"][0]["env"] == [{"name": "T", "value": "***"}]


# -- status ------------------------------------------------------------------------------------------------------------

NOW = "2026-01-01T00:01:00Z"
SPEC = "steps: [{name: a, image: i, command: [c]}, {name: b, image: i, command: [c]}]\nsidecars: [{name: db, image: d}]"


def state(name: str, **state: Any) -> dict[str, Any]:
    return {"name": name, "container": f"step-{name}", "imageID": "id", **state}


def ended(code: int = 0, **more: Any) -> dict[str, Any]:
    times = {"startedAt": "2026-01-01T00:00:10Z", "finishedAt": "2026-01-01T00:00:20Z"}
    return {"terminated": {"exitCode": code, "reason": "Error" if code else "Completed", **times}, **more}


WAITING = {"waiting": {"reason": "PodInitializing"}}
RUNNING = {"running": {"startedAt": "2026-01-01T00:00:05Z"}}


def status(*states: dict[str, Any], done: bool = False, previous: Any = None, spec: str = SPEC) -> dict[str, Any]:
    steps = [item for item in states if item["container"].startswith("step-")]
    sidecars = [item for item in states if not item["container"].startswith("step-")]
    return pod.status(build(spec), steps, sidecars, done=done, now=NOW, previous=previous)


def states(value: dict[str, Any], key: str = "containerStatuses") -> dict[str, dict[str, Any]]:
    return {item["name"]: item["state"] for item in value[key]}


def test_before_the_first_step_everything_waits() -> None:
    value = status(state("a", **WAITING), state("b", **WAITING))
    assert value["phase"] == "Pending"
    assert all(item == WAITING for item in states(value).values())
    assert states(value, "initContainerStatuses")["prepare"] == {"waiting": {"reason": "PodInitializing"}}


def test_all_containers_run_as_soon_as_one_does() -> None:
    """As upstream: the entrypoint of the second step runs, and waits for the first."""
    value = status(state("a", **RUNNING), state("b", **WAITING))
    assert value["phase"] == "Running"
    assert all(item == RUNNING for item in states(value).values())
    assert states(value, "initContainerStatuses")["prepare"]["terminated"]["exitCode"] == 0
    assert {item["type"]: item["status"] for item in value["conditions"]}["Ready"] == "True"


def test_a_failed_step_fails_the_pod() -> None:
    sidecar = {"name": "db", "container": "sidecar-db", **ended()}
    value = status(state("a", **ended(3)), state("b", terminationReason="Skipped", **ended(1)), sidecar, done=True)
    assert value["phase"] == "Failed"
    assert states(value)["step-a"]["terminated"]["exitCode"] == 3
    assert {item["type"]: item["status"] for item in value["conditions"]}["Ready"] == "False"


def test_an_error_that_is_let_pass_ends_the_container_well() -> None:
    value = status(
        state("a", terminationReason="Continued", **ended(3)),
        state("b", terminationReason="Completed", **ended()),
        {"name": "db", "container": "sidecar-db", **ended()},
        done=True,
    )
    assert value["phase"] == "Succeeded"
    end = states(value)["step-a"]["terminated"]
    assert (end["exitCode"], end["reason"]) == (0, "Completed")
    assert end["message"] == '[{"key":"StartedAt","value":"2026-01-01T00:00:10Z","type":3}]'


def test_what_has_no_end_when_the_run_is_done_was_killed() -> None:
    value = status(state("a", **ended()), state("b", **RUNNING), done=True)
    killed = states(value)["step-b"]["terminated"]
    assert (killed["exitCode"], killed["finishedAt"]) == (137, NOW)
    assert value["phase"] == "Failed"


def test_a_sidecar_whose_state_is_not_reported_does_not_fail_the_pod() -> None:
    """One without a name is in no ``status.sidecars``; steps were what could fail."""
    value = status(state("a", **ended()), state("b", **ended()), done=True)
    assert states(value)["sidecar-db"]["terminated"]["exitCode"] == 0
    assert value["phase"] == "Succeeded"


def test_times_stay_when_nothing_changed() -> None:
    first = status(state("a", **RUNNING), state("b", **WAITING))
    later = pod.status(
        build(SPEC),
        [state("a", **RUNNING), state("b", **WAITING)],
        [],
        done=False,
        now="2027-01-01T00:00:00Z",
        previous=first,
    )
    assert later == first


def test_an_end_is_kept_when_the_states_are_not_at_hand() -> None:
    before = status(state("a", **ended()), state("b", **RUNNING))
    after = pod.status(build(SPEC), [], [], done=True, now=NOW, previous=before)
    assert states(after)["step-a"] == states(before)["step-a"]
    assert states(after)["step-b"]["terminated"]["exitCode"] == 137
