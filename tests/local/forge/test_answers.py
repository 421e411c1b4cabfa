"""The shapes of answers: commits with their verification, contents, comparison, pages, protections."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from interlock.clients.forge import BranchProtection
from interlock.errors import NotFoundError

if TYPE_CHECKING:
    from .conftest import Estate


def get(estate: Estate, path: str, **params: str) -> httpx.Response:
    headers = {"Authorization": f"token {estate['dana'].token}"}
    return httpx.get(f"{estate.url}/api/v1/{path}", params=params, headers=headers, trust_env=False)


@pytest.fixture
def filled(estate: Estate) -> Estate:
    path = estate.clone("dana")
    (path / "link").symlink_to("/etc/passwd")
    estate.commit("dana", path, {"apps/payments/values.yaml": "image: {}\n", "a b/ü.txt": "text"}, message="Fill")
    estate["dana"].git("push", "--quiet", "origin", "main", folder=path)
    return estate


def test_verification_of_a_commit(filled: Estate) -> None:
    shown = get(filled, "repos/acme/env/git/commits/main").json()
    verification = shown["commit"]["verification"]
    assert verification["verified"] is True
    assert verification["signer"] == {"name": "Dana", "email": "dana@acme.test", "username": "dana"}
    assert verification["signature"].startswith("-----BEGIN SSH SIGNATURE-----")
    assert verification["payload"].startswith("tree ")
    assert shown["commit"]["message"] == "Fill\n"


def test_a_deleted_key_verifies_nothing(filled: Estate) -> None:
    (key,) = get(filled, "user/keys").json()
    headers = {"Authorization": f"token {filled['dana'].token}"}
    httpx.delete(f"{filled.url}/api/v1/user/keys/{key['id']}", headers=headers, trust_env=False)
    shown = get(filled, "repos/acme/env/git/commits/main").json()
    assert shown["commit"]["verification"]["reason"] == "gpg.error.no_gpg_keys_found"


def test_contents_of_files_folders_and_links(filled: Estate) -> None:
    file = get(filled, "repos/acme/env/contents/apps/payments/values.yaml").json()
    assert base64.b64decode(file["content"]) == b"image: {}\n"
    assert (file["type"], file["size"], file["name"]) == ("file", 10, "values.yaml")
    names = {entry["name"]: entry["type"] for entry in get(filled, "repos/acme/env/contents").json()}
    assert names == {"README.md": "file", "a b": "dir", "apps": "dir", "link": "symlink"}
    assert filled["dana"].client.raw("acme", "env", "a b/ü.txt") == b"text"
    assert filled["dana"].client.raw("acme", "env", "missing") is None
    with pytest.raises(NotFoundError):
        filled["dana"].client.raw("acme", "nothing", "missing")
    # A link is never followed: not as text, not to a file of this machine.
    assert get(filled, "repos/acme/env/raw/link").status_code == 422


def test_compare_and_branches(filled: Estate) -> None:
    filled.propose("dana", "bump/x", {"x": "1"})
    compared = get(filled, "repos/acme/env/compare/main...bump/x").json()
    assert compared["total_commits"] == 1
    assert {branch.name for branch in filled.root.branches("acme", "env")} == {"main", "bump/x"}
    assert filled.root.branch("acme", "env", "bump/x") == compared["commits"][0]["sha"]


def test_pages(filled: Estate) -> None:
    head = filled.root.branch("acme", "env", "main")
    for index in range(5):
        filled["ci"].client.set_status("acme", "env", head, context=f"c{index}", state="success")
    answer = get(filled, f"repos/acme/env/statuses/{head}", page="2", limit="2")
    assert answer.headers["X-Total-Count"] == "5"
    assert [status["context"] for status in answer.json()] == ["c2", "c1"]
    assert 'page=3>; rel="next"' in answer.headers["Link"]
    assert 'page=3>; rel="last"' in answer.headers["Link"]
    assert 'page=1>; rel="first"' in answer.headers["Link"]
    assert get(filled, f"repos/acme/env/statuses/{head}", page="9").json() == []
    assert len(filled.root.statuses("acme", "env", head)) == 5


def test_the_client_reads_through_many_pages(filled: Estate) -> None:
    head = filled.root.branch("acme", "env", "main")
    for index in range(55):
        filled["ci"].client.set_status("acme", "env", head, context=f"c{index}", state="success")
    assert len({status.id for status in filled.root.statuses("acme", "env", head)}) == 55


def test_protections_are_stored_edited_and_deleted(estate: Estate) -> None:
    rule = BranchProtection("Release/*", enable_push=True, required_approvals=2, status_check_contexts=("a",))
    assert estate.root.protect("acme", "env", rule) == rule
    changed = BranchProtection("Release/*", required_approvals=1)
    assert estate.root.protect("acme", "env", changed) == changed
    assert estate.root.protections("acme", "env") == [changed]
    path = estate.clone("dana")
    refused = estate["dana"].git("push", "origin", "HEAD:refs/heads/release/1", folder=path, check=False)
    assert "push-not-allowed" in refused.stderr
    headers = {"Authorization": f"token {estate.config.admin_token_file.read_text().strip()}"}
    url = f"{estate.url}/api/v1/repos/acme/env/branch_protections/Release%2F*"
    assert httpx.delete(url, headers=headers, trust_env=False).status_code == 204
    assert estate.root.protections("acme", "env") == []


def test_addresses_come_from_the_configuration_not_from_the_request(estate: Estate) -> None:
    headers = {"Authorization": f"token {estate['dana'].token}", "Host": "evil.test"}
    shown: dict[str, Any] = httpx.get(f"{estate.url}/api/v1/repos/acme/env", headers=headers, trust_env=False).json()
    assert shown["clone_url"] == f"{estate.url}/acme/env.git"


def test_git_protocol_two_and_zero_and_the_url_without_suffix(estate: Estate) -> None:
    dana = estate["dana"]
    for version in ("0", "2"):
        for url in (f"{estate.url}/acme/env", f"{estate.url}/acme/env.git"):
            out = dana.git("-c", f"protocol.version={version}", "ls-remote", url, "refs/heads/main").stdout
            assert out.split()[0] == estate.root.branch("acme", "env", "main")
