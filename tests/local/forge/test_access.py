"""Who gets in, what they see, and what hostile requests meet."""

from __future__ import annotations

import base64
import gzip
import sqlite3
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from interlock.clients import git
from interlock.clients.forge import BranchProtection, ForgeClient
from interlock.errors import InputError, NotFoundError, RefusedError

if TYPE_CHECKING:
    from .conftest import Estate


def get(estate: Estate, path: str, token: str | None = None, **headers: str) -> httpx.Response:
    if token:
        headers["Authorization"] = f"token {token}"
    return httpx.get(f"{estate.url}{path}", headers=headers, trust_env=False)


@pytest.fixture
def outsider_token(estate: Estate) -> str:
    """Of a user of the forge with no part in the organisation."""
    estate.root.create_user("mallory", email="mallory@evil.test", password="long enough")
    return estate.root.create_token("mallory", "long enough", name="t", scopes=["all"])


@pytest.fixture
def outsider(estate: Estate, outsider_token: str) -> ForgeClient:
    return ForgeClient(estate.url, outsider_token)


class TestAuthentication:
    def test_every_way_to_show_a_token(self, shared: Estate) -> None:
        token = shared["dana"].token
        basic = base64.b64encode(f"anything:{token}".encode()).decode()
        reverse = base64.b64encode(f"{token}:x-oauth-basic".encode()).decode()
        for value in (f"token {token}", f"Bearer {token}", f"Basic {basic}", f"Basic {reverse}"):
            answer = get(shared, "/api/v1/user", Authorization=value)
            assert answer.json()["login"] == "dana"

    @pytest.mark.parametrize("value", ["", "token nonsense", "Bearer", "Basic !!", "Basic ZGFuYTp4", "Digest x"])
    def test_without_or_with_wrong_credentials(self, shared: Estate, value: str) -> None:
        answer = get(shared, "/api/v1/repos/acme/env", Authorization=value)
        assert answer.status_code == 401
        assert answer.headers["WWW-Authenticate"].startswith("Basic")

    def test_nothing_is_served_to_strangers(self, shared: Estate) -> None:
        for path in ("/api/v1/version", "/acme/env.git/info/refs?service=git-upload-pack", "/api/v1/orgs/acme/repos"):
            assert get(shared, path).status_code == 401

    def test_tokens_and_passwords_are_not_kept_in_clear(self, estate: Estate) -> None:
        estate.root.create_user("bob", email="bob@acme.test", password="a password of bob")
        data = b"".join(path.read_bytes() for path in estate.config.data.glob("forge.db*"))
        assert estate["dana"].token.encode() not in data
        assert b"a password of bob" not in data
        assert estate.config.data.stat().st_mode & 0o077 == 0

    def test_a_token_cannot_make_tokens(self, shared: Estate) -> None:
        answer = httpx.post(
            f"{shared.url}/api/v1/users/dana/tokens",
            headers={"Authorization": f"token {shared['dana'].token}"},
            json={"name": "more", "scopes": ["all"]},
            trust_env=False,
        )
        assert answer.status_code == 401

    def test_a_password_makes_tokens_for_its_own_user_only(self, estate: Estate) -> None:
        estate.root.create_user("bob", email="bob@acme.test", password="a password of bob")
        with pytest.raises(RefusedError, match="401"):
            estate.root.create_token("bob", "wrong password", name="x", scopes=["all"])
        answer = httpx.post(
            f"{estate.url}/api/v1/users/dana/tokens",
            auth=("bob", "a password of bob"),
            json={"name": "stolen", "scopes": ["all"]},
            trust_env=False,
        )
        assert answer.status_code == 403


class TestScopes:
    def test_a_token_does_what_its_scopes_say(self, estate: Estate) -> None:
        estate.root.create_user("reader", email="reader@acme.test", password="long enough")
        estate.root.add_collaborator("acme", "env", "reader", permission="write")
        token = estate.root.create_token("reader", "long enough", name="t", scopes=["read:repository"])
        with ForgeClient(estate.url, token) as client:
            head = client.branch("acme", "env", "main")
            with pytest.raises(RefusedError, match="write:repository"):
                client.set_status("acme", "env", head, context="x", state="success")
            with pytest.raises(RefusedError, match="read:user"):
                client.me()
        clone = git.Repository.clone_mirror(f"{estate.url}/acme/env", estate.folder / "mirror", lambda: token)
        with pytest.raises(RefusedError) as caught:
            clone.push(f"{head}:refs/heads/x")
        assert caught.value.code == "git-forbidden"

    def test_an_unknown_scope_is_refused(self, shared: Estate) -> None:
        with pytest.raises(InputError, match="scope-invalid"):
            shared.root.create_token("dana", "correct horse battery", name="x", scopes=["everything"])


class TestVisibility:
    def test_an_outsider_cannot_tell_a_private_repository_from_none(
        self, estate: Estate, outsider: ForgeClient, outsider_token: str
    ) -> None:
        with outsider:
            for repo in ("env", "nothing"):
                with pytest.raises(NotFoundError, match="repository-unknown"):
                    outsider.repository("acme", repo)
            for repo in ("env", "nothing"):
                with pytest.raises(NotFoundError):
                    git.Repository.clone_mirror(
                        f"{estate.url}/acme/{repo}", estate.folder / "x", lambda: outsider_token
                    )

    def test_a_reader_reads_and_does_not_push(self, estate: Estate, outsider: ForgeClient, outsider_token: str) -> None:
        estate.root.add_collaborator("acme", "env", "mallory", permission="read")
        with outsider:
            head = outsider.branch("acme", "env", "main")
            with pytest.raises(RefusedError):
                outsider.set_status("acme", "env", head, context="x", state="success")
            with pytest.raises(RefusedError):
                outsider.protections("acme", "env")
            clone = git.Repository.clone_mirror(f"{estate.url}/acme/env", estate.folder / "m", lambda: outsider_token)
            with pytest.raises(RefusedError) as caught:
                clone.push(f"{head}:refs/heads/x")
        assert caught.value.code == "git-forbidden"

    def test_a_writer_does_not_administer(self, estate: Estate) -> None:
        dana = estate["dana"].client
        with pytest.raises(RefusedError):
            dana.protect("acme", "env", BranchProtection("main", enable_push=True))
        with pytest.raises(RefusedError):
            dana.create_hook("acme", "env", url="http://127.0.0.1:1/", secret="s", events=["push"])
        with pytest.raises(RefusedError):
            dana.add_collaborator("acme", "env", "mallory", permission="admin")

    def test_an_internal_repository_of_a_limited_organisation_is_readable_to_all_users(
        self, estate: Estate, outsider: ForgeClient
    ) -> None:
        estate.root.create_org("commons", visibility="limited")
        estate.root.create_repository("commons", "docs", private=False)
        with outsider:
            assert outsider.repository("commons", "docs").name == "docs"


class TestNames:
    @pytest.mark.parametrize(
        "name", ["", "-x", "x-", "Upper", "a.git", "..", "a/b", "a b", "x" * 41, "ümlaut", "x\n", "api", "con\0"]
    )
    def test_users_organisations_and_repositories_have_dns_labels(self, shared: Estate, name: str) -> None:
        with pytest.raises(InputError, match="name-invalid"):
            shared.root.create_user(name, email="new@acme.test", password="long enough")
        with pytest.raises(InputError, match="name-invalid"):
            shared.root.create_org(name)
        if name != "api":
            return
        with pytest.raises(InputError, match="name-invalid"):
            shared.root.create_repository("acme", name)

    def test_taken_names_and_addresses(self, shared: Estate) -> None:
        with pytest.raises(InputError, match="name-taken"):
            shared.root.create_user("dana", email="x@acme.test", password="long enough")
        with pytest.raises(InputError, match="email-taken"):
            shared.root.create_user("dana-alt", email="Dana@acme.test", password="long enough")


class TestHostilePaths:
    @pytest.mark.parametrize(
        "path",
        [
            "/acme/..%2f..%2fetc/info/refs?service=git-upload-pack",
            "/acme/env.git/../../x/info/refs?service=git-upload-pack",
            "/..%2facme/env/info/refs?service=git-upload-pack",
            "/acme/env.git/objects/info/packs",
            "/acme/env.git/HEAD",
            "/acme/env.git/config",
            "/acme/%00/info/refs?service=git-upload-pack",
        ],
    )
    def test_of_the_git_server(self, shared: Estate, path: str) -> None:
        assert get(shared, path, shared["dana"].token).status_code in (404, 405)

    def test_a_service_that_is_not_one(self, shared: Estate) -> None:
        for service in ("git-upload-archive", "git-shell", "upload-pack;id", ""):
            url = f"/acme/env.git/info/refs?service={service}"
            assert get(shared, url, shared["dana"].token).status_code == 403

    @pytest.mark.parametrize("path", ["..%2f..%2fforge.db", ".git/config", "a/../b", "%2fetc%2fpasswd", "x" * 5000])
    def test_of_files(self, shared: Estate, path: str) -> None:
        for kind in ("raw", "contents"):
            answer = get(shared, f"/api/v1/repos/acme/env/{kind}/{path}", shared["dana"].token)
            assert answer.status_code in (404, 422)

    @pytest.mark.parametrize("ref", ["--output=/tmp/x", "main:README.md", "main..main", "@{-1}", "", "refs/pull"])
    def test_of_revisions(self, shared: Estate, ref: str) -> None:
        token = shared["dana"].token
        answer = httpx.get(
            f"{shared.url}/api/v1/repos/acme/env/commits",
            params={"sha": ref},
            headers={"Authorization": f"token {token}"},
            trust_env=False,
        )
        assert answer.status_code == (404 if ref else 200)

    def test_a_gzip_bomb(self, shared: Estate) -> None:
        answer = httpx.post(
            f"{shared.url}/acme/env.git/git-upload-pack",
            headers={"Authorization": f"token {shared['dana'].token}", "Content-Encoding": "gzip"},
            content=gzip.compress(bytes(64 * 1024 * 1024)),
            trust_env=False,
        )
        assert answer.status_code == 413

    def test_a_body_that_is_no_json_no_gzip_or_too_large(self, shared: Estate) -> None:
        headers = {"Authorization": f"token {shared['dana'].token}"}
        url = f"{shared.url}/api/v1/repos/acme/env/pulls"
        for body, status in ((b"{", 400), (b"[" * 100_000, 400), (b"[]", 422), (b" " * 2_000_000, 413)):
            assert httpx.post(url, headers=headers, content=body, trust_env=False).status_code == status
        headers["Content-Encoding"] = "gzip"
        url = f"{shared.url}/acme/env.git/git-upload-pack"
        assert httpx.post(url, headers=headers, content=b"no gzip", trust_env=False).status_code == 400


class TestUnknownFields:
    def test_are_refused_by_name(self, estate: Estate) -> None:
        def post(path: str, body: dict[str, Any]) -> httpx.Response:
            token = estate.config.admin_token_file.read_text().strip()
            headers = {"Authorization": f"token {token}"}
            return httpx.post(f"{estate.url}/api/v1{path}", headers=headers, json=body, trust_env=False)

        rule = {"rule_name": "main", "require_signed_commit": True}
        answer = post("/repos/acme/env/branch_protections", rule)
        assert (answer.status_code, "require_signed_commit" in answer.text) == (422, True)
        answer = post("/repos/acme/env/branch_protections", {"rule_name": "main", "enable_force_push": True})
        assert (answer.status_code, "enable_force_push is not supported" in answer.text) == (422, True)
        answer = post(
            "/repos/acme/env/branch_protections", {"rule_name": "main", "push_whitelist_usernames": ["nobody"]}
        )
        assert (answer.status_code, "nobody" in answer.text) == (404, True)

    def test_methods_that_do_not_exist(self, shared: Estate) -> None:
        headers = {"Authorization": f"token {shared['dana'].token}"}
        url = f"{shared.url}/api/v1/repos/acme/env"
        assert httpx.delete(url, headers=headers, trust_env=False).status_code == 405


def test_the_database_is_durable(estate: Estate) -> None:
    with sqlite3.connect(estate.config.data / "forge.db") as connection:
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    connection.close()
