"""The library chart by version: what brings one, what moves a service, what is refused, and proofs over it."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from functools import partial
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from interlock.clients.git import Repository
from interlock.errors import NotFoundError, RefusedError
from interlock.platform import catalog, goldenpaths
from interlock.platform.books.vocabulary import Judged
from interlock.platform.checks import Check
from interlock.platform.delivery import charts, gate, history, merge, promotion
from interlock.platform.delivery.history import Main
from interlock.platform.domain.ids import CommitId, EnvironmentName, ServiceName
from interlock.platform.domain.result import CHART as FLAT
from interlock.platform.domain.verdict import Verdict
from interlock.platform.estate import layout
from interlock.platform.estate.library import Library
from interlock.platform.facts import Facts, case, decision, ground, library, place, rendering, result, synced
from interlock.platform.facts import change as changes
from interlock.platform.facts import revert as reverts
from interlock.platform.facts.case import Case
from interlock.platform.facts.kept import Kept
from interlock.platform.facts.queue import QueueState
from interlock.platform.kinds import chart as kind
from interlock.platform.kinds import reading, table
from interlock.platform.kinds.chart.checks import ChartRendered, LibraryVersion, ServiceChart

from .. import acme
from .conftest import CHART, SERVICES
from .test_history import progress, read
from .test_promotion import open_pull

if TYPE_CHECKING:
    from interlock.clients.forge import PullRequest

    from .conftest import World

PAYMENTS, QUOTES = ServiceName("payments"), ServiceName("quotes")
FILE = "apps/payments/Chart.yaml"
OLD, NEW = (Library.of(catalog.charts()[version]) for version in ("1.0.0", "1.2.0"))


def version(number: str, **edits: tuple[bytes, bytes]) -> Library:
    """The package's newest chart as another version; ``edits``: file without folder and suffix -> (old, new) text."""
    files = dict(catalog.chart())
    files["Chart.yaml"] = files["Chart.yaml"].replace(b"1.2.0", number.encode())
    for name, (old, new) in edits.items():
        path = f"templates/_{name}.tpl"
        assert old in files[path]
        files[path] = files[path].replace(old, new)
    return Library.of(files)


RESTARTS = version("1.3.0", deployment=(b"maxSurge: 1", b"maxSurge: 2"))
LABELS = version(
    "1.3.0", all=(b"kind: ServiceAccount\nmetadata:", b"kind: ServiceAccount\nmetadata:\n  annotations: { a: b }")
)
RENAMED = version(
    "1.3.0", deployment=(b"  name: {{ .Chart.Name }}\n  labels", b"  name: {{ .Chart.Name }}-v2\n  labels")
)
IMAGE = version("1.3.0", deployment=(b"image: ", b"image: docker.io/"))
BROKEN = version("1.3.0", all=(b'{{- include "service.check" . -}}', b'{{- fail "never" -}}'))


@dataclasses.dataclass
class Platform:
    """The platform repo: which versions it has in force."""

    git: Repository
    commit: str


@pytest.fixture
def platform(make_world: Callable[..., World]) -> Platform:
    git = make_world("platform", "platform").git
    return Platform(git, git.resolve("refs/heads/sealed"))


def in_force(platform: Platform, *found: Library) -> None:
    files = {path: data for item in found for path, data in item.placed.items()}
    platform.commit = platform.git.write_tree(files, base=platform.commit)


Judge = Callable[..., Facts]


@pytest.fixture
def known(platform: Platform) -> Judge:
    """Facts of a pull request as the gate has them."""

    def facts(world: World, pull: PullRequest) -> Facts:
        estate = dataclasses.replace(world.estate, commit=CommitId(platform.commit))
        sources = SimpleNamespace(
            mirror=lambda name: platform.git if name == "platform" else world.git,
            platform="platform",
            seal=world.keys.seal[1],
            kept=Kept(),
            generate=partial(goldenpaths.expected, acme.platform()),
            chart=lambda number: catalog.charts().get(number, {}),
        )
        return gate.facts_of(
            sources, estate, world.environment, pull, QueueState(), others=(), now=world.now()  # type: ignore[arg-type]
        )  # fmt: skip

    return facts


def reason(facts: Facts, check: type[Check]) -> str:
    """``ok``, or why not."""
    found = check().examine(facts)
    assert (found.verdict is Verdict.VALID) == (found.reason == "ok")
    return str(found.reason)


def refused(facts: Facts) -> dict[str, str]:
    """What the kind's own checks say against it."""
    said = {check.id: check().examine(facts) for check in (LibraryVersion, ServiceChart, ChartRendered)}
    return {name: str(item.reason) for name, item in said.items() if item.verdict is not Verdict.VALID}


def have(world: World, *found: Library) -> None:
    """Versions that are there already."""
    world.commit({path: data for item in found for path, data in item.placed.items()})


def deliver_image(world: World, character: str = "a") -> None:
    pull = world.bump("payments", character)
    world.push(pull.head_sha, "main")
    world.pulls.clear()


def flatten(world: World, chart: Library = OLD) -> None:
    """An estate of before there were versions."""
    gone = {item.path: None for item in world.git.ls_tree("refs/heads/main", "charts")}
    flat = Library(FLAT, chart.files)
    services = (golden_flat(world, item, flat) for item in SERVICES.values())
    files = {path: data for item in services for path, data in item.items()}
    world.commit({**gone, **files})


def golden_flat(world: World, service: Any, flat: Library) -> Mapping[str, bytes]:
    return goldenpaths.expected(acme.platform(), service, world.environment, flat)


def edited(world: World, old: bytes, new: bytes, file: str = FILE) -> dict[str, bytes]:
    data = world.git.read("refs/heads/main", file)
    assert data is not None and old in data
    return {file: data.replace(old, new)}


def approvals(facts: Facts) -> list[str]:
    return [item.who for item in facts.get(ground.demand).approvals]


# -- a version comes ---------------------------------------------------------------------------------------------------


def test_a_version_of_the_package_comes_and_touches_no_service(world: World, known: Judge) -> None:
    pull = open_pull(world, charts.addition(world.git, "prod", OLD))
    facts = known(world, pull)
    assert facts.get(case.read) == Case(kind.NAME, None)
    assert refused(facts) == {}
    assert facts.get(result.read).items == (("charts", world.git.object_id(pull.head_sha, "charts")),)
    assert (pull.head_ref.split("/")[:2], pull.title) == (["chart", "main"], "charts: service 1.0.0 to prod")


def test_who_owns_the_repository_is_asked_where_no_service_is_touched(world: World, known: Judge) -> None:
    facts = known(world, open_pull(world, charts.addition(world.git, "prod", OLD)))
    assert approvals(facts) == ["platform-reviewer", "other-team"]
    ids = {check.id for check in table.demanded(facts)[0]}
    assert {"chart-version", "approval-platform-reviewer", "approval-other-team", "record-item"} <= ids
    assert "approval-service-owner" not in ids


def test_its_record_is_the_repositorys(world: World, known: Judge) -> None:
    plan = known(world, open_pull(world, charts.addition(world.git, "prod", OLD))).get(reading.plan)
    assert plan is not None
    assert (plan.about.name, plan.about.configuration_item) == ("env-prod", "platform")
    assert plan.texts()["short_description"] == "env-prod: chart charts/service/1.0.0 to prod"
    facts = known(world, world.pulls[1])
    assert facts.get(ground.configuration_item) == "platform"


def test_what_the_platform_repo_has_in_force_comes_before_the_packages(
    world: World, known: Judge, platform: Platform
) -> None:
    in_force(platform, RESTARTS)
    assert refused(known(world, open_pull(world, charts.addition(world.git, "prod", RESTARTS)))) == {}
    other = dataclasses.replace(OLD, files={**OLD.files, "values.yaml": b"# ours\n"})
    in_force(platform, other)
    assert refused(known(world, open_pull(world, charts.addition(world.git, "prod", OLD)))) == {
        "chart-version": "chart-version-foreign"
    }


@pytest.mark.parametrize(
    ("files", "code"),
    [
        (RESTARTS.placed, "chart-version-foreign"),
        ({**OLD.placed, "charts/service/1.0.0/templates/_more.tpl": b""}, "chart-version-foreign"),
        ({path: data for path, data in OLD.placed.items() if "_shapes" not in path}, "chart-version-foreign"),
        ({**OLD.placed, "charts/service/1.0.0/values.yaml": b"a: 1\n"}, "chart-version-foreign"),
        (Library("charts/service/1.3.0", OLD.files).placed, "chart-version-misnamed"),
        ({**OLD.placed, "charts/service/1.0.0/Chart.yaml": b"version: &a 1.0.0\n"}, "chart-version-misnamed"),
        ({**OLD.placed, "charts/service/1.0.0/Chart.yaml": b"version: 1.0.0\nversion: 1\n"}, "chart-version-misnamed"),
        ({**OLD.placed, **RESTARTS.placed}, "chart-versions-several"),
        ({f"{CHART}/templates/_more.tpl": b""}, "library-chart-altered"),
    ],
    ids=["not in force", "a file more", "a file less", "another byte", "misnamed", "anchor", "twice", "two", "there"],
)
def test_a_version_that_is_none_in_force(world: World, known: Judge, files: dict[str, bytes], code: str) -> None:
    facts = known(world, world.propose("chart/main/0123456789ab", files))
    assert facts.get(case.read).kind == kind.NAME
    assert refused(facts) == {"chart-version": code}


def test_a_version_and_a_move_are_two_deliveries(world: World, known: Judge) -> None:
    pull = world.propose("x", {**OLD.placed, **edited(world, b"1.2.0", b"1.0.0")})
    assert refused(known(world, pull))["chart-version"] == "chart-adds-and-moves"


@pytest.mark.parametrize("data", [b"a: 1\n", None], ids=["changed", "deleted"])
def test_a_version_that_is_there_never_changes_again(world: World, known: Judge, data: bytes | None) -> None:
    facts = known(world, world.propose("x", {f"{CHART}/values.yaml": data}))
    assert (facts.get(case.read).kind, facts.get(case.read).reason) == (None, "library-chart-altered")


def test_nor_by_a_revert(world: World, known: Judge) -> None:
    have(world, OLD)
    added = world.main()
    pull = world.propose(f"revert/main/{added[:12]}", dict.fromkeys(OLD.placed))
    found = known(world, pull).get(case.read)
    assert (found.kind, found.reason) == (None, "library-chart-altered")


@pytest.mark.parametrize("name", ["1.2", "v1.3.0", "1.3.0-rc.1", "01.3.0", "..", "1.3.0/../1.3.0"])
def test_a_folder_is_a_version(name: str) -> None:
    assert layout.library_version(f"charts/service/{name}/Chart.yaml") in (None, "1.3.0")
    text = f"dependencies: [{{name: service, version: 1.2.0, repository: 'file://../../charts/service/{name}'}}]\n"
    assert layout.library_chart(text.encode(), file="Chart.yaml") == FLAT


# -- a service moves ---------------------------------------------------------------------------------------------------


@pytest.fixture
def running(world: World) -> World:
    deliver_image(world)
    return world


def test_one_service_moves_and_nothing_else(running: World, known: Judge) -> None:
    have(running, OLD)
    prepared, _ = charts.move(running.git, PAYMENTS, running.environment, "1.0.0")
    facts = known(running, open_pull(running, prepared))
    assert facts.get(case.read) == Case(kind.NAME, PAYMENTS)
    assert refused(facts) == {}
    assert [item.path for item in facts.get(changes.read).effect] == [FILE]
    assert dict(facts.get(result.read).items).keys() > {"charts/service/1.0.0"}, "bound to the new version's bytes"
    assert "Nothing that is rendered differs" in prepared.body
    assert approvals(facts) == ["service-owner", "other-team", "platform-reviewer"]


def test_in_an_environment_without_records_its_own_rule_holds(make_world: Callable[..., World], known: Judge) -> None:
    test = make_world("test")
    have(test, OLD)
    prepared, _ = charts.move(test.git, PAYMENTS, test.environment, "1.0.0")
    assert approvals(known(test, open_pull(test, prepared))) == ["platform-reviewer"]


@pytest.mark.parametrize(
    ("chart", "owner"), [(RESTARTS, True), (LABELS, False), (BROKEN, True)], ids=["spec", "metadata", "nobody knows"]
)
def test_its_owner_approves_when_more_than_metadata_changes(
    running: World, known: Judge, chart: Library, owner: bool
) -> None:
    """Asked of an environment whose own rule does not name the owner."""
    have(running, chart)
    rules = running.environment.rules.model_copy(update={"approvals": ()})
    running.environment = running.environment.model_copy(update={"rules": rules})
    facts = known(running, running.propose("x", edited(running, b"1.2.0", b"1.3.0")))
    assert approvals(facts) == ["platform-reviewer", *(["service-owner"] if owner else [])]


def test_labels_of_the_pod_template_restart_pods_and_are_more_than_metadata() -> None:
    def pods(label: str) -> dict[str, Any]:
        template = {"metadata": {"labels": {"a": label}}, "spec": {}}
        return {"kind": "Deployment", "metadata": {"name": "x", "labels": {"a": label}}, "spec": {"template": template}}

    found = rendering.moved(rendering.Rendering((pods("1"),), (pods("2"),)))
    assert kind._beyond_metadata(found)


def test_the_rendered_diff_is_shown(running: World, known: Judge) -> None:
    have(running, RESTARTS)
    prepared, found = charts.move(running.git, PAYMENTS, running.environment, "1.3.0")
    line = "Deployment payments: spec.strategy.rollingUpdate.maxSurge 1 -> 2"
    assert rendering.summary(found) == line
    assert "-      maxSurge: 1\n+      maxSurge: 2\n" in prepared.body
    plan = known(running, open_pull(running, prepared)).get(reading.plan)
    assert plan is not None and line in plan.texts()["test_plan"] and "+      maxSurge: 2" in plan.shown
    assert plan.texts()["short_description"] == "payments: chart charts/service/1.3.0 to prod"


@pytest.mark.parametrize(
    ("chart", "code"),
    [
        (RENAMED, "chart-object-leaves"),
        (IMAGE, "chart-image-altered"),
        (BROKEN, "render-failed"),
    ],
    ids=["workload leaves", "other image", "does not render"],
)
def test_a_move_that_changes_what_runs(running: World, known: Judge, chart: Library, code: str) -> None:
    have(running, chart)
    facts = known(running, running.propose("x", edited(running, b"1.2.0", b"1.3.0")))
    assert refused(facts) == {"chart-rendered-diff": code}


@pytest.mark.parametrize(
    ("old", "new", "code"),
    [
        (b"1.2.0", b"9.9.9", "chart-version-absent"),
        (b"charts/service/1.2.0", b"charts/service/1.0.0", "chart-diff-other"),
        (b"version: 1.2.0", b"version: 1.0.0", "chart-diff-other"),
        (b"file://../../charts/service/1.2.0", b"file://../../charts/service/../../evil", "chart-dependency-foreign"),
        (b"file://../../charts/service/1.2.0", b"file:///etc", "chart-dependency-foreign"),
        (b"file://../../charts/service/1.2.0", b"file://../../charts/service", "chart-dependency-foreign"),
        (b"file://../../charts/service/1.2.0", b"https://charts.example/", "chart-dependency-foreign"),
        (b"version: 1.2.0", b"version: &a 1.2.0", "chart-file-invalid"),
        (b"    version: 1.2.0\n", b"    version: 1.2.0\n    version: 1.0.0\n", "chart-file-invalid"),
        (b"apiVersion: v2\n", b"apiVersion: !!str v2\n", "chart-file-invalid"),
        (
            b"dependencies:\n",
            b"dependencies:\n  - { name: x, version: 1.0.0, repository: 'file://../../charts/service/1.0.0' }\n",
            "chart-diff-other",
        ),
    ],
)
def test_what_chart_yaml_may_not_become(running: World, known: Judge, old: bytes, new: bytes, code: str) -> None:
    have(running, OLD)
    facts = known(running, running.propose("x", edited(running, old, new)))
    assert facts.get(case.read).kind == kind.NAME
    assert reason(facts, ServiceChart) == code


def test_a_move_and_another_byte(running: World, known: Judge) -> None:
    have(running, OLD)
    data = edited(running, b"1.2.0", b"1.0.0")[FILE]
    for other in (data.replace(b"0.1.0", b"0.2.0"), data + b"# nothing\n", data.replace(b"\n", b"\r\n")):
        assert reason(known(running, running.propose(f"x{len(other)}", {FILE: other})), ServiceChart) == (
            "chart-diff-other"
        )


def test_older_than_the_golden_path_renders_with(running: World, known: Judge) -> None:
    older = Library.of({**OLD.files, "Chart.yaml": OLD.files["Chart.yaml"].replace(b"1.0.0", b"0.9.0")})
    have(running, older)
    facts = known(running, running.propose("x", edited(running, b"1.2.0", b"0.9.0")))
    assert refused(facts) == {"chart-text-diff": "chart-version-old"}


def test_two_services_never_move_at_once(running: World, known: Judge) -> None:
    have(running, OLD)
    both = {**edited(running, b"1.2.0", b"1.0.0"), **edited(running, b"1.2.0", b"1.0.0", "apps/quotes/Chart.yaml")}
    facts = known(running, running.propose("x", both))
    assert (facts.get(case.read).kind, facts.get(case.read).reason) == (None, "several-services")


def test_a_service_that_nobody_registered(running: World, known: Judge) -> None:
    have(running, OLD)
    running.estate = dataclasses.replace(running.estate, services={})
    assert reason(known(running, running.propose("x", edited(running, b"1.2.0", b"1.0.0"))), ServiceChart) == (
        "service-unregistered"
    )


@pytest.mark.parametrize(
    "path", ["apps/payments/templates/extra.yaml", "apps/payments/templates/service.yaml", "apps/payments/README.md"]
)
def test_a_services_own_chart_files_are_generated(running: World, known: Judge, path: str) -> None:
    have(running, OLD)
    for files in ({path: b"x\n"}, {path: b"x\n", **edited(running, b"1.2.0", b"1.0.0")}):
        assert known(running, running.propose(f"x{len(files)}", files)).get(case.read).kind is None


def test_a_move_is_taken_back_by_its_exact_inverse_which_is_a_move(running: World, known: Judge) -> None:
    have(running, OLD)
    before = running.git.tree(running.main())
    prepared, _ = charts.move(running.git, PAYMENTS, running.environment, "1.0.0")
    running.push(open_pull(running, prepared).head_sha, "main")
    running.pulls.clear()
    newest = reverts.newest(running.git, PAYMENTS, "prod")
    assert newest == running.main()
    back = promotion.revert(running.git, PAYMENTS, "prod", newest)
    assert back.tree == before
    facts = known(running, open_pull(running, back))
    assert facts.get(case.read) == Case(kind.NAME, PAYMENTS)
    assert refused(facts) == {}


def test_nothing_is_prepared_that_the_gate_would_refuse(running: World) -> None:
    with pytest.raises(NotFoundError) as caught:
        charts.move(running.git, PAYMENTS, running.environment, "1.0.0")
    assert (caught.value.code, caught.value.expected) == ("chart-version-absent", "1.2.0")
    with pytest.raises(RefusedError, match="already"):
        charts.move(running.git, PAYMENTS, running.environment, "1.2.0")
    with pytest.raises(RefusedError, match="already"):
        charts.addition(running.git, "prod", NEW)
    with pytest.raises(NotFoundError, match="not onboarded"):
        charts.move(running.git, ServiceName("orders"), running.environment, "1.2.0")
    with pytest.raises(NotFoundError, match="no flat"):
        charts.departure(running.git, "prod")


# -- an estate of before there were versions ---------------------------------------------------------------------------


def test_the_flat_chart_comes_as_a_version_byte_for_byte(world: World, known: Judge, platform: Platform) -> None:
    own = Library.of({**OLD.files, "values.yaml": b"# as this estate has it\n"})
    flatten(world, own)
    offered = library.candidates("1.0.0", world.git, world.main(), platform.git, platform.commit, OLD.files)
    assert offered == (own, OLD)
    assert refused(known(world, open_pull(world, charts.addition(world.git, "prod", offered[0])))) == {}


def test_a_version_beside_the_flat_chart_changes_nothing_for_who_renders_with_it(world: World) -> None:
    flatten(world)
    deliver_image(world)
    before, base = rendering.render(world.git, world.main(), PAYMENTS, world.environment), world.main()
    bound = result.paths(PAYMENTS, "prod", result.library(world.git, base, PAYMENTS))
    have(world, OLD, NEW)
    assert result.ids(world.git, world.main(), bound) == result.ids(world.git, base, bound)
    assert dict(result.ids(world.git, base, bound).items)[FLAT] == world.git.object_id(base, FLAT)
    assert rendering.render(world.git, world.main(), PAYMENTS, world.environment) == before
    assert reverts.newest(world.git, PAYMENTS, "prod") == base


def test_approvals_outlive_a_version_and_not_a_move(world: World) -> None:
    flatten(world)
    pull = world.bump("payments", "b")
    bound = result.paths(PAYMENTS, "prod", FLAT)
    seen = result.merged_ids(world.git, world.main(), pull.head_sha, bound)
    have(world, OLD)
    assert result.merged_ids(world.git, world.main(), pull.head_sha, bound) == seen
    prepared, _ = charts.move(world.git, PAYMENTS, world.environment, "1.0.0")
    world.push(open_pull(world, prepared).head_sha, "main")
    moved = result.paths(PAYMENTS, "prod", "charts/service/1.0.0")
    assert result.merged_ids(world.git, world.main(), pull.head_sha, moved) != seen


def test_the_flat_chart_leaves_when_nobody_renders_with_it(world: World, known: Judge) -> None:
    flatten(world)
    have(world, OLD)
    used = open_pull(world, charts.departure(world.git, "prod"))
    assert known(world, used).get(case.read) == Case(kind.NAME, None)
    found = LibraryVersion().examine(known(world, used))
    assert (found.reason, found.detail) == ("chart-flat-used", "payments, quotes")
    for service in (PAYMENTS, QUOTES):
        prepared, _ = charts.move(world.git, service, world.environment, "1.0.0")
        pull = open_pull(world, prepared)
        assert refused(known(world, pull)) == {}
        world.push(world.git.commit_tree(  # as the forge would merge it
            world.git.merge_tree(world.main(), pull.head_sha), [world.main(), pull.head_sha], "Merge\n",
            author=("I", "i@x"), date=world.now(),
        ), "main")  # fmt: skip
    world.pulls.clear()
    assert refused(known(world, open_pull(world, charts.departure(world.git, "prod")))) == {}
    part = world.propose("x", {"charts/service/values.yaml": None})
    assert refused(known(world, part)) == {"chart-version": "library-chart-altered"}


# -- proofs ------------------------------------------------------------------------------------------------------------


def judged(world: World, facts: Facts) -> None:
    """Judged as the gate does, and merged by the platform."""
    pull, found = facts.get(case.read), facts.get(changes.read)
    assert pull.kind is not None
    number = max(world.pulls)
    body = Judged(
        environment=EnvironmentName("prod"),
        service=pull.service,
        kind=pull.kind,
        restores=False,
        repository=world.repository,
        pull=number,
        title=world.pulls[number].title,
        base=found.base,
        head=found.head,
        result=facts.get(result.read),
        platform_commit=world.estate.commit,
        record=None,
    )
    world.books.write(body.subject, body, key=body.key)
    world.merge("acme", "env-prod", number, head_commit_id=found.head)


def settle(world: World) -> str:
    """Seals what is proven; the newest seal."""
    found, previous = progress(world), read(world).sealed
    assert found.stopped is None, found.stopped
    for proof in found.proven:
        assert proof.judgement is not None
        raw = world.pulls[proof.judgement.said.pull]
        entry = merge.record_merge(world.books, world.git, proof, url=world.url, raw_pull=raw, now=world.now())
        previous = merge.seal_merge(
            world.books, world.git, proof, entry,
            previous=previous.id, url=world.url, now=world.now(), sign=world.keys.sign_seal,
        )  # fmt: skip
        world.git.fetch()
    return str(previous.id)


def test_an_addition_and_a_move_are_proven_and_what_runs_leads_to_the_move(world: World, known: Judge) -> None:
    judged(world, known(world, world.bump("payments", "a")))
    image = settle(world)
    judged(world, known(world, open_pull(world, charts.addition(world.git, "prod", OLD))))
    added = settle(world)
    assert delivering(world, added, PAYMENTS) == image, "a version that nobody uses delivers nothing"
    prepared, _ = charts.move(world.git, PAYMENTS, world.environment, "1.0.0")
    judged(world, known(world, open_pull(world, prepared)))
    moved = settle(world)
    assert delivering(world, moved, PAYMENTS) == moved
    assert isinstance(history.read_main(world.git, world.keys.seal[1]), Main)


def test_in_a_flat_estate_an_added_version_delivers_nothing_either(world: World) -> None:
    flatten(world)
    before = world.main()
    have(world, OLD)
    assert delivering(world, world.main(), PAYMENTS, sealed=False) == before


def delivering(world: World, revision: str, service: ServiceName, *, sealed: bool = True) -> str:
    """The commit to which the proof of what runs goes back."""
    where = world.environment.model_copy(update={"sealed": sealed})
    facts = Facts(
        {
            ground.sources: SimpleNamespace(mirror=lambda _: world.git),
            ground.books: world.books,
            place.read: place.Place(EnvironmentName(where.name), service),
            place.repository: world.git,
            place.environment: where,
            synced.revision: CommitId(revision),
        }
    )
    return facts.get(decision.delivering).id
