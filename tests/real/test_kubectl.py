"""The real kubectl against the Kubernetes stand-in: what a person would type."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from interlock.formats import yaml
from interlock.local.kubernetes import kubeconfig, tls, tokens

pytestmark = pytest.mark.real("kubectl")

CONFIG_MAP = """\
apiVersion: v1
kind: ConfigMap
metadata:
  name: settings
data:
  queue: PAYMENTS.IN
"""
WORKLOAD = """\
apiVersion: apps/v1
kind: Deployment
metadata:
  name: payments
spec:
  replicas: 0
  selector:
    matchLabels:
      app: payments
  template:
    metadata:
      labels:
        app: payments
    spec:
      containers:
        - name: app
          image: registry.acme.test/integration/payments:main-0123456789ab
          ports:
            - containerPort: 7800
---
apiVersion: v1
kind: Service
metadata:
  name: payments
spec:
  selector:
    app: payments
  ports:
    - port: 7800
"""
APPLICATION = """\
apiVersion: argoproj.io/v1alpha1
kind: Application
metadata:
  name: payments-dev
spec:
  project: dev
  destination:
    server: https://dev-cluster
    namespace: payments
  source:
    repoURL: https://git/acme/env-dev
    path: apps/payments
    targetRevision: refs/heads/main
"""


@dataclass
class Kubectl:
    """``kubectl(...)`` is its output; a failure raises unless ``fails``, then it is what it said."""

    program: str
    config: Path
    context: str = "admin@dev"
    namespace: str = "default"

    def command(self, *arguments: str) -> list[str]:
        return [self.program, f"--context={self.context}", f"--namespace={self.namespace}", *arguments]

    @property
    def environment(self) -> dict[str, str]:
        folder = self.config.parent
        return {
            "PATH": os.environ["PATH"],
            "HOME": str(folder),
            "KUBECONFIG": str(self.config),
            "KUBECACHEDIR": str(folder / "cache"),
        }

    def __call__(self, *arguments: str, stdin: str | None = None, fails: bool = False) -> str:
        done = subprocess.run(
            self.command(*arguments),
            env=self.environment,
            input=stdin,
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
        )
        assert (done.returncode != 0) is fails, done.stdout + done.stderr
        return done.stderr if fails else done.stdout

    def json(self, *arguments: str) -> Any:
        return json.loads(self(*arguments, "-o", "json"))


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A cluster as a child process; the path of its kubeconfig."""
    folder = tmp_path_factory.mktemp("cluster")
    now = datetime.now(UTC)
    ca, key = tls.write_ca(folder, name="test CA", now=now)
    cert, private = tls.write_server_certificate(folder, ca_cert=ca, ca_key=key, names=[], now=now)
    users = [
        tokens.User(name="admin", token="admin-token", groups=("system:masters",)),
        tokens.User(name="dana", token="dana-token"),
    ]
    tokens.write_tokens(folder / "tokens.yaml", users)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    config = {
        "name": "dev",
        "port": port,
        "data": "data",
        "tokens": "tokens.yaml",
        "admission": ["interlock.tekton.spec.webhooks"],
        "tls": {"cert": cert.name, "key": private.name, "ca": ca.name},
    }
    (folder / "config.yaml").write_text(yaml.dump(config))
    cluster = kubeconfig.Cluster(f"https://127.0.0.1:{port}", ca)
    contexts = {("admin", "dev"): "admin-token", ("dana", "dev"): "dana-token"}
    kubeconfig.write_kubeconfig(folder / "kubeconfig", {"dev": cluster}, contexts)
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as channel:
        channel.bind(str(folder / "notify"))
        channel.settimeout(30)
        process = subprocess.Popen(
            [sys.executable, "-m", "interlock.local.kubernetes", "--config", str(folder / "config.yaml")],
            env={**os.environ, "NOTIFY_SOCKET": str(folder / "notify")},
        )
        assert channel.recv(100) == b"READY=1"
    yield folder / "kubeconfig"
    process.send_signal(signal.SIGTERM)
    assert process.wait(10) == 0


@pytest.fixture
def kubectl(server: Path, client: Callable[[str], str], request: pytest.FixtureRequest) -> Kubectl:
    """kubectl as admin, in a namespace of the test's own."""
    admin = Kubectl(client("kubectl"), server)
    namespace = request.node.name.replace("_", "-").partition("[")[0][:50].rstrip("-")
    admin("create", "namespace", namespace)
    return Kubectl(admin.program, server, namespace=namespace)


@pytest.fixture
def dana(kubectl: Kubectl) -> Kubectl:
    """The same, as somebody without any role."""
    return Kubectl(kubectl.program, kubectl.config, "dana@dev", kubectl.namespace)


def test_version_and_resources(kubectl: Kubectl) -> None:
    assert "Server Version: v1.32" in kubectl("version")
    listed = kubectl("api-resources", "--output=name").split()
    assert {"deployments.apps", "applications.argoproj.io", "pipelineruns.tekton.dev", "secrets"} <= set(listed)
    assert kubectl("api-resources", "--cached=false", "--api-group=argoproj.io").count("argoproj.io/v1alpha1") == 2


def test_apply_creates_changes_and_leaves_alone(kubectl: Kubectl) -> None:
    assert kubectl("apply", "-f", "-", stdin=CONFIG_MAP) == "configmap/settings created\n"
    assert kubectl("apply", "-f", "-", stdin=CONFIG_MAP) == "configmap/settings unchanged\n"
    changed = CONFIG_MAP.replace("queue: PAYMENTS.IN", "topic: payments")
    assert "-  queue: PAYMENTS.IN" in kubectl("diff", "-f", "-", stdin=changed, fails=True) + _diff(kubectl, changed)
    assert kubectl("apply", "-f", "-", stdin=changed) == "configmap/settings configured\n"
    assert kubectl.json("get", "configmap", "settings")["data"] == {"topic": "payments"}
    assert "deleted" in kubectl("delete", "-f", "-", stdin=CONFIG_MAP)
    assert "NotFound" in kubectl("get", "configmap", "settings", fails=True)


def _diff(kubectl: Kubectl, text: str) -> str:
    done = subprocess.run(
        kubectl.command("diff", "-f", "-"),
        env=kubectl.environment,
        input=text,
        capture_output=True,
        text=True,
        check=False,
    )
    return done.stdout


def test_apply_of_a_workload_merges_by_key_and_repeats_without_change(kubectl: Kubectl) -> None:
    assert kubectl("apply", "-f", "-", stdin=WORKLOAD).splitlines() == [
        "deployment.apps/payments created",
        "service/payments created",
    ]
    assert kubectl("apply", "-f", "-", stdin=WORKLOAD).splitlines() == [
        "deployment.apps/payments unchanged",
        "service/payments unchanged",
    ]
    side = '{"spec":{"template":{"spec":{"containers":[{"name":"side","image":"registry.acme.test/side:1"}]}}}}'
    assert kubectl("patch", "deployment", "payments", "-p", side) == "deployment.apps/payments patched\n"
    containers = kubectl.json("get", "deployment", "payments")["spec"]["template"]["spec"]["containers"]
    assert sorted(item["name"] for item in containers) == ["app", "side"]
    kubectl("set", "image", "deployment/payments", "app=registry.acme.test/integration/payments:2")
    kubectl("scale", "deployment", "payments", "--replicas=2")
    kubectl("label", "deployment", "payments", "team=payments")
    kubectl("annotate", "deployment", "payments", "note=x")
    found = kubectl.json("get", "deployment", "payments")
    assert found["spec"]["replicas"] == 2
    assert found["metadata"]["labels"] == {"team": "payments"}


def test_a_typo_is_refused_with_the_place(kubectl: Kubectl) -> None:
    said = kubectl("apply", "-f", "-", stdin=WORKLOAD.replace("replicas:", "replicsa:"), fails=True)
    assert 'unknown field "spec.replicsa"' in said
    said = kubectl("apply", "-f", "-", stdin=APPLICATION.replace("repoURL", "repoUrl"), fails=True)
    assert 'unknown field "spec.source.repoUrl"' in said
    assert "spec.source.repoURL: Required value" in kubectl(
        "apply", "--validate=ignore", "-f", "-", stdin=APPLICATION.replace("repoURL", "repoUrl"), fails=True
    )


def test_server_side_apply_and_its_conflicts(kubectl: Kubectl) -> None:
    apply = ("apply", "--server-side", "-f", "-")
    assert kubectl(*apply, stdin=CONFIG_MAP) == "configmap/settings serverside-applied\n"
    other = CONFIG_MAP.replace("PAYMENTS.IN", "OTHER")
    said = kubectl(*apply, "--field-manager=argocd-controller", stdin=other, fails=True)
    assert 'Apply failed with 1 conflict: conflict with "kubectl": .data.queue' in said
    kubectl(*apply, "--field-manager=argocd-controller", "--force-conflicts", stdin=other)
    rows = kubectl.json("get", "configmap", "settings", "--show-managed-fields")["metadata"]["managedFields"]
    assert [(row["manager"], row["operation"]) for row in rows] == [("argocd-controller", "Apply")]


def test_client_side_apply_is_taken_over_by_server_side_apply(kubectl: Kubectl) -> None:
    kubectl("apply", "-f", "-", stdin=WORKLOAD)
    kubectl("apply", "--server-side", "-f", "-", stdin=WORKLOAD)
    without = WORKLOAD.replace("          ports:\n            - containerPort: 7800\n", "")
    kubectl("apply", "--server-side", "-f", "-", stdin=without)
    (container,) = kubectl.json("get", "deployment", "payments")["spec"]["template"]["spec"]["containers"]
    assert "ports" not in container


def test_patches_of_every_type(kubectl: Kubectl) -> None:
    kubectl("apply", "-f", "-", stdin=CONFIG_MAP)
    kubectl("patch", "configmap", "settings", "--type=merge", "-p", '{"data":{"a":"1","queue":null}}')
    kubectl("patch", "configmap", "settings", "--type=json", "-p", '[{"op":"add","path":"/data/b","value":"2"}]')
    kubectl("patch", "configmap", "settings", "-p", '{"data":{"c":"3"}}')
    assert kubectl.json("get", "configmap", "settings")["data"] == {"a": "1", "b": "2", "c": "3"}
    kubectl("apply", "-f", "-", stdin=APPLICATION)
    patch = (
        "patch",
        "application",
        "payments-dev",
        "--type=merge",
        "-p",
        '{"status":{"sync":{"status":"Synced"},"health":{"status":"Healthy"}}}',
    )
    kubectl(*patch)
    assert kubectl("get", "applications").split() == [
        "NAME",
        "SYNC",
        "STATUS",
        "HEALTH",
        "STATUS",
        "payments-dev",
        "Synced",
        "Healthy",
    ]


def test_tables(kubectl: Kubectl) -> None:
    kubectl("apply", "-f", "-", stdin=WORKLOAD)
    head, row = kubectl("get", "deployments").splitlines()
    assert head.split() == ["NAME", "READY", "UP-TO-DATE", "AVAILABLE", "AGE"]
    assert row.split()[:2] == ["payments", "0/0"]
    assert kubectl("get", "services").splitlines()[1].split()[:2] == ["payments", "ClusterIP"]
    assert "registry.acme.test/integration/payments" in kubectl("get", "deployments", "-o", "wide")
    run = (
        "apiVersion: tekton.dev/v1\nkind: PipelineRun\nmetadata: {name: run, labels: {a: b}}\n"
        "spec: {pipelineRef: {name: p}}\n"
    )
    kubectl("create", "-f", "-", stdin=run)
    succeeded = {"type": "Succeeded", "status": "True", "reason": "Completed"}
    status = json.dumps({"status": {"startTime": "2026-01-01T00:00:00Z", "conditions": [succeeded]}})
    kubectl("patch", "pipelinerun", "run", "--subresource=status", "--type=merge", "-p", status)
    head, row = kubectl("get", "pipelineruns").splitlines()
    assert head.split() == ["NAME", "SUCCEEDED", "REASON", "STARTTIME", "COMPLETIONTIME"]
    assert row.split()[:3] == ["run", "True", "Completed"]
    assert kubectl("get", "pr", "-l", "a=b", "-o", "name") == "pipelinerun.tekton.dev/run\n"
    assert kubectl("get", "all", "-o", "name").split()[:2] == ["service/payments", "deployment.apps/payments"]
    described = kubectl("describe", "deployment", "payments")
    assert "StrategyType:           RollingUpdate" in described


def test_wait_and_watch(kubectl: Kubectl) -> None:
    kubectl("create", "configmap", "settings", "--from-literal=a=1")
    only = "--field-selector=metadata.name=settings"
    watching = subprocess.Popen(
        kubectl.command("get", "configmap", "-w", "--no-headers", "--output-watch-events", only),
        env=kubectl.environment,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert watching.stdout is not None
    try:
        assert watching.stdout.readline().split()[:2] == ["ADDED", "settings"]
        kubectl("label", "configmap", "settings", "a=b")
        assert watching.stdout.readline().split()[:2] == ["MODIFIED", "settings"]
        kubectl("delete", "configmap", "settings", "--wait=true")
        assert watching.stdout.readline().split()[:2] == ["DELETED", "settings"]
    finally:
        watching.terminate()
        watching.wait(10)
        watching.stdout.close()
    kubectl("apply", "-f", "-", stdin=WORKLOAD)
    assert "condition met" in kubectl("wait", "deployment/payments", "--for=condition=Available", "--timeout=20s")
    assert "successfully rolled out" in kubectl("rollout", "status", "deployment/payments", "--timeout=20s")
    assert "REVISION" in kubectl("rollout", "history", "deployment/payments")


def test_permissions_can_be_asked_and_given(kubectl: Kubectl, dana: Kubectl) -> None:
    assert kubectl("auth", "can-i", "delete", "pods") == "yes\n"
    assert "Username    dana" in dana("auth", "whoami")
    assert _can(dana, "get", "configmaps") == "no"
    assert "is forbidden" in dana("get", "configmaps", fails=True)
    kubectl("create", "role", "reader", "--verb=get,list", "--resource=configmaps")
    kubectl("create", "rolebinding", "dana-reads", "--role=reader", "--user=dana")
    assert _can(dana, "get", "configmaps") == "yes"
    assert _can(dana, "delete", "configmaps") == "no"
    assert "kube-root-ca.crt" in dana("get", "configmaps")
    assert "configmaps" in dana("auth", "can-i", "--list")
    assert 'User "dana" cannot create resource' in dana("create", "configmap", "x", fails=True)
    assert _can(kubectl, "get", "configmaps", "--as=dana") == "yes"
    assert _can(kubectl, "delete", "configmaps", "--as=dana") == "no"
    assert 'cannot impersonate resource "users"' in dana("get", "configmaps", "--as=admin", fails=True)
    assert "auditors" in kubectl("auth", "whoami", "--as=dana", "--as-group=auditors", "--as-group=others")


def _can(kubectl: Kubectl, *question: str) -> str:
    """``kubectl auth can-i`` answers no with exit code 1."""
    done = subprocess.run(
        kubectl.command("auth", "can-i", *question),
        env=kubectl.environment,
        capture_output=True,
        text=True,
        check=False,
    )
    return done.stdout.strip() or "no"


def test_a_service_account_token_works(kubectl: Kubectl) -> None:
    kubectl("create", "serviceaccount", "builder")
    kubectl("create", "rolebinding", "builder", "--clusterrole=view", f"--serviceaccount={kubectl.namespace}:builder")
    token = kubectl("create", "token", "builder", "--duration=10m").strip()
    assert f"system:serviceaccount:{kubectl.namespace}:builder" in kubectl("--token", token, "auth", "whoami")
    assert "kube-root-ca.crt" in kubectl("--token", token, "get", "configmaps")
    assert "is forbidden" in kubectl("--token", token, "get", "secrets", fails=True)


def test_created_objects_of_typed_commands(kubectl: Kubectl) -> None:
    kubectl("create", "secret", "generic", "credentials", "--from-literal=password=s3cret")
    kubectl("create", "deployment", "web", "--image=registry.acme.test/web:1", "--replicas=0", "--port=80")
    kubectl("create", "service", "clusterip", "web", "--tcp=80:8080")
    kubectl("create", "job", "once", "--image=registry.acme.test/web:1")
    secret = kubectl.json("get", "secret", "credentials")
    assert (secret["type"], secret["data"]) == ("Opaque", {"password": "czNjcmV0"})
    deployment = kubectl.json("get", "deployment", "web")
    assert deployment["spec"]["replicas"] == 0
    assert deployment["spec"]["template"]["spec"]["containers"][0]["ports"] == [
        {"containerPort": 80, "protocol": "TCP"}
    ]
    assert kubectl.json("get", "service", "web")["spec"]["ports"][0]["targetPort"] == 8080
    assert kubectl.json("get", "job", "once")["spec"]["template"]["spec"]["restartPolicy"] == "Never"


def test_definitions_and_explain(kubectl: Kubectl) -> None:
    definition = """\
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata:
  name: topics.acme.test
spec:
  group: acme.test
  scope: Namespaced
  names: {plural: topics, kind: Topic}
  versions:
    - name: v1
      served: true
      storage: true
      schema:
        openAPIV3Schema:
          type: object
          properties:
            spec:
              type: object
              properties:
                partitions: {type: integer, minimum: 1}
"""
    kubectl("apply", "-f", "-", stdin=definition)
    assert "condition met" in kubectl("wait", "--for=condition=Established", "crd/topics.acme.test")
    topic = "apiVersion: acme.test/v1\nkind: Topic\nmetadata:\n  name: orders\nspec:\n  partitions: 0\n"
    assert "spec.partitions" in kubectl("apply", "-f", "-", stdin=topic, fails=True)
    kubectl("apply", "-f", "-", stdin=topic.replace("0", "3"))
    assert "partitions\t<integer>" in kubectl("explain", "topics.spec")
    assert "strategy\t<Object>" in kubectl("explain", "deployment.spec")
    assert "deleted" in kubectl("delete", "crd", "topics.acme.test")


def test_a_namespace_is_deleted_with_its_content(kubectl: Kubectl) -> None:
    kubectl("apply", "-f", "-", stdin=WORKLOAD)
    assert "deleted" in kubectl("delete", "namespace", kubectl.namespace, "--timeout=20s")
    assert "NotFound" in kubectl("get", "namespace", kubectl.namespace, fails=True)


def test_dry_runs_leave_nothing(kubectl: Kubectl) -> None:
    assert "created (server dry run)" in kubectl("apply", "--dry-run=server", "-f", "-", stdin=CONFIG_MAP)
    assert "NotFound" in kubectl("get", "configmap", "settings", fails=True)


def test_an_edit_loses_against_a_newer_version(kubectl: Kubectl) -> None:
    kubectl("apply", "-f", "-", stdin=CONFIG_MAP)
    old = kubectl("get", "configmap", "settings", "-o", "yaml")
    kubectl("label", "configmap", "settings", "a=b")
    said = kubectl("replace", "-f", "-", stdin=old, fails=True)
    assert "the object has been modified; please apply your changes to the latest version" in said
