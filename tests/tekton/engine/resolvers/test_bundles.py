"""The bundles resolver: registries and image layouts, entries, limits, digests, credentials."""

from __future__ import annotations

import base64
import gzip
import io
import json
import tarfile
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from interlock.errors import InputError, IntegrityError, NotFoundError
from interlock.formats.oci import Content, Descriptor, ImageManifest, Index, layout, media
from interlock.formats.oci.digest import sha256
from interlock.formats.oci.image import content
from interlock.formats.oci.manifest import EMPTY, parse_manifest
from interlock.tekton.spec.resolution import RefSource, Resolved

Get = Callable[..., Resolved]


def packed(text: str) -> bytes:
    """A layer as `tkn bundle push` writes it: a tar of one file."""
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w:gz") as archive:
        member = tarfile.TarInfo("greet")
        member.size = len(text.encode())
        archive.addfile(member, io.BytesIO(text.encode()))
    return stream.getvalue()


def bundle(*entries: tuple[str, str, bytes], drop: str = "") -> Content:
    """An image of (kind, name, layer); the annotation ``drop`` is left out."""
    layers, blobs = [], {EMPTY.digest: b"{}"}
    for kind, name, data in entries:
        annotations = {
            "dev.tekton.image.kind": kind,
            "dev.tekton.image.name": name,
            "dev.tekton.image.apiVersion": "v1",
        }
        annotations.pop(drop, None)
        layers.append(Descriptor(media.LAYER_GZIP, sha256(data), len(data), annotations=annotations))
        blobs[sha256(data)] = data
    return content(ImageManifest(config=EMPTY, layers=tuple(layers)), blobs)


def store(folder: Path, tag: str, image: Content) -> None:
    for name, data in layout.files({tag: image}).items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)


def serve(world: Any, repository: str, tag: str, image: Content) -> None:
    headers = {"Content_Type": image.descriptor.media_type, "Docker_Content_Digest": image.descriptor.digest}
    for reference in (tag, image.descriptor.digest):
        world.server.put(f"/v2/{repository}/manifests/{reference}", image.manifest, **headers)
    for digest, data in image.blobs.items():
        world.server.put(f"/v2/{repository}/blobs/{digest}", data)


@pytest.fixture
def image(task_text: str) -> Content:
    pipeline = b"apiVersion: tekton.dev/v1\nkind: Pipeline\nmetadata: {name: greet}\nspec: {tasks: []}\n"
    return bundle(("task", "greet", packed(task_text)), ("pipeline", "greet", pipeline))


def test_an_entry_of_an_image_layout(world: Any, get: Get, image: Content) -> None:
    store(world.folder / "layout", "v1", image)
    resolvers = world.resolvers(mirrors={"quay.io/team/greet": str(world.folder / "layout")})
    found = get(resolvers, "bundles", bundle="quay.io/team/greet:v1", name="greet")
    digest = image.descriptor.digest.removeprefix("sha256:")
    assert found.object["kind"] == "Task"
    assert found.source == RefSource("quay.io/team/greet", {"sha256": digest}, "greet")
    pipeline = get(
        resolvers, "bundles", as_kind="Pipeline", kind="Pipeline", bundle="quay.io/team/greet:v1", name="greet"
    )
    assert pipeline.object["kind"] == "Pipeline", "a layer that is no tar is the object itself"


def test_an_entry_of_an_image_in_a_registry(world: Any, get: Get, image: Content) -> None:
    serve(world, "team/greet", "latest", image)
    host = world.server.url.removeprefix("http://")
    found = get(world.resolvers(), "bundles", bundle=f"{host}/team/greet", name="greet")
    assert found.source is not None and found.source.uri == f"{host}/team/greet"
    mirrored = world.resolvers(mirrors={"quay.io": world.server.url}, data="other")
    found = get(mirrored, "bundles", bundle=f"quay.io/team/greet@{image.descriptor.digest}", name="greet")
    assert found.source is not None and found.source.uri == "quay.io/team/greet"
    before = len(world.server.asked)
    get(mirrored, "bundles", bundle=f"quay.io/team/greet@{image.descriptor.digest}", name="greet")
    assert len(world.server.asked) == before, "what a digest names is not asked for again"


def test_docker_hub_is_the_default_registry(world: Any, get: Get, image: Content) -> None:
    serve(world, "library/greet", "latest", image)
    resolvers = world.resolvers(mirrors={"index.docker.io": world.server.url})
    found = get(resolvers, "bundles", bundle="greet", name="greet")
    assert found.source is not None and found.source.uri == "index.docker.io/library/greet"


def test_of_an_index_the_image_for_linux_amd64(world: Any, get: Get, image: Content) -> None:
    serve(world, "team/greet", "one", image)
    here = replace(image.descriptor, platform={"os": "linux", "architecture": "amd64"})
    other = replace(image.descriptor, digest="sha256:" + "0" * 64, platform={"os": "linux", "architecture": "arm64"})
    data = Index((other, here)).to_bytes()
    world.server.put("/v2/team/greet/manifests/latest", data, Content_Type=media.INDEX)
    host = world.server.url.removeprefix("http://")
    found = get(world.resolvers(), "bundles", bundle=f"{host}/team/greet", name="greet")
    assert found.source is not None
    assert found.source.digest == {"sha256": image.descriptor.digest.removeprefix("sha256:")}


def test_altered_content_is_noticed(world: Any, get: Get, image: Content) -> None:
    serve(world, "team/greet", "latest", image)
    layer = next(digest for digest in image.blobs if digest != EMPTY.digest)
    world.server.put(f"/v2/team/greet/blobs/{layer}", b"other")
    host = world.server.url.removeprefix("http://")
    with pytest.raises(IntegrityError):
        get(world.resolvers(), "bundles", bundle=f"{host}/team/greet", name="greet")


def test_credentials_of_the_named_secret(world: Any, get: Get, image: Content) -> None:
    serve(world, "team/greet", "latest", image)
    host = world.server.url.removeprefix("http://")
    auth = base64.b64encode(b"robot:s3cret").decode()
    world.secret("pull", _dockerconfigjson=json.dumps({"auths": {host: {"auth": auth}}}))
    get(world.resolvers(), "bundles", bundle=f"{host}/team/greet", name="greet", secret="pull")
    assert {authorization for _, authorization in world.server.asked} == {f"Basic {auth}"}
    with pytest.raises(InputError, match='secrets "none" not found'):
        get(world.resolvers(), "bundles", bundle=f"{host}/team/greet", name="greet", secret="none")


def test_a_layout_is_verified_and_not_read_as_a_whole(world: Any, get: Get, image: Content) -> None:
    store(world.folder / "layout", "v1", image)
    task, pipeline = (item.digest for item in parse_manifest(image.manifest).layers)
    (world.folder / "layout/blobs" / pipeline.replace(":", "/")).unlink()
    resolvers = world.resolvers(mirrors={"quay.io/team/greet": str(world.folder / "layout")})
    get(resolvers, "bundles", bundle="quay.io/team/greet:v1", name="greet")
    (world.folder / "layout/blobs" / task.replace(":", "/")).write_bytes(b"other")
    with pytest.raises(IntegrityError):
        get(resolvers, "bundles", bundle="quay.io/team/greet:v1", name="greet")
    with pytest.raises(NotFoundError, match="MANIFEST_UNKNOWN"):
        get(resolvers, "bundles", bundle="quay.io/team/greet:v2", name="greet")


def test_a_layer_that_unpacks_to_too_much(world: Any, get: Get) -> None:
    bomb = gzip.compress(b"\0" * (9 * 1024 * 1024))
    store(world.folder / "layout", "latest", bundle(("task", "greet", bomb)))
    resolvers = world.resolvers(mirrors={"quay.io/team/greet": str(world.folder / "layout")})
    with pytest.raises(InputError, match="failed to read image layer: more than 8388608 bytes"):
        get(resolvers, "bundles", bundle="quay.io/team/greet", name="greet")


@pytest.mark.parametrize(
    ("entries", "drop", "message"),
    [
        ([("task", "other")], "", "could not find object in image with kind: task and name: greet"),
        ([("task", "greet")] * 21, "", "contained more than the maximum 20 allow objects"),
        ([("Task", "greet")], "", "must be lowercased and singular, found Task"),
        ([("tasks", "greet")], "", "must be lowercased and singular, found tasks"),
        (
            [("task", "greet")],
            "dev.tekton.image.name",
            "the layer 0 does not contain a dev.tekton.image.name annotation",
        ),
    ],
)
def test_what_is_no_bundle(
    world: Any, get: Get, task_text: str, entries: Sequence[tuple[str, str]], drop: str, message: str
) -> None:
    store(world.folder / "layout", "latest", bundle(*[(*entry, packed(task_text)) for entry in entries], drop=drop))
    resolvers = world.resolvers(mirrors={"quay.io/team/greet": str(world.folder / "layout")})
    with pytest.raises(InputError) as caught:
        get(resolvers, "bundles", bundle="quay.io/team/greet", name="greet")
    assert caught.value.message.endswith(message)
    assert 'error getting "bundleresolver" "default/bundles-' in caught.value.message


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({}, 'parameter "bundle" required'),
        ({"bundle": "quay.io/team/greet"}, 'parameter "name" required'),
        ({"bundle": "quay.io/TEAM", "name": "x"}, "invalid bundle reference"),
    ],
)
def test_params(world: Any, get: Get, values: dict[str, str], message: str) -> None:
    with pytest.raises(InputError, match=message):
        get(world.resolvers(), "bundles", **values)


def test_an_image_that_is_not_there(world: Any, get: Get) -> None:
    host = world.server.url.removeprefix("http://")
    with pytest.raises(NotFoundError, match=r"cannot retrieve the oci image: .*MANIFEST_UNKNOWN"):
        get(world.resolvers(), "bundles", bundle=f"{host}/team/greet", name="greet")
