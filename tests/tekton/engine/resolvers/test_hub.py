"""The hub resolver: versions and constraints, hubs in order, mirrors and catalogs in folders."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from typing import Any

import pytest

from interlock.errors import InputError, RefusedError
from interlock.tekton.spec.resolution import RefSource, Resolved

Get = Callable[..., Resolved]
PACKAGE = "/api/v1/packages/tekton-task/tekton-catalog-tasks/greet"
HUB = "https://artifacthub.io"


def publish(world: Any, text: str, *versions: str, base: str = "") -> None:
    listed = [{"version": version, "prerelease": "-" in version} for version in versions]
    world.server.put(f"{base}{PACKAGE}", {"available_versions": listed})
    for version in versions:
        manifest = text.replace("greet", f"greet-{version.replace('.', '-')}")
        world.server.put(f"{base}{PACKAGE}/{version}", {"data": {"manifestRaw": manifest}})


def mirrored(world: Any, **config: Any) -> Any:
    return world.resolvers(mirrors={HUB: world.server.url}, **config)


@pytest.mark.parametrize(
    ("wanted", "chosen"),
    [
        ("0.9.0", "0.9.0"),
        ("0.9", "0.9.0"),
        (">= 0.5, < 0.9", "0.6.1"),
        ("~> 0.6.0", "0.6.1"),
        ("~> 0.5", "0.10.0"),
        ("!= 0.10.0", "0.9.0"),
        (">0.1", "0.10.0"),
    ],
)
def test_a_version_or_the_newest_that_fits(world: Any, get: Get, task_text: str, wanted: str, chosen: str) -> None:
    publish(world, task_text, "0.5.0", "0.6.0", "0.6.1", "0.9.0", "0.10.0", "1.0.0-beta")
    found = get(mirrored(world), "hub", name="greet", version=wanted)
    text = task_text.replace("greet", f"greet-{chosen.replace('.', '-')}")
    url = f"{HUB}{PACKAGE}/{chosen}"
    assert found.object["metadata"]["name"] == f"greet-{chosen.replace('.', '-')}"
    assert found.source == RefSource(url, {"sha256": hashlib.sha256(text.encode()).hexdigest()})


def test_nothing_fits(world: Any, get: Get, task_text: str) -> None:
    publish(world, task_text, "0.5.0")
    with pytest.raises(InputError, match="no version found for constraint > 1"):
        get(mirrored(world), "hub", name="greet", version="> 1")
    with pytest.raises(InputError) as caught:
        get(mirrored(world), "hub", name="other", version="0.1")
    assert caught.value.message.endswith(
        "fail to fetch Artifact Hub resource: requested resource "
        f"'{HUB}/api/v1/packages/tekton-task/tekton-catalog-tasks/other' not found on hub"
    )


def test_hubs_are_asked_in_order(world: Any, get: Get, task_text: str) -> None:
    publish(world, task_text, "0.5.0", base="/second")
    urls = json.dumps([f"{world.server.url}/first", f"{world.server.url}/second"])
    resolvers = world.resolvers(config_maps={"hubresolver-config": {"artifact-hub-urls": urls}})
    found = get(resolvers, "hub", name="greet", version="0.5")
    assert found.source is not None and found.source.uri == f"{world.server.url}/second{PACKAGE}/0.5.0"
    with pytest.raises(InputError, match="failed to fetch resource from any configured hub URL"):
        get(resolvers, "hub", name="none", version="0.5")


def test_a_catalog_in_a_folder(world: Any, get: Get, task_text: str) -> None:
    for version in ("0.1", "0.2", "0.10"):
        folder = world.folder / f"catalog/task/greet/{version}"
        folder.mkdir(parents=True)
        (folder / "greet.yaml").write_text(task_text.replace("greet", f"greet-{version.replace('.', '-')}"))
    resolvers = world.resolvers(mirrors={HUB: str(world.folder / "catalog")})
    assert get(resolvers, "hub", name="greet", version="0.2").object["metadata"]["name"] == "greet-0-2"
    assert get(resolvers, "hub", name="greet", version="> 0.1").object["metadata"]["name"] == "greet-0-10"
    with pytest.raises(InputError, match=r"no version found for constraint 0\.3"):
        get(resolvers, "hub", name="greet", version="0.3")


def test_the_api_in_a_folder(world: Any, get: Get, task_text: str) -> None:
    folder = world.folder / f"hub{PACKAGE}"
    folder.mkdir(parents=True)
    folder.with_name("greet.json").write_text(json.dumps({"available_versions": [{"version": "0.5.0"}]}))
    (folder / "0.5.0").write_text(json.dumps({"data": {"manifestRaw": task_text}}))
    resolvers = world.resolvers(mirrors={HUB: str(world.folder / "hub")})
    assert get(resolvers, "hub", name="greet", version="0.5").object["metadata"]["name"] == "greet"


def test_without_mirror(world: Any, get: Get) -> None:
    with pytest.raises(RefusedError, match=r"no mirror is configured for https://artifacthub\.io"):
        get(world.resolvers(), "hub", name="greet", version="0.5")


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({}, "failed to validate params: missing required hub resolver params: name, version"),
        ({"name": "x", "version": "1", "kind": "pod"}, "failed to populate default params: failed to resolve catalog"),
        (
            {"name": "x", "version": "1", "kind": "pod", "catalog": "c"},
            "failed to validate params: kind param must be one of: task, pipeline, stepaction",
        ),
        ({"name": "x", "version": "1", "type": "other", "catalog": "c"}, "type param must be artifact or tekton"),
        ({"name": "../../secret", "version": "1"}, "name param is not a name"),
        ({"name": "..", "version": "1"}, "name param is not a name"),
    ],
)
def test_refusals(world: Any, get: Get, values: dict[str, str], message: str) -> None:
    with pytest.raises(InputError) as caught:
        get(mirrored(world), "hub", **values)
    assert message in caught.value.message
    assert world.server.asked == []
