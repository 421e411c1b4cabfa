"""Attesting: after the run, over the documents that it named, once, whatever happens in between."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from interlock.errors import IntegrityError, InterlockError, NotFoundError, RefusedError
from interlock.formats.sigstore import statement, verify
from interlock.platform.books import Books, Ledger
from interlock.platform.books.keys import AttestKey
from interlock.platform.books.ledger.entries import Entry
from interlock.platform.books.vocabulary import Attested, RunFailed, RunRead
from interlock.platform.domain.facts import Unread
from interlock.platform.domain.image import StatementKind
from interlock.platform.domain.verdict import Verdict
from interlock.platform.facts import image as images
from interlock.platform.proof import attest
from interlock.platform.statements import PREDICATES, reading
from interlock.platform.statements.run import FinishedRun


def attested(world: Any, run: FinishedRun, **options: Any) -> Entry:
    return attest.attest(
        run,
        **{
            "registry": world.registry,
            "key": world.attest,
            "record_key": world.engine.public,
            "books": world.books,
            "source": "https://hub-cluster",
            "now": world.clock,
            **options,
        },
    )


def fresh(world: Any) -> Books:
    """Books with an empty ledger: the run was never read."""
    return Books(Ledger(world.folder / "other.jsonl", world.attest, now=world.clock), world.store, "interlock")


def altered(run: FinishedRun, **results: str) -> FinishedRun:
    made = copy.deepcopy(dict(run.run))
    for item in made["status"]["results"]:
        item["value"] = results.get(item["name"].replace("-", "_"), item["value"])
    return FinishedRun(made, run.task_runs)


def statements(world: Any, predicate_type: str) -> tuple[verify.Verified, ...]:
    digest = world.run.digest("IMAGE_DIGEST")
    found = world.registry.bundles("", digest)
    return verify.verify(found, key=world.attest.public, subject=digest, predicate_type=predicate_type).verified


def test_three_statements_by_the_attest_key(world: Any) -> None:
    for predicate_type in PREDICATES.values():
        assert len(statements(world, predicate_type)) == 1
    (provenance,) = statements(world, statement.SLSA_PROVENANCE)
    found = reading.provenance(provenance.statement)
    assert found.source == "https://git/acme/payments"
    assert found.commit == world.run.commit
    assert (found.pipeline, found.isolation) == ("build-ace-flow", "bubblewrap")
    (scan,) = statements(world, statement.VULNERABILITIES)
    assert reading.scan(scan.statement).verdict is Verdict.VALID


def test_the_run_is_kept_as_it_was_read(world: Any) -> None:
    (entry,) = world.found(RunRead)
    assert set(entry.evidence) == {"run", "task/git-clone", "task/build-bar"}
    assert world.store.get(entry.evidence["run"]).body == world.run.run


def test_again_is_the_same(world: Any) -> None:
    before = (dict(world.registry.manifests), world.ledger.verify().size)
    assert attested(world, world.run) == world.found(Attested)[-1]
    assert (world.registry.manifests, world.ledger.verify().size) == before


def test_killed_before_the_ledger_nothing_is_pushed_twice(world: Any) -> None:
    before = dict(world.registry.manifests)
    assert attested(world, world.run, books=fresh(world)).body == world.found(Attested)[-1].body
    assert world.registry.manifests == before


@pytest.mark.parametrize("kept", range(3))
def test_killed_between_pushes_the_rest_follows(world: Any, kept: int) -> None:
    recorded = world.found(Attested)[-1].body["statements"]
    for item in list(recorded.values())[kept:]:
        del world.registry.manifests[item["manifest"]]
    entry = attested(world, world.run, books=fresh(world))
    for predicate_type in PREDICATES.values():
        assert len(statements(world, predicate_type)) == 1
    assert {name: item["document"] for name, item in entry.body["statements"].items()} == {
        name: item["document"] for name, item in recorded.items()
    }


def refused(world: Any, run: FinishedRun, error: type[InterlockError]) -> str:
    before = dict(world.registry.manifests)
    with pytest.raises(error) as caught:
        attested(world, run, books=fresh(world))
    assert world.registry.manifests == before
    assert list(fresh(world).ledger.entries()) == []
    return caught.value.code


def test_a_run_that_has_not_ended(world: Any) -> None:
    made = copy.deepcopy(dict(world.run.run))
    made["status"]["conditions"][0]["status"] = "Unknown"
    assert refused(world, FinishedRun(made, world.run.task_runs), RefusedError) == "run-unfinished"


def test_a_run_that_failed(world: Any) -> None:
    made = copy.deepcopy(dict(world.run.run))
    made["status"]["conditions"][0]["status"] = "False"
    assert refused(world, FinishedRun(made, world.run.task_runs), RefusedError) == "run-failed"


def test_a_run_that_failed_is_kept_once_with_what_it_was(world: Any) -> None:
    books, made = fresh(world), copy.deepcopy(dict(world.run.run))
    made["status"]["conditions"][0].update(status="False", reason="Failed", message="Tasks Completed: 2 (Failed: 1)")
    run = FinishedRun(made, world.run.task_runs)
    for _ in range(2):
        entry = attest.keep_failed(run, books=books, source="https://hub-cluster", now=world.clock)
        assert entry is not None and entry.kind == RunFailed.KIND
        assert entry.body["reason"] == "Failed" and {"run"} < set(entry.evidence)
    assert len(list(books.ledger.entries())) == 1
    assert attest.keep_failed(world.run, books=books, source="https://hub-cluster", now=world.clock) is None


@pytest.mark.parametrize("result", ["SBOM_DIGEST", "SCAN_DIGEST"])
def test_a_document_that_is_not_what_the_run_named(world: Any, result: str) -> None:
    digest = world.run.digest(result)
    world.registry.blobs[digest] += b" "
    assert refused(world, world.run, IntegrityError) == "digest-mismatch"


def test_a_document_that_is_not_there(world: Any) -> None:
    del world.registry.blobs[world.run.digest("SCAN_DIGEST")]
    assert refused(world, world.run, NotFoundError) == "registry-not-found"


def test_a_document_of_another_kind(world: Any) -> None:
    run = altered(world.run, SBOM_DIGEST=world.run.digest("SCAN_DIGEST"))
    assert refused(world, run, InterlockError) == "document-invalid"


def test_an_image_that_is_not_there(world: Any) -> None:
    assert refused(world, altered(world.run, IMAGE_DIGEST="sha256:" + "5" * 64), NotFoundError) == "registry-not-found"


def test_a_result_that_is_no_digest(world: Any) -> None:
    assert refused(world, altered(world.run, IMAGE_DIGEST="latest"), InterlockError) == "run-result-invalid"


def test_without_the_private_key_nothing_is_signed(world: Any) -> None:
    manifests = world.found(Attested)[-1].body["statements"].values()
    for item in manifests:
        del world.registry.manifests[item["manifest"]]
    with pytest.raises(RefusedError):
        attested(world, world.run, key=AttestKey(world.attest.public), books=fresh(world))


def test_what_the_gate_reads_of_an_image(world: Any) -> None:
    walk_image = world.run.image, world.run.digest("IMAGE_DIGEST")
    from interlock.platform.domain.image import ImageReference

    reference = ImageReference(walk_image[0], "main-" + world.run.commit[:12], walk_image[1])
    facts = images.fetch(
        world.registry, "integration/payments", reference, release=world.release.public, attest=world.attest.public
    )
    assert facts.tag_digest == reference.digest
    assert facts.missing_blobs == ()
    verdicts = {kind: item.verdict for kind, item in facts.statements.items() if not isinstance(item, Unread)}
    assert verdicts == dict.fromkeys(StatementKind, Verdict.VALID)
    assert facts.provenance is not None and facts.scan is not None and facts.signature is not None


def test_with_the_engines_key_a_run_without_its_records_is_not_attested(world: Any) -> None:
    books, unrecorded = fresh(world), copy.deepcopy(world.run)
    for task_run in unrecorded.task_runs:
        del task_run["metadata"]["annotations"]["interlock.dev/record"]
    with pytest.raises(IntegrityError) as error:
        attested(world, unrecorded, books=books)
    assert error.value.code == "record-missing"
    assert list(books.of_subject(Attested, world.run.digest("IMAGE_DIGEST"))) == []
