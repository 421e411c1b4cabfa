"""A configuration from the command line's edit to the gate, in real git with the package's chart."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from interlock.clients.git import Repository
from interlock.errors import NotFoundError, RefusedError
from interlock.formats import yaml
from interlock.platform import kinds
from interlock.platform.delivery import configuration, gate
from interlock.platform.domain.ids import ServiceName
from interlock.platform.domain.verdict import Verdict
from interlock.platform.facts import case, ground, rendering
from interlock.platform.facts.configuration import keys_at
from interlock.platform.facts.queue import QueueState
from interlock.platform.kinds import Position, reading, table
from interlock.platform.kinds.configuration import NAME

from .test_promotion import known, open_pull

if TYPE_CHECKING:
    from .conftest import World

PAYMENTS = ServiceName("payments")
PATH = "apps/payments/values.prod.yaml"
OWN = ("service-registered", "configuration-keys", "configuration-rendered", "no-secret-in-text")


def edited(world: World, **changes: Any) -> dict[str, bytes]:
    """``config__A="x"`` sets ``config.A``."""
    before = world.git.read("refs/heads/main", PATH)
    assert before is not None
    keys = {tuple(name.split("__")): value for name, value in changes.items()}
    return {PATH: yaml.set_entries(before.decode(), keys, file=PATH).encode()}


def prepare(world: World, files: dict[str, bytes]) -> Any:
    return configuration.prepare(world.git, world.estate, world.environment, PAYMENTS, files)


def test_it_is_one_commit_whose_pull_request_shows_what_is_rendered_differently(world: World) -> None:
    prepared, moved = prepare(world, edited(world, config__LOG_LEVEL="debug"))
    pull = open_pull(world, prepared)
    assert pull.head_ref.startswith("configure/payments/") and pull.title == "payments: configuration in prod"
    assert "```diff\n--- a/ConfigMap payments\n" in prepared.body
    assert "+  LOG_LEVEL: debug" in prepared.body and [rendering.name(item.key) for item in moved] == [
        "ConfigMap payments"
    ]
    facts = known(world, pull)
    assert (facts.get(case.read).kind, facts.get(case.read).service) == ("configuration", "payments")
    checks, _ = table.demanded(facts)
    found = {check.id: check.examine(facts) for check in checks}
    assert {found[name].verdict for name in OWN} == {Verdict.VALID}
    assert found["configuration-rendered"].detail == "ConfigMap payments added"
    assert {"approval-service-owner", "approval-other-team", "record-approved"} <= found.keys()
    assert not {"image-scan", "healthy-before"} & found.keys(), "nothing about it ages"


def test_a_running_service_is_configured_and_its_image_stays(world: World) -> None:
    world.bump("payments", "a")
    world.push(world.git.resolve("refs/heads/promote/payments/main-aaaaaaaaaaaa"), "main")
    _, moved = prepare(world, edited(world, replicas=3, config__LOG_LEVEL="debug"))
    told = rendering.summary(moved)
    assert "Deployment payments: spec.replicas 1 -> 3" in told and "envFrom" in told
    changed = [line for line in rendering.text(moved).splitlines() if line[:1] in "+-"]
    assert not [line for line in changed if "image" in line or "version" in line]


def test_what_is_not_allowed_is_refused_before_anything_is_pushed(world: World) -> None:
    refs = world.git.refs()
    for changes, code in (
        ({"owner": "mallory"}, "configuration-key-refused"),
        ({"image__tag": "main-" + "b" * 12}, "configuration-key-refused"),
        ({"config__LD_PRELOAD": "/tmp/x.so"}, "configuration-key-loader"),
        ({"replicas": -1}, "configuration-value-refused"),
        ({"config__PASSWORD": "hunter2"}, "configuration-secret"),
    ):
        with pytest.raises(RefusedError) as caught:
            prepare(world, edited(world, **changes))
        assert caught.value.code == code and caught.value.todo and "hunter2" not in str(caught.value)
    assert world.git.refs() == refs


def test_nothing_and_nowhere_are_refused(world: World) -> None:
    with pytest.raises(RefusedError, match="main has all of it already"):
        prepare(world, edited(world, replicas=1))
    with pytest.raises(NotFoundError) as caught:
        prepare(world, {"apps/nobody/values.prod.yaml": b"replicas: 1\n"})
    assert caught.value.code == "service-not-onboarded"
    with pytest.raises(RefusedError) as refused:
        prepare(world, {"apps/payments/templates/service.yaml": b"name: other\n"})
    assert refused.value.code == "chart-file-altered"


def test_keys_are_those_of_the_base_and_never_of_the_head(world: World) -> None:
    schema = "charts/service/1.2.0/values.schema.json"
    assert "replicas" in keys_at(world.git, "refs/heads/main", PAYMENTS).names
    world.commit({schema: b'{"properties": {"config": {"x-interlock": "configuration", "type": "object"}}}'})
    assert keys_at(world.git, "refs/heads/main", PAYMENTS).names == ("config.*",)
    with pytest.raises(RefusedError, match=r"configuration is: config\.\*"):
        prepare(world, edited(world, replicas=2))
    world.commit({schema: None})
    prepare(world, edited(world, replicas=2))
    opened = {schema: b'{"x-interlock": "configuration"}', **edited(world, owner="mallory")}
    pull = world.propose("configure/payments/0123456", opened)
    assert known(world, pull).get(case.read).reason == "several-kinds"


def test_a_fence_is_longer_than_any_in_a_value(world: World) -> None:
    prepared, _ = prepare(world, edited(world, config__A="```\n# heading"))
    assert "\n````diff\n" in prepared.body and prepared.body.count("````") == 2


def test_its_record_has_both_diffs(world: World) -> None:
    world.bump("payments", "a")
    world.push(world.git.resolve("refs/heads/promote/payments/main-aaaaaaaaaaaa"), "main")
    facts = known(world, open_pull(world, prepare(world, edited(world, replicas=3))[0]))
    plan = facts.get(reading.plan)
    assert plan is not None and facts.get(ground.demand).change_record
    texts = plan.texts()
    assert texts["short_description"] == "payments: configuration to prod"
    assert "-replicas: 1\n+replicas: 3" in texts["description"]
    assert "Rendered:\n--- a/Deployment payments" in texts["description"]
    assert "main-aaaaaaaaaaaa" in texts["test_plan"] and len(texts["description"]) < 4000


def test_each_side_is_rendered_once_for_all_rounds(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    pull = open_pull(world, prepare(world, edited(world, replicas=3))[0])
    asked: list[str] = []
    render = rendering.render

    def counted(git: Repository, revision: str, *given: Any) -> rendering.Objects:
        asked.append(revision)
        return render(git, revision, *given)

    monkeypatch.setattr(rendering, "render", counted)
    facts = known(world, pull)
    sources = facts.get(ground.sources)
    for _ in range(3):
        again = gate.facts_of(
            sources, world.estate, world.environment, pull, QueueState(), others=(), now=world.now()
        )  # fmt: skip
        for check in kinds.known(NAME).checks(Position(world.environment)):
            assert check.examine(again).verdict is Verdict.VALID
    assert len(asked) == 2, "base and result"
