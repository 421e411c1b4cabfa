"""One good prod promotion of payments as facts; each test breaks one thing in it."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from interlock.clients.git import keys
from interlock.formats.oci import media
from interlock.platform import estate
from interlock.platform.domain.approval import Approval
from interlock.platform.domain.change import Change, CommitFacts, FileChange
from interlock.platform.domain.facts import Unread
from interlock.platform.domain.health import ApplicationFacts
from interlock.platform.domain.ids import CommitId, Digest, ObjectId, PersonId, ReasonCode, RecordNumber, ServiceName
from interlock.platform.domain.image import ImageFacts, ImageReference, Provenance, Scan, Signed, StatementKind
from interlock.platform.domain.pull import PullRequest, Review, ReviewState
from interlock.platform.domain.record import (
    ChangeRecord,
    RecordApproval,
    RecordApprovalState,
    RecordFacts,
    RecordState,
)
from interlock.platform.domain.result import ResultIds
from interlock.platform.domain.verdict import Basis, Finding, Verdict
from interlock.platform.estate import Environment, layout
from interlock.platform.facts import (
    Facts,
    change,
    edit,
    ground,
    health,
    image,
    onboarding,
    record,
    rendering,
    result,
    source,
)
from interlock.platform.facts import case as cases
from interlock.platform.facts import pull as pulls
from interlock.platform.facts import queue as queues
from interlock.platform.facts import revert as reverts
from interlock.platform.facts import reviews as given
from interlock.platform.facts.case import Case
from interlock.platform.facts.facts import Reader
from interlock.platform.facts.queue import QueueState
from interlock.platform.facts.rendering import Rendering
from interlock.platform.facts.revert import RevertFacts
from interlock.platform.kinds import table
from interlock.platform.kinds.image import NAME as IMAGE_KIND
from interlock.platform.kinds.revert import NAME as REVERT_KIND

from ..acme import sample


@dataclasses.dataclass(frozen=True)
class Known:
    """Everything that is known of one pull request, by names that tests vary. An Unread stands for a fact that could
    not be read, NOBODY for one that nobody reads."""

    now: datetime
    estate: estate.Estate
    environment: Environment
    pull: PullRequest
    change: Change | Unread
    case: Case
    result: ResultIds | Unread
    reviews: tuple[Review, ...] | Unread = ()
    approvals: tuple[Approval, ...] = ()
    rendering: Any = None
    onboarding: Any = None
    image: ImageFacts | Unread | None = None
    previous: Any = None
    health: ApplicationFacts | Unread | None = None
    source: tuple[CommitFacts, ...] | Unread = ()
    record: RecordFacts = dataclasses.field(default_factory=lambda: RecordFacts(None))
    queue: QueueState = dataclasses.field(default_factory=QueueState)
    revert: RevertFacts | Unread | None = None
    foreign: bool = False

    def facts(self) -> Facts:
        return Facts(self.given())

    def given(self) -> dict[Reader[Any], object]:
        """Values by their readers."""
        restores = isinstance(self.revert, RevertFacts) and self.case.kind == REVERT_KIND and self.revert.restores
        reviews = self.reviews if isinstance(self.reviews, Unread) else given.Given(self.reviews, self.approvals)
        wanted = self.image.reference if isinstance(self.image, ImageFacts) else self.image
        known: dict[Reader[Any], object] = {
            ground.moment: self.now,
            ground.estate: self.estate,
            ground.environment: self.environment,
            pulls.read: self.pull,
            pulls.foreign: self.foreign,
            change.read: self.change,
            cases.read: dataclasses.replace(self.case, restores=restores),
            result.read: self.result,
            given.read: reviews,
            image.read: self.image,
            image.wanted: wanted,
            health.read: self.health,
            source.read: self.source,
            record.read: self.record,
            queues.read: self.queue,
            reverts.read: self.revert,
            edit.read: edit.Edit(self.estate, self.estate),
            edit.differences: (),
        }
        optional = {
            rendering.read: self.rendering, onboarding.read: self.onboarding, health.promoted: self.previous
        }  # fmt: skip
        return {**known, **{reader: value for reader, value in optional.items() if value is not None}}


def evaluate(known: Known) -> tuple[Finding, ...]:
    """Every finding, in the order of the table."""
    facts = known.facts()
    return tuple(check.examine(facts) for check in table.demanded(facts)[0])


NOW = datetime(2026, 8, 24, 12, 0, tzinfo=UTC)
HEAD, BASE, SOURCE = CommitId("b" * 40), CommitId("a" * 40), CommitId("5" * 40)
TAG, OLD_TAG = "main-" + "5" * 12, "main-" + "4" * 12
DIGEST, OLD = Digest("sha256:" + "d" * 64), Digest("sha256:" + "c" * 64)
IMAGE = "registry.acme.test/integration/payments"
PATH = "apps/payments/values.prod.yaml"
PLAN = Digest("sha256:" + "9" * 64)
OK = ReasonCode("ok")
VALUES = f"""\
# An image delivery changes tag and digest here, and nothing else anywhere.
image:
  repository: {IMAGE}
  tag: "{OLD_TAG}"
  digest: "{OLD}"
replicas: 2
""".encode()
RESULT = ResultIds.of({"apps/payments": ObjectId("1" * 40), "charts/service": ObjectId("2" * 40)})


@pytest.fixture(scope="session")
def sample_estate() -> estate.Estate:
    files = sample(
        keys=estate.Keys(
            seal=keys.generate_openpgp("Interlock <interlock@acme.test>")[1], forge="F\n", release="R\n", attest="A\n"
        ),
        seal_key_ids=["0123456789ABCDEF"],
        ssh_keys={},
        chart={},
        catalog={},
        builder="https://interlock.dev/builder",
    )["platform"]
    service = estate.Service(
        name="payments",
        shape="ace-flow",
        team="payments",
        owner="sam",
        repository="payments",
        image=IMAGE,
        configuration_item="payments",
    )
    return estate.load({**files, "services/payments.yaml": service.file()}, commit=CommitId("e" * 40))


def deployment(tag: str, digest: str, **spec: Any) -> dict[str, Any]:
    labels = {"app.kubernetes.io/name": "payments", "app.kubernetes.io/version": tag}
    container = {"name": "payments", "image": f"{IMAGE}:{tag}@{digest}", "ports": [{"containerPort": 7800}]}
    template = {"metadata": {"labels": labels}, "spec": {"containers": [container]}}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "payments", "labels": dict(labels)},
        "spec": {"replicas": 2, "template": template, **spec},
    }


ACCOUNT = {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "payments"}}


def review(number: int, account: str, **changes: Any) -> Review:
    values: dict[str, Any] = {
        "id": number,
        "account": account,
        "state": ReviewState.APPROVED,
        "commit": HEAD,
        "stale": False,
        "dismissed": False,
        "official": True,
        "submitted_at": NOW - timedelta(minutes=10 - number),
    }
    return Review(**{**values, **changes})


def captured(item: Review, **changes: Any) -> Approval:
    values: dict[str, Any] = {
        "review": item.id,
        "account": item.account,
        "repository": "acme/env-prod",
        "number": 7,
        "base_ref": "main",
        "head": item.commit,
        "result": RESULT,
    }
    return Approval(**{**values, **changes})


@pytest.fixture
def good(sample_estate: estate.Estate) -> Known:
    prod = sample_estate.environment("prod")
    file = FileChange(PATH, "modified")
    reviews = (review(1, "sam"), review(2, "rita"))
    signed = Signed(Verdict.VALID, OK, "1 valid", DIGEST)
    record = ChangeRecord(
        number=RecordNumber("CHG0030001"),
        type="normal",
        raw_state="-1",
        state=RecordState.IMPLEMENT,
        approval="approved",
        requested_by="interlock",
        opened_by="interlock",
        start=NOW - timedelta(hours=1),
        end=NOW + timedelta(hours=1),
        configuration_item="payments",
        on_hold=False,
        conflict="No Conflict",
        delivery=f"acme/env-prod#7@{HEAD}",
        texts={"description": "tag and digest"},
        plan=PLAN,
        approvals=(RecordApproval("carol", RecordApprovalState.APPROVED, NOW - timedelta(minutes=30), PLAN),),
    )
    return Known(
        now=NOW,
        estate=sample_estate,
        environment=prod,
        pull=PullRequest(
            repository="acme/env-prod",
            number=7,
            title="CHG0030001 payments: main-555555555555 to prod",
            author="dana",
            head=HEAD,
            head_ref=f"promote/payments/{TAG}",
            base_ref="main",
            open=True,
        ),
        change=Change(
            base=BASE,
            head=HEAD,
            merge_base=BASE,
            tree=ObjectId("f" * 40),
            proposed=(file,),
            effect=(file,),
            before={PATH: VALUES},
            after={PATH: layout.set_image(VALUES, TAG, DIGEST, file=PATH)},
            commits=(CommitFacts(HEAD, "payments: to prod", 1, PersonId("dana")),),
        ),
        case=Case(IMAGE_KIND, ServiceName("payments")),
        result=RESULT,
        reviews=reviews,
        approvals=tuple(captured(item) for item in reviews),
        rendering=Rendering((ACCOUNT, deployment(OLD_TAG, OLD)), (ACCOUNT, deployment(TAG, DIGEST))),
        image=ImageFacts(
            reference=ImageReference(IMAGE, TAG, DIGEST),
            media_type=media.MANIFEST,
            tag_digest=DIGEST,
            signature=signed,
            statements=dict.fromkeys(StatementKind, signed),
            scan=Scan(Verdict.VALID, "0 findings", NOW - timedelta(days=1), NOW - timedelta(days=2)),
            provenance=Provenance(
                builder="https://interlock.dev/builder",
                source="https://git/acme/payments",
                commit=SOURCE,
                pipeline="build-ace-flow",
                run="payments-555555555555",
                isolation="bubblewrap",
            ),
        ),
        previous=ImageReference(IMAGE, TAG, DIGEST),
        health=ApplicationFacts(
            "payments-test", "Synced", "Healthy", CommitId("7" * 40), DIGEST, TAG, sealed=True, basis=Basis.SIMULATED
        ),
        source=(CommitFacts(SOURCE, "Add a flow", 1, PersonId("dana")),),
        record=RecordFacts(RecordNumber("CHG0030001"), record, {"description": "tag and  digest"}),
    )


@pytest.fixture
def broken(good: Known) -> Callable[..., dict[str, Finding]]:
    """The findings that are not valid after ``broken(pull={"title": ...}, health=None)``, by check id."""

    def judge(facts: Known = good, **changes: Any) -> dict[str, Finding]:
        return {item.id: item for item in evaluate(vary(facts, **changes)) if item.verdict is not Verdict.VALID}

    return judge


def vary(facts: Any, **changes: Any) -> Any:
    """``facts`` with fields replaced; a dict for a dataclass field is applied inside of it."""
    values = {}
    for name, value in changes.items():
        old = getattr(facts, name)
        inner = isinstance(value, dict) and dataclasses.is_dataclass(old)
        values[name] = vary(old, **value) if inner else value
    return dataclasses.replace(facts, **values)


@pytest.fixture
def make() -> dict[str, Any]:
    """Builders and constants that tests share."""
    return {"review": review, "captured": captured, "deployment": deployment, "vary": vary, "result": RESULT}
