"""The files, objects and documents of the delivered service."""

from __future__ import annotations

import json
from typing import Any

from interlock.clients.forge import model as forge_model
from interlock.clients.tickets import record as tickets_model
from interlock.formats.sigstore import PrivateKey
from interlock.formats.tekton import record
from interlock.platform.domain.ids import ServiceName
from interlock.platform.domain.pull import PullRequest
from interlock.platform.statements.run import FinishedRun

from .fakes import START

NAME = "integration/payments"
IMAGE = f"registry.acme.test/{NAME}"
SERVICE = ServiceName("payments")
TOOLBOX = "registry.acme.test/platform/toolbox@sha256:" + "7" * 64
EXECUTED = "interlock.local/installed-toolbox@sha256:" + "6" * 64
SERVICE_FILE = f"""\
apiVersion: interlock.dev/v1alpha1
kind: Service
name: payments
shape: ace-flow
team: payments
owner: sam
repository: payments
image: {IMAGE}
configurationItem: payments-prod
"""
PLAN = {name: f"the {name}" for name in tickets_model.PLANNED_FIELDS}


def values(environment: str, tag: str, digest: str) -> dict[str, str]:
    text = f'image:\n  repository: {IMAGE}\n  tag: "{tag}"\n  digest: "{digest}"\n'
    return {f"apps/payments/values.{environment}.yaml": text, "apps/payments/Chart.yaml": "name: payments\n"}


def forge_pull(pull: PullRequest, merge: str) -> forge_model.PullRequest:
    return forge_model.PullRequest(
        number=pull.number,
        state="closed",
        merged=True,
        title=pull.title,
        body="",
        user=pull.author,
        user_id=1,
        head_sha=pull.head,
        head_ref=pull.head_ref,
        base_sha=pull.head,
        base_ref="main",
        merge_base=pull.head,
        mergeable=False,
        merge_commit_sha=merge,
        merged_by="interlock",
        merged_by_id=9,
        created_at=START,
        updated_at=START,
        merged_at=START,
        html_url="",
    )


def sbom_document(text: str) -> dict[str, Any]:
    return {"bomFormat": "CycloneDX", "specVersion": "1.6", "components": [{"name": text, "version": "1.0"}]}


def scan_document(verdict: str) -> dict[str, Any]:
    return {
        "scanner": {"name": "interlock-toolbox", "version": "0.1.0"},
        "advisories": {"refreshed": "2026-05-04T00:00:00Z"},
        "startedAt": "2026-05-04T11:00:00Z",
        "finishedAt": "2026-05-04T11:00:01Z",
        "verdict": verdict,
    }


def finished_run(
    commit: str, tag: str, digest: str, sbom: str, scan: str, isolation: str, engine: PrivateKey
) -> FinishedRun:
    """With the records that ``engine`` signed of its TaskRuns."""
    results = {
        "IMAGE_URL": f"{IMAGE}:{tag}",
        "IMAGE_DIGEST": digest,
        "SBOM_DIGEST": sbom,
        "SCAN_DIGEST": scan,
        "CHAINS-GIT_URL": "https://git/acme/payments",
        "CHAINS-GIT_COMMIT": commit,
        "TESTS": json.dumps({"basis": "static", "errors": 0, "testsDeclared": 12, "testsExecuted": 0}),
    }
    done = {"completionTime": "2026-05-04T11:00:00Z", "conditions": [{"type": "Succeeded", "status": "True"}]}
    tasks = ("git-clone", "build-bar")
    run = {
        "apiVersion": "tekton.dev/v1",
        "kind": "PipelineRun",
        "metadata": {
            "name": f"payments-{commit[:12]}",
            "namespace": "ci",
            "uid": f"uid-{commit[:12]}",
            "labels": {"interlock.dev/service": "payments"},
        },
        "spec": {"pipelineRef": {"name": "build-ace-flow"}, "params": [{"name": "git-revision", "value": commit}]},
        "status": {
            **done,
            "startTime": "2026-05-04T10:59:00Z",
            "results": [{"name": name, "value": value} for name, value in results.items()],
            "pipelineSpec": {"tasks": [{"name": name} for name in tasks]},
        },
    }
    capabilities = {
        "isolation": isolation,
        "network": [],
        "tools": [{"name": "python", "version": "3.11"}],
        "images": {TOOLBOX: {"executed-by": "installed-toolbox"}},
    }
    task_runs: list[dict[str, Any]] = [
        {
            "metadata": {
                "name": f"payments-{commit[:12]}-{name}",
                "namespace": "ci",
                "labels": {"tekton.dev/pipelineTask": name},
                "annotations": {"interlock.dev/capabilities": json.dumps(capabilities)},
            },
            "status": {
                **done,
                "steps": [{"name": "run", "imageID": EXECUTED}],
            },
        }
        for name in tasks
    ]
    for task_run in task_runs:
        task_run["metadata"]["annotations"][record.ANNOTATION] = record.sign(task_run, capabilities, engine)
    return FinishedRun(run, task_runs)


def application_of(environment: str, ref: str, cluster: str, revision: str) -> dict[str, Any]:
    return {
        "kind": "Application",
        "metadata": {"name": f"payments-{environment}", "namespace": "argocd"},
        "spec": {
            "source": {
                "repoURL": f"https://git/acme/env-{environment}",
                "targetRevision": ref,
                "path": "apps/payments",
            },
            "destination": {"server": cluster, "namespace": "payments"},
        },
        "status": {"sync": {"status": "Synced", "revision": revision}, "health": {"status": "Healthy"}},
    }


def deployment(reference: str) -> dict[str, Any]:
    return {
        "kind": "Deployment",
        "metadata": {"name": "payments", "namespace": "payments", "generation": 2},
        "spec": {
            "selector": {"matchLabels": {"app": "payments"}},
            "template": {"spec": {"containers": [{"name": "payments", "image": reference}]}},
        },
        "status": {
            "observedGeneration": 2,
            "conditions": [{"type": "Available", "status": "True", "reason": "SimulatedNoContainerRuns"}],
        },
    }
