"""dev: free for all in what runs, sealed in which Applications exist."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

from interlock.errors import InputError
from interlock.platform.delivery import applications, history, merge
from interlock.platform.delivery.history import Main, Proof
from interlock.platform.domain.ids import ServiceName
from interlock.platform.domain.verdict import Verdict

if TYPE_CHECKING:
    from .conftest import World


@pytest.fixture
def dev(make_world: Callable[[str], World]) -> World:
    return make_world("dev")


def main(dev: World) -> Main:
    dev.git.fetch()
    found = history.read_main(dev.git, dev.keys.seal[1])
    assert isinstance(found, Main)
    return found


def prove(dev: World) -> Proof | None:
    def expected(service: ServiceName) -> bytes | None:
        registered = dev.estate.services.get(service)
        return dev.golden(registered, dev.environment)[f"argocd/{service}.yaml"] if registered else None

    return applications.prove_applications(dev.git, main(dev), expected)


def test_direct_commits_to_what_runs_need_no_seal(dev: World) -> None:
    dev.commit({"apps/payments/values.dev.yaml": b"anything: goes\n"}, person=None)
    assert prove(dev) is None


@pytest.mark.parametrize(
    ("path", "data"),
    [
        ("argocd/evil.yaml", b"kind: Application\nspec: {project: prod}\n"),
        ("argocd/payments.yaml", b"kind: Application\nspec: {project: prod}\n"),
        ("argocd/payments.yaml", None),
        ("argocd/sub/payments.yaml", b"x: 1\n"),
        ("argocd/README.md", b"other\n"),
    ],
)
def test_an_application_that_the_golden_path_would_not_write_is_not_sealed(
    dev: World, path: str, data: bytes | None
) -> None:
    before = main(dev).sealed
    dev.commit({path: data})
    found = prove(dev)
    assert found is not None
    assert (found.verdict, found.reason, found.detail) == (Verdict.INVALID, "application-unproven", path)
    assert main(dev).sealed == before


def test_the_golden_paths_application_is_sealed_whoever_committed_it(dev: World) -> None:
    original = dev.git.read("refs/heads/main", "argocd/payments.yaml")
    dev.commit({"argocd/payments.yaml": None})
    removed = prove(dev)
    assert removed is not None and removed.verdict is Verdict.INVALID
    dev.commit({"argocd/payments.yaml": original})
    assert prove(dev) is None, "back to what is sealed"


def test_sealing_covers_the_tip_and_is_done_once(dev: World, make_world: Callable[[str], World]) -> None:
    before = main(dev).sealed
    # A seal from before payments existed: as after its onboarding was merged.
    base = dev.git.write_tree({"argocd/payments.yaml": None}, base=before.id)
    root = dev.git.commit_tree(base, [before.merge], "Before\n", author=("x", "x@x"))
    dev.push(root, "main")
    earlier = dev.git.commit_tree(
        base, [before.id, root], "Seal dev\n\nx\n\nArgocd-gpg-seal: x\n", author=("x", "x@x"), sign=dev.keys.sign_seal
    )
    dev.push(earlier, "sealed")
    files = dev.golden(dev.estate.service("payments"), dev.environment)
    dev.commit({"argocd/payments.yaml": files["argocd/payments.yaml"]})
    found = prove(dev)
    assert found is not None and found.verdict is Verdict.VALID
    made = merge.seal_applications(
        dev.books, dev.git, found, environment="dev", previous=main(dev).sealed.id, url=dev.url,
        platform_commit=dev.estate.commit, now=dev.now(), sign=dev.keys.sign_seal,
    )  # fmt: skip
    assert main(dev).sealed == made
    assert prove(dev) is None


def test_an_application_goes_where_its_removal_was_decided(dev: World) -> None:
    dev.commit({"argocd/payments.yaml": None})

    def proven(name: str) -> Verdict:
        found = applications.prove_applications(dev.git, main(dev), lambda _: None, lambda service: service == name)
        assert found is not None
        return found.verdict

    assert (proven("payments"), proven("quotes")) == (Verdict.VALID, Verdict.INVALID)


def test_a_golden_path_that_fails_is_unknown(dev: World) -> None:
    def fails(service: ServiceName) -> bytes | None:
        raise InputError("template-broken", "no")

    dev.commit({"argocd/payments.yaml": b"x: 1\n"})
    found = applications.prove_applications(dev.git, main(dev), fails)
    assert found is not None and found.verdict is Verdict.UNKNOWN
