"""Lock file, cache and offline: what was resolved once is the same, or an error, ever after."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from interlock.errors import IntegrityError, NotFoundError, RefusedError
from interlock.formats.tekton.task import Param
from interlock.tekton.spec.resolution import Resolved, lock

Get = Callable[..., Resolved]
URL = "https://git.example.test/team/catalog.git"
GIVEN = {"url": URL, "revision": "main", "pathInRepo": "t.yaml"}
AT = "2026-01-01T00:00:00Z"


def mirrored(world: Any, **options: Any) -> Any:
    return world.resolvers(mirrors={"https://git.example.test/team/": str(world.folder / "repositories")}, **options)


def params(values: dict[str, str]) -> list[Param]:
    return [Param(name=name, value=value) for name, value in values.items()]


def locked(resolvers: Any, resolver: str, values: dict[str, str]) -> lock.Lock:
    entry, _ = resolvers.entry(resolver, params(values), namespace="default", at=AT)
    return lock.Lock().with_entries([entry])


def test_a_locked_branch_stays_at_its_commit(world: Any, get: Get, task_text: str) -> None:
    repository = world.repository()
    commit = repository.commit({"t.yaml": task_text})
    pinned = locked(mirrored(world), "git", GIVEN)
    repository.commit({"t.yaml": task_text.replace("greet", "changed")})
    found = get(mirrored(world, pinned=pinned, data="fresh"), "git", **GIVEN)
    assert found.object["metadata"]["name"] == "greet"
    assert found.source is not None and found.source.digest == {"sha1": commit}


def test_with_a_lock_file_nothing_else_is_resolved(world: Any, get: Get, task_text: str) -> None:
    world.repository().commit({"t.yaml": task_text, "u.yaml": task_text})
    pinned = locked(mirrored(world), "git", GIVEN)
    with pytest.raises(RefusedError) as caught:
        get(mirrored(world, pinned=pinned), "git", **{**GIVEN, "pathInRepo": "u.yaml"})
    assert caught.value.code == "lock-missing"
    assert caught.value.todo == "run: interlock pipeline lock FILE"


def test_other_content_is_an_error_with_both_digests(world: Any, get: Get, task_text: str) -> None:
    world.server.put("/t", task_text)
    given = {"url": f"{world.server.url}/t"}
    pinned = locked(world.resolvers(), "http", given)
    changed = task_text.replace("hello", "evil")
    world.server.put("/t", changed)
    with pytest.raises(IntegrityError) as caught:
        get(world.resolvers(pinned=pinned, data="fresh"), "http", **given)
    assert caught.value.code == "lock-mismatch"
    assert caught.value.expected == lock.digest(task_text.encode())
    assert caught.value.got == lock.digest(changed.encode())
    # Where the pinned content was seen, it is used: nobody is asked.
    assert get(world.resolvers(pinned=pinned), "http", **given).object["spec"]["steps"][0]["script"] == "echo hello"


def test_what_is_locked_and_was_seen_needs_no_network(world: Any, get: Get, task_text: str) -> None:
    world.server.put("/t", task_text)
    given = {"url": f"{world.server.url}/t"}
    pinned = locked(world.resolvers(), "http", given)
    get(world.resolvers(pinned=pinned), "http", **given)
    before = len(world.server.asked)
    assert get(world.resolvers(pinned=pinned, offline=True), "http", **given).object["kind"] == "Task"
    assert len(world.server.asked) == before
    with pytest.raises(RefusedError, match="the resolvers are offline"):
        get(world.resolvers(pinned=pinned, offline=True, data="empty"), "http", **given)


def test_credentials_do_not_tell_references_apart_but_caches(world: Any, get: Get, task_text: str) -> None:
    commit = world.repository().commit({"t.yaml": task_text})
    world.secret("git-token", token="t0ken", namespace="private")
    given = {**GIVEN, "revision": commit}
    resolvers = mirrored(world)
    get(resolvers, "git", run_namespace="private", gitToken="git-token", **given)
    offline = mirrored(world, offline=True)
    assert get(offline, "git", run_namespace="private", gitToken="git-token", **given).object["kind"] == "Task"
    with pytest.raises(RefusedError, match="offline"):
        get(offline, "git", **given)  # whoever has no token gets nothing from the cache either
    assert lock.key("git", params({**given, "gitToken": "git-token"})) == lock.key("git", params(given))


def test_a_damaged_cache_is_not_believed(world: Any, get: Get, task_text: str) -> None:
    commit = world.repository().commit({"t.yaml": task_text})
    given = {**GIVEN, "revision": commit}
    get(mirrored(world), "git", **given)
    (blob,) = (world.folder / "data/resolved/sha256").iterdir()
    blob.write_text(task_text.replace("hello", "evil"))
    assert get(mirrored(world), "git", **given).object["spec"]["steps"][0]["script"] == "echo hello"


def test_a_full_commit_id_is_resolved_once(world: Any, get: Get, task_text: str) -> None:
    commit = world.repository().commit({"t.yaml": task_text})
    get(mirrored(world), "git", **{**GIVEN, "revision": commit})
    assert get(mirrored(world, offline=True), "git", **{**GIVEN, "revision": commit}).object["kind"] == "Task"
    with pytest.raises(RefusedError, match="offline"):
        get(mirrored(world, offline=True), "git", **{**GIVEN, "revision": commit, "cache": "never"})
    with pytest.raises(RefusedError, match="offline"):
        get(mirrored(world, offline=True), "git", **GIVEN)


def test_the_lock_file_of_the_configuration(world: Any, get: Get, task_text: str) -> None:
    world.server.put("/t", task_text)
    given = {"url": f"{world.server.url}/t"}
    path = world.folder / lock.NAME
    with pytest.raises(NotFoundError, match="the lock file that is configured is not there"):
        world.resolvers(lock=str(path))
    path.write_text(locked(world.resolvers(), "http", given).dump())
    assert get(world.resolvers(lock=str(path)), "http", **given).object["kind"] == "Task"
    with pytest.raises(RefusedError, match="the lock file does not name this reference"):
        get(world.resolvers(lock=str(path)), "http", url=f"{world.server.url}/other")
