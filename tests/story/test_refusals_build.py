"""What the pipeline and its engine refuse, with a service of its own that is brought along from an ACE workspace."""

from __future__ import annotations

import shutil
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from interlock.clients import kubelets
from interlock.errors import NotFoundError, RefusedError

from .story_world.deliveries import Proposal, commit, proposed
from .story_world.estate import ORGANISATION, Estate
from .story_world.waiting import eventually

EXAMPLE = Path(__file__).parents[2] / "examples" / "payments"
GENERATED = ("service.yaml", "catalog-info.yaml", ".tekton")
JAR = Path("Payments") / "log4j-core-2.14.1.jar"
PIPELINE_RUN, TASK_RUN = ("tekton.dev/v1", "PipelineRun"), ("tekton.dev/v1", "TaskRun")


def log4j(folder: Path, version: str) -> None:
    """A jar that says of itself what it is, as Maven's do."""
    with zipfile.ZipFile(folder / JAR, "w") as jar:
        jar.writestr(
            "META-INF/maven/org.apache.logging.log4j/log4j-core/pom.properties",
            f"groupId=org.apache.logging.log4j\nartifactId=log4j-core\nversion={version}\n",
        )


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An existing ACE workspace, as a team has it: without the platform's files, with a vulnerable jar."""
    folder = tmp_path_factory.mktemp("workspace") / "legacy"
    shutil.copytree(EXAMPLE, folder, ignore=shutil.ignore_patterns(*GENERATED))
    log4j(folder, "2.14.1")
    return folder


@pytest.fixture(scope="module")
def refunds(estate: Estate, workspace: Path) -> Iterator[str]:
    """The service, registered and onboarded in dev; its other onboardings wait for approvals."""
    name = "refunds"
    estate.run(
        *("service", "create", name, "--from", str(workspace), "--team", "payments", "--as", "dana"),
        *("--clone", str(estate.work / name)),
    )
    estate.run("approve", name, "--env", "platform", "--as", "pat")
    estate.run("wait", name, "--env", "dev", "--onboarded", "--timeout", "60")
    yield name
    for environment in ("test", "prod"):
        for pull in estate.pulls(f"env-{environment}", name):
            Proposal(estate, f"env-{environment}", pull.number, pull.head_ref).close()


def finished(estate: Estate, service: str, commit_id: str) -> dict[str, Any]:
    """The commit's run, once it has ended."""
    name = f"{service}-{commit_id[:12]}"

    def ended() -> dict[str, Any] | None:
        run = estate.cluster().get(*PIPELINE_RUN, name, "ci")
        return run if condition(run).get("status") in ("True", "False") else None

    return eventually(ended, timeout=90, what=f"{name} has ended")


def condition(run: dict[str, Any]) -> dict[str, str]:
    found = (run.get("status") or {}).get("conditions") or []
    return next((item for item in found if item["type"] == "Succeeded"), {})


def task_runs(estate: Estate, run: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """By the name of their task in the pipeline."""
    selector = f"tekton.dev/pipelineRun={run['metadata']['name']}"
    found = estate.cluster().list(*TASK_RUN, namespace="ci", label_selector=selector).items
    return {item["metadata"]["labels"]["tekton.dev/pipelineTask"]: item for item in found}


def step_log(estate: Estate, task: dict[str, Any], step: str) -> str:
    """What a step printed, masked, as the engine serves it."""
    target = f"/logs/ci/{task['metadata']['name']}/{step}"
    secret = kubelets.read_secret(estate.home.credential("kubelet", "interlock-tekton"))
    headers = {"Authorization": kubelets.authorization(secret, target)}
    return httpx.get(f"http://127.0.0.1:{estate.home.port('logs')}{target}", headers=headers).raise_for_status().text


# -- a vulnerability ---------------------------------------------------------------------------------------------------


def test_a_vulnerable_jar_inside_the_bar_fails_the_scan_and_the_patched_one_does_not(
    estate: Estate, refunds: str
) -> None:
    """The pipeline ends at the scan: nothing is signed and no delivery opened, until the jar is fixed."""
    broken = estate.branch(refunds)
    run = finished(estate, refunds, broken)
    tasks = task_runs(estate, run)

    assert condition(run)["status"] == "False"
    assert condition(tasks["vulnerability-scan"])["status"] == "False"
    assert condition(tasks["sbom"])["status"] == "True"
    assert "image-sign" not in tasks
    assert "git-pr-bump" not in tasks
    told = step_log(estate, tasks["vulnerability-scan"], "scan")
    assert "HIGH" in told or "CRITICAL" in told
    assert "log4j-core 2.14.1" in told
    assert "[scan-vulnerable]" in told

    statuses = estate.forge().statuses(ORGANISATION, refunds, broken)
    eventually(
        lambda: "failure" in {s.state for s in estate.forge().statuses(ORGANISATION, refunds, broken)},
        what="the commit says that its build failed",
    )
    assert all(item.context == "interlock/build" for item in statuses)
    bumps = [item for item in estate.pulls("env-dev", refunds, state="all") if item.head_ref.startswith("bump/")]
    assert bumps == []

    fixed = commit(estate, "dana", estate.work / refunds, "Update log4j", lambda folder: log4j(folder, "2.25.1"))
    estate.git("dana", "push", "--quiet", cwd=estate.work / refunds)
    assert condition(finished(estate, refunds, fixed))["status"] == "True"
    estate.run("wait", refunds, "--env", "dev", "--image", f"main-{fixed[:12]}", "--timeout", "60")


# -- onboarding --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("environment", ["test", "prod"])
def test_an_onboarding_with_one_byte_changed_is_refused(estate: Estate, refunds: str, environment: str) -> None:
    repository = f"env-{environment}"
    original = estate.pulls(repository, refunds)[0].head_ref
    path = f"argocd/{refunds}.yaml"
    found = estate.forge().raw(ORGANISATION, repository, path, ref=original)
    assert found is not None

    def change(clone: Path) -> None:
        estate.git("dana", "checkout", "--quiet", f"origin/{original}", "--", ".", cwd=clone)
        (clone / path).write_bytes(found.replace(b"revisionHistoryLimit: 10", b"revisionHistoryLimit: 11"))

    with proposed(estate, repository, change, branch=f"onboard/{refunds}") as pull:
        gate = pull.says(onboarding_files="onboarding-files-differ")

    assert path in gate.report


def test_an_onboarding_of_a_service_that_nobody_registered_is_refused(estate: Estate, refunds: str) -> None:
    original = estate.pulls("env-test", refunds)[0].head_ref

    def change(clone: Path) -> None:
        estate.git("dana", "checkout", "--quiet", f"origin/{original}", "--", ".", cwd=clone)
        (clone / "argocd" / f"{refunds}.yaml").rename(clone / "argocd" / "ghost.yaml")
        (clone / "apps" / refunds).rename(clone / "apps" / "ghost")

    with proposed(estate, "env-test", change, branch="onboard/ghost") as pull:
        pull.says(service_registered="service-unregistered")


# -- tasks -------------------------------------------------------------------------------------------------------------


def task_run(name: str, script: str) -> dict[str, Any]:
    return {
        "apiVersion": "tekton.dev/v1",
        "kind": "TaskRun",
        "metadata": {"name": name, "namespace": "ci"},
        "spec": {
            "taskSpec": {
                "steps": [{"name": "debug", "image": "registry.acme.test/platform/toolbox", "script": script}],
            }
        },
    }


@pytest.mark.parametrize(
    ("name", "script"),
    [
        ("leak-env", "#!/bin/sh\nenv | sort\n"),
        ("leak-export", "#!/bin/sh\necho hello\nexport -p\n"),
        ("leak-proc", "#!/bin/sh\ncat /proc/self/environ\n"),
        ("leak-python", "#!/usr/bin/env python3\nimport os\nprint(dict(os.environ))\n"),
    ],
)
def test_a_task_that_prints_its_environment_is_refused_before_it_starts(estate: Estate, name: str, script: str) -> None:
    hub = estate.bootstrap("hub")
    hub.create(task_run(name, script))
    try:
        found = eventually(
            lambda: condition(hub.get(*TASK_RUN, name, "ci")) and hub.get(*TASK_RUN, name, "ci"), what="it is judged"
        )

        assert condition(found)["status"] == "False"
        assert "task-prints-environment" in condition(found)["message"] + condition(found)["reason"]
        assert not found["status"].get("podName")
        assert not found["status"].get("steps")
    finally:
        hub.delete(*TASK_RUN, name, namespace="ci")


def test_people_start_no_tasks(estate: Estate) -> None:
    with pytest.raises(RefusedError) as refused:
        estate.cluster("hub", "pat").create(task_run("by-hand", "true\n"))

    assert refused.value.code == "kubernetes-forbidden"


def my_own_pipeline(run: str) -> str:
    return run.replace("name: build-ace-flow", "name: build-my-own")


def workspace_on(claim: str) -> Callable[[str], str]:
    bound = f"  workspaces:\n    - name: source\n      persistentVolumeClaim: {{claimName: {claim}}}\n"
    return lambda run: run + bound


@pytest.mark.parametrize(
    ("edit", "code"),
    [
        (my_own_pipeline, "run-not-golden"),
        # git-clone would write the repository's files over what every scan compares with.
        (workspace_on("advisories"), "run-not-golden"),
        # Or into the source of another service's run, whose claim has a name that can be computed.
        (workspace_on("pvc-0123456789"), "run-not-golden"),
        (lambda run: f"{run}  timeouts: {{pipeline: {'1' * 5000}}}\n", "yaml-number"),
    ],
    ids=["pipeline", "advisories", "another-run", "number"],
)
def test_a_build_file_that_is_not_golden_is_refused(
    estate: Estate, refunds: str, tmp_path: Path, edit: Callable[[str], str], code: str
) -> None:
    """`.tekton/push.yaml` is the team's file: the platform takes nothing in it on trust."""
    clone = estate.clone("dana", refunds, tmp_path / "clone")

    def change(folder: Path) -> None:
        path = folder / ".tekton" / "push.yaml"
        path.write_text(edit(path.read_text()))

    head = commit(estate, "dana", clone, "My own build", change)
    estate.git("dana", "push", "--quiet", cwd=clone)
    try:

        def refused() -> str | None:
            found = estate.forge().statuses(ORGANISATION, refunds, head)
            return next((item.description for item in found if item.state == "error"), None)

        assert f"[{code}]" in eventually(refused, what="the commit says why it is not built")
        with pytest.raises(NotFoundError):
            estate.cluster().get(*PIPELINE_RUN, f"{refunds}-{head[:12]}", "ci")
    finally:
        estate.git("dana", "revert", "--no-edit", "HEAD", cwd=clone)
        estate.git("dana", "push", "--quiet", cwd=clone)
        finished(estate, refunds, estate.branch(refunds))
