"""One round of the controller over open pull requests, of which one is hostile: the others are judged and merged."""

from __future__ import annotations

import dataclasses
import threading
from collections import Counter
from collections.abc import Callable
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

import pytest

from interlock.clients.forge import Comment, CommitStatus
from interlock.clients.git import Repository
from interlock.errors import BusyError, ConflictError, NotFoundError, RefusedError, UnreachableError
from interlock.platform.books import FENCED, Ledger
from interlock.platform.controller.acting import Acting
from interlock.platform.controller.acts import Act
from interlock.platform.controller.loops.deliveries import Deliveries
from interlock.platform.controller.loops.desk import Desk
from interlock.platform.controller.loops.judge import Judge
from interlock.platform.controller.queue import Key
from interlock.platform.controller.schedule import Loop
from interlock.platform.delivery.readmodel import Reader, ReadModel
from interlock.platform.domain.ids import CommitId
from interlock.platform.domain.verdict import Verdict
from interlock.platform.estate.protection import GATE_STATUS
from interlock.platform.facts.sources import Sources

if TYPE_CHECKING:
    from interlock.clients.forge import ForgeClient, PullRequest, Review

    from .conftest import World

HOSTILE = "hostile"
"""Title of the pull request for which a call of the forge fails."""


class Forge:
    """The world's pull requests by the names of ``ForgeClient``; ``faults`` are raised for those titled HOSTILE."""

    def __init__(self, world: World) -> None:
        self.world, self.faults = world, dict[str, Exception]()
        self.told: dict[str, list[CommitStatus]] = {}
        self.said: dict[int, list[Comment]] = {}
        self.pull = world.pull
        self.asked = Counter[str]()
        self.fails, self.answers_late = 0, False

    def away(self, call: Callable[..., Any]) -> Callable[..., Any]:
        """The call that the forge is to fail at does not get there, or its answer does not."""
        if self.asked.total() != self.fails:
            return call

        def failing(*arguments: Any, **values: Any) -> None:
            if self.answers_late:
                call(*arguments, **values)
            raise BusyError("forge-busy", "too many requests", after=1.0)

        return failing

    def asked_for(self) -> ForgeClient:
        """What a client would be: every call of it is one request, or more."""
        outer = self

        class Counting:
            def __getattr__(self, call: str) -> object:
                outer.asked[call] += 1
                return outer.away(getattr(outer, call))

        return cast("ForgeClient", Counting())

    def _meet(self, call: str, number: int) -> None:
        if self.world.pulls[number].title == HOSTILE and call in self.faults:
            raise self.faults[call]

    def pulls(self, owner: str, repo: str, *, state: str = "open") -> list[PullRequest]:
        mine = f"{owner}/{repo}" == self.world.repository
        return [item for item in self.world.pulls.values() if mine and item.state == state]

    def reviews(self, owner: str, repo: str, number: int) -> list[Review]:
        self._meet("reviews", number)
        return list(self.world.given[number])

    def statuses(self, owner: str, repo: str, sha: str) -> list[CommitStatus]:
        return self.told.get(sha, [])[::-1]

    def set_status(self, owner: str, repo: str, sha: str, **values: Any) -> None:
        number = next(item.number for item in self.world.pulls.values() if item.head_sha == sha)
        self._meet("set_status", number)
        made = CommitStatus(
            id=1, **values, target_url="", creator="interlock", creator_id=1, created_at=self.world.now()
        )
        self.told.setdefault(sha, []).append(made)

    def comments(self, owner: str, repo: str, number: int) -> list[Comment]:
        return self.said.get(number, [])

    def comment(self, owner: str, repo: str, number: int, body: str) -> None:
        self.said.setdefault(number, []).append(Comment(1, "interlock", 1, body, self.world.now()))

    def edit_pull(self, owner: str, repo: str, number: int, **changes: Any) -> PullRequest:
        return self.world.edit(number, **changes)

    def merge(self, owner: str, repo: str, number: int, **values: Any) -> PullRequest:
        self._meet("merge", number)
        return self.world.merge(owner, repo, number, **values)

    def state(self, number: int) -> tuple[str, str]:
        """(state, description) of the newest verdict."""
        last = self.told[self.world.pulls[number].head_sha][-1]
        assert last.context == GATE_STATUS
        return last.state, last.description


class Round:
    """The controller of one environment that has no approvals and no records (dev)."""

    def __init__(self, world: World) -> None:
        self.world, self.forge = world, Forge(world)

        def down(*_: object) -> Any:
            raise UnreachableError("unreachable", "no answer")

        def mirror(name: str) -> Repository:
            if name != world.environment.repository:
                raise NotFoundError("git-not-found", "no such repository")
            world.git.fetch()
            return world.git

        self.tickets = SimpleNamespace(get=down)
        books = world.books
        sources = Sources(
            books, world.keys.seal[1], down, mirror, self.forge.asked_for, down, lambda: self.tickets,  # type: ignore[arg-type, return-value]
            generate=lambda service, where, _: world.golden(service, where),
        )  # fmt: skip
        self.model = ReadModel(world.git.path.parent / f"{world.environment.name}-readmodel.db")
        self.held = True
        self.view = SimpleNamespace(
            estate=lambda: world.estate,
            estate_now=lambda: world.estate,
            mirror=mirror,
            moved=lambda name: None,
            snapshot=SimpleNamespace(fresh=mirror),
            connections=SimpleNamespace(forge=self.forge.asked_for, tickets=lambda: self.tickets),
            context=SimpleNamespace(
                tickets=SimpleNamespace(name="https://tickets"),
                identity=lambda _: SimpleNamespace(email="interlock@acme.test"),
            ),
            sources=sources,
            books=books,
            model=self.model,
            seal_certificate=world.keys.seal[1],
            seal_secret=world.keys.seal[0],
            resync=60.0,
            now=world.now,
        )
        self.begin()

    def begin(self) -> None:
        """A process starts: nothing is known but what the world says (and the read model)."""
        acting = self.acting = Acting(self.view, held=lambda: self.held)  # type: ignore[arg-type]
        desk = Desk(self.view, acting)  # type: ignore[arg-type]
        self.loops: dict[str, Loop] = {
            "deliver": Deliveries(self.view, acting, desk),  # type: ignore[arg-type]
            "judge": Judge(self.view, acting, desk),  # type: ignore[arg-type]
        }

    def run(self) -> None:
        """One resync, and all that it wakes."""
        todo: list[Key] = [("deliver", self.world.environment.name)]
        for _ in range(100):
            if not todo:
                return
            key = todo.pop(0)
            try:
                done = self.loops[key[0]].run(key)
            except UnreachableError:
                continue  # tried again later
            found = [*done.wake, *([key] if done.again == 0 else [])]
            mine = [item for item in found if item[0] in self.loops and item[1:2] == (self.world.environment.name,)]
            todo += [item for item in mine if item not in todo]
        raise AssertionError(f"it never rests: {todo}")

    def play(self, rounds: int = 4) -> None:
        for _ in range(rounds):
            self.world.pass_time()
            self.run()

    def key(self, number: int) -> Key:
        return ("judge", self.world.environment.name, str(number))

    def merged(self) -> list[int]:
        return [item.number for item in self.world.pulls.values() if item.merged]


@pytest.fixture
def dev(make_world: Callable[[str], World]) -> Round:
    """dev, with two services that are registered and not onboarded yet."""
    return Round(registered(make_world("dev")))


def registered(world: World) -> World:
    made = {
        name: world.estate.service("payments").model_copy(
            update={"name": name, "image": f"registry.acme.test/integration/{name}", "configuration_item": name}
        )
        for name in ("orders", "refunds")
    }
    world.estate = dataclasses.replace(world.estate, services={**world.estate.services, **made})
    return world


def onboard(world: World, service: str, title: str) -> int:
    """A delivery that dev takes with nobody's approval."""
    files = world.golden(world.estate.service(service), world.environment)
    return world.propose(f"onboard/{service}", files, title=title).number


SECRET = "see https://dana:s3cret@git.acme.test/"
"""What evidence must not hold: everybody who may review can write it."""


def test_one_that_cannot_be_judged_is_told_so_and_the_others_go_on(dev: Round) -> None:
    hostile = onboard(dev.world, "refunds", HOSTILE)
    good = onboard(dev.world, "orders", "orders: onboarding to dev")
    dev.world.approve(hostile, "sam", body=SECRET)

    dev.play()

    assert dev.merged() == [good]
    assert dev.forge.state(hostile) == ("pending", "judged: gate-error")
    (comment,) = dev.forge.comments("acme", "env-dev", hostile)
    assert "- judged [gate-error]:" in comment.body
    assert "[evidence-secret]" in comment.body and "s3cret" not in comment.body


def test_of_an_error_that_is_not_ours_only_the_kind_is_told(dev: Round) -> None:
    hostile = onboard(dev.world, "refunds", HOSTILE)
    good = onboard(dev.world, "orders", "orders: onboarding to dev")
    dev.forge.faults["reviews"] = ValueError("s3cret")

    dev.play()

    assert dev.merged() == [good]
    (comment,) = dev.forge.comments("acme", "env-dev", hostile)
    assert "- judged [gate-error]: ValueError →" in comment.body
    assert "s3cret" not in comment.body
    assert dev.loops["judge"].run(dev.key(hostile)).unanswered

    dev.forge.faults.clear()
    assert not dev.loops["judge"].run(dev.key(hostile)).unanswered
    dev.play()
    assert dev.merged() == [hostile, good]


def test_one_whose_verdict_cannot_be_told_is_not_merged_and_the_others_go_on(dev: Round) -> None:
    onboard(dev.world, "refunds", HOSTILE)
    good = onboard(dev.world, "orders", "orders: onboarding to dev")
    dev.forge.faults["set_status"] = UnreachableError("forge-unreachable", "no answer")
    dev.play()
    assert dev.merged() == [good]


@pytest.mark.parametrize("fault", [RefusedError("forge-merge-refused", "not ready"), ValueError("surprise"), None])
def test_one_that_cannot_be_merged_holds_nobody_up(dev: Round, fault: Exception | None) -> None:
    """It comes first by its number, each time."""
    hostile = onboard(dev.world, "refunds", HOSTILE)
    good = onboard(dev.world, "orders", "orders: onboarding to dev")
    if fault is None:
        dev.world.approve(hostile, "sam", state="COMMENT", body=SECRET)
    else:
        dev.forge.faults["merge"] = fault

    dev.play()

    assert dev.merged() == [good]
    assert dev.forge.state(hostile) == dev.forge.state(good)
    dev.forge.faults.clear()
    dev.world.given[hostile].clear()
    dev.play()
    assert dev.merged() == [hostile, good]


@pytest.mark.parametrize(
    "branch",
    ["bump/payments/main--x", "bump/payments/main-..", "bump/payments/main-@{0}", "bump/ghost/main-1", "bump//main-"],
)
def test_the_name_of_a_branch_stops_nothing(dev: Round, branch: str) -> None:
    dev.world.create_pull("acme", "env-dev", head=dev.world.propose("x", {"x": b"x"}).head_ref, base="main", title="x")
    for number in (1, 2):
        dev.world.edit(number, head_ref=branch)
    good = onboard(dev.world, "orders", "orders: onboarding to dev")
    dev.play()
    assert dev.merged() == [good]


def test_what_anybody_wrote_into_mains_values_stops_nothing(dev: Round) -> None:
    dev.world.commit({"apps/payments/values.dev.yaml": b"image: [1, 2\n"})
    number = dev.world.propose("bump/payments/main-1234567", {"x": b"x"}).number
    dev.world.propose("bump/payments/main-7654321", {"x": b"y"})
    good = onboard(dev.world, "orders", "orders: onboarding to dev")
    dev.play()
    assert dev.merged() == [good]
    assert dev.world.pulls[number].state == "open"


def test_a_record_that_cannot_be_cancelled_stops_nothing(make_world: Callable[[str], World]) -> None:
    """Its number is what somebody typed into the title of a pull request that was closed."""
    prod = Round(make_world("prod"))
    closed = prod.world.propose("x", {"x": b"x"}, title="CHG0030001 x").number
    prod.world.edit(closed, state="closed")
    other = prod.world.propose("y", {"y": b"y"}).number
    prod.play(1)
    assert prod.forge.state(other)[0] == "failure"


def test_a_controller_that_lost_its_lease_says_nothing_more(dev: Round, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another one has written to the ledger since: that is no fault of a pull request, and no verdict about it."""
    onboard(dev.world, "refunds", "refunds: onboarding to dev")

    def late(*_: object, **__: object) -> None:
        raise ConflictError(FENCED, "another writer has taken over")

    monkeypatch.setattr(Ledger, "append", late)
    with pytest.raises(ConflictError, match="another writer"):
        dev.run()
    assert dev.forge.told == {} and dev.forge.said == {}


# -- what a kill leaves, and what is asked of the forge ----------------------------------------------------------------


class KilledError(BaseException):
    """As ``kill -9``: nobody catches it, and nothing is cleaned up."""


def killed(round_: Round, after: int) -> bool:
    """Play until so many acts are done, then die. Whether there were so many."""
    left, perform = after, round_.acting.perform

    def dying(act: Act) -> object:
        nonlocal left
        if left == 0:
            raise KilledError
        left -= 1
        return perform(act)

    round_.acting.perform = dying  # type: ignore[method-assign, assignment]
    try:
        round_.play(2)
    except KilledError:
        return True
    return False


def end(round_: Round) -> object:
    world = round_.world
    seals = len(world.git.log("refs/heads/sealed", first_parent=True))
    kinds = Counter(entry.kind for entry in world.books.ledger.entries())
    said = {number: [item.body for item in items] for number, items in round_.forge.said.items()}
    told = {sha: [(item.state, item.description) for item in items] for sha, items in round_.forge.told.items()}
    return round_.merged(), seals, dict(kinds), {k: len(v) for k, v in said.items()}, list(told.values())


def test_a_delivery_ends_the_same_between_whichever_acts_it_is_killed(make_world: Callable[..., World]) -> None:
    """Every act of an onboarding that is merged, and of one that is refused."""

    def deliveries(name: str) -> Round:
        world = registered(make_world("dev", name))
        found = Round(world)
        onboard(world, "orders", "orders: onboarding to dev")
        world.propose("x", {"x": b"x"})
        return found

    whole = deliveries("whole")
    assert not killed(whole, 1000)
    expected, acts = end(whole), 0
    while True:
        broken = deliveries(f"killed-{acts}")
        died = killed(broken, acts)
        broken.begin()
        broken.play(2)
        assert end(broken) == expected, f"killed after {acts} acts"
        if not died:
            break
        acts += 1
    assert acts >= 6


@pytest.mark.parametrize("late", [False, True])
def test_a_forge_that_is_away_in_the_middle_of_anything(make_world: Callable[..., World], late: bool) -> None:
    """Whichever request gets no answer, done or not: the next rounds bring it to the same end, and nothing twice."""

    def delivery(name: str, fails: int) -> Round:
        found = Round(registered(make_world("dev", name)))
        found.forge.fails, found.forge.answers_late = fails, late
        onboard(found.world, "orders", "orders: onboarding to dev")
        found.play(3)
        return found

    expected = delivery("whole", 0)
    assert expected.merged() == [1]
    for fails in range(1, expected.forge.asked.total() + 1):
        assert end(delivery(f"fails-{fails}", fails)) == end(expected), f"request {fails}"


def test_whoever_lost_the_lease_does_nothing_more(dev: Round) -> None:
    number = onboard(dev.world, "orders", "orders: onboarding to dev")
    dev.held = False
    with pytest.raises(ConflictError, match="lease is not ours"):
        dev.run()
    assert dev.forge.told == {} and dev.merged() == []
    dev.held = True
    dev.play(1)
    assert dev.merged() == [number]


def test_comments_of_a_day_in_which_nothing_changes(dev: Round) -> None:
    """One, however often it is judged; and none more for whoever begins without a read model."""
    number = dev.world.propose("x", {"x": b"x"}).number
    dev.play(24)
    assert len(dev.forge.said[number]) == 1
    for path in dev.world.git.path.parent.glob("*-readmodel.db*"):
        path.unlink()
    dev.view.model = ReadModel(dev.world.git.path.parent / "again.db")
    dev.begin()
    dev.play(3)
    assert len(dev.forge.said[number]) == 1
    assert len(dev.forge.told[dev.world.pulls[number].head_sha]) == 1


def test_a_new_head_is_told_anew(dev: Round) -> None:
    number = dev.world.propose("x", {"x": b"x"}).number
    dev.play(2)
    head = dev.world.commit({"x": b"y"}, branch="x")
    dev.world.edit(number, head_sha=head)
    dev.play(2)
    assert [head[:12] in item.body for item in dev.forge.said[number]] == [False, True]


def test_one_that_is_closed_is_asked_for_once_and_its_record_cancelled(make_world: Callable[[str], World]) -> None:
    prod = Round(make_world("prod"))
    cancelled: list[str] = []
    record = SimpleNamespace(correlation_id="acme/env-prod#1@x", state="-1", sys_id="1")
    number = prod.world.propose("x", {"x": b"x"}, title="CHG0030001 x").number
    prod.play(1)
    prod.world.edit(number, state="closed")
    prod.tickets.get = lambda number: record
    prod.tickets.cancel = lambda sys_id, reason: cancelled.append(sys_id)
    prod.forge.asked.clear()
    prod.play(5)
    assert cancelled == ["1"]
    assert prod.forge.asked["pull"] == 1
    assert prod.forge.asked["pulls"] == 5, "those that are open, never the closed ones"
    found = prod.model.pull("acme/env-prod", number)
    assert found is not None and not found.open


def test_what_is_asked_of_the_forge_for_one_delivery(dev: Round) -> None:
    """Measured: from the opened pull request to its seal; an idle resync is one request."""
    number = onboard(dev.world, "orders", "orders: onboarding to dev")
    dev.play(2)
    assert dev.merged() == [number]
    assert sum(dev.forge.asked.values()) <= 14, dev.forge.asked
    dev.forge.asked.clear()
    dev.play(10)
    assert dev.forge.asked == {"pulls": 10}


def test_what_a_round_found_is_in_the_read_model(dev: Round) -> None:
    number = dev.world.propose("x", {"x": b"x"}).number
    dev.play(1)
    found = Reader(dev.world.git.path.parent / "dev-readmodel.db").pull("acme/env-dev", number)
    assert found is not None
    assert (found.verdict, found.environment, found.head) == (
        Verdict.INVALID,
        "dev",
        dev.world.pulls[number].head_sha,
    )
    assert {item.id for item in found.standing} == {check for check, _ in found.missing}
    assert all(item.remedy for item in found.standing)


def test_what_was_approved_by_people_of_before_is_judged_again(dev: Round) -> None:
    """Somebody leaves while a round goes on: who approved must be entitled when it is merged."""
    number = onboard(dev.world, "orders", "orders: onboarding to dev")
    moved = dataclasses.replace(dev.world.estate, commit=CommitId("d" * 40))
    asked: list[int] = []

    def now() -> Any:
        asked.append(1)
        return moved if len(asked) == 2 else dev.world.estate

    dev.view.estate_now = now
    dev.play(1)
    assert dev.merged() == [] and len(asked) == 2
    dev.play(1)
    assert dev.merged() == [number]


def test_what_is_merged_by_one_loop_is_not_judged_by_another_meanwhile(dev: Round) -> None:
    """Two threads: one delivers, one judges the same pull request over and over."""
    number = onboard(dev.world, "orders", "orders: onboarding to dev")
    dev.loops["deliver"].run(("deliver", "dev"))
    stop, judge = threading.Event(), dev.loops["judge"]

    def judging() -> None:
        while not stop.is_set():
            judge.run(("judge", "dev", str(number)))

    thread = threading.Thread(target=judging)
    thread.start()
    try:
        for _ in range(100):
            dev.loops["deliver"].run(("deliver", "dev"))
            if dev.merged():
                break
    finally:
        stop.set()
        thread.join()
    assert dev.merged() == [number]
    assert [state for state, _ in map(dev.forge.state, [number])] == ["success"]
    assert len(dev.forge.said[number]) == 1
    found = dev.model.pull("acme/env-dev", number)
    assert found is not None and not found.open
