"""What the client makes of registries that err, lie, redirect, or want a token. The good case: tests/local/registry."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from interlock.clients.registry import Manifest, RegistryClient
from interlock.errors import (
    BusyError,
    InputError,
    IntegrityError,
    InterlockError,
    NotFoundError,
    RefusedError,
    UnreachableError,
)
from interlock.formats.oci import Descriptor, File, Index, image, media, sha256

REPO = "integration/payments"
CONTENT = image.build([image.layer([File("a", b"1")])], created=datetime(2026, 5, 4, tzinfo=UTC))
DIGEST = CONTENT.descriptor.digest
MANIFEST = f"GET /v2/{REPO}/manifests/"
BLOB = f"GET /v2/{REPO}/blobs/"


@pytest.fixture
def client(script: Any, patience: Any) -> Iterator[RegistryClient]:
    with RegistryClient(script.url, patience=patience) as made:
        yield made


def test_a_manifest_is_verified_by_the_digest_that_was_asked_for(
    client: RegistryClient, script: Any, answer: Any
) -> None:
    script.answers[MANIFEST + DIGEST] = answer(body=CONTENT.manifest, headers={"Content-Type": media.MANIFEST})
    found = client.manifest(REPO, DIGEST)
    assert found == Manifest(CONTENT.manifest, media.MANIFEST, DIGEST)
    assert found.image.layers[0].digest in CONTENT.blobs
    assert found.descriptor == Descriptor(media.MANIFEST, DIGEST, len(CONTENT.manifest))
    script.answers[MANIFEST + DIGEST] = answer(body=CONTENT.manifest + b" ")
    with pytest.raises(IntegrityError) as caught:
        client.manifest(REPO, DIGEST)
    assert caught.value.code == "digest-mismatch"


def test_a_header_that_contradicts_the_bytes_is_an_error(client: RegistryClient, script: Any, answer: Any) -> None:
    script.answers[MANIFEST + "v1"] = answer(
        body=CONTENT.manifest, headers={"Docker-Content-Digest": "sha256:" + "0" * 64}
    )
    with pytest.raises(IntegrityError):
        client.manifest(REPO, "v1")


def test_without_a_header_the_bytes_decide(client: RegistryClient, script: Any, answer: Any) -> None:
    script.answers[MANIFEST + "v1"] = answer(body=CONTENT.manifest)
    script.answers[f"HEAD /v2/{REPO}/manifests/v1"] = answer()
    assert client.resolve(REPO, "v1") == DIGEST


def test_an_index_where_an_image_is_expected(client: RegistryClient, script: Any, answer: Any) -> None:
    index = Index((CONTENT.descriptor,)).to_bytes()
    script.answers[MANIFEST + "v1"] = answer(body=index, headers={"Content-Type": media.INDEX})
    with pytest.raises(InputError) as caught:
        _ = client.manifest(REPO, "v1").image
    assert caught.value.code == "manifest-is-index"


def test_an_altered_blob_is_an_error(client: RegistryClient, script: Any, answer: Any) -> None:
    script.answers[BLOB + sha256(b"good")] = answer(body=b"evil")
    with pytest.raises(IntegrityError):
        client.blob(REPO, sha256(b"good"))
    with pytest.raises(IntegrityError):
        list(client.stream_blob(REPO, sha256(b"good")))


def test_sizes_are_limited(client: RegistryClient, script: Any, answer: Any) -> None:
    data = bytes(2000)
    script.answers[BLOB + sha256(data)] = answer(body=data)
    with pytest.raises(InputError) as caught:
        client.blob(REPO, sha256(data), max_bytes=1000)
    assert caught.value.code == "registry-too-large"
    assert client.blob(REPO, sha256(data), max_bytes=2000) == data
    script.answers[MANIFEST + "v1"] = answer(body=bytes(4 * 1024 * 1024 + 1))
    with pytest.raises(InputError):
        client.manifest(REPO, "v1")


@pytest.mark.parametrize(
    ("status", "kind", "code"),
    [
        (404, NotFoundError, "registry-not-found"),
        (401, RefusedError, "registry-unauthenticated"),
        (403, RefusedError, "registry-forbidden"),
        (429, BusyError, "registry-busy"),
        (500, UnreachableError, "registry-unreachable"),
        (503, UnreachableError, "registry-unreachable"),
        (400, InputError, "registry-refused"),
    ],
)
def test_every_answer_has_one_meaning(
    status: int, kind: type[InterlockError], code: str, client: RegistryClient, script: Any, answer: Any
) -> None:
    body = json.dumps({"errors": [{"code": "SOME_CODE", "message": "in words"}]}).encode()
    script.answers["*"] = answer(status, body)
    for ask in (lambda: client.manifest(REPO, "v1"), lambda: client.blob(REPO, DIGEST), lambda: client.tags(REPO)):
        with pytest.raises(kind) as caught:
            ask()
        assert caught.value.code == code
        assert "SOME_CODE: in words" in str(caught.value)


@pytest.mark.parametrize("status", [401, 403, 500])
def test_what_cannot_be_read_is_never_absent(status: int, client: RegistryClient, script: Any, answer: Any) -> None:
    script.answers["*"] = answer(status)
    for ask in (
        lambda: client.has_blob(REPO, DIGEST),
        lambda: client.has_manifest(REPO, DIGEST),
        lambda: client.referrers(REPO, DIGEST),
        lambda: client.bundles(REPO, DIGEST),
    ):
        with pytest.raises((RefusedError, UnreachableError)):
            ask()


def test_an_empty_body_is_nobodys_evidence(client: RegistryClient, script: Any, answer: Any) -> None:
    """Other bytes than the digest's are altered evidence; none at all, or a web page, are somebody in between."""
    for said in (answer(), answer(body=b"<html>log in</html>", headers={"Content-Type": "text/html"})):
        script.answers["*"] = said
        for ask in (
            lambda: client.manifest(REPO, DIGEST),
            lambda: client.manifest(REPO, "v1"),
            lambda: client.blob(REPO, DIGEST),
            lambda: client.referrers(REPO, DIGEST),
        ):
            with pytest.raises(UnreachableError):
                ask()
    nothing = sha256(b"")
    script.answers["*"] = answer()
    assert client.blob(REPO, nothing) == b""


@pytest.mark.parametrize("body", [b'{"manifests":null}', b'{"schemaVersion":2,"manifests":[]}'])
def test_no_referrers(client: RegistryClient, script: Any, answer: Any, body: bytes) -> None:
    script.answers["*"] = answer(body=body)
    assert client.referrers(REPO, DIGEST) == []


def test_a_stream_that_breaks_or_drips_is_unreachable(
    client: RegistryClient, script: Any, clock: Any, answer: Any
) -> None:
    def drip() -> Any:
        while True:
            clock.time += 100.0
            yield b"x"

    for said in (answer(body=b"half", breaks="within"), answer(pieces=drip())):
        script.answers["*"] = said
        with pytest.raises(UnreachableError):
            list(client.stream_blob(REPO, DIGEST))


def test_presence_is_asked_with_head(client: RegistryClient, script: Any, answer: Any) -> None:
    script.answers[f"HEAD /v2/{REPO}/blobs/{DIGEST}"] = answer(headers={"Content-Length": "1234"})
    assert client.has_blob(REPO, DIGEST)
    assert not client.has_blob(REPO, "sha256:" + "0" * 64)


@pytest.mark.parametrize(
    "url", ["ftp://r.test", "http://", "registry.acme.test:5000", "http://r.test/v2", "http://r?x"]
)
def test_what_is_no_address_of_a_registry(url: str) -> None:
    with pytest.raises(InputError) as caught:
        RegistryClient(url)
    assert caught.value.code == "registry-url"


@pytest.mark.parametrize("ask", ["manifest", "blob", "has_blob", "referrers"])
def test_names_never_reach_the_address_unchecked(ask: str, client: RegistryClient, script: Any) -> None:
    for repo, reference in (("../admin", DIGEST), (REPO, "sha256:../../x"), ("a?b", DIGEST)):
        with pytest.raises(InputError):
            getattr(client, ask)(repo, reference)
    assert script.asked == []


class TestReferrers:
    """The API first; the tag schema where there is none."""

    def entry(self, kind: str = "application/vnd.acme") -> Descriptor:
        return Descriptor(media.MANIFEST, DIGEST, 7, artifact_type=kind)

    def test_the_api(self, client: RegistryClient, script: Any, answer: Any) -> None:
        body = Index((self.entry(),)).to_bytes()
        script.answers[f"GET /v2/{REPO}/referrers/{DIGEST}"] = answer(body=body, headers={"Content-Type": media.INDEX})
        assert client.referrers(REPO, DIGEST) == [self.entry()]

    def test_a_registry_that_does_not_filter_is_filtered_here(
        self, client: RegistryClient, script: Any, answer: Any
    ) -> None:
        body = Index((self.entry(),)).to_bytes()
        script.answers[f"GET /v2/{REPO}/referrers/{DIGEST}"] = answer(body=body)
        assert client.referrers(REPO, DIGEST, "application/vnd.other") == []
        assert client.referrers(REPO, DIGEST, "application/vnd.acme") == [self.entry()]

    def test_the_tag_schema(self, client: RegistryClient, script: Any, answer: Any) -> None:
        body = Index((self.entry(),)).to_bytes()
        script.answers[MANIFEST + DIGEST.replace(":", "-")] = answer(body=body, headers={"Content-Type": media.INDEX})
        assert client.referrers(REPO, DIGEST) == [self.entry()]

    def test_neither(self, client: RegistryClient) -> None:
        assert client.referrers(REPO, DIGEST) == []

    def test_pushing_keeps_the_tag_schema_up(self, client: RegistryClient, script: Any, answer: Any) -> None:
        pushed: dict[str, bytes] = {}

        def put(asked: Any) -> Any:
            name = asked.path.rpartition("/")[2]
            pushed[name] = asked.body
            script.answers[MANIFEST + name] = answer(
                body=asked.body, headers={"Content-Type": asked.headers["Content-Type"]}
            )
            return answer(201, headers={"Docker-Content-Digest": sha256(asked.body)})

        fallback = DIGEST.replace(":", "-")
        made = [image.artifact("application/vnd.acme", b"%d" % n, subject=CONTENT.descriptor) for n in range(2)]
        for item in made:
            for name in (item.descriptor.digest, fallback):
                script.answers[f"PUT /v2/{REPO}/manifests/{name}"] = put
            client.put_manifest(REPO, None, item.manifest, media.MANIFEST)
        found = client.referrers(REPO, DIGEST)
        assert [item.digest for item in found] == [item.descriptor.digest for item in made]
        assert {item.artifact_type for item in found} == {"application/vnd.acme"}

    def test_a_registry_with_the_api_gets_no_tag(self, client: RegistryClient, script: Any, answer: Any) -> None:
        made = image.artifact("application/vnd.acme", b"x", subject=CONTENT.descriptor)
        script.answers[f"PUT /v2/{REPO}/manifests/{made.descriptor.digest}"] = answer(
            201, headers={"OCI-Subject": DIGEST}
        )
        client.put_manifest(REPO, None, made.manifest, media.MANIFEST)
        assert [asked.method for asked in script.asked] == ["PUT"]


class TestCredentials:
    """They go to the registry, in the form it asks for, and nowhere else."""

    def basic(self, user: str, password: str) -> str:
        return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()

    def test_a_bearer_token_or_basic_credentials(self, script: Any, answer: Any) -> None:
        script.answers["*"] = answer(body=b'{"name":"x","tags":["v1"]}')
        cases: list[tuple[dict[str, Any], str | None]] = [
            ({"token": "secret"}, "Bearer secret"),
            ({"token": "secret", "username": "ci"}, self.basic("ci", "secret")),
            ({}, None),
        ]
        for options, expected in cases:
            with RegistryClient(script.url, **options) as client:
                assert client.tags(REPO) == ["v1"]
            assert script.asked[-1].headers.get("Authorization") == expected

    def challenge(self, script: Any, answer: Any, realm: str) -> Callable[[Any], Any]:
        def tags(asked: Any) -> Any:
            if asked.headers.get("Authorization") == "Bearer short-lived":
                return answer(body=b'{"tags":["v1"]}')
            return answer(401, headers={"WWW-Authenticate": f'Bearer realm="{realm}",service="reg",scope="x"'})

        return tags

    def test_the_token_flow(self, script: Any, answer: Any) -> None:
        script.answers[f"GET /v2/{REPO}/tags/list"] = self.challenge(script, answer, script.url + "/token")
        script.answers["GET /token"] = answer(body=b'{"token":"short-lived"}')
        with RegistryClient(script.url, token="secret", username="ci") as client:
            assert client.tags(REPO) == ["v1"]
            assert client.tags(REPO) == ["v1"]
        (asked,) = [item for item in script.asked if item.path.startswith("/token")]
        assert asked.path == "/token?service=reg&scope=repository%3Aintegration%2Fpayments%3Apull"
        assert asked.headers["Authorization"] == self.basic("ci", "secret")

    def test_an_expired_token_is_renewed(self, script: Any, answer: Any) -> None:
        valid = iter(["one", "two"])
        current = [""]

        def token(asked: Any) -> Any:
            current[0] = next(valid)
            return answer(body=json.dumps({"access_token": current[0]}).encode())

        def tags(asked: Any) -> Any:
            if asked.headers.get("Authorization") == f"Bearer {current[0]}":
                return answer(body=b'{"tags":["v1"]}')
            return answer(401, headers={"WWW-Authenticate": f'Bearer realm="{script.url}/token"'})

        script.answers |= {f"GET /v2/{REPO}/tags/list": tags, "GET /token": token}
        with RegistryClient(script.url) as client:
            assert client.tags(REPO) == ["v1"]
            current[0] = "revoked by the server"
            assert client.tags(REPO) == ["v1"]

    @pytest.mark.parametrize("body", [b"", b"[]", b"{}", b'{"token":1}', b'{"token":""}'])
    def test_a_token_service_that_gives_none(self, body: bytes, script: Any, answer: Any) -> None:
        script.answers[f"GET /v2/{REPO}/tags/list"] = self.challenge(script, answer, script.url + "/token")
        script.answers["GET /token"] = answer(body=body)
        with RegistryClient(script.url, token="secret") as client, pytest.raises(RefusedError) as caught:
            client.tags(REPO)
        assert caught.value.code == "registry-unauthenticated"
        assert "secret" not in str(caught.value)

    @pytest.mark.parametrize("realm", ["http://tokens.acme.test/token", "file:///etc/passwd", "http://[", ""])
    def test_credentials_are_not_sent_over_plain_http_to_strangers(self, realm: str, script: Any, answer: Any) -> None:
        script.answers[f"GET /v2/{REPO}/tags/list"] = self.challenge(script, answer, realm)
        with RegistryClient(script.url, token="secret") as client, pytest.raises((RefusedError, UnreachableError)):
            client.tags(REPO)
        assert len(script.asked) == 1

    def test_credentials_go_to_no_token_service_but_the_registrys_or_one_that_was_named(
        self, script: Any, answer: Any
    ) -> None:
        stranger = script.url.replace("127.0.0.1", "localhost")
        script.answers[f"GET /v2/{REPO}/tags/list"] = self.challenge(script, answer, f"{stranger}/token")
        script.answers["GET /token"] = answer(body=b'{"token":"short-lived"}')
        with RegistryClient(script.url, token="secret") as client, pytest.raises(RefusedError) as caught:
            client.tags(REPO)
        assert "token_realms" in str(caught.value.todo)
        assert len(script.asked) == 1
        with RegistryClient(script.url, token="secret", token_realms=["localhost"]) as client:
            assert client.tags(REPO) == ["v1"]
        with RegistryClient(script.url) as client:  # nothing to lose
            assert client.tags(REPO) == ["v1"]
        assert "Authorization" not in script.sent("GET")[-2].headers

    def test_a_token_service_that_is_down_is_no_refusal(self, script: Any, answer: Any, patience: Any) -> None:
        script.answers[f"GET /v2/{REPO}/tags/list"] = self.challenge(script, answer, script.url + "/token")
        script.answers["GET /token"] = answer(503)
        with RegistryClient(script.url, patience=patience) as client, pytest.raises(UnreachableError):
            client.tags(REPO)

    def test_a_redirect_to_other_storage_gets_no_credentials(self, script: Any, answer: Any) -> None:
        # Another port is another origin.
        elsewhere = script.url.replace("127.0.0.1", "localhost")
        script.answers[BLOB + sha256(b"x")] = answer(307, headers={"Location": f"{elsewhere}/storage"})
        script.answers["GET /storage"] = answer(body=b"x")
        with RegistryClient(script.url, token="secret") as client:
            assert client.blob(REPO, sha256(b"x")) == b"x"
        first, second = script.asked
        assert first.headers["Authorization"] == "Bearer secret"
        assert "Authorization" not in second.headers

    def test_a_circle_of_redirects_ends(self, script: Any, answer: Any) -> None:
        script.answers["*"] = answer(307, headers={"Location": "/v2/again"})
        with RegistryClient(script.url) as client, pytest.raises(UnreachableError, match="redirects"):
            client.blob(REPO, DIGEST)

    def test_a_write_does_not_follow_redirects(self, script: Any, answer: Any) -> None:
        script.answers["*"] = answer(307, headers={"Location": "/elsewhere"})
        with RegistryClient(script.url) as client, pytest.raises(InterlockError):
            client.put_manifest(REPO, "v1", CONTENT.manifest, media.MANIFEST)
        assert len(script.asked) == 1


def test_a_registry_that_stored_something_else_is_an_error(client: RegistryClient, script: Any, answer: Any) -> None:
    script.answers["*"] = answer(201, headers={"Docker-Content-Digest": "sha256:" + "0" * 64})
    with pytest.raises(IntegrityError):
        client.put_manifest(REPO, "v1", CONTENT.manifest, media.MANIFEST)


def test_a_refused_mount_abandons_the_upload(client: RegistryClient, script: Any, answer: Any) -> None:
    script.answers[f"POST /v2/{REPO}/blobs/uploads/"] = answer(
        202, headers={"Location": "/v2/x/blobs/uploads/1", "Content-Type": "text/html"}
    )
    script.answers["DELETE /v2/x/blobs/uploads/1"] = answer(204)
    assert not client.mount_blob(REPO, DIGEST, source="other/app")
    assert [asked.method for asked in script.asked] == ["POST", "DELETE"]


def test_endless_pages_end(client: RegistryClient, script: Any, answer: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("interlock.clients.registry.client.MAX_PAGES", 5)
    link = {"Link": f'</v2/{REPO}/tags/list?last=a>; rel="next"'}
    script.answers["*"] = answer(body=b'{"tags":["a"]}', headers=link)
    with pytest.raises(InputError) as caught:
        client.tags(REPO)
    assert caught.value.code == "registry-too-large"
