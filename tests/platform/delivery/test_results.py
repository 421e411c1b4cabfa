from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from interlock.errors import ConflictError
from interlock.platform.domain.ids import ServiceName
from interlock.platform.domain.result import ResultIds
from interlock.platform.facts import result as results

from .conftest import CHART

if TYPE_CHECKING:
    from .conftest import World

PAYMENTS, QUOTES = ServiceName("payments"), ServiceName("quotes")


def ids(world: World, head: str, service: ServiceName = PAYMENTS) -> ResultIds:
    return results.merged_ids(world.git, world.main(), head, results.paths(service, "prod", CHART))


def test_another_services_merge_does_not_change_the_result(world: World) -> None:
    mine, other = world.bump("payments", "a"), world.bump("quotes", "b")
    before = ids(world, mine.head_sha)
    world.merge("acme", "env-prod", other.number, head_commit_id=other.head_sha)
    assert ids(world, mine.head_sha) == before
    before_quotes = results.ids(world.git, world.main() + "~1", results.paths(QUOTES, "prod", CHART))
    assert ids(world, mine.head_sha, QUOTES).difference(before_quotes) == ("apps/quotes",)


def test_a_push_changes_the_result(world: World) -> None:
    pull = world.bump("payments", "a")
    before = ids(world, pull.head_sha)
    pushed = world.commit({"apps/payments/values.yaml": b"x: 1\n"}, branch=pull.head_ref)
    assert before.difference(ids(world, pushed)) == ("apps/payments",)


@pytest.mark.parametrize(
    "path", ["charts/service/1.2.0/values.yaml", "argocd/payments.yaml", "middleware/payments/q.yaml"]
)
def test_chart_application_and_middleware_are_part_of_the_result(world: World, path: str) -> None:
    """Another merge that changes what this service would run voids its approvals."""
    pull = world.bump("payments", "a")
    before = ids(world, pull.head_sha)
    world.commit({path: b"changed: true\n"})
    assert ids(world, pull.head_sha) != before


def test_the_same_change_on_both_sides_gives_the_same_result_as_on_one(world: World) -> None:
    pull = world.bump("payments", "a")
    before = ids(world, pull.head_sha)
    world.merge("acme", "env-prod", pull.number, head_commit_id=pull.head_sha)
    assert (
        ids(world, pull.head_sha)
        == before
        == results.ids(world.git, world.main(), results.paths(PAYMENTS, "prod", CHART))
    )


def test_without_a_clean_merge_there_is_no_result(world: World) -> None:
    first, second = world.bump("payments", "a"), world.bump("payments", "b")
    world.merge("acme", "env-prod", first.number, head_commit_id=first.head_sha)
    with pytest.raises(ConflictError) as caught:
        ids(world, second.head_sha)
    assert caught.value.code == "merge-conflict"


def test_without_a_service_everything_is_the_result(world: World) -> None:
    pull = world.propose("revert/main/0000000", {"README.md": b"other\n"})
    everything = results.merged_ids(world.git, world.main(), pull.head_sha, None)
    assert set(everything.as_dict()) == {"README.md", "apps", "argocd", "charts"}
    assert everything.difference(results.ids(world.git, world.main(), None)) == ("README.md",)
