"""Every remote reference of upstream's visible examples resolves, from mirrors that stand for the public catalogs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from interlock.formats import yaml
from interlock.tekton.engine.resolvers import locking
from interlock.tekton.spec.resolution import lock, references

EXAMPLES = Path(__file__).parents[5] / "shared/conformance/tekton-examples"
pytestmark = pytest.mark.skipif(not EXAMPLES.is_dir(), reason=f"conformance data absent: {EXAMPLES}")

CATALOG = "https://github.com/tektoncd/catalog.git"
GIT = {"pathInRepo": "/task/git-clone/0.10/git-clone.yaml", "revision": "main", "url": CATALOG}
# Written from the files: resolver, params that name the content, kind and name of what they bring.
EXPECTED: dict[str, list[tuple[str, dict[str, str]]]] = {
    "pipelineruns/beta/git-resolver.yaml": [("git", GIT)],
    "pipelineruns/no-ci/git-resolver-custom-secret.yaml": [("git", GIT)],
    "pipelineruns/no-ci/git-resolver-custom-apiurl.yaml": [
        ("git", {**GIT, "serverURL": "https://github.my-company.com", "scmType": "github"})
    ],
    "pipelineruns/no-ci/hub-resolver.yaml": [
        ("hub", {"catalog": "Tekton", "kind": "pipeline", "name": "buildpacks", "version": "0.2"})
    ],
    "taskruns/beta/stepaction-git-resolver.yaml": [
        ("git", {"pathInRepo": "stepaction/git-clone/0.1/git-clone.yaml", "revision": "main", "url": CATALOG})
    ],
    "taskruns/beta/hub-resolver.yaml": [
        ("hub", {"name": "git-clone", "version": "0.10"}),
        ("hub", {"kind": "task", "name": "git-clone", "type": "artifact", "version": "0.10"}),
    ],
    "taskruns/beta/git-resolver.yaml": [("git", {**GIT, "pathInRepo": "task/git-clone/0.10/git-clone.yaml"})],
    "taskruns/no-ci/cluster-resolver.yaml": [],  # served by the cluster: not locked
}


def test_no_example_is_forgotten() -> None:
    paths = (path for path in EXAMPLES.rglob("*.yaml") if "resolver:" in path.read_text())
    assert {path.relative_to(EXAMPLES).as_posix() for path in paths} == set(EXPECTED)


@pytest.mark.parametrize("name", sorted(EXPECTED))
def test_references_resolve(world: Any, name: str) -> None:
    clone = {
        "apiVersion": "tekton.dev/v1",
        "kind": "Task",
        "metadata": {"name": "git-clone"},
        "spec": {"steps": [{"name": "clone", "image": "alpine", "script": "git clone"}]},
    }
    action = {**clone, "apiVersion": "tekton.dev/v1beta1", "kind": "StepAction", "spec": {"image": "alpine"}}
    pipeline = {**clone, "kind": "Pipeline", "metadata": {"name": "buildpacks"}, "spec": {"tasks": []}}
    files = {
        "task/git-clone/0.10/git-clone.yaml": yaml.dump(clone),
        "stepaction/git-clone/0.1/git-clone.yaml": yaml.dump(action),
        "pipeline/buildpacks/0.2/buildpacks.yaml": yaml.dump(pipeline),
    }
    world.repository().commit(files)
    world.secret("my-secret-token", token="t0ken")
    repository = str(world.folder / "repositories/catalog")
    resolvers = world.resolvers(mirrors={CATALOG: repository, "https://artifacthub.io": repository})
    walk = locking.Locking(resolvers, lock.Lock(), "default", "2026-01-01T00:00:00Z")
    for value in locking.documents((EXAMPLES / name).read_text(), name):
        walk.walk(value, name)
    assert [(key.resolver, dict(key.params)) for key in sorted(walk.lock().entries)] == sorted(
        EXPECTED[name], key=lambda item: (item[0], sorted(item[1].items()))
    )
    assert walk.open == []


def test_the_clusters_reference(world: Any) -> None:
    name = "taskruns/no-ci/cluster-resolver.yaml"
    (value,) = locking.documents((EXAMPLES / name).read_text(), name)
    (reference,) = references.of(value)
    task = {
        "apiVersion": "tekton.dev/v1",
        "kind": "Task",
        "metadata": {"name": "some-task", "namespace": "namespace-containing-task"},
        "spec": {"steps": [{"image": "alpine"}]},
    }
    world.client.create(task)
    found = world.resolvers().resolve(
        reference.resolver, reference.params, namespace="default", kind=reference.kind, owner=value["metadata"]["name"]
    )
    assert found.object["metadata"]["name"] == "some-task"
