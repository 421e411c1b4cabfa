"""The seed's Application runs unchanged, against the real forge and clusters; only names are mapped."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import uvicorn

from interlock.clients.forge import ForgeClient
from interlock.clients.git import Repository
from interlock.formats import yaml
from interlock.local import forge

if TYPE_CHECKING:
    from .conftest import RunningCluster, World

SEED = Path(__file__).parents[4] / "shared" / "seed" / "application-payments-prod.yaml"
DIGEST = "sha256:" + "a" * 64
CHART = {
    "apiVersion": "v2",
    "name": "payments",
    "version": "0.1.0",
    "dependencies": [{"name": "service", "version": "1.2.0", "repository": "file://../../charts/service/1.2.0"}],
}

pytestmark = pytest.mark.skipif(not SEED.is_file(), reason=f"the seed is not here: {SEED}")


@pytest.fixture
def served(tmp_path: Path) -> Iterator[tuple[str, ForgeClient]]:
    """A forge with the organisation acme and an empty repository env-prod, and its administrator."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    url = f"http://127.0.0.1:{port}"
    config = forge.Config.model_validate(
        {"port": port, "data": tmp_path / "forge", "root_url": url, "admin_token_file": tmp_path / "admin.token"}
    )
    server = uvicorn.Server(
        uvicorn.Config(forge.create_app(config), host="127.0.0.1", port=port, log_config=None, access_log=False)
    )
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        thread.join(0.01)
    with ForgeClient(url, (tmp_path / "admin.token").read_text().strip()) as admin:
        admin.create_org("acme")
        admin.create_repository("acme", "env-prod")
        yield url, admin
    server.should_exit = True
    thread.join(10)


def push(url: str, token: str, folder: Path, files: dict[str, bytes | None]) -> str:
    clone = Repository.clone_mirror(f"{url}/acme/env-prod.git", folder / "work.git", lambda: token)
    tip = clone.refs().get("refs/heads/main")
    tree = clone.write_tree(files, tip)
    commit = clone.commit_tree(tree, [tip] if tip else [], "Deliver payments", author=("Dana", "dana@acme.test"))
    clone.push(f"{commit}:refs/heads/main")
    return commit


def values(tag: str) -> bytes:
    image = {"repository": "registry.acme.test/integration/payments", "tag": tag, "digest": DIGEST}
    return yaml.dump({"image": image, "replicas": 2}).encode()


def test_the_seed_application_runs_unchanged(
    served: tuple[str, ForgeClient], world: World, clusters: dict[str, RunningCluster], tmp_path: Path
) -> None:
    url, admin = served
    admin.create_user("argocd", email="argocd@acme.test", password="correct horse battery")
    admin.add_collaborator("acme", "env-prod", "argocd", permission="read")
    with ForgeClient(url) as own:
        reader = own.create_token("argocd", "correct horse battery", name="engine", scopes=["read:repository"])
    token, secret = tmp_path / "token", tmp_path / "secret"
    token.write_text(reader)
    secret.write_text("webhook-secret-0123456789")

    root = Path(str(resources.files("interlock.platform.catalog"))) / "charts" / "service" / "1.2.0"
    files: dict[str, bytes | None] = {
        f"charts/service/1.2.0/{path.relative_to(root)}": path.read_bytes()
        for path in root.rglob("*")
        if path.is_file()
    }
    files |= {
        "apps/payments/Chart.yaml": yaml.dump(CHART).encode(),
        "apps/payments/templates/service.yaml": b'{{ include "service.all" . }}\n',
        "apps/payments/values.yaml": b"owner: payments\nshape: ace-flow\n",
        "apps/payments/values.prod.yaml": values("main-0123456789ab"),
    }
    admin_token = (tmp_path / "admin.token").read_text().strip()
    first = push(url, admin_token, tmp_path, files)

    seed = yaml.load(SEED.read_bytes(), file=str(SEED)).value
    namespace = seed["metadata"]["namespace"]
    hub = clusters["hub"].client
    hub.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}})
    hub.apply(
        {
            "apiVersion": "argoproj.io/v1alpha1",
            "kind": "AppProject",
            "metadata": {"name": seed["spec"]["project"], "namespace": namespace},
            "spec": {
                "sourceRepos": ["https://git/acme/env-prod"],
                "destinations": [{"server": "https://prod-cluster", "namespace": "payments"}],
                "clusterResourceWhitelist": [{"group": "", "kind": "Namespace"}],
            },
        },
        field_manager="test",
    )
    engine = world.start(
        namespace=namespace,
        names={"https://git": url},
        token=token,
        webhook_secret=secret,
        resync_ms=600_000,
    )
    admin.create_hook(
        "acme",
        "env-prod",
        url=f"http://127.0.0.1:{engine.port}/api/webhook",
        secret=secret.read_text(),
        events=["push"],
    )
    hub.create(seed)

    def status() -> dict[str, Any]:
        return hub.get("argoproj.io/v1alpha1", "Application", "payments-prod", namespace).get("status") or {}

    def synced(commit: str) -> dict[str, Any]:
        reached: dict[str, Any] = world.until(
            status,
            lambda found: (
                (found.get("sync") or {}).get("status") == "Synced"
                and found["sync"]["revision"] == commit
                and (found.get("operationState") or {}).get("phase") == "Succeeded"
            ),
        )
        return reached

    found = synced(first)
    assert found["sourceType"] == "Helm"
    prod = clusters["prod"].client
    live = prod.get("apps/v1", "Deployment", "payments", "payments")
    image = live["spec"]["template"]["spec"]["containers"][0]["image"]
    assert image == f"registry.acme.test/integration/payments:main-0123456789ab@{DIGEST}"
    assert found["summary"]["images"] == [image]
    assert live["spec"]["replicas"] == 2

    # The forge's own webhook wakes the engine; nothing else would for ten minutes.
    second = push(url, admin_token, tmp_path, {"apps/payments/values.prod.yaml": values("main-ba9876543210")})
    found = synced(second)
    assert [row["revision"] for row in found["history"]] == [first, second]

    # selfHeal: a change by hand goes back to what the commit says.
    prod.patch("apps/v1", "Deployment", "payments", {"spec": {"replicas": 5}}, namespace="payments")
    world.until(
        lambda: prod.get("apps/v1", "Deployment", "payments", "payments")["spec"]["replicas"], lambda count: count == 2
    )

    # prune: false: what leaves git stays.
    push(url, admin_token, tmp_path, {"apps/payments/templates/service.yaml": b'{{ include "service.account" . }}\n'})
    world.until(status, lambda now: any(item.get("requiresPruning") for item in now["resources"]), "to be pruned")
    assert prod.get("apps/v1", "Deployment", "payments", "payments")["metadata"]["uid"] == live["metadata"]["uid"]
