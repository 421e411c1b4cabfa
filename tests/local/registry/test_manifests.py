"""Manifests, tags and referrers, as the distribution specification says it."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime

import httpx
import pytest

from interlock.clients.registry import RegistryClient
from interlock.formats.oci import Content, Descriptor, File, Index, image, manifest, media, sha256

CREATED = datetime(2026, 5, 4, tzinfo=UTC)
REPO = "integration/payments"


def build(text: str = "1") -> Content:
    return image.build([image.layer([File("a", text.encode())])], created=CREATED)


def push(http: httpx.Client, content: Content, tag: str | None = None, repo: str = REPO) -> None:
    with RegistryClient(str(http.base_url)) as client:
        client.push(repo, content, tag=tag)


def put(http: httpx.Client, reference: str, data: bytes, media_type: str = media.MANIFEST) -> httpx.Response:
    return http.put(f"/v2/{REPO}/manifests/{reference}", content=data, headers={"Content-Type": media_type})


def code(answer: httpx.Response) -> str:
    return str(answer.json()["errors"][0]["code"])


def test_a_manifest_is_there_under_its_tag_and_its_digest(http: httpx.Client) -> None:
    content = build()
    push(http, content, "main-1")
    for reference in ("main-1", content.descriptor.digest):
        answer = http.get(f"/v2/{REPO}/manifests/{reference}")
        assert answer.content == content.manifest
        assert answer.headers["Docker-Content-Digest"] == content.descriptor.digest
        assert answer.headers["Content-Type"] == media.MANIFEST
        head = http.head(f"/v2/{REPO}/manifests/{reference}")
        assert (head.status_code, head.headers["Content-Length"]) == (200, str(len(content.manifest)))


def test_what_is_not_there(http: httpx.Client) -> None:
    assert code(http.get("/v2/no/such/manifests/v1")) == "NAME_UNKNOWN"
    assert code(http.get("/v2/no/such/tags/list")) == "NAME_UNKNOWN"
    push(http, build())
    answer = http.get(f"/v2/{REPO}/manifests/v1")
    assert (answer.status_code, code(answer)) == (404, "MANIFEST_UNKNOWN")


def test_a_manifest_is_accepted_after_what_it_refers_to(http: httpx.Client) -> None:
    content = build()
    answer = put(http, "main-1", content.manifest)
    assert (answer.status_code, code(answer)) == (404, "MANIFEST_BLOB_UNKNOWN")
    assert next(iter(content.blobs)) in answer.text
    index = Index((content.descriptor,)).to_bytes()
    assert code(put(http, "multi", index, media.INDEX)) == "MANIFEST_BLOB_UNKNOWN"
    push(http, content)
    assert put(http, "multi", index, media.INDEX).status_code == 201
    assert http.get(f"/v2/{REPO}/manifests/multi").headers["Content-Type"] == media.INDEX


def test_a_foreign_layer_need_not_be_here(http: httpx.Client) -> None:
    push(http, build())
    config = manifest.parse_manifest(build().manifest).config
    foreign = Descriptor(media.LAYER_GZIP, "sha256:" + "f" * 64, 5, urls=("https://layers.test/x",))
    assert put(http, "v1", manifest.ImageManifest(config, (foreign,)).to_bytes()).status_code == 201


def test_a_manifest_under_another_digest_is_refused(http: httpx.Client) -> None:
    push(http, build())
    answer = put(http, "sha256:" + "0" * 64, build().manifest)
    assert (answer.status_code, code(answer)) == (400, "DIGEST_INVALID")


@pytest.mark.parametrize(
    ("data", "media_type"),
    [(b"{", media.MANIFEST), (b"{}", "text/plain"), (Index(()).to_bytes(), media.MANIFEST)],
)
def test_what_is_no_manifest_is_refused(data: bytes, media_type: str, http: httpx.Client) -> None:
    answer = put(http, "v1", data, media_type)
    assert (answer.status_code, code(answer)) == (400, "MANIFEST_INVALID")


def test_a_manifest_that_is_both_image_and_index_is_refused(http: httpx.Client) -> None:
    push(http, build())
    both = json.dumps({**json.loads(build().manifest), "manifests": []}).encode()
    assert code(put(http, "v1", both)) == "MANIFEST_INVALID"


def test_a_manifest_has_at_most_four_mebibytes(http: httpx.Client) -> None:
    content = build()
    push(http, content)
    padded = {**json.loads(content.manifest), "annotations": {"a": ""}}
    padded["annotations"]["a"] = "x" * (4 * 1024 * 1024 - len(json.dumps(padded)))
    assert put(http, "fits", json.dumps(padded).encode()).status_code == 201
    padded["annotations"]["a"] += "x"
    assert put(http, "large", json.dumps(padded).encode()).status_code == 413


def test_a_bad_tag_is_refused(http: httpx.Client) -> None:
    push(http, build())
    assert put(http, ".bad", build().manifest).status_code == 400
    assert put(http, "t" * 129, build().manifest).status_code == 400


def test_tags_are_listed_in_pages(http: httpx.Client) -> None:
    for tag in ("c", "a", "b", "B", "main-1"):
        push(http, build(), tag)
    assert http.get(f"/v2/{REPO}/tags/list").json() == {"name": REPO, "tags": ["B", "a", "b", "c", "main-1"]}
    page = http.get(f"/v2/{REPO}/tags/list", params={"n": 2})
    assert page.json()["tags"] == ["B", "a"]
    seen = list(page.json()["tags"])
    while "next" in page.links:
        page = http.get(page.links["next"]["url"])
        seen += page.json()["tags"]
    assert seen == ["B", "a", "b", "c", "main-1"]
    assert http.get(f"/v2/{REPO}/tags/list", params={"last": "b"}).json()["tags"] == ["c", "main-1"]
    assert http.get(f"/v2/{REPO}/tags/list", params={"n": 0}).json()["tags"] == []
    assert http.get(f"/v2/{REPO}/tags/list", params={"n": "x"}).status_code == 400


def test_a_tag_moves_unless_it_is_immutable(serve: Callable[..., httpx.Client]) -> None:
    http = serve(immutable_tags=["main-*"])
    for tag in ("main-1", "latest"):
        push(http, build("1"), tag)
    push(http, build("2"))
    assert put(http, "latest", build("2").manifest).status_code == 201
    answer = put(http, "main-1", build("2").manifest)
    assert (answer.status_code, code(answer)) == (403, "DENIED")
    assert build("1").descriptor.digest in answer.text
    assert put(http, "main-1", build("1").manifest).status_code == 201
    assert http.get(f"/v2/{REPO}/manifests/main-1").content == build("1").manifest


def test_referrers(http: httpx.Client) -> None:
    subject = build()
    path = f"/v2/{REPO}/referrers/{subject.descriptor.digest}"
    empty = http.get(path)
    assert (empty.status_code, empty.headers["Content-Type"]) == (200, media.INDEX)
    assert manifest.parse_index(empty.content).manifests == ()
    # A referrer may come before its subject.
    sbom = image.artifact(
        "application/vnd.cyclonedx+json", b"{}s", subject=subject.descriptor, annotations={"who": "sbom"}
    )
    scan = image.artifact("application/vnd.acme.scan+json", b"{}v", subject=subject.descriptor)
    plain = image.content(
        manifest.ImageManifest(manifest.parse_manifest(subject.manifest).config, (), subject=subject.descriptor),
        {},
    )
    push(http, sbom)
    push(http, scan)
    push(http, subject, "main-1")
    answer = put(http, plain.descriptor.digest, plain.manifest)
    assert answer.headers["OCI-Subject"] == subject.descriptor.digest
    found = {item.digest: item for item in manifest.parse_index(http.get(path).content).manifests}
    assert found.keys() == {item.descriptor.digest for item in (sbom, scan, plain)}
    entry = found[sbom.descriptor.digest]
    assert entry.artifact_type == "application/vnd.cyclonedx+json"
    assert entry.annotations == {"who": "sbom"}
    assert entry.size == len(sbom.manifest)
    assert found[plain.descriptor.digest].artifact_type == media.CONFIG
    filtered = http.get(path, params={"artifactType": "application/vnd.acme.scan+json"})
    assert filtered.headers["OCI-Filters-Applied"] == "artifactType"
    assert [item.digest for item in manifest.parse_index(filtered.content).manifests] == [scan.descriptor.digest]
    assert "OCI-Subject" not in put(http, "main-1", subject.manifest).headers


def test_many_referrers_come_in_pages(http: httpx.Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("interlock.local.registry.manifests.PAGE", 3)
    subject = build()
    push(http, subject)
    made = [image.artifact("application/vnd.acme", b"%d" % number, subject=subject.descriptor) for number in range(7)]
    for item in made:
        push(http, item)
    path = f"/v2/{REPO}/referrers/{subject.descriptor.digest}"
    assert len(manifest.parse_index(http.get(path).content).manifests) == 3
    with RegistryClient(str(http.base_url)) as client:
        found = client.referrers(REPO, subject.descriptor.digest, "application/vnd.acme")
    assert {item.digest for item in found} == {item.descriptor.digest for item in made}


def test_deleting(serve: Callable[..., httpx.Client]) -> None:
    http = serve(allow_delete=True)
    one, two = build("1"), build("2")
    for tag in ("a", "b"):
        push(http, one, tag)
    push(http, two, "c")
    assert http.delete(f"/v2/{REPO}/manifests/a").status_code == 202
    assert http.get(f"/v2/{REPO}/tags/list").json()["tags"] == ["b", "c"]
    assert http.delete(f"/v2/{REPO}/manifests/{one.descriptor.digest}").status_code == 202
    assert http.get(f"/v2/{REPO}/tags/list").json()["tags"] == ["c"]
    assert http.get(f"/v2/{REPO}/manifests/{one.descriptor.digest}").status_code == 404
    assert http.delete(f"/v2/{REPO}/manifests/{one.descriptor.digest}").status_code == 404


def test_deleting_a_referrer_takes_it_from_the_list(serve: Callable[..., httpx.Client]) -> None:
    http = serve(allow_delete=True)
    subject = build()
    referrer = image.artifact("application/vnd.acme", b"x", subject=subject.descriptor)
    push(http, subject)
    push(http, referrer)
    http.delete(f"/v2/{REPO}/manifests/{referrer.descriptor.digest}")
    listing = http.get(f"/v2/{REPO}/referrers/{subject.descriptor.digest}").content
    assert manifest.parse_index(listing).manifests == ()


def test_deleting_is_off_unless_allowed(http: httpx.Client) -> None:
    push(http, build(), "a")
    for reference in ("a", build().descriptor.digest):
        answer = http.delete(f"/v2/{REPO}/manifests/{reference}")
        assert (answer.status_code, code(answer)) == (405, "UNSUPPORTED")
    assert http.get(f"/v2/{REPO}/manifests/a").status_code == 200


def test_everything_is_there_after_a_restart(serve: Callable[..., httpx.Client]) -> None:
    content = build()
    push(serve(), content, "main-1")
    http = serve()
    assert http.get(f"/v2/{REPO}/manifests/main-1").content == content.manifest
    for digest, data in content.blobs.items():
        assert http.get(f"/v2/{REPO}/blobs/{digest}").content == data
    assert sha256(content.manifest) == content.descriptor.digest
