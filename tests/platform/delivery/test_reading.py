"""The whole way of a delivery through the real ticket system and real git: read, judge, merge, prove, seal."""

from __future__ import annotations

import asyncio
import dataclasses
import socket
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import uvicorn

from interlock.clients.forge import CommitStatus
from interlock.clients.tickets import TicketsClient
from interlock.errors import NotFoundError, UnreachableError
from interlock.local import tickets as stand_in
from interlock.platform import goldenpaths
from interlock.platform.books.vocabulary import Merged
from interlock.platform.delivery import gate, history, merge, promotion, records
from interlock.platform.domain.facts import Unread
from interlock.platform.domain.ids import CommitId, ServiceName
from interlock.platform.domain.verdict import Verdict
from interlock.platform.estate.protection import GATE_STATUS
from interlock.platform.facts import Facts, image, record, source
from interlock.platform.facts import reviews as given
from interlock.platform.facts.queue import QueueState
from interlock.platform.facts.sources import Sources
from interlock.platform.kinds import reading

if TYPE_CHECKING:
    from interlock.clients.forge import PullRequest

    from .conftest import World

ORDERS = ServiceName("orders")


class Server(uvicorn.Server):
    """Says when it serves."""

    serves: threading.Event

    async def main_loop(self) -> None:
        self.serves.set()
        while not self.should_exit:
            await asyncio.sleep(0.01)


@pytest.fixture
def ticket_system(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """One a test: two tests in one second make commits of the same id, and a record belongs to one head."""
    folder = tmp_path_factory.mktemp("tickets")
    users = folder / "users.yaml"
    stand_in.write_users(
        users,
        [
            stand_in.User(name="interlock", token="token-interlock", roles=(stand_in.ITIL,)),
            stand_in.User(name="carol", token="token-carol", roles=(stand_in.ITIL, stand_in.APPROVER)),
        ],
    )
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    config = stand_in.Config(port=port, data=folder / "data", users=users)
    server = Server(
        uvicorn.Config(stand_in.create_app(config), host="127.0.0.1", port=port, log_config=None, access_log=False)
    )
    server.serves = threading.Event()
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    assert server.serves.wait(20)
    yield f"http://127.0.0.1:{port}"
    server.should_exit = True
    thread.join(20)


@pytest.fixture
def platform_tickets(ticket_system: str) -> Iterator[TicketsClient]:
    with TicketsClient(ticket_system, "token-interlock") as client:
        yield client


@pytest.fixture
def carol(ticket_system: str) -> Iterator[TicketsClient]:
    with TicketsClient(ticket_system, "token-carol") as client:
        yield client


class Forge:
    """The world's pull requests by the names of ``ForgeClient``."""

    def __init__(self, world: World) -> None:
        self.world, self.set = world, 0
        self.reviews, self.merge, self.pull, self.create_pull = (
            world.reviews,
            world.merge,
            world.pull,
            world.create_pull,
        )

    def pulls(self, owner: str, repo: str, *, state: str = "open") -> list[PullRequest]:
        return self.world.pulls_open()

    def edit_pull(self, owner: str, repo: str, number: int, *, title: str) -> PullRequest:
        return self.world.edit(number, title=title)

    def statuses(self, owner: str, repo: str, sha: str) -> list[CommitStatus]:
        return [item for item in reversed(self.world.statuses) if item.target_url == sha]

    def set_status(self, owner: str, repo: str, sha: str, *, context: str, state: str, description: str) -> None:
        self.world.statuses.append(CommitStatus(1, context, state, description, sha, "interlock", 1, self.world.now()))


@dataclasses.dataclass
class Controller:
    """What the controller's loop does in a round, without its clients."""

    world: World
    tickets: TicketsClient
    now: Callable[[], datetime] = lambda: datetime.now(UTC)

    def __post_init__(self) -> None:
        self.forge: Any = Forge(self.world)

    def sources(self) -> Sources:
        def down(*_: object) -> Any:
            raise UnreachableError("unreachable", "no answer")

        return Sources(
            books=self.world.books,
            seal=self.world.keys.seal[1],
            cluster=down,
            mirror=lambda _: self.world.git,
            forge=lambda: self.forge,
            registry=down,
            tickets=lambda: self.tickets,
            generate=lambda service, where, _: self.world.golden(service, where),
            pipelines=goldenpaths.pipelines,
        )

    def state(self) -> history.Progress:
        self.world.git.fetch()
        main = history.read_main(self.world.git, self.world.keys.seal[1])
        assert isinstance(main, history.Main)
        found = history.progress(
            self.world.git,
            main,
            lambda head: history.judgement_of(self.world.books, self.world.repository, head),
            lambda number: history.read_merged(self.world.merged, number),
            platform="interlock",
        )
        previous = main.sealed.id
        for proof in found.proven:
            raw = self.world.pulls[proof.judgement.said.pull] if proof.judgement else None
            entry = merge.record_merge(
                self.world.books, self.world.git, proof, url=self.world.url, raw_pull=raw, now=self.now()
            )
            previous = merge.seal_merge(
                self.world.books, self.world.git, proof, entry,
                previous=previous, url=self.world.url, now=self.now(), sign=self.world.keys.sign_seal,
            ).id  # fmt: skip
            self.world.git.fetch()
        return found

    def read(self, number: int, state: QueueState | None = None) -> Facts:
        world = self.world
        others = [item for item in world.pulls_open() if item.number != number]
        return gate.facts_of(
            self.sources(), world.estate, world.environment, world.pulls[number], state or QueueState(),
            others=others, now=self.now(),
        )  # fmt: skip

    def tell(self, judged: gate.Gate) -> None:
        """As the controller does it: the status, unless it stands there."""
        head, said = judged.pull.head, (judged.state, judged.description)
        if said not in [(item.state, item.description) for item in self.forge.statuses("acme", "env", head)[:1]]:
            self.forge.set_status("acme", "env", head, context=GATE_STATUS, state=said[0], description=said[1])

    def round(self) -> dict[int, gate.Gate]:
        """Prove, judge everything, merge one; the gates by pull request."""
        state = self.state().queue
        gates = {}
        for pull in self.world.pulls_open():
            plan = self.read(pull.number, state).get(reading.plan)
            if plan is not None:
                records.ensure(self.tickets, self.forge, self.world.estate, plan, pull.title, now=self.now())
            gates[pull.number] = gate.judge(self.read(pull.number, state))
        for judged in gates.values():
            self.tell(judged)
        held = [item for item in gates.values() if item.verdict is Verdict.VALID]
        chosen = min(held, key=lambda item: (not item.case.restores, item.pull.number), default=None)
        if chosen is not None:
            merge.merge(self.forge, self.world.books, chosen, tickets="https://tickets")
        self.state()
        return gates


@pytest.fixture
def controller(world: World, platform_tickets: TicketsClient) -> Controller:
    """prod, with a third service that is registered and not onboarded yet."""
    service = world.estate.service("payments").model_copy(
        update={"name": "orders", "image": "registry.acme.test/integration/orders", "configuration_item": "orders"}
    )
    services = {**world.estate.services, "orders": service}
    world.estate = dataclasses.replace(world.estate, services=services)
    return Controller(world, platform_tickets)


def onboard(controller: Controller) -> int:
    world = controller.world
    files = world.golden(world.estate.service("orders"), world.environment)
    prepared = promotion.onboarding(world.git, ORDERS, "prod", files)
    author = promotion.Author("Dana", "dana@acme.test", world.keys.sign_as("dana"))
    pull = promotion.open_pull(world.git, controller.forge, world.repository, prepared, author, now=controller.now())
    world.git.fetch()
    return pull.number


def standing(gates: dict[int, gate.Gate], number: int) -> dict[str, str]:
    return {str(item.id): str(item.reason) for item in gates[number].standing}


def sealed_merges(world: World) -> list[str]:
    """What the seals of this test cover, newest first; the first seal's own parent is the world's beginning."""
    return [item.parents[-1] for item in world.git.log("refs/heads/sealed", first_parent=True) if item.parents]


def test_an_onboarding_into_prod_from_pull_request_to_seal(controller: Controller, carol: TicketsClient) -> None:
    world, number = controller.world, onboard(controller)
    first = standing(controller.round(), number)
    assert first == {
        "approval-service-owner": "approval-missing",
        "approval-other-team": "approval-missing",
        "record-approved": "record-not-approved",
        "record-unchanged": "record-not-approved",
        "record-state": "record-wrong-state",
    }
    title = world.pulls[number].title
    record = title.split(" ", 1)[0]
    assert title == f"{record} orders: onboarding to prod"
    world.approve(number, "sam")
    world.approve(number, "rita")
    assert set(standing(controller.round(), number)) == {"record-approved", "record-unchanged", "record-state"}
    carol.approve(record, "go")
    assert standing(controller.round(), number) == {}
    pull = world.pulls[number]
    assert pull.merged and sealed_merges(world)[0] == pull.merge_commit_sha
    (entry,) = [item for item in world.found(Merged) if item.body["pull"] == number]
    assert entry.body["record"] == record and set(entry.evidence) == {"merge", "reviews", "record"}
    records.close(controller.tickets, record, notes="Sealed and healthy.")  # type: ignore[arg-type]
    records.close(controller.tickets, record, notes="Sealed and healthy.")  # type: ignore[arg-type]
    assert controller.tickets.get(record).state == 3


def test_rounds_without_news_change_nothing(controller: Controller) -> None:
    world, number = controller.world, onboard(controller)
    world.approve(number, "sam")
    controller.round()
    size = len(list(world.books.ledger.entries()))
    statuses, title = len(world.statuses), world.pulls[number].title
    controller.round()
    assert (len(list(world.books.ledger.entries())), len(world.statuses), world.pulls[number].title) == (
        size,
        statuses,
        title,
    )
    key = f"acme/env-prod#{number}@{world.pulls[number].head_sha}"
    assert len(controller.tickets.find({"correlation_id": key})) == 1


def test_a_rejected_record_stays_rejected_until_it_is_cancelled(controller: Controller, carol: TicketsClient) -> None:
    world, number = controller.world, onboard(controller)
    controller.round()
    record = world.pulls[number].title.split(" ", 1)[0]
    carol.reject(record, "not on a Friday")
    for _ in range(2):
        assert standing(controller.round(), number)["record-approved"] == "record-rejected"
    controller.tickets.cancel(controller.tickets.get(record).sys_id, reason="a new one, please")
    controller.round()
    assert world.pulls[number].title.split(" ", 1)[0] != record


def test_a_push_after_the_approval_gets_a_new_record_and_needs_every_approval_again(
    controller: Controller, carol: TicketsClient
) -> None:
    world, number = controller.world, onboard(controller)
    for account in ("sam", "rita"):
        world.approve(number, account)
    controller.round()
    record = world.pulls[number].title.split(" ", 1)[0]
    pushed = world.commit({"apps/orders/values.prod.yaml": b"image: {}\n"}, branch="onboard/orders")
    world.edit(number, head_sha=pushed)
    carol.approve(record, "go")
    found = standing(controller.round(), number)
    assert found["onboarding-files"] == "onboarding-files-differ"
    assert found["approval-service-owner"] == found["approval-other-team"] == "approval-stale"
    assert found["record-approved"] == "record-not-approved"
    assert controller.tickets.get(record).state == 4, "the record of the old head is cancelled"
    assert not world.pulls[number].merged


def test_a_record_that_is_changed_after_its_approval_is_void(controller: Controller, carol: TicketsClient) -> None:
    world, number = controller.world, onboard(controller)
    controller.round()
    record = world.pulls[number].title.split(" ", 1)[0]
    carol.approve(record, "go")
    controller.round()
    found = controller.tickets.get(record)
    controller.tickets.update(found.sys_id, {"description": "Delivery of something else"})
    after = standing(controller.round(), number)
    assert (after["record-unchanged"], after["record-text"]) == ("record-changed", "record-altered")


def test_a_record_that_is_valid_only_later_waits(controller: Controller, carol: TicketsClient) -> None:
    world, number = controller.world, onboard(controller)
    controller.round()
    record = controller.tickets.get(world.pulls[number].title.split(" ", 1)[0])
    tomorrow = controller.now() + timedelta(days=1)
    controller.tickets.update(record.sys_id, {"start_date": tomorrow, "end_date": tomorrow + timedelta(hours=2)})
    # The Table API tells whole seconds: a change in the second of the approval would count as one after it.
    time.sleep(1 - time.time() % 1)
    carol.approve(record.number, "tomorrow")
    for account in ("sam", "rita"):
        world.approve(number, account)
    assert standing(controller.round(), number) == {"record-window": "record-not-yet"}
    later = tomorrow + timedelta(minutes=1)
    controller.now = lambda: later
    assert standing(controller.round(), number) == {}


def test_a_number_that_another_pull_request_carries_is_nobodys(controller: Controller, carol: TicketsClient) -> None:
    world, number = controller.world, onboard(controller)
    controller.round()
    record = world.pulls[number].title.split(" ", 1)[0]
    other = world.bump("payments", "a", title=f"{record} payments: smuggled")
    assert standing(controller.round(), number)["record-own"] == "record-reused"
    found = standing(controller.round(), other.number)
    assert found["record-own"] == "record-other-delivery"


def test_a_ticket_system_that_does_not_answer_is_unknown(controller: Controller) -> None:
    number = onboard(controller)
    controller.round()

    class Down:
        def get(self, number: str) -> Any:
            raise UnreachableError("tickets-unreachable", "no answer")

    controller.tickets = Down()  # type: ignore[assignment]
    judged = gate.judge(controller.read(number))
    found = {str(item.id): item for item in judged.findings}
    assert (found["record-exists"].verdict, found["record-exists"].reason) == (Verdict.UNKNOWN, "record-unreadable")


def test_a_record_of_that_number_that_does_not_exist_is_invalid(controller: Controller) -> None:
    number = onboard(controller)
    controller.world.edit(number, title="CHG9999999 orders: onboarding to prod")
    judged = gate.judge(controller.read(number))
    found = {str(item.id): item for item in judged.findings}
    assert found["record-exists"].reason == "record-not-found"
    with pytest.raises(NotFoundError):
        controller.tickets.get("CHG9999999")


def test_a_registry_that_does_not_answer_makes_the_image_unknown_and_opens_no_record(controller: Controller) -> None:
    pull = controller.world.bump("payments", "a")
    found = controller.read(pull.number)
    assert isinstance(found.look(image.read), Unread) and found.get(reading.plan) is None
    assert gate.judge(found).verdict is not Verdict.VALID
    assert isinstance(found.look(source.read), Unread)


def test_an_admins_push_blocks_everything_until_it_is_taken_back(controller: Controller) -> None:
    """Direct push, blocked queue, restoring revert, and the seal that covers it: nothing that runs changes."""
    world = controller.world
    running = world.git.tree("refs/heads/sealed")
    number = onboard(controller)
    evil = CommitId(world.commit({"apps/payments/values.prod.yaml": b"image: {}\n", "x": b"y"}, person=None))
    blocked = controller.round()
    assert standing(blocked, number)["queue-open"] == "queue-blocked"
    assert world.git.tree("refs/heads/sealed") == running
    prepared = promotion.restore(world.git, "prod", evil, "refs/heads/sealed")
    author = promotion.Author("Pat", "pat@acme.test", world.keys.sign_as("pat"))
    pull = promotion.open_pull(world.git, controller.forge, world.repository, prepared, author, now=controller.now())
    world.edit(pull.number, user="pat")
    gates = controller.round()
    assert standing(gates, pull.number) == {"approval-anyone": "approval-missing"}
    world.approve(pull.number, "pat")
    world.approve(pull.number, "dana")
    assert standing(controller.round(), pull.number) == {"approval-anyone": "approval-by-author"}
    world.approve(pull.number, "sam")
    assert standing(controller.round(), pull.number) == {}
    assert world.git.tree("refs/heads/sealed") == running
    assert sealed_merges(world)[0] == world.pulls[pull.number].merge_commit_sha
    assert controller.state().stopped is None
    assert "queue-open" not in standing(controller.round(), number)


def test_the_raw_answers_behind_a_decision_are_kept(controller: Controller, tmp_path: Path) -> None:
    number = onboard(controller)
    controller.world.approve(number, "sam")
    controller.round()
    found = controller.read(number)
    assert found.get(given.answer)[0].user == "sam"
    assert found.get(record.answer)["record"]["number"].startswith("CHG")
    assert controller.forge.statuses("acme", "env-prod", controller.world.pulls[number].head_sha)[0].state == "failure"
