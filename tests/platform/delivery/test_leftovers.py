"""What a configuration takes out of what is rendered goes from a cluster where Argo CD prunes nothing by itself."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from interlock.platform.books.vocabulary import Merged
from interlock.platform.controller.acts import Prune
from interlock.platform.controller.loops.syncs import Syncs
from interlock.platform.domain.ids import CommitId, DeliveryKind, EnvironmentName
from interlock.platform.domain.removal import Place

from .test_configuration import PATH, PAYMENTS, edited

if TYPE_CHECKING:
    from .conftest import World

MAP = ("", "ConfigMap", "payments", "payments")
WHERE = dict(zip(("group", "kind", "namespace", "name"), MAP, strict=True))


class Cluster:
    """The sync loop over a world in which a configuration brought a ConfigMap, and another one took it out."""

    def __init__(self, world: World) -> None:
        self.world, self.asked = world, list[Any]()
        before = world.git.read("refs/heads/main", PATH)
        assert before is not None
        self.deliver(edited(world, config__LOG_LEVEL="debug"))
        self.tip = self.deliver({PATH: before})
        hub = SimpleNamespace(
            list=lambda *_, **__: SimpleNamespace(items=[self.application]), get=lambda *_: self.application
        )
        shared: Any = SimpleNamespace(
            estate=lambda: world.estate, books=world.books, snapshot=SimpleNamespace(fresh=lambda _: world.git),
            now=world.now, connections=SimpleNamespace(cluster=lambda _: hub),
        )  # fmt: skip
        self.loop = Syncs(shared, SimpleNamespace(all=self.asked.extend))  # type: ignore[arg-type]

    def deliver(self, files: dict[str, bytes], *, kind: str = "configuration") -> CommitId:
        world, base = self.world, CommitId(self.world.main())
        pull = world.propose(f"configure/payments/{len(world.pulls):07d}", files)
        found = world.merge("acme", "env-prod", pull.number, head_commit_id=pull.head_sha)
        merge = CommitId(str(found.merge_commit_sha))
        body = Merged(
            environment=EnvironmentName("prod"), service=PAYMENTS, kind=DeliveryKind(kind), repository=world.url,
            pull=pull.number, base=base, head=CommitId(pull.head_sha), merge=merge, result={},
        )  # fmt: skip
        world.books.write(body.subject, body, key=Merged.key(world.url, merge))
        return merge

    def round(self, *resources: dict[str, Any], revision: str = "", **status: Any) -> list[Any]:
        """What is asked for when Argo CD reports this; by default that the ConfigMap alone is left."""
        listed = resources or ({**WHERE, "status": "OutOfSync", "requiresPruning": True},)
        self.application: dict[str, Any] = {
            "metadata": {"name": "payments-prod"},
            "status": {
                "sync": {"status": "OutOfSync", "revision": revision or self.tip},
                "health": {"status": "Healthy"},
                "operationState": {"phase": "Succeeded"},
                "resources": list(listed),
                **status,
            },
        }
        self.asked.clear()
        for key in list(self.loop.keys()):
            self.loop.run(key)
        return list(self.asked)


@pytest.fixture
def cluster(world: World) -> Cluster:
    return Cluster(world)


def test_argo_cd_is_asked_to_delete_what_a_delivery_took_out(cluster: Cluster) -> None:
    assert cluster.round() == [Prune("payments-prod", cluster.tip, (Place(*MAP),))]
    values = cluster.world.git.read("refs/heads/main", PATH)
    assert values is not None
    tip = cluster.deliver({PATH: values.replace(b"replicas: 1", b"replicas: 2")})
    assert cluster.round(revision=tip) == [Prune("payments-prod", tip, (Place(*MAP),))], "the delivery before did"


def test_what_no_delivery_took_out_stays(cluster: Cluster) -> None:
    foreign = {**WHERE, "name": "other", "status": "OutOfSync", "requiresPruning": True}
    left = {**WHERE, "status": "OutOfSync", "requiresPruning": True}
    assert cluster.round(foreign) == []
    assert cluster.round(foreign, left) == [Prune("payments-prod", cluster.tip, (Place(*MAP),))]


def test_nothing_goes_before_all_else_is_done(cluster: Cluster) -> None:
    different = {"group": "apps", "kind": "Deployment", "namespace": "payments", "name": "payments"}
    left = {**WHERE, "status": "OutOfSync", "requiresPruning": True}
    assert cluster.round({**different, "status": "OutOfSync"}, left) == []
    assert cluster.round(health={"status": "Progressing"}) == [], "pods of before may still read it"
    assert cluster.round(operationState={"phase": "Running"}) == []
    before = cluster.world.git.resolve(f"{cluster.tip}^")
    assert cluster.round(revision=before) == [], "compared with what is not that delivery yet"


def test_what_a_removal_took_out_is_the_removals_affair(cluster: Cluster) -> None:
    tip = cluster.deliver({PATH: b"replicas: 0\n"}, kind="removal")
    assert cluster.round(revision=tip) == []


def test_a_delivery_that_nobody_could_render_stops_no_other(cluster: Cluster) -> None:
    """It mended values that were broken on main: what it took out nobody was shown."""
    values = cluster.world.git.read("refs/heads/main", PATH)
    assert values is not None
    cluster.world.commit({PATH: values + b"replicas: 7\n"})
    tip = cluster.deliver({PATH: values}, kind="revert")
    assert cluster.round(revision=tip) == [Prune("payments-prod", tip, (Place(*MAP),))]
