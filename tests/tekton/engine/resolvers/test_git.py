"""The git resolver: revisions, paths, mirrors, tokens, the forge's API."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from interlock.errors import InputError, InterlockError, NotFoundError, RefusedError
from interlock.tekton.spec.resolution import RefSource, Resolved

URL = "https://git.example.test/team/catalog.git"
Get = Callable[..., Resolved]


def mirrored(world: Any, **config: Any) -> Any:
    return world.resolvers(mirrors={"https://git.example.test/team/": str(world.folder / "repositories")}, **config)


def test_a_branch_is_pinned_to_its_commit(world: Any, get: Get, task_text: str) -> None:
    commit = world.repository().commit({"task/greet.yaml": task_text})
    found = get(mirrored(world), "git", url=URL, revision="main", pathInRepo="task/greet.yaml")
    assert found.object["metadata"]["name"] == "greet"
    assert found.source == RefSource(f"git+{URL}", {"sha1": commit}, "task/greet.yaml")
    assert found.source.to_object() == {
        "uri": f"git+{URL}",
        "digest": {"sha1": commit},
        "entryPoint": "task/greet.yaml",
    }


def test_a_branch_that_moved_gives_its_new_content(world: Any, get: Get, task_text: str) -> None:
    repository, resolvers = world.repository(), mirrored(world)
    repository.commit({"t.yaml": task_text})
    get(resolvers, "git", url=URL, revision="main", pathInRepo="t.yaml")
    repository.commit({"t.yaml": task_text.replace("greet", "changed")})
    assert get(resolvers, "git", url=URL, revision="main", pathInRepo="t.yaml").object["metadata"]["name"] == "changed"


def test_tags_full_refs_and_full_ids(world: Any, get: Get, task_text: str) -> None:
    repository, resolvers = world.repository(), mirrored(world)
    first = repository.commit({"t.yaml": task_text})
    repository.git("tag", "-a", "v1", "-m", "one")
    repository.git("branch", "v1", "HEAD")
    second = repository.commit({"t.yaml": task_text.replace("greet", "second")})
    # An annotated tag is peeled, and comes before the branch of its name, as in `git fetch origin v1`.
    repository.git("branch", "-f", "v1", second)
    for revision, commit in (("v1", first), ("refs/heads/v1", second), (first, first), ("HEAD", second)):
        found = get(resolvers, "git", url=URL, revision=revision, pathInRepo="/t.yaml")
        assert found.source is not None and found.source.digest == {"sha1": commit}


@pytest.mark.parametrize("revision", ["nope", "SHORT"])
def test_what_is_no_ref(world: Any, get: Get, task_text: str, revision: str) -> None:
    commit = world.repository().commit({"t.yaml": task_text})
    # A short id is no ref: a server does not resolve it.
    revision = commit[:8] if revision == "SHORT" else revision
    with pytest.raises(NotFoundError) as caught:
        get(mirrored(world), "git", url=URL, revision=revision, pathInRepo="t.yaml")
    assert caught.value.code == "resolution-failed"
    assert caught.value.message.startswith('error requesting remote resource: error getting "Git" "default/git-')
    assert caught.value.message.endswith(
        f"git fetch error: fatal: couldn't find remote ref {revision}: exit status 128"
    )


def test_a_file_that_is_not_there(world: Any, get: Get, task_text: str) -> None:
    world.repository().commit({"t.yaml": task_text})
    with pytest.raises(NotFoundError, match=r'error opening file "u\.yaml": file does not exist'):
        get(mirrored(world), "git", url=URL, revision="main", pathInRepo="u.yaml")


def test_links_inside_of_the_repository_are_followed(world: Any, get: Get, task_text: str) -> None:
    links = {"latest": "task/0.2", "task/0.2": "0.1"}
    world.repository().commit({"task/0.1/greet.yaml": task_text}, links)
    found = get(mirrored(world), "git", url=URL, revision="main", pathInRepo="latest/greet.yaml")
    assert found.object["metadata"]["name"] == "greet"


@pytest.mark.parametrize("target", ["/etc/passwd", "../../outside.yaml", "../catalog/../../x"])
def test_links_out_of_it_are_not(world: Any, get: Get, task_text: str, target: str) -> None:
    world.repository().commit({"t.yaml": task_text}, {"out.yaml": target})
    (world.folder / "repositories" / "outside.yaml").write_text(task_text)
    with pytest.raises(InputError, match="attempts to escape the repository directory"):
        get(mirrored(world), "git", url=URL, revision="main", pathInRepo="out.yaml")


def test_links_in_a_circle_end(world: Any, get: Get, task_text: str) -> None:
    world.repository().commit({"t.yaml": task_text}, {"a": "b", "b": "a"})
    with pytest.raises(InputError, match="too many links"):
        get(mirrored(world), "git", url=URL, revision="main", pathInRepo="a")


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"pathInRepo": "../secret"}, "invalid path \"../secret\": must not contain '..' components"),
        ({"pathInRepo": "a/.git/config"}, "file does not exist"),
        ({"revision": "--upload-pack=/bin/sh"}, "must not begin with '-'"),
        ({"revision": "main\nx"}, "couldn't find remote ref"),
        ({"url": "/etc"}, "invalid git repository url: /etc"),
        ({"url": "file:///etc"}, "invalid git repository url: file:///etc"),
        ({"url": "https://git.example.test/team/../../etc"}, "leaves its mirror"),
    ],
)
def test_hostile_params(world: Any, get: Get, task_text: str, values: dict[str, str], message: str) -> None:
    world.repository().commit({"t.yaml": task_text})
    given = {"url": URL, "revision": "main", "pathInRepo": "t.yaml", **values}
    with pytest.raises(InterlockError) as caught:
        get(mirrored(world), "git", **given)
    assert caught.value.code == "resolution-failed"
    assert message in caught.value.message


def test_an_address_without_mirror_says_what_to_configure(world: Any, get: Get) -> None:
    with pytest.raises(RefusedError) as caught:
        get(world.resolvers(), "git", url="https://elsewhere.test/a/b.git", revision="main", pathInRepo="t.yaml")
    assert "no mirror is configured for https://elsewhere.test/a/b.git" in caught.value.message
    assert caught.value.todo is not None and "'https://elsewhere.test/a/'" in caught.value.todo


def test_a_token_comes_from_its_secret_and_its_clone_is_not_for_others(world: Any, get: Get, task_text: str) -> None:
    world.repository().commit({"t.yaml": task_text})
    resolvers = mirrored(world)
    given = {"url": URL, "revision": "main", "pathInRepo": "t.yaml"}
    with pytest.raises(InputError, match="cannot get API token, secret git not found in namespace default"):
        get(resolvers, "git", gitToken="git", **given)
    world.secret("git", other="x")
    with pytest.raises(InputError, match="cannot get API token, key token not found in secret git in namespace"):
        get(resolvers, "git", gitToken="git", **given)


def test_the_api_of_a_gitea(world: Any, get: Get, task_text: str) -> None:
    commit = "a" * 40
    base = "/api/v1/repos/acme/catalog"
    world.server.put(f"{base}/git/commits/main", _commit_json(commit))
    world.server.put(f"{base}/raw/task/greet.yaml", task_text)
    clone = f"{world.server.url}/acme/catalog.git"
    world.server.put(base, _repository_json(clone))
    world.secret("forge-token", token="s3cret")
    found = get(
        world.resolvers(),
        "git",
        org="acme",
        repo="catalog",
        revision="main",
        pathInRepo="task/greet.yaml",
        scmType="gitea",
        serverURL=world.server.url,
        token="forge-token",
    )
    assert found.source == RefSource(f"git+{clone}", {"sha1": commit}, "task/greet.yaml")
    assert {authorization for _, authorization in world.server.asked} == {"token s3cret"}


def test_the_configured_token_stays_with_its_own_server(world: Any, get: Get) -> None:
    given = {"org": "acme", "repo": "catalog", "revision": "main", "pathInRepo": "t.yaml", "scmType": "gitea"}
    with pytest.raises(InputError, match="the system token cannot be sent to a non-default server URL"):
        get(world.resolvers(), "git", serverURL=world.server.url, **given)
    with pytest.raises(InputError, match="'api-token-secret-name' not specified in config"):
        get(world.resolvers(), "git", **given)
    assert world.server.asked == []


def test_the_api_answered_by_a_mirror_of_repositories(world: Any, get: Get, task_text: str) -> None:
    commit = world.repository().commit({"t.yaml": task_text})
    world.secret("forge-token", token="s3cret")
    resolvers = world.resolvers(mirrors={"https://github.com/acme/": str(world.folder / "repositories")})
    given = {"org": "acme", "repo": "catalog", "revision": "main", "pathInRepo": "t.yaml", "token": "forge-token"}
    found = get(resolvers, "git", **given)
    assert found.source == RefSource("git+https://github.com/acme/catalog.git", {"sha1": commit}, "t.yaml")


def _commit_json(sha: str) -> dict[str, Any]:
    verification = {"verified": False, "reason": "", "signature": "", "payload": ""}
    author = {"name": "a", "email": "a@b.test", "date": "2026-01-01T00:00:00Z"}
    inner = {"message": "m", "author": author, "committer": author, "verification": verification}
    return {"sha": sha, "parents": [], "commit": inner}


def _repository_json(clone: str) -> dict[str, Any]:
    return {
        "id": 1,
        "owner": {"login": "acme"},
        "name": "catalog",
        "full_name": "acme/catalog",
        "private": True,
        "default_branch": "main",
        "clone_url": clone,
        "empty": False,
    }
