"""A service leaves an environment: what each step of a removal must be, and what the controller then deletes."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from interlock.errors import InputError, NotFoundError, RefusedError
from interlock.platform.books.vocabulary import Merged, RecordClosed, Removed
from interlock.platform.controller.acts import CloseRecord, Note, Prune, Write
from interlock.platform.controller.loops.removals import Planned, Removals, Seen, plan
from interlock.platform.delivery import gate, promotion, removal, seal
from interlock.platform.domain.ids import CommitId, Digest, EnvironmentName, RecordNumber, ServiceName
from interlock.platform.domain.removal import Named, Removal
from interlock.platform.domain.verdict import Verdict
from interlock.platform.estate import layout
from interlock.platform.estate import removal as files
from interlock.platform.facts import Facts, case, ground
from interlock.platform.facts import removal as removals
from interlock.platform.facts.case import Case
from interlock.platform.facts.queue import QueueState
from interlock.platform.facts.sources import Sources
from interlock.platform.kinds import reading
from interlock.platform.kinds.removal import NAME

if TYPE_CHECKING:
    from .conftest import World

PAYMENTS = ServiceName("payments")
VALUES = "apps/payments/values.prod.yaml"
FILE = "apps/payments/removal.yaml"
NOW = datetime(2026, 8, 24, 12, 0, tzinfo=UTC)


@dataclass
class Cluster:
    """Objects by apiVersion, kind, namespace and name; hub and prod are the same one here."""

    objects: dict[tuple[str, str, str, str], dict[str, Any]] = field(default_factory=dict)

    def get(self, api_version: str, kind: str, name: str, namespace: str | None = None) -> Mapping[str, Any]:
        found = self.objects.get((api_version, kind, namespace or "", name))
        if found is None:
            raise NotFoundError("kubernetes-not-found", f"no {kind} {name}")
        return found

    def put(self, api_version: str, kind: str, namespace: str, name: str, uid: str, **more: Any) -> None:
        metadata = {"namespace": namespace, "name": name, "uid": uid}
        self.objects[api_version, kind, namespace, name] = {"metadata": metadata, **more}

    def manages(self, *objects: tuple[str, str, str, str]) -> None:
        """Application payments-prod, with these as its own: group, version, kind, name."""
        keys = ("group", "version", "kind", "name")
        resources = [dict(zip(keys, item, strict=True)) | {"namespace": "payments"} for item in objects]
        own = ("argoproj.io/v1alpha1", "Application", "argocd", "payments-prod")
        self.put(*own, "a-1", status={"resources": resources})


DEPLOYMENT = Named("apps/v1", "Deployment", "payments", "payments", "d-1")
SERVICE = Named("v1", "Service", "payments", "payments", "s-1")


@dataclass
class Estate:
    world: World
    cluster: Cluster
    others: World | None = None
    """Whose repository those of the other environments are."""

    def facts(self, prepared: promotion.Prepared | None = None, *, branch: str = "", **changed: Any) -> Facts:
        """Of the pull request that brings ``prepared``, or these files."""
        world, given = self.world, dict(changed.get("files", {}))
        if prepared is not None:
            given = {
                item.path: None if item.new_id is None else world.git.blob(item.new_id)
                for item in world.git.diff(prepared.base, prepared.tree)
            }
        name = branch or (prepared.branch if prepared else f"remove/payments/{len(world.pulls) + 1:07d}")
        pull = world.propose(name, given)
        cluster: Any = self.cluster
        own, other = world.environment.repository, (self.others or world).git
        sources: Any = Sources(
            books=world.books, seal=world.keys.seal[1], cluster=lambda _: cluster,
            mirror=lambda name: world.git if name == own else other,
            forge=_down, registry=_down, tickets=_down,
        )  # fmt: skip
        return gate.facts_of(sources, world.estate, world.environment, pull, QueueState(), others=(), now=NOW)

    def merge(self) -> CommitId:
        """The newest pull request."""
        pull = self.world.pulls[len(self.world.pulls)]
        found = self.world.merge("acme", "env-prod", pull.number, head_commit_id=pull.head_sha)
        return CommitId(str(found.merge_commit_sha))

    def held(self) -> removals.Held:
        cluster: Any = self.cluster
        under_way = removal.under_way(self.world.git, PAYMENTS)
        return removals.held_by(cluster, cluster, "payments-prod", under_way.objects if under_way else ())

    def objects(self) -> promotion.Prepared:
        return removal.objects(self.world.git, PAYMENTS, "prod", self.held())


def _down(*_: object) -> Any:
    raise NotFoundError("fact-missing", "nothing here")


@pytest.fixture
def estate(world: World) -> Estate:
    """payments has an image and 0 replicas; its Application manages a Deployment and a Service."""
    before = world.git.read("refs/heads/main", VALUES)
    assert before is not None
    released = layout.set_image(before, "main-" + "a" * 12, "sha256:" + "a" * 64, file=VALUES)  # type: ignore[arg-type]
    world.commit({VALUES: released.replace(b"replicas: 1", b"replicas: 0")})
    cluster = Cluster()
    cluster.put("apps/v1", "Deployment", "payments", "payments", "d-1")
    cluster.put("v1", "Service", "payments", "payments", "s-1")
    cluster.manages(("apps", "v1", "Deployment", "payments"), ("", "v1", "Service", "payments"))
    return Estate(world, cluster)


def reasons(facts: Facts) -> dict[str, str]:
    """What stands against the delivery of the checks of its kind."""
    found = gate.judge(facts).findings
    own = [item for item in found if str(item.id).startswith(("removal-", "registration-", "delivery-kind"))]
    return {str(item.id): str(item.reason) for item in own if item.verdict is not Verdict.VALID}


def test_the_first_step_names_every_live_object_and_renders_none(estate: Estate) -> None:
    prepared = estate.objects()
    facts = estate.facts(prepared)
    assert facts.get(case.read) == Case(NAME, PAYMENTS)
    assert facts.get(removals.after) == Removal("a-1", (DEPLOYMENT, SERVICE))
    assert reasons(facts) == {}
    assert "Deployment payments/payments (d-1)" in prepared.body
    told = facts.get(reading.plan)
    assert told is not None and "Named: Service payments/payments (s-1)" in told.texts()["test_plan"]


def test_every_step_as_far_as_the_application(estate: Estate) -> None:
    estate.facts(estate.objects())
    estate.merge()
    with pytest.raises(RefusedError) as caught:
        removal.application(estate.world.git, PAYMENTS, "prod", estate.held())
    assert caught.value.code == "removal-objects-left"
    del estate.cluster.objects["apps/v1", "Deployment", "payments", "payments"]
    del estate.cluster.objects["v1", "Service", "payments", "payments"]
    prepared = removal.application(estate.world.git, PAYMENTS, "prod", estate.held())
    facts = estate.facts(prepared)
    assert facts.get(case.read) == Case(NAME, PAYMENTS) and reasons(facts) == {}
    assert not estate.world.git.object_id(prepared.tree, "apps/payments")
    estate.merge()
    with pytest.raises(NotFoundError) as gone:
        removal.under_way(estate.world.git, PAYMENTS)
    assert gone.value.code == "service-not-onboarded"


def test_the_application_does_not_go_before_its_objects(estate: Estate) -> None:
    estate.facts(estate.objects())
    estate.merge()
    everything = estate.world.git.ls_tree("refs/heads/main", "apps/payments")
    gone = {**{item.path: None for item in everything}, "argocd/payments.yaml": None}
    assert reasons(estate.facts(files=gone)) == {"removal-named": "removal-objects-left"}


def test_the_application_does_not_go_before_anything_was_named(estate: Estate) -> None:
    everything = estate.world.git.ls_tree("refs/heads/main", "apps/payments")
    gone = {**{item.path: None for item in everything}, "argocd/payments.yaml": None}
    assert reasons(estate.facts(files=gone)).keys() == {"removal-files", "removal-named"}
    assert reasons(estate.facts(files={"argocd/payments.yaml": None}))["removal-files"] == "removal-files-other"


def test_what_is_not_named_or_is_another_object_stops_it(estate: Estate) -> None:
    facts = estate.facts(estate.objects())
    estate.cluster.put("v1", "ConfigMap", "payments", "late", "c-1")
    estate.cluster.manages(
        ("apps", "v1", "Deployment", "payments"), ("", "v1", "Service", "payments"), ("", "v1", "ConfigMap", "late")
    )
    assert reasons(facts) == {"removal-named": "removal-object-unnamed"}


@pytest.mark.parametrize("uid", ["d-2", None])
def test_an_object_of_another_identity_is_not_the_one_that_was_named(estate: Estate, uid: str | None) -> None:
    facts = estate.facts(estate.objects())
    del estate.cluster.objects["apps/v1", "Deployment", "payments", "payments"]
    if uid is not None:
        estate.cluster.put("apps/v1", "Deployment", "payments", "payments", uid)
    found = reasons(facts)["removal-named"]
    assert found == ("removal-object-unnamed" if uid else "removal-object-changed")


def test_an_application_that_was_made_anew_is_another_one(estate: Estate) -> None:
    facts = estate.facts(estate.objects())
    own = estate.cluster.objects["argoproj.io/v1alpha1", "Application", "argocd", "payments-prod"]
    own["metadata"]["uid"] = "a-2"
    assert reasons(facts) == {"removal-named": "removal-object-changed"}


def test_while_pods_are_wanted_nothing_is_deleted(estate: Estate) -> None:
    before = estate.world.git.read("refs/heads/main", VALUES)
    assert before is not None
    estate.world.commit({VALUES: before.replace(b"replicas: 0", b"replicas: 2")})
    assert reasons(estate.facts(estate.objects())) == {"removal-stopped": "removal-workload-up"}


def test_what_another_service_uses_is_refused_by_name(estate: Estate) -> None:
    path = "apps/quotes/values.prod.yaml"
    before = estate.world.git.read("refs/heads/main", path)
    assert before is not None
    image = layout.set_image(before, "main-" + "b" * 12, "sha256:" + "b" * 64, file=path)  # type: ignore[arg-type]
    estate.world.commit({path: image.replace(b"config:", b"config:\n  PAYMENTS: http://payments.payments.svc:7800")})
    facts = estate.facts(estate.objects())
    assert reasons(facts) == {"removal-unused": "removal-in-use"}
    assert facts.get(removals.users) and facts.get(removals.users)[0].startswith("quotes: ")


TEMPLATE = "apps/payments/templates/service.yaml"


@pytest.mark.parametrize(
    ("also", "expected"),
    [
        ({"apps/payments/extra.yaml": b"a: 1\n"}, {"delivery-kind": "file-foreign"}),
        ({"apps/quotes/templates/service.yaml": None}, {"delivery-kind": "several-services"}),
        ({"apps/payments/values.yaml": None}, {"delivery-kind": "file-deleted"}),
        ({TEMPLATE: b"# none\n{{ include \"service.all\" . }}\n"}, {"delivery-kind": "chart-file-altered"}),
        ({FILE: b"objects: []\n"}, {"removal-files": "removal-file-form", "removal-named": "fact-unreadable",
                                    "removal-unused": "fact-unreadable"}),
    ],
)  # fmt: skip
def test_a_step_changes_its_own_files_and_no_others(
    estate: Estate, also: dict[str, bytes | None], expected: dict[str, str]
) -> None:
    data = estate.world.git.read(estate.objects().tree, FILE)
    found = reasons(estate.facts(files={TEMPLATE: None, FILE: data, **also}))
    assert {check: found.get(check) for check in expected} == expected


def test_naming_without_deleting_the_templates_leaves_objects(estate: Estate) -> None:
    data = estate.world.git.read(estate.objects().tree, FILE)
    assert reasons(estate.facts(files={FILE: data})) == {"removal-files": "removal-renders"}


def test_middleware_goes_before_the_application(estate: Estate) -> None:
    estate.world.commit({"middleware/payments/topic.yaml": b"a: 1\n"})
    estate.facts(estate.objects())
    estate.merge()
    for item in (DEPLOYMENT, SERVICE):
        del estate.cluster.objects[item.api_version, item.kind, item.namespace, item.name]
    prepared = removal.application(estate.world.git, PAYMENTS, "prod", estate.held())
    assert reasons(estate.facts(prepared)) == {"removal-files": "removal-middleware-left"}


def test_the_first_step_is_taken_back_by_its_exact_inverse(estate: Estate) -> None:
    before = estate.world.git.object_id("refs/heads/main", "apps/payments")
    estate.facts(estate.objects())
    merged = estate.merge()
    prepared = promotion.revert(estate.world.git, PAYMENTS, "prod", merged)
    facts = estate.facts(prepared)
    assert facts.get(case.read) == Case(NAME, PAYMENTS), "judged as what it delivers"
    assert facts.get(ground.demand).windows == estate.world.environment.windows
    assert reasons(facts) == {}
    estate.merge()
    assert estate.world.git.object_id("refs/heads/main", "apps/payments") == before


def test_back_is_the_exact_inverse_and_nothing_like_it(estate: Estate) -> None:
    estate.facts(estate.objects())
    estate.merge()
    other = {FILE: None, "apps/payments/templates/other.yaml": b"a: 1\n"}
    assert reasons(estate.facts(files=other)) == {"removal-files": "removal-not-taken-back"}


def test_an_application_that_argo_cd_does_not_know_leaves_nobody_to_say_what_is_live(estate: Estate) -> None:
    facts = estate.facts(estate.objects())
    del estate.cluster.objects["argoproj.io/v1alpha1", "Application", "argocd", "payments-prod"]
    assert reasons(facts)["removal-named"] == "removal-object-changed"
    with pytest.raises(NotFoundError) as caught:
        estate.objects()
    assert caught.value.code == "application-missing"


def test_the_owner_of_the_data_is_asked_where_the_environment_asks_for_no_owner(estate: Estate) -> None:
    facts = estate.facts(estate.objects())
    assert [item.who for item in facts.get(ground.demand).approvals] == ["service-owner", "other-team"]
    rules = estate.world.environment.rules.model_copy(update={"approvals": ()})
    estate.world.environment = estate.world.environment.model_copy(update={"rules": rules})
    again = estate.facts(estate.objects(), branch="remove/payments/0123456789ab")
    assert [item.who for item in again.get(ground.demand).approvals] == ["data-owner"]


@pytest.mark.parametrize(
    "data",
    [b"", b"[]", b"a: &x 1\nb: *x\n", files.dump(Removal("a-1", (DEPLOYMENT,))) + b"# more\n",
     files.dump(Removal("a-1", (DEPLOYMENT,))).replace(b"Removal", b"Other"),
     files.dump(Removal("a-1", (DEPLOYMENT,))).replace(b"payments", b"'../..'")],
)  # fmt: skip
def test_a_file_in_any_other_form_is_refused(data: bytes) -> None:
    with pytest.raises(InputError):
        files.read(data, file=FILE)


def test_a_file_is_read_as_it_was_written() -> None:
    written = Removal("a-1", (DEPLOYMENT, SERVICE))
    assert files.read(files.dump(written), file=FILE) == written


def test_a_registration_goes_when_no_environment_has_the_service(world: World, make_world: Any) -> None:
    platform = make_world("platform")
    registered = {"services/payments.yaml": platform.estate.service("payments").file()}
    platform.commit(registered)
    there = Estate(platform, Cluster(), others=world)
    prepared = removal.registration(platform.git, PAYMENTS)
    facts = there.facts(prepared)
    assert facts.get(case.read) == Case(NAME, PAYMENTS)
    assert reasons(facts) == {"registration-unused": "registration-in-use"}
    there.others = None
    assert reasons(there.facts(prepared, branch="remove/payments/0123456789ab")) == {}
    platform.commit({"services/quotes.yaml": platform.estate.service("quotes").file()})
    two = there.facts(files={"services/payments.yaml": None, "services/quotes.yaml": None})
    assert reasons(two)["delivery-kind"] == "several-services"


# -- the loop: what is sealed is deleted, and nothing else -----------------------------------------------------------


@dataclass
class Recorded:
    """Acts that are asked for; what is to be written down is."""

    books: Any
    acts: list[Any] = field(default_factory=list)

    def perform(self, act: Any) -> None:
        self.acts.append(act)
        if isinstance(act, Write):
            self.books.write(act.subject, act.body, key=act.key)

    def all(self, planned: Any) -> bool:
        for act in planned:
            self.perform(act)
        return bool(planned)


class Controlled:
    """The removal loop over the world of a test: `round` gives what it asks for."""

    def __init__(self, estate: Estate) -> None:
        world, cluster = estate.world, estate.cluster
        self.estate, self.acting = estate, Recorded(world.books)
        shared: Any = SimpleNamespace(
            estate=lambda: world.estate, books=world.books, mirror=lambda _: world.git, now=lambda: NOW,
            connections=SimpleNamespace(cluster=lambda _: cluster), sources=SimpleNamespace(cluster=lambda _: cluster),
        )  # fmt: skip
        self.loop = Removals(shared, self.acting)  # type: ignore[arg-type]

    def merged(self, *, seal_it: bool = True) -> None:
        """The newest pull request, written down and sealed as the delivery loop does it."""
        world, base = self.estate.world, CommitId(self.estate.world.main())
        merge, pull = self.estate.merge(), world.pulls[len(world.pulls)]
        body = Merged(
            environment=EnvironmentName("prod"), service=PAYMENTS, kind=NAME, repository=world.url, pull=pull.number,
            base=base, head=CommitId(pull.head_sha), merge=merge, result={},
        )  # fmt: skip
        world.books.write(body.subject, body, key=Merged.key(world.url, merge))
        if seal_it:
            self.seal(merge)

    def seal(self, merge: str) -> None:
        world = self.estate.world
        previous = CommitId(world.git.resolve(layout.SEALED))
        made = seal.build(
            world.git, environment="prod", previous=previous, merge=CommitId(merge),
            decision=Digest("sha256:" + "0" * 64), lines=("Removal",), now=world.now(), sign=world.keys.sign_seal,
        )  # fmt: skip
        seal.push(world.git, made, expected_old=previous)
        world.git.fetch()

    def compared(self, application: str, **status: Any) -> None:
        """Argo CD has compared it with what is sealed."""
        key = ("argoproj.io/v1alpha1", "Application", "argocd", application)
        found = self.estate.cluster.objects.setdefault(key, {"metadata": {"uid": "r-1", "name": application}})
        revision = {"sync": {"status": "OutOfSync", "revision": self.estate.world.git.resolve(layout.SEALED)}}
        found["status"] = {**found.get("status", {}), **revision, **status}

    def round(self) -> list[Any]:
        before = len(self.acting.acts)
        for key in list(self.loop.keys()):
            self.loop.run(key)
        return self.acting.acts[before:]


@pytest.fixture
def controlled(estate: Estate) -> Controlled:
    """The objects' removal is merged and sealed."""
    found = Controlled(estate)
    found.seal(estate.world.main())
    estate.facts(estate.objects())
    found.merged()
    return found


def gone(estate: Estate, *objects: Named) -> None:
    for item in objects:
        del estate.cluster.objects[item.api_version, item.kind, item.namespace, item.name]


def test_exactly_what_was_named_is_deleted_and_read_back(controlled: Controlled, estate: Estate) -> None:
    assert controlled.round() == [], "not before Argo CD has seen what is sealed"
    controlled.compared("payments-prod")
    (act,) = controlled.round()
    tip = estate.world.git.resolve(layout.SEALED)
    assert act == Prune("payments-prod", tip, (DEPLOYMENT.place, SERVICE.place))
    controlled.compared("payments-prod", operationState={"phase": "Running"})
    assert controlled.round() == [], "it is asked for once"
    gone(estate, DEPLOYMENT)
    controlled.compared("payments-prod", operationState={"phase": "Succeeded"})
    assert controlled.round() == [Prune("payments-prod", tip, (SERVICE.place,))]
    gone(estate, SERVICE)
    (written,) = controlled.round()
    assert isinstance(written.body, Removed)
    assert written.body.objects == (str(DEPLOYMENT), str(SERVICE))
    assert controlled.round() == [] and len(estate.world.found(Removed, "prod/payments")) == 1


@pytest.mark.parametrize("named", [True, False])
def test_what_is_live_and_was_not_named_stops_everything(
    controlled: Controlled, estate: Estate, *, named: bool
) -> None:
    controlled.compared("payments-prod")
    if named:
        gone(estate, SERVICE)
        estate.cluster.put("v1", "Service", "payments", "payments", "s-2")
    else:
        own = estate.cluster.objects["argoproj.io/v1alpha1", "Application", "argocd", "payments-prod"]
        own["status"]["resources"].append({"version": "v1", "kind": "Secret", "namespace": "payments", "name": "x"})
        estate.cluster.put("v1", "Secret", "payments", "x", "x-1")
    (note,) = controlled.round()
    assert isinstance(note, Note) and note.outcome.outcome == "stopped"
    assert ("s-2" if named else "x-1") in note.outcome.detail


def test_what_is_merged_and_not_sealed_deletes_nothing(estate: Estate) -> None:
    found = Controlled(estate)
    found.seal(estate.world.main())
    estate.facts(estate.objects())
    found.merged(seal_it=False)
    found.compared("payments-prod")
    assert found.round() == []


def test_what_was_taken_back_deletes_nothing(controlled: Controlled, estate: Estate) -> None:
    estate.facts(promotion.revert(estate.world.git, PAYMENTS, "prod", CommitId(estate.world.main())))
    controlled.merged()
    controlled.compared("payments-prod")
    assert controlled.round() == []


def test_the_application_goes_last_and_only_the_one_that_was_named(controlled: Controlled, estate: Estate) -> None:
    gone(estate, DEPLOYMENT, SERVICE)
    controlled.round()
    estate.facts(removal.application(estate.world.git, PAYMENTS, "prod", estate.held()))
    controlled.merged()
    controlled.compared("root-prod")
    own = Named("argoproj.io/v1alpha1", "Application", "argocd", "payments-prod", "a-1")
    tip = estate.world.git.resolve(layout.SEALED)
    assert controlled.round() == [Prune("root-prod", tip, (own.place,))]
    live = estate.cluster.objects["argoproj.io/v1alpha1", "Application", "argocd", "payments-prod"]
    live["metadata"]["uid"] = "a-2"
    (note,) = controlled.round()
    assert isinstance(note, Note) and "a-2" in note.outcome.detail
    del estate.cluster.objects["argoproj.io/v1alpha1", "Application", "argocd", "payments-prod"]
    (written,) = controlled.round()
    assert written.body.objects == (str(own),) and controlled.round() == []


def test_a_plan_asks_for_nothing_that_was_not_named() -> None:
    seen = Seen("payments-prod", CommitId("1" * 40), (DEPLOYMENT,), (DEPLOYMENT,), compared="2" * 40)
    assert plan("prod/payments", seen) == Planned((Prune("payments-prod", "2" * 40, (DEPLOYMENT.place,)),))
    assert plan("prod/payments", dataclasses.replace(seen, named=())).acts == ()
    assert plan("prod/payments", dataclasses.replace(seen, named=())).stopped
    assert plan("prod/payments", dataclasses.replace(seen, busy=True)) == Planned()
    assert plan("prod/payments", dataclasses.replace(seen, compared=None)) == Planned()
    assert plan("prod/payments", dataclasses.replace(seen, done=True)) == Planned()
    (write,) = plan("prod/payments", dataclasses.replace(seen, live=())).acts
    assert isinstance(write, Write) and write.key == f"removed/{'1' * 40}"
    closes = CloseRecord(RecordNumber("CHG1"), "Gone.", RecordClosed(Digest("sha256:1"), CommitId("2" * 40)))
    last = dataclasses.replace(seen, live=(), closes=closes)
    assert plan("prod/payments", last).acts == (closes, write), (
        "a kill between them leaves the record to be closed again"
    )
    assert closes not in plan("prod/payments", dataclasses.replace(last, live=(DEPLOYMENT,))).acts
