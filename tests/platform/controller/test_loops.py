"""Builds and attestation, of which one is hostile or broken: the others go on."""

from __future__ import annotations

import copy
import dataclasses
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from interlock.errors import NotFoundError
from interlock.formats.sigstore import PrivateKey
from interlock.formats.tekton import record
from interlock.platform.books import Books, EvidenceStore, Ledger
from interlock.platform.books.keys import AttestKey
from interlock.platform.books.vocabulary import Attested
from interlock.platform.controller.acting import Acting
from interlock.platform.controller.loops.attests import Attests
from interlock.platform.controller.loops.builds import Builds
from interlock.platform.controller.push_file import FILE
from interlock.platform.controller.schedule import Loop
from interlock.platform.delivery.readmodel import ReadModel
from interlock.platform.domain.ids import Digest
from interlock.platform.estate import Estate

GOLDEN = (Path(__file__).parents[3] / "examples" / "payments" / FILE).read_bytes()
COMMIT = "1" * 40
NOW = datetime(2026, 5, 4, 12, 0, tzinfo=UTC)
DIGEST = Digest("sha256:" + "d" * 64)


class Hub:
    """The hub's API: objects by kind, and what was created and annotated."""

    def __init__(self, *objects: dict[str, Any]) -> None:
        self.objects = list(objects)
        self.created: list[str] = []
        self.listed = 0
        self.annotated: list[str] = []

    def list(self, api: str, kind: str, *, namespace: str, **selector: str) -> Any:
        self.listed += 1
        _, _, run = selector.get("label_selector", "").partition("=")
        found = [item for item in self.objects if item["kind"] == kind]
        chosen = [item for item in found if not run or item["metadata"]["labels"].get("tekton.dev/pipelineRun") == run]
        _, _, name = selector.get("field_selector", "").partition("=")
        chosen = [item for item in chosen if name in ("", item["metadata"]["name"])]
        return SimpleNamespace(items=copy.deepcopy(chosen))

    def create(self, made: dict[str, Any]) -> None:
        self.created.append(made["metadata"]["name"])

    def patch(self, api: str, kind: str, name: str, body: Any, *, namespace: str) -> None:
        self.annotated.append(name)


class App:
    """An app repo whose main has one build file; counts how often it is read."""

    reads = 0

    def __init__(self, file: bytes | Exception) -> None:
        self.file = file

    def resolve(self, revision: str) -> str:
        return COMMIT

    def read(self, revision: str, path: str) -> bytes:
        self.reads += 1
        if isinstance(self.file, Exception):
            raise self.file
        return self.file


@pytest.fixture
def attest_key() -> AttestKey:
    secret = PrivateKey(ec.generate_private_key(ec.SECP256R1()))
    return AttestKey(secret.public, secret)


@pytest.fixture
def books(tmp_path: Path, attest_key: AttestKey) -> Books:
    ledger = Ledger(tmp_path / "ledger.jsonl", attest_key, now=lambda: NOW)
    return Books(ledger, EvidenceStore(tmp_path / "evidence"), "interlock")


def look(loop: Loop) -> list[str]:
    """Run every key; returns the second words of those that failed."""
    failed = []
    for key in list(loop.keys()):
        try:
            loop.run(key)
        except Exception:
            failed.append(key[1])
    return failed


# -- builds ------------------------------------------------------------------------------------------------------------


class Estates:
    """What the build loop sees of the world: app repos by name, one hub, and a forge that is told."""

    def __init__(self, estate: Estate, books: Books, folder: Path, mirrors: dict[str, App], hub: Hub) -> None:
        self.told: dict[str, str] = {}
        self.asked = 0
        self.mirrors = mirrors
        self.model = ReadModel(folder / "readmodel.db")

        def statuses(*_: str) -> list[object]:
            self.asked += 1
            return []

        forge = SimpleNamespace(
            statuses=statuses,
            set_status=lambda _owner, name, _sha, **values: self.told.update({name: values["state"]}),
        )
        world: Any = SimpleNamespace(
            estate=lambda: estate,
            mirror=mirrors.__getitem__,
            snapshot=SimpleNamespace(tip=lambda name, ref: COMMIT),
            books=books,
            model=self.model,
            now=lambda: NOW,
            connections=SimpleNamespace(cluster=lambda _: hub, forge=lambda: forge),
        )
        self.builds = Builds(world, Acting(world, held=lambda: True))


@pytest.mark.parametrize(
    "hostile", [GOLDEN + b"  x: " + b"1" * 5000, NotFoundError("git-not-found", "gone"), ValueError("surprise")]
)
@pytest.mark.parametrize("service", ["payments", "refunds"])
def test_one_repository_stops_no_other_services_build(
    estate: Estate, books: Books, tmp_path: Path, service: str, hostile: bytes | Exception
) -> None:
    mirrors = {name: App(GOLDEN) for name in ("payments", "refunds", "env-dev")}
    mirrors[service] = App(hostile)
    hub = Hub()
    seen = Estates(estate, books, tmp_path, mirrors, hub)

    assert look(seen.builds) == ([service] if isinstance(hostile, Exception) else [])

    (other,) = {"payments", "refunds"} - {service}
    assert hub.created == [f"{other}-{COMMIT[:12]}"]
    assert seen.told == {other: "pending", **({service: "error"} if isinstance(hostile, bytes) else {})}
    assert {item.key: item.outcome for item in seen.model.outcomes("build")} == seen.told


def test_what_is_built_is_not_looked_at_again(estate: Estate, books: Books, tmp_path: Path) -> None:
    """Measured: an idle resync of 60 services reads no repository and asks neither hub nor forge."""
    services = {f"s{n}": estate.service("payments").model_copy(update={"name": f"s{n}", "repository": f"s{n}"})
                for n in range(60)}  # fmt: skip
    estate = dataclasses.replace(estate, services=services)
    mirrors = {name: App(GOLDEN) for name in (*services, "env-dev")}
    hub = Hub()
    seen = Estates(estate, books, tmp_path, mirrors, hub)
    assert look(seen.builds) == []
    done = {"conditions": [{"type": "Succeeded", "status": "True"}]}
    hub.objects += [{"kind": "PipelineRun", "metadata": {"name": name}, "status": done} for name in hub.created]
    assert look(seen.builds) == []
    assert set(seen.told.values()) == {"success"}

    reads, listed, asked = sum(item.reads for item in mirrors.values()), hub.listed, seen.asked
    assert look(seen.builds) == []
    assert (sum(item.reads for item in mirrors.values()), hub.listed, seen.asked) == (reads, listed, asked)


# -- attestation -------------------------------------------------------------------------------------------------------

ENGINE = PrivateKey(ec.generate_private_key(ec.SECP256R1()))
CAPABILITIES = {"isolation": "bubblewrap", "network": [], "tools": [], "images": {}}


def finished(name: str, *, recorded: bool = True, **status: Any) -> list[dict[str, Any]]:
    """A run that succeeded, and its one TaskRun with the engine's record or without."""
    done = {"completionTime": "2026-05-04T11:00:00Z", "conditions": [{"type": "Succeeded", "status": "True"}]}
    results = {"IMAGE_URL": "registry.acme.test/integration/payments:main-1", "IMAGE_DIGEST": DIGEST}
    labels = {"interlock.dev/service": "payments"}
    run: dict[str, Any] = {
        "kind": "PipelineRun",
        "metadata": {"name": name, "namespace": "ci", "uid": f"uid-{name}", "labels": labels},
        "spec": {"pipelineRef": {"name": "build-ace-flow"}},
        "status": {
            **done,
            "results": [{"name": key, "value": value} for key, value in results.items()],
            "pipelineSpec": {"tasks": [{"name": "clone"}]},
            **status,
        },
    }
    task: dict[str, Any] = {
        "kind": "TaskRun",
        "metadata": {
            "name": f"{name}-clone",
            "namespace": "ci",
            "uid": f"uid-{name}-clone",
            "labels": {"tekton.dev/pipelineRun": name, "tekton.dev/pipelineTask": "clone"},
            "annotations": {},
        },
        "spec": {},
        "status": {**done, "steps": [{"name": "run", "imageID": f"registry.acme.test/toolbox@sha256:{'7' * 64}"}]},
    }
    if recorded:
        task["metadata"]["annotations"]["interlock.dev/record"] = record.sign(task, None, ENGINE)
    return [run, task]


def attesting(hub: Hub, books: Books, key: AttestKey) -> Attests:
    """``registry``: nobody answers, so that only what the ledger has counts as attested."""

    def down(*_: object, **__: object) -> Any:
        raise NotFoundError("manifest-unknown", "no such manifest")

    registry = SimpleNamespace(manifest=down)
    world = SimpleNamespace(
        connections=SimpleNamespace(cluster=lambda _: hub, registry=lambda _: registry),
        context=SimpleNamespace(clusters={"hub": SimpleNamespace(name="https://hub-cluster")}),
        attest_key=key,
        record_key=ENGINE.public,
        books=books,
        now=lambda: NOW,
    )
    return Attests(world, Acting(world, held=lambda: True))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "broken",
    [
        pytest.param({"recorded": False}, id="no-record"),
        pytest.param({"results": [{}]}, id="malformed"),
        pytest.param({"results": []}, id="no-results"),
    ],
)
def test_a_run_that_is_broken_stops_no_other(books: Books, attest_key: AttestKey, broken: dict[str, Any]) -> None:
    """Both were attested before the controller started anew; then somebody altered the one that comes first."""
    for name in ("a", "b"):
        books.write(DIGEST, Attested(f"uid-{name}", {}), key=Attested.key(DIGEST, f"uid-{name}"))
    hub = Hub(*finished("a", **broken), *finished("b"))
    loop = attesting(hub, books, attest_key)

    look(loop)
    assert hub.annotated == ["b", "b-clone"], "b is attested, though a comes first"
    look(loop)
    assert hub.annotated == ["b", "b-clone"]
