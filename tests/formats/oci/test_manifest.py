from __future__ import annotations

import json
from typing import Any

import pytest

from interlock.errors import InputError, IntegrityError
from interlock.formats.oci import Descriptor, ImageManifest, Index, check_digest, manifest, media, sha256

DIGEST = "sha256:" + "a" * 64
CONFIG: dict[str, Any] = {"mediaType": media.CONFIG, "digest": DIGEST, "size": 2}
MINIMAL: dict[str, Any] = {"schemaVersion": 2, "mediaType": media.MANIFEST, "config": CONFIG, "layers": []}


def encode(**changes: Any) -> bytes:
    return json.dumps({key: value for key, value in {**MINIMAL, **changes}.items() if value != "absent"}).encode()


def test_a_manifest_is_read_and_written() -> None:
    found = ImageManifest(
        config=Descriptor(media.CONFIG, DIGEST, 2),
        layers=(
            Descriptor(media.LAYER_GZIP, DIGEST, 7, annotations={media.TITLE: "x"}, urls=("https://x.test",)),
            Descriptor(media.EMPTY, sha256(b"{}"), 2, data=b"{}"),
        ),
        artifact_type="application/vnd.acme",
        subject=Descriptor(media.MANIFEST, DIGEST, 9),
        annotations={"a": "ö"},
    )
    assert manifest.parse_manifest(found.to_bytes(), media.MANIFEST) == found
    assert found.type == "application/vnd.acme"


def test_without_artifact_type_the_configs_type_says_what_it_is() -> None:
    assert manifest.parse_manifest(encode()).type == media.CONFIG


def test_an_index_is_read_and_written() -> None:
    found = Index((Descriptor(media.MANIFEST, DIGEST, 9, platform={"os": "linux", "architecture": "amd64"}),))
    assert manifest.parse_index(found.to_bytes()) == found


def test_an_index_where_one_image_is_expected_is_refused_by_name() -> None:
    data = Index((Descriptor(media.MANIFEST, DIGEST, 9),)).to_bytes()
    with pytest.raises(InputError) as caught:
        manifest.parse_manifest(data)
    assert caught.value.code == "manifest-is-index"
    assert "1 manifests" in str(caught.value)
    assert caught.value.todo


def test_an_image_where_an_index_is_expected_is_refused() -> None:
    with pytest.raises(InputError) as caught:
        manifest.parse_index(encode())
    assert caught.value.code == "manifest-not-index"


def test_dockers_types_are_read_too() -> None:
    found = manifest.parse_manifest(encode(mediaType=media.DOCKER_MANIFEST), media.DOCKER_MANIFEST)
    assert found.media_type == media.DOCKER_MANIFEST


def test_unknown_fields_are_allowed_as_the_specification_demands() -> None:
    assert manifest.parse_manifest(encode(future="x")) == manifest.parse_manifest(encode())


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(b"", id="empty"),
        pytest.param(b"[]", id="no-object"),
        pytest.param(b"\xff\xfe", id="not-utf8"),
        pytest.param(b"[" * 100_000, id="deep"),
        pytest.param(b" " * (4 * 1024 * 1024 + 1), id="too-large"),
        pytest.param(b'{"schemaVersion":NaN}', id="nan"),
        pytest.param(encode(schemaVersion=1), id="schema-1"),
        pytest.param(encode(schemaVersion="2"), id="schema-text"),
        pytest.param(encode(manifests=[]), id="both-manifest-and-index"),
        pytest.param(encode(config="absent"), id="no-config"),
        pytest.param(encode(config=None), id="null-config"),
        pytest.param(encode(layers="absent"), id="no-layers"),
        pytest.param(encode(layers={}), id="layers-object"),
        pytest.param(encode(layers=[1]), id="layer-number"),
        pytest.param(encode(layers=[CONFIG] * 10_001), id="too-many-layers"),
        pytest.param(encode(config={**CONFIG, "size": -1}), id="negative-size"),
        pytest.param(encode(config={**CONFIG, "size": True}), id="size-true"),
        pytest.param(encode(config={**CONFIG, "size": 2.0}), id="size-float"),
        pytest.param(encode(config={**CONFIG, "mediaType": ""}), id="no-media-type"),
        pytest.param(encode(config={**CONFIG, "urls": [1]}), id="urls"),
        pytest.param(encode(config={**CONFIG, "data": "%"}), id="data"),
        pytest.param(encode(config={**CONFIG, "platform": []}), id="platform"),
        pytest.param(encode(annotations={"a": 1}), id="annotation-number"),
        pytest.param(encode(artifactType=1), id="artifact-type"),
        pytest.param(encode(Layers=[]), id="go-would-read-Layers"),
        pytest.param(encode(config={**CONFIG, "Digest": DIGEST}), id="go-would-read-Digest"),
        pytest.param(encode()[:-1] + b',"layers":[]}', id="key-twice"),
    ],
)
def test_a_malformed_manifest_is_refused(data: bytes) -> None:
    with pytest.raises(InputError) as caught:
        manifest.parse(data)
    assert caught.value.code == "manifest-invalid"


def test_a_descriptors_digest_must_be_one() -> None:
    with pytest.raises(InputError) as caught:
        manifest.parse(encode(config={**CONFIG, "digest": "sha256:../../etc"}))
    assert caught.value.code == "digest-invalid"


@pytest.mark.parametrize(
    ("data", "sent_as"),
    [
        (encode(), media.INDEX),
        (encode(mediaType="absent"), "text/html"),
        (encode(mediaType=media.INDEX), media.MANIFEST),
        (encode(mediaType="application/json"), None),
    ],
)
def test_a_manifest_that_is_not_what_it_was_sent_as_is_refused(data: bytes, sent_as: str | None) -> None:
    with pytest.raises(InputError) as caught:
        manifest.parse(data, sent_as)
    assert caught.value.code == "manifest-media-type"


@pytest.mark.parametrize("media_type", [{}, [], 1, True, None, ""])
def test_a_media_type_that_is_no_text_of_ours_is_refused(media_type: object) -> None:
    with pytest.raises(InputError) as caught:
        manifest.parse(encode(mediaType=media_type), "application/json")
    assert caught.value.code == "manifest-media-type"


def test_altered_bytes_do_not_pass_as_their_digest() -> None:
    assert check_digest(b"x", sha256(b"x")) == b"x"
    with pytest.raises(IntegrityError) as caught:
        check_digest(b"y", sha256(b"x"), where="blob")
    assert caught.value.code == "digest-mismatch"
