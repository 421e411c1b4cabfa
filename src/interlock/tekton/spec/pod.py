"""The Pod of a TaskRun, as upstream's pkg/pod builds it (pod.go Build, entrypoint.go, script.go, workingdir_init.go).

Names, order, images, environment, mounts and the entrypoint's arguments are upstream's. Two things differ: the scripts
themselves are not in it (whoever may read pods may not read them), and the images of Tekton's own containers are named
`interlock.local/…`, since nothing is pulled for them.
"""

from __future__ import annotations

import json
import posixpath
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from interlock.formats.tekton import durations, names
from interlock.formats.tekton.task import TaskSpec, step_name
from interlock.tekton.spec import pod_volumes
from interlock.tekton.spec.flags import Flags
from interlock.tekton.spec.pod_status import status
from interlock.tekton.spec.pod_volumes import DOWNWARD, SCRIPTS

__all__ = ["Settings", "build", "name", "status"]

Object = dict[str, Any]

ANNOTATION_EXECUTED_BY = "interlock.dev/executed-by"
LABEL_TASK_RUN = "tekton.dev/taskRun"
LABEL_TASK_RUN_UID = "tekton.dev/taskRunUID"
_ANNOTATION_RELEASE = "pipeline.tekton.dev/release"
_ANNOTATION_READY = "tekton.dev/ready"
_ANNOTATION_MODE = "experimental.tekton.dev/execution-mode"
_IMAGE = "interlock.local/tekton-"
_ENTRYPOINT = "/tekton/bin/entrypoint"
_TERMINATION = "/tekton/termination"
_NO_TIMEOUT = 2**31 - 1
_LONGEST = 63
_CONTAINER = (
    "image",
    "command",
    "args",
    "workingDir",
    "env",
    "envFrom",
    "volumeMounts",
    "volumeDevices",
    "imagePullPolicy",
    "securityContext",
)
_SIDECAR = (
    *_CONTAINER,
    "ports",
    "livenessProbe",
    "readinessProbe",
    "startupProbe",
    "lifecycle",
    "restartPolicy",
    "terminationMessagePath",
    "terminationMessagePolicy",
    "stdin",
    "stdinOnce",
    "tty",
)
_TEMPLATE = (
    "nodeSelector",
    "tolerations",
    "affinity",
    "securityContext",
    "runtimeClassName",
    "automountServiceAccountToken",
    "schedulerName",
    "hostNetwork",
    "hostUsers",
    "dnsPolicy",
    "dnsConfig",
    "enableServiceLinks",
    "priorityClassName",
    "imagePullSecrets",
    "hostAliases",
    "topologySpreadConstraints",
)


def _plain(text: str) -> str:
    return text


@dataclass(frozen=True)
class Settings:
    """What the engine adds to every pod."""

    executed_by: str = ""
    flags: Flags = field(default_factory=Flags)
    default_timeout: str = "1h0m0s"


def name(task_run: str, retries: int = 0) -> str:
    """The pod of a TaskRun's attempt (pod.go Build)."""
    return names.child(task_run, f"-pod-retry{retries}" if retries else "-pod")


def sidecar_name(given: str) -> str:
    return _restricted(f"sidecar-{given}")


def container_name(given: str, index: int) -> str:
    """Container of a step (pod.go StepName)."""
    return _restricted(f"step-{given}" if given else f"step-unnamed-{index}")


def build(
    task_run: Mapping[str, Any],
    spec: TaskSpec,
    *,
    retries: int,
    settings: Settings | None = None,
    masked: Callable[[str], str] = _plain,
) -> Object:
    """The pod. ``spec`` is resolved, with its stepTemplate merged; ``masked`` takes secrets out of the texts in it."""
    settings = settings or Settings()
    run = task_run.get("spec") or {}
    template = run.get("podTemplate") or {}
    ready = _ready_at_once(spec, settings.flags)
    value = spec.to_object()
    uid = task_run["metadata"]["uid"]
    mounted = pod_volumes.with_workspaces(value, run.get("workspaces") or [], owner_uid=uid)
    steps, sidecars = mounted.get("steps") or [], mounted.get("sidecars") or []
    containers = _steps(task_run, mounted, template, settings, ready)
    init = [_prepare(spec)]
    scripts = [item.get("script", "") for item in (*steps, *sidecars)]
    if any(scripts):
        init.append(_place_scripts(steps, sidecars))
    if (folders := _working_dirs(steps)) is not None:
        init.append(folders)
    beside = [_sidecar(item, index) for index, item in enumerate(sidecars)]
    if settings.flags.enable_kubernetes_sidecar:
        init += [{**item, "restartPolicy": "Always"} for item in beside]
        beside = []
    volumes = pod_volumes.volumes(
        mounted,
        template,
        steps=len(steps),
        scripts=any(scripts),
        downward=not ready or settings.flags.keep_pod_on_cancel,
        cancel=settings.flags.keep_pod_on_cancel,
        credentials=not settings.flags.disable_creds_init,
    )
    limit = durations.parse(run.get("timeout") or settings.default_timeout).total_seconds()
    if run.get("timeout") and durations.parse(run["timeout"]).total_seconds() == 0:
        limit = 0
    pod: Object = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": _metadata(task_run, retries, settings, ready),
        "spec": {
            "restartPolicy": "Never",
            "nodeName": names.NODE,
            "serviceAccountName": run.get("serviceAccountName") or "default",
            "activeDeadlineSeconds": int(limit * 1.5) if limit else _NO_TIMEOUT,
            **{key: template[key] for key in _TEMPLATE if template.get(key) is not None},
            "initContainers": init,
            "containers": [*containers, *beside],
            "volumes": volumes,
        },
    }
    return _masked(pod, masked)


def _ready_at_once(spec: TaskSpec, flags: Flags) -> bool:
    """Whether the first step need not wait for sidecars (pod.go isPodReadyImmediately)."""
    waits = bool(spec.sidecars) or flags.running_in_environment_with_injected_sidecars
    return not (waits and flags.await_sidecar_readiness)


def _metadata(task_run: Mapping[str, Any], retries: int, settings: Settings, ready: bool) -> Object:
    own = task_run["metadata"]
    left_out = (names.LABEL_MANAGED_BY, names.ANNOTATION_LAST_APPLIED, names.ANNOTATION_CAPABILITIES)
    annotations = {key: text for key, text in (own.get("annotations") or {}).items() if key not in left_out}
    annotations[_ANNOTATION_RELEASE] = "interlock.local"
    annotations[ANNOTATION_EXECUTED_BY] = settings.executed_by
    if ready:
        annotations[_ANNOTATION_READY] = "READY"
    labels = {
        **(own.get("labels") or {}),
        LABEL_TASK_RUN: own["name"],
        LABEL_TASK_RUN_UID: own["uid"],
        names.LABEL_MANAGED_BY: "tekton-pipelines",
    }
    owner = {
        "apiVersion": "tekton.dev/v1",
        "kind": "TaskRun",
        "name": own["name"],
        "uid": own["uid"],
        "controller": True,
        "blockOwnerDeletion": True,
    }
    return {
        "name": name(own["name"], retries),
        "namespace": own["namespace"],
        "labels": labels,
        "annotations": annotations,
        "ownerReferences": [owner],
    }


def _prepare(spec: TaskSpec) -> Object:
    """pod.go entrypointInitContainer."""
    steps = [step_name(step, index) for index, step in enumerate(spec.steps or [])]
    return {
        "name": "prepare",
        "image": f"{_IMAGE}entrypoint",
        "workingDir": "/",
        "command": ["/ko-app/entrypoint", "init", "/ko-app/entrypoint", _ENTRYPOINT, *steps],
        "volumeMounts": [
            {"name": "tekton-internal-bin", "mountPath": "/tekton/bin"},
            {"name": "tekton-internal-steps", "mountPath": "/tekton/steps"},
        ],
    }


def _place_scripts(steps: Sequence[Object], sidecars: Sequence[Object]) -> Object:
    """script.go convertScripts, without the scripts."""
    placed = [_script("script", index) for index, item in enumerate(steps) if item.get("script")]
    placed += [_script("sidecar-script", index) for index, item in enumerate(sidecars) if item.get("script")]
    return {
        "name": "place-scripts",
        "image": f"{_IMAGE}shell",
        "command": ["sh"],
        "args": ["-c", "".join(f'scriptfile="{path}"\n' for path in placed)],
        "volumeMounts": [
            {"name": SCRIPTS, "mountPath": "/tekton/scripts"},
            {"name": "tekton-internal-bin", "mountPath": "/tekton/bin"},
        ],
    }


def _script(prefix: str, index: int) -> str:
    return f"/tekton/scripts/{prefix}-{index}"


def _working_dirs(steps: Sequence[Object]) -> Object | None:
    """workingdir_init.go: the folders below /workspace that steps start in."""
    given = sorted({posixpath.normpath(item["workingDir"]) for item in steps if item.get("workingDir")})
    wanted = [path for path in given if not path.startswith("/") or path.startswith("/workspace/")]
    if not wanted:
        return None
    return {
        "name": "working-dir-initializer",
        "image": f"{_IMAGE}workingdirinit",
        "command": ["/ko-app/workingdirinit"],
        "args": wanted,
        "workingDir": "/workspace",
        "volumeMounts": pod_volumes.implicit_mounts(),
    }


def _steps(
    task_run: Mapping[str, Any], spec: Object, template: Object, settings: Settings, ready: bool
) -> list[Object]:
    run, flags = task_run.get("spec") or {}, settings.flags
    debug = ((run.get("debug") or {}).get("breakpoints") or {}) if flags.alpha else {}
    resources = {item["name"]: item.get("computeResources") for item in run.get("stepSpecs") or []}
    hermetic = flags.alpha and (task_run["metadata"].get("annotations") or {}).get(_ANNOTATION_MODE) == "hermetic"
    steps = spec.get("steps") or []
    found = []
    for index, step in enumerate(steps):
        container = {key: step[key] for key in _CONTAINER if key in step}
        wanted = resources.get(step.get("name")) or step.get("computeResources")
        if wanted:
            container["resources"] = wanted
        command = list(step.get("command") or [])
        mounts = list(step.get("volumeMounts") or [])
        if step.get("script"):
            command = [_script("script", index)]
            mounts.append({"name": SCRIPTS, "mountPath": "/tekton/scripts", "readOnly": True})
        args = _entrypoint_args(spec, index, command, settings, ready, debug)
        environment = [*(step.get("env") or []), *(template.get("env") or [])]
        if hermetic:
            environment.append({"name": "TEKTON_HERMETIC", "value": "1"})
        if environment:
            container["env"] = _last(environment)
        if (index == 0 and not ready) or flags.keep_pod_on_cancel:
            mounts.append({"name": DOWNWARD, "mountPath": "/tekton/downward", "readOnly": True})
        container |= {
            "name": container_name(step.get("name", ""), index),
            "command": [_ENTRYPOINT],
            "args": args,
            "terminationMessagePath": _TERMINATION,
            "volumeMounts": pod_volumes.step_mounts(
                mounts, index, len(steps), credentials=not flags.disable_creds_init
            ),
        }
        found.append(container)
    return found


def _entrypoint_args(
    spec: Object, index: int, command: Sequence[str], settings: Settings, ready: bool, debug: Mapping[str, Any]
) -> list[str]:
    """entrypoint.go orderContainers."""
    step, flags = spec["steps"][index], settings.flags
    own = f"/tekton/run/{index}"
    args: list[str] = []
    if index:
        args += ["-wait_file", f"/tekton/run/{index - 1}/out"]
    elif not ready:
        args += ["-wait_file", "/tekton/downward/ready", "-wait_file_content"]
    args += ["-post_file", f"{own}/out", "-termination_path", _TERMINATION, "-step_metadata_dir", f"{own}/status"]
    if flags.results_from == "sidecar-logs" and spec.get("results"):
        args += ["-result_from", "sidecar-logs"]
    elif flags.enable_termination_message_compression and flags.results_from != "sidecar-logs":
        args += ["-compress_termination_message=true"]
    if step.get("onError"):
        args += ["-on_error", step["onError"]]
    if step.get("timeout"):
        args += ["-timeout", durations.text(durations.parse(step["timeout"]))]
    for key, option in (("stdoutConfig", "-stdout_path"), ("stderrConfig", "-stderr_path")):
        if step.get(key):
            args += [option, step[key].get("path", "")]
    if step.get("results"):
        args += ["-step_results", ",".join(item["name"] for item in step["results"])]
    if step.get("when"):
        args += ["--when_expressions", json.dumps(step["when"], separators=(",", ":"))]
    if spec.get("results"):
        args += ["-results", ",".join(item["name"] for item in spec["results"] if "value" not in item)]
    if debug.get("onFailure") == "enabled":
        args.append("-breakpoint_on_failure")
    if step.get("name") and step["name"] in (debug.get("beforeSteps") or []):
        args.append("-debug_before_step")
    if command:
        args += ["-entrypoint", command[0]]
    return [*args, "--", *command[1:], *(step.get("args") or [])]


def _sidecar(sidecar: Object, index: int) -> Object:
    container = {key: sidecar[key] for key in _SIDECAR if key in sidecar}
    if container.get("env"):
        container["env"] = _last(container["env"])
    if sidecar.get("computeResources"):
        container["resources"] = sidecar["computeResources"]
    if sidecar.get("script"):
        container["command"] = [_script("sidecar-script", index)]
        mount = {"name": SCRIPTS, "mountPath": "/tekton/scripts", "readOnly": True}
        container["volumeMounts"] = [*(sidecar.get("volumeMounts") or []), mount]
    return {**container, "name": sidecar_name(sidecar.get("name", ""))}


def _last(variables: Sequence[Object]) -> list[Object]:
    """A variable that is given again replaces the earlier one: the list is a map by name (core/v1 Container.env)."""
    names_of = [item["name"] for item in variables]
    return [item for index, item in enumerate(variables) if item["name"] not in names_of[index + 1 :]]


def _restricted(text: str) -> str:
    """pkg/names RestrictLength."""
    return text[:_LONGEST].rstrip("-_.")


def _masked(pod: Object, masked: Callable[[str], str]) -> Object:
    """Secrets out of what authors wrote: arguments, commands, values of variables, annotations."""
    annotations = pod["metadata"]["annotations"]
    pod["metadata"]["annotations"] = {key: masked(text) for key, text in annotations.items()}
    for field_name in ("initContainers", "containers"):
        for container in pod["spec"][field_name]:
            for key in ("command", "args"):
                if key in container:
                    container[key] = [masked(text) for text in container[key]]
            if "env" in container:
                container["env"] = [
                    {**item, "value": masked(item["value"])} if item.get("value") else item for item in container["env"]
                ]
    return pod
