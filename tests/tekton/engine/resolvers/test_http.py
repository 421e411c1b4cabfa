"""The http resolver: limits, digests, credentials, redirects, mirrors."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable
from typing import Any

import pytest

from interlock.errors import InputError, InterlockError, RefusedError, UnreachableError
from interlock.tekton.spec.resolution import RefSource, Resolved

Get = Callable[..., Resolved]


def test_a_document_and_its_digest(world: Any, get: Get, task_text: str) -> None:
    world.server.put("/greet.yaml", task_text)
    url, sum256 = f"{world.server.url}/greet.yaml", hashlib.sha256(task_text.encode()).hexdigest()
    found = get(world.resolvers(), "http", url=url)
    assert found.object["kind"] == "Task"
    assert found.source == RefSource(url, {"sha256": sum256})
    assert get(world.resolvers(), "http", url=url, digest=f"sha256:{sum256}").source == found.source
    with pytest.raises(InputError, match=f"error validating digest: SHA mismatch, expected {'0' * 64}, got {sum256}"):
        get(world.resolvers(), "http", url=url, digest=f"sha256:{'0' * 64}")
    with pytest.raises(InputError, match="invalid digest algorithm: md5"):
        get(world.resolvers(), "http", url=url, digest="md5:0")


def test_what_is_not_there(world: Any, get: Get) -> None:
    with pytest.raises(InputError) as caught:
        get(world.resolvers(), "http", url=f"{world.server.url}/none")
    assert caught.value.message.startswith('error requesting remote resource: error getting "Http" "default/http-')
    assert caught.value.message.endswith(f"requested URL '{world.server.url}/none' is not found")


def test_nobody_listens(world: Any, get: Get) -> None:
    with pytest.raises(InputError, match="error fetching URL") as caught:
        get(world.resolvers(), "http", url="http://127.0.0.1:9/x")
    assert isinstance(caught.value.__cause__, UnreachableError)


def test_a_cluster_that_does_not_answer_is_not_a_failed_resolution(world: Any, get: Get) -> None:
    world.client.cluster.unreachable = True
    given = {"http_username": "git", "http_password_secret": "login"}
    with pytest.raises(UnreachableError) as caught:
        get(world.resolvers(), "http", url=f"{world.server.url}/t", **given)
    assert caught.value.code == "kubernetes-unreachable"


def test_one_mebibyte_is_the_limit(world: Any, get: Get) -> None:
    world.server.put("/big", b"# " + b"x" * (1024 * 1024))
    with pytest.raises(InputError, match="response body exceeds maximum allowed size of 1048576 bytes"):
        get(world.resolvers(), "http", url=f"{world.server.url}/big")


def test_credentials_come_from_a_secret(world: Any, get: Get, task_text: str) -> None:
    world.server.put("/t", task_text)
    world.secret("login", password="s3cret", other="0ther")
    given = {"url": f"{world.server.url}/t", "http_username": "git", "http_password_secret": "login"}
    get(world.resolvers(), "http", **given)
    get(world.resolvers(), "http", http_password_secret_key="other", **given)
    sent = [base64.b64decode(str(value).removeprefix("Basic ")).decode() for _, value in world.server.asked]
    assert sent == ["git:s3cret", "git:0ther"]
    with pytest.raises(InputError) as caught:
        get(world.resolvers(), "http", http_password_secret_key="none", **given)
    assert "s3cret" not in str(caught.value)
    with pytest.raises(InputError, match="secret login not found in namespace elsewhere"):
        get(world.resolvers(), "http", run_namespace="elsewhere", **given)


def test_redirects_stay_with_the_server(world: Any, get: Get, task_text: str) -> None:
    world.server.put("/t", task_text)
    world.server.put("/here", b"", status=302, Location="/t")
    world.server.put("/there", b"", status=302, Location="http://127.0.0.1:9/t")
    world.server.put("/round", b"", status=302, Location="/round")
    assert get(world.resolvers(), "http", url=f"{world.server.url}/here").object["kind"] == "Task"
    with pytest.raises(RefusedError, match="redirected to another place"):
        get(world.resolvers(), "http", url=f"{world.server.url}/there")
    with pytest.raises(RefusedError, match="stopped after 5 redirects"):
        get(world.resolvers(), "http", url=f"{world.server.url}/round")


def test_a_folder_and_a_base_url_as_mirrors(world: Any, get: Get, task_text: str) -> None:
    (world.folder / "files/a").mkdir(parents=True)
    (world.folder / "files/a/t.yaml").write_text(task_text)
    world.server.put("/mirror/b/t.yaml", task_text)
    resolvers = world.resolvers(
        mirrors={
            "https://raw.example.test/": str(world.folder / "files"),
            "https://raw.example.test/b": f"{world.server.url}/mirror/b/",
        }
    )
    for url in ("https://raw.example.test/a/t.yaml", "https://raw.example.test/b/t.yaml"):
        found = get(resolvers, "http", url=url)
        assert found.source is not None and found.source.uri == url, "provenance names the address, not the mirror"
    for url in ("https://raw.example.test/../secret", "https://raw.example.test/a/%2e%2e/t.yaml"):
        with pytest.raises(InterlockError):
            get(resolvers, "http", url=url)


def test_a_link_out_of_a_mirror_is_not_followed(world: Any, get: Get, task_text: str) -> None:
    (world.folder / "files").mkdir()
    (world.folder / "outside.yaml").write_text(task_text)
    (world.folder / "files/t.yaml").symlink_to(world.folder / "outside.yaml")
    resolvers = world.resolvers(mirrors={"https://raw.example.test/": str(world.folder / "files")})
    with pytest.raises(InputError, match="leaves its mirror"):
        get(resolvers, "http", url="https://raw.example.test/t.yaml")


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({}, "missing required http resolver params: url"),
        ({"url": "ftp://x/y"}, "url ftp://x/y is not a valid http(s) url"),
        ({"url": "no url"}, "cannot parse url no url"),
        ({"url": "http://x/", "http_username": "u"}, "missing required param http-password-secret when using"),
        ({"url": "http://x/", "http_password_secret": "s"}, "missing required param http-username when using"),
        ({"url": "http://x/", "cache": "often"}, "invalid cache mode 'often', must be one of: [always never auto]"),
    ],
)
def test_params_are_checked_in_upstreams_words(world: Any, get: Get, values: dict[str, str], message: str) -> None:
    with pytest.raises(InputError) as caught:
        get(world.resolvers(), "http", **values)
    assert caught.value.message.startswith('error requesting remote resource: invalid resource request "default/http-')
    assert message in caught.value.message


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("- 1\n", "invalid runtime object: Object 'Kind' is missing"),
        ("a: *b\n", "invalid runtime object: anchors and aliases are not allowed"),
        ("apiVersion: v1\nkind: Secret\n", 'no kind "Secret" is registered for version "v1"'),
        ("apiVersion: tekton.dev/v1\nkind: Pipeline\nmetadata: {name: p}\n", "resource is not a task"),
        (b"\xff", "invalid runtime object: not UTF-8"),
        ("a: " + "[" * 100_000, "invalid runtime object: nested too deeply"),
        ("a: {b: 1, b: 2}\n", "invalid runtime object: key 'b' appears twice"),
        ("", "invalid runtime object: Object 'Kind' is missing"),
        (
            "apiVersion: tekton.dev/v1\nkind: Task\nmetadata: {name: t}\nspec: {steps: [{name: s, imge: i}], foo: 1}\n",
            'invalid runtime object: strict decoding error: unknown field "spec.steps[0].imge", '
            'unknown field "spec.foo"',
        ),
        (
            "apiVersion: tekton.dev/v1\nkind: Task\nmetadata: {name: t}\nspec: {steps: {name: s}}\n",
            "json: cannot unmarshal object into Go struct field TaskSpec.spec.steps of type []v1.Step",
        ),
    ],
)
def test_what_is_not_a_task(world: Any, get: Get, body: str | bytes, message: str) -> None:
    world.server.put("/t", body)
    with pytest.raises(InputError) as caught:
        get(world.resolvers(), "http", url=f"{world.server.url}/t")
    assert caught.value.code == "resolution-failed" and message in caught.value.message


def test_v1beta1_becomes_v1(world: Any, get: Get) -> None:
    world.server.put(
        "/t",
        "apiVersion: tekton.dev/v1beta1\nkind: Task\nmetadata: {name: t}\nspec:\n"
        "  params: [{name: many, default: [a]}]\n"
        "  steps: [{name: s, image: i, resources: {limits: {cpu: 1}}}]\n",
    )
    found = get(world.resolvers(), "http", url=f"{world.server.url}/t")
    assert found.object["apiVersion"] == "tekton.dev/v1"
    assert found.object["spec"]["params"] == [{"name": "many", "type": "array", "default": ["a"]}]
    assert found.object["spec"]["steps"] == [{"name": "s", "image": "i", "computeResources": {"limits": {"cpu": 1}}}]
    assert found.fetched["apiVersion"] == "tekton.dev/v1beta1", "policies speak of what was fetched"
