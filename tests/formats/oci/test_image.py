from __future__ import annotations

import gzip
import hashlib
import io
import json
import tarfile
from datetime import UTC, datetime, timedelta, timezone

import pytest

from interlock.errors import InputError, IntegrityError
from interlock.formats.oci import Content, File, check_digest, image, layout, manifest, media

CREATED = datetime(2026, 5, 4, 12, 0, tzinfo=UTC)


def build(created: datetime = CREATED, **options: object) -> Content:
    layers = [image.layer([File("app/flow.bar", b"bar"), File("bin/run", b"#!/bin/sh\n", 0o755)])]
    return image.build(layers, created=created, config={"Labels": {"a": "b"}}, **options)  # type: ignore[arg-type]


def test_the_same_input_gives_the_same_digest() -> None:
    assert build().descriptor == build(CREATED.astimezone(timezone(timedelta(hours=2)))).descriptor
    turned = image.layer([File("bin/run", b"#!/bin/sh\n", 0o755), File("app/flow.bar", b"bar")])
    assert turned.descriptor.digest in build().blobs


def test_an_image_holds_what_its_manifest_says() -> None:
    content = build(annotations={media.REVISION: "abc"}, comment="not runnable")
    found = manifest.parse_manifest(content.manifest)
    assert found.annotations == {media.REVISION: "abc"}
    for item in (found.config, *found.layers):
        assert len(check_digest(content.blobs[item.digest], item.digest)) == item.size
    config = json.loads(content.blobs[found.config.digest])
    tar = gzip.decompress(content.blobs[found.layers[0].digest])
    assert config["rootfs"]["diff_ids"] == ["sha256:" + hashlib.sha256(tar).hexdigest()]
    assert config["created"] == "2026-05-04T12:00:00Z"
    assert config["history"][0]["comment"] == "not runnable"


def test_a_layer_is_a_plain_tar_of_root_files() -> None:
    data = image.layer([File("app/flow.bar", b"bar"), File("bin/run", b"x", 0o755)]).data
    with tarfile.open(fileobj=io.BytesIO(data), mode="r:gz") as archive:
        members = {item.name: item for item in archive}
    assert list(members) == ["app", "app/flow.bar", "bin", "bin/run"]
    assert members["app"].isdir()
    assert members["bin/run"].mode == 0o755
    assert {(item.uid, item.gid, item.uname, item.mtime) for item in members.values()} == {(0, 0, "", 0)}


@pytest.mark.parametrize("path", ["/etc/passwd", "../x", "a/../../x", "a//b", "", "a/", ".", "a\0b"])
def test_a_path_outside_of_the_image_is_refused(path: str) -> None:
    with pytest.raises(InputError) as caught:
        image.layer([File(path, b"")])
    assert caught.value.code == "layer-path"


@pytest.mark.parametrize("paths", [("a", "a"), ("a", "a/b")])
def test_two_things_at_one_path_are_refused(paths: tuple[str, str]) -> None:
    with pytest.raises(InputError) as caught:
        image.layer([File(path, b"") for path in paths])
    assert caught.value.code == "layer-path"


def test_a_layer_is_read_back() -> None:
    files = [File("app/flow.bar", b"bar"), File("bin/run", b"x", 0o755)]
    data = image.layer(files).data
    assert list(image.read_layer(data)) == files
    assert list(image.read_layer(gzip.decompress(data))) == files


def test_a_layer_of_several_gzip_members_is_read() -> None:
    tar = gzip.decompress(image.layer([File("a", b"1" * 5000)]).data)
    parts = gzip.compress(tar[:700]) + gzip.compress(tar[700:])
    assert [item.path for item in image.read_layer(parts)] == ["a"]


def test_a_layer_bomb_is_refused_before_it_is_unpacked() -> None:
    bomb = gzip.compress(bytes(20_000_000))
    with pytest.raises(InputError) as caught:
        list(image.read_layer(bomb, max_bytes=1_000_000))
    assert caught.value.code == "layer-too-large"


def test_too_many_files_are_refused() -> None:
    data = image.layer([File(f"f{number}", b"") for number in range(20)]).data
    with pytest.raises(InputError) as caught:
        list(image.read_layer(data, max_files=10))
    assert caught.value.code == "layer-too-large"


@pytest.mark.parametrize(
    "spoil", [lambda d: d[:-20], lambda d: d[:10] + b"\xff" + d[11:], lambda d: b"not a tar" * 100]
)
def test_a_damaged_layer_is_refused(spoil: object) -> None:
    data = spoil(image.layer([File("a", bytes(range(256)) * 50)]).data)  # type: ignore[operator]
    with pytest.raises(InputError) as caught:
        list(image.read_layer(data))
    assert caught.value.code == "layer-invalid"


def test_a_hostile_path_in_a_layer_is_refused() -> None:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        archive.addfile(tarfile.TarInfo("../../etc/passwd"))
    with pytest.raises(InputError) as caught:
        list(image.read_layer(buffer.getvalue()))
    assert caught.value.code == "layer-path"


def test_an_artifact_refers_to_its_subject() -> None:
    subject = build().descriptor
    content = image.artifact("application/vnd.cyclonedx+json", b"{...}", subject=subject)
    found = manifest.parse_manifest(content.manifest)
    assert found.subject is not None
    assert (found.subject.digest, found.subject.size) == (subject.digest, subject.size)
    assert found.config == manifest.EMPTY
    assert found.type == "application/vnd.cyclonedx+json"
    assert content.blobs == {found.config.digest: b"{}", found.layers[0].digest: b"{...}"}


def test_a_layout_is_written_and_read_back() -> None:
    one = build()
    referrer = image.artifact("application/vnd.cyclonedx+json", b"{}x", subject=one.descriptor)
    files = layout.files({"main-1": one, "@sbom": referrer})
    assert {"oci-layout", "index.json"} < files.keys()
    found = layout.read(files.__getitem__)
    assert found["main-1"].manifest == one.manifest
    assert found["main-1"].blobs == one.blobs
    assert found["@" + referrer.descriptor.digest].manifest == referrer.manifest


def test_an_altered_layout_is_refused() -> None:
    files = layout.files({"main-1": build()})
    path = next(name for name in files if name.startswith("blobs/"))
    with pytest.raises(IntegrityError):
        layout.read({**files, path: files[path] + b" "}.__getitem__)
    with pytest.raises(InputError) as caught:
        layout.read({**files, "oci-layout": b'{"imageLayoutVersion":"2"}'}.__getitem__)
    assert caught.value.code == "layout-invalid"
