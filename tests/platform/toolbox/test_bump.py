"""git-pr-bump: one pull request, two scalars, however often it runs."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from interlock.clients.git import Repository
from interlock.errors import ConflictError, InputError, NotFoundError
from interlock.formats import signatures, yaml
from interlock.platform.estate.library import Library
from interlock.platform.toolbox import bump, image_build
from interlock.platform.toolbox.source import Source
from interlock.platform.toolbox.world import World

from .. import acme

CHART = Library.of({"Chart.yaml": b"apiVersion: v2\nname: service\nversion: 1.0.0\ntype: library\n"})
TAG = "main-0123456789ab"
IMAGE = f"registry.acme.test/integration/payments:{TAG}"
VALUES = "apps/payments/values.dev.yaml"


@pytest.fixture
def digest(estate: Any) -> str:
    origin = Source("https://git/acme/payments", "a" * 40, "2026-11-01T00:00:00Z")
    content = image_build.bar_image("P.bar", b"bar", origin)
    with estate.client() as registry:
        return str(registry.push("integration/payments", content, tag=TAG))


class Env:
    def __init__(self, estate: Any, name: str) -> None:
        self.estate, self.name = estate, f"env-{name}"
        environment = acme.environment("dev").model_copy(update={"name": name, "repository": f"env-{name}"})
        self.files = acme.ACE.environment(acme.service(), environment, acme.platform(), CHART)
        self.path = f"apps/payments/values.{name}.yaml"
        self.base = estate.seed(self.name, self.files)
        self.url = f"https://git/acme/{self.name}"

    def run(self, world: World, results: Any, **more: Any) -> Any:
        given = {"env_repo": self.url, "image_name": IMAGE, "token_file": self.estate.token_file} | more
        return bump.bump(world, results, **given)

    def repository(self, folder: Path) -> Repository:
        token = self.estate.token_file.read_text().strip()
        return Repository.clone_mirror(f"{self.estate.forge}/acme/{self.name}", folder, lambda: token)


@pytest.fixture
def env(estate: Any, digest: str) -> Callable[[str], Env]:
    """``env(name)`` is a fresh env repo ``env-<name>`` in which payments is onboarded."""
    return lambda name: Env(estate, name)


def test_the_seeds_parameters_are_enough(
    env: Callable[[str], Env], estate: Any, world: World, results: Any, digest: str, tmp_path: Path
) -> None:
    dev = env("dev")
    pull = dev.run(world, results, signing_key=estate.ssh_key)
    assert (pull.title, pull.user) == (f"payments: {TAG} to dev", "interlock-ci")
    assert (pull.head_ref, pull.base_ref) == (f"bump/payments/{TAG}", "main")
    assert results.values["PULL_REQUEST"] == str(pull.number)
    repository = dev.repository(tmp_path / "check")
    (change,) = repository.diff(dev.base, pull.head_sha)
    assert change.path == VALUES
    before, after = dev.files[VALUES].decode(), repository.read(pull.head_sha, VALUES)
    assert after is not None
    assert after.decode() == before.replace('tag: ""', f'tag: "{TAG}"').replace('digest: ""', f'digest: "{digest}"')
    image = yaml.load(after, file=VALUES).value["image"]
    assert image == {"repository": "registry.acme.test/integration/payments", "tag": TAG, "digest": digest}
    commit = repository.commit(pull.head_sha)
    public = estate.ssh_key.with_suffix(".pub").read_text()
    assert isinstance(signatures.verify_commit(commit, ssh_keys=[public]), signatures.Verified)


def test_a_second_run_finds_the_open_pull_request(env: Callable[[str], Env], world: World, results: Any) -> None:
    again = env("again")
    assert again.run(world, results).number == again.run(world, results).number
    assert len(again.estate.ci.pulls("acme", again.name)) == 1


def test_a_run_that_died_after_the_push_goes_on(
    env: Callable[[str], Env], world: World, results: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    died = env("died")
    with monkeypatch.context() as patch:
        patch.setattr(bump, "_pull", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            died.run(world, results)
    assert died.run(world, results).head_ref == f"bump/payments/{TAG}"


def test_nothing_to_change_opens_nothing(
    env: Callable[[str], Env], world: World, results: Any, digest: str, tmp_path: Path
) -> None:
    done = env("done")
    repository = done.repository(tmp_path / "mirror")
    text = done.files[done.path].decode()
    data = text.replace('tag: ""', f'tag: "{TAG}"').replace('digest: ""', f'digest: "{digest}"')
    tree = repository.write_tree({done.path: data.encode()}, done.base)
    commit = repository.commit_tree(tree, [done.base], "Deliver", author=("Dana", "dana@acme.test"), date=world.now())
    repository.push(f"{commit}:refs/heads/main")
    assert done.run(world, results) is None
    assert results.values["PULL_REQUEST"] == ""


def test_a_branch_with_other_content_is_not_touched(
    env: Callable[[str], Env], world: World, results: Any, tmp_path: Path
) -> None:
    other = env("other")
    repository = other.repository(tmp_path / "mirror")
    tree = repository.write_tree({"README.md": b"mine"}, other.base)
    commit = repository.commit_tree(tree, [other.base], "Mine", author=("Dana", "dana@acme.test"), date=world.now())
    repository.push(f"{commit}:refs/heads/bump/payments/{TAG}")
    with pytest.raises(ConflictError) as caught:
        other.run(world, results)
    assert caught.value.code == "bump-branch"


def test_a_service_that_is_not_onboarded(estate: Any, world: World, results: Any, digest: str) -> None:
    estate.seed("env-empty", {"README.md": b""})
    with pytest.raises(NotFoundError) as caught:
        bump.bump(world, results, env_repo="https://git/acme/env-empty", image_name=IMAGE, token_file=estate.token_file)
    assert caught.value.code == "bump-not-onboarded"


def test_an_env_repo_may_have_any_name_and_has_one_environment(
    estate: Any, env: Callable[[str], Env], world: World, results: Any, digest: str
) -> None:
    files = env("any").files
    files = {path.replace("values.any.", "values.dev."): data for path, data in files.items()}
    both = {**files, "apps/payments/values.test.yaml": files[VALUES]}
    for name, content in (("deployments", files), ("both", both)):
        estate.seed(name, content)
    given = {"image_name": IMAGE, "token_file": estate.token_file}
    pull = bump.bump(world, results, env_repo="https://git/acme/deployments", **given)
    assert pull is not None and pull.title == f"payments: {TAG} to dev"
    with pytest.raises(InputError, match="dev, test") as caught:
        bump.bump(world, results, env_repo="https://git/acme/both", **given)
    assert caught.value.code == "bump-environment"


def test_another_services_image_repository(env: Callable[[str], Env], estate: Any, world: World, results: Any) -> None:
    foreign = env("foreign")
    content = image_build.bar_image("P.bar", b"bar", None)
    with estate.client() as registry:
        registry.push("elsewhere/payments", content, tag="x")
    with pytest.raises(InputError) as caught:
        foreign.run(world, results, image_name="registry.acme.test/elsewhere/payments:x")
    assert caught.value.code == "bump-repository"


def test_an_image_that_does_not_exist(env: Callable[[str], Env], world: World, results: Any) -> None:
    with pytest.raises(NotFoundError):
        env("absent").run(world, results, image_name="registry.acme.test/integration/payments:gone")


@pytest.mark.parametrize("url", ["https://git/env-dev", "env-dev", "file:///acme/env-dev"])
def test_what_is_no_env_repo(world: World, results: Any, url: str) -> None:
    with pytest.raises(InputError) as caught:
        bump.bump(world, results, env_repo=url, image_name=IMAGE)
    assert caught.value.code == "bump-env-repo"
