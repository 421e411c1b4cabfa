"""Who may pull and push."""

from __future__ import annotations

import base64
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest

from interlock.clients import files
from interlock.errors import InputError, NotFoundError, RefusedError
from interlock.formats.oci import sha256
from interlock.local.registry import Config, Identity, create_app, write_identities

CI = Identity(name="ci", token="token-of-ci-0123456789", push=("integration/*",))
READER = Identity(name="reader", token="token-of-reader-01234", pull=("integration/payments",))
DATA = b"data"


@pytest.fixture
def tokens(tmp_path: Path) -> Path:
    path = tmp_path / "tokens.yaml"
    write_identities(path, [CI, READER])
    return path


def push(http: httpx.Client, repo: str, headers: dict[str, str]) -> httpx.Response:
    query = {"digest": sha256(DATA)}
    return http.post(f"/v2/{repo}/blobs/uploads/", params=query, content=DATA, headers=headers)


def pull(http: httpx.Client, repo: str, headers: dict[str, str]) -> int:
    return http.get(f"/v2/{repo}/blobs/{sha256(DATA)}", headers=headers).status_code


def bearer(identity: Identity) -> dict[str, str]:
    return {"Authorization": f"Bearer {identity.token}"}


def basic(name: str, password: str) -> dict[str, str]:
    return {"Authorization": "Basic " + base64.b64encode(f"{name}:{password}".encode()).decode()}


def test_pulling_is_open_and_pushing_needs_a_token(serve: Callable[..., httpx.Client], tokens: Path) -> None:
    http = serve(tokens=tokens)
    answer = push(http, "integration/payments", {})
    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"].startswith("Basic ")
    assert answer.json()["errors"][0]["code"] == "UNAUTHORIZED"
    assert push(http, "integration/payments", bearer(CI)).status_code == 201
    assert push(http, "integration/other", basic("anything", CI.token)).status_code == 201
    assert pull(http, "integration/payments", {}) == 200
    assert pull(http, "integration/payments", basic("", "")) == 200


def test_rights_hold_for_named_repositories(serve: Callable[..., httpx.Client], tokens: Path) -> None:
    http = serve(tokens=tokens)
    for identity, repo in ((CI, "platform/toolbox"), (READER, "integration/payments")):
        answer = push(http, repo, bearer(identity))
        assert answer.status_code == 403
        assert answer.json()["errors"][0]["code"] == "DENIED"


def test_closed_registries_ask_for_pulling_too(serve: Callable[..., httpx.Client], tokens: Path) -> None:
    http = serve(tokens=tokens, anonymous_pull=False)
    for repo in ("integration/payments", "integration/other"):
        assert push(http, repo, bearer(CI)).status_code == 201
    assert pull(http, "integration/payments", {}) == 401
    assert pull(http, "integration/payments", bearer(READER)) == 200
    assert pull(http, "integration/other", bearer(READER)) == 403
    assert pull(http, "integration/other", bearer(CI)) == 200


@pytest.mark.parametrize(
    "authorization", ["Bearer wrong", "Bearer", "Basic !!", "Digest x", "Bearer " + CI.token + "x", CI.token]
)
def test_wrong_credentials_are_refused_even_where_none_are_needed(
    authorization: str, serve: Callable[..., httpx.Client], tokens: Path
) -> None:
    http = serve(tokens=tokens)
    push(http, "integration/payments", bearer(CI))
    assert pull(http, "integration/payments", {"Authorization": authorization}) == 401


def test_a_mount_needs_the_right_to_pull_from_the_source(serve: Callable[..., httpx.Client], tmp_path: Path) -> None:
    path = tmp_path / "tokens.yaml"
    theirs = Identity(name="theirs", token="token-of-theirs-01234", pull=(), push=("theirs/*",))
    write_identities(path, [CI, theirs])
    http = serve(tokens=path, anonymous_pull=False)
    push(http, "integration/payments", bearer(CI))
    query = {"mount": sha256(DATA), "from": "integration/payments"}
    answer = http.post("/v2/theirs/app/blobs/uploads/", params=query, headers=bearer(theirs))
    assert answer.status_code == 202
    assert pull(http, "theirs/app", bearer(theirs)) == 404


def test_the_root_asks_for_credentials_where_there_are_any(serve: Callable[..., httpx.Client], tokens: Path) -> None:
    http = serve(tokens=tokens)
    assert http.get("/v2/").status_code == 401
    assert http.get("/v2/", headers=bearer(READER)).status_code == 200


def test_a_token_file_that_others_may_read_is_refused(tokens: Path, tmp_path: Path) -> None:
    assert tokens.stat().st_mode & 0o777 == 0o600
    tokens.chmod(0o644)
    with pytest.raises(RefusedError) as caught:
        create_app(Config(port=0, data=tmp_path / "data", tokens=tokens))
    assert caught.value.code == "token-file-mode"


def test_a_bad_token_file_is_refused_without_repeating_it(tokens: Path, tmp_path: Path) -> None:
    tokens.write_text("- name: ci\n  token: hush-hush\n  psuh: ['*']\n")
    with pytest.raises(InputError) as caught:
        create_app(Config(port=0, data=tmp_path / "data", tokens=tokens))
    assert "hush-hush" not in str(caught.value)
    assert "tokens.yaml:3" in str(caught.value)


def test_a_missing_token_file_is_an_error_and_not_an_open_registry(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError):
        create_app(Config(port=0, data=tmp_path / "data", tokens=tmp_path / "absent"))


def test_tokens_are_not_shown() -> None:
    assert CI.token not in repr(CI)


def test_the_configuration_file(tmp_path: Path) -> None:
    file = tmp_path / "registry.yaml"
    file.write_text("port: 8481\ndata: engines/registry\ntokens: tokens.yaml\n")
    config = files.read_config(file, Config, what="registry configuration")
    assert (config.data, config.tokens) == (tmp_path / "engines/registry", tmp_path / "tokens.yaml")
    file.write_text("port: 8481\ndata: x\nalow_delete: true\n")
    with pytest.raises(InputError, match="alow_delete"):
        files.read_config(file, Config, what="registry configuration")
