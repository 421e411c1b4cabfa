"""What is ours in the provenance: it claims only what the engine recorded about the steps."""

from __future__ import annotations

import json
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from interlock.errors import InputError, IntegrityError, RefusedError
from interlock.formats.sigstore import PrivateKey, Statement, statement
from interlock.formats.tekton import record as records
from interlock.platform.statements import capabilities, documents, hints, reading
from interlock.platform.statements.provenance import BUILDER, Options, provenance, task_provenance
from interlock.platform.statements.run import FinishedRun

STEP = "registry.acme.test/platform/toolbox@sha256:" + "7" * 64


def task(name: str, record: dict[str, Any] | str | None) -> dict[str, Any]:
    text = record if isinstance(record, str) else json.dumps(record)
    annotations = {} if record is None else {capabilities.ANNOTATION: text}
    return {
        "metadata": {"name": name, "labels": {"tekton.dev/pipelineTask": name}, "annotations": annotations},
        "status": {"completionTime": "2026-05-04T12:00:00Z", "steps": [{"name": "run", "imageID": STEP}]},
    }


def run(*tasks: dict[str, Any], status: str = "True", **results: str) -> FinishedRun:
    value = {
        "metadata": {"name": "payments-1", "uid": "u1"},
        "spec": {"pipelineRef": {"name": "build-ace-flow"}},
        "status": {
            "completionTime": "2026-05-04T12:00:00Z",
            "conditions": [{"type": "Succeeded", "status": status}],
            "results": [{"name": name, "value": found} for name, found in results.items()],
            "pipelineSpec": {"tasks": [{"name": item["metadata"]["name"]} for item in tasks]},
        },
    }
    return FinishedRun(value, tasks)


def parsed(value: dict[str, Any]) -> Statement:
    return Statement(value["predicateType"], (), value["predicate"])


RECORD = {
    "isolation": "bubblewrap",
    "network": ["127.0.0.1:8481"],
    "tools": [{"name": "buildah", "version": "1.28", "digest": "sha256:" + "b" * 64}],
    "images": {STEP: {"executed-by": "installed-toolbox"}},
}
SOURCE = {"CHAINS-GIT_URL": "https://git/acme/payments", "CHAINS-GIT_COMMIT": "a" * 40}


ENGINE = PrivateKey(ec.generate_private_key(ec.SECP256R1()))
DEMANDED = Options(record_key=ENGINE.public)


def signed(name: str, record: dict[str, Any] | None, key: PrivateKey = ENGINE, *, image: str = STEP) -> dict[str, Any]:
    made = task(name, record)
    made["spec"] = {}
    made["status"]["conditions"] = [{"type": "Succeeded", "status": "True"}]
    made["status"]["steps"][0]["imageID"] = image
    made["metadata"]["annotations"][records.ANNOTATION] = records.sign(made, record, key)
    return made


def dependencies(*tasks: dict[str, Any]) -> list[dict[str, Any]]:
    """As the engine's records tell them."""
    found: list[dict[str, Any]] = provenance(run(*tasks), DEMANDED)["predicate"]["buildDefinition"][
        "resolvedDependencies"
    ]
    return found


def test_the_builder_is_ours() -> None:
    assert provenance(run())["predicate"]["runDetails"]["builder"] == {"id": BUILDER}


def test_an_image_that_did_not_run_is_marked() -> None:
    assert dependencies(signed("build", RECORD)) == [
        {
            "uri": "oci://registry.acme.test/platform/toolbox",
            "digest": {"sha256": "7" * 64},
            "annotations": {
                "interlock.dev/executed-by": "installed-toolbox",
                "interlock.dev/declared-image": STEP,
            },
        },
        {"name": "tool/buildah", "uri": "pkg:generic/buildah@1.28", "digest": {"sha256": "b" * 64}},
    ]


def test_an_image_that_ran_is_not_marked() -> None:
    record = {**RECORD, "images": {}, "tools": []}
    assert "annotations" not in dependencies(signed("build", record))[0]


def test_a_stand_in_that_names_itself_is_marked_with_what_it_stood_in_for() -> None:
    found = dependencies(signed("build", RECORD, image="interlock.local/installed-toolbox@sha256:" + "6" * 64))[0]
    assert found["uri"] == "oci://interlock.local/installed-toolbox"
    assert found["annotations"] == {
        "interlock.dev/executed-by": "installed-toolbox",
        "interlock.dev/declared-image": STEP,
    }


def test_the_word_of_a_step_is_marked_as_such() -> None:
    record = {**RECORD, "tools": [{"name": "mqsi", "version": "13", "reportedBy": "build"}]}
    assert dependencies(signed("build", record))[-1] == {
        "name": "tool/mqsi",
        "uri": "pkg:generic/mqsi@13",
        "annotations": {"interlock.dev/reported-by": "build"},
    }


@pytest.mark.parametrize(
    ("recorded", "expected"),
    [
        (["bubblewrap", "bubblewrap"], "bubblewrap"),
        (["bubblewrap", "unshare"], "unshare"),
        (["none", "bubblewrap"], "none"),
        (["bubblewrap", None], "none"),
        ([None, None], "none"),
        (["container", "bubblewrap"], "container"),
    ],
)
def test_the_weakest_step_decides(recorded: list[str | None], expected: str) -> None:
    tasks = [signed(f"t{number}", {"isolation": item} if item else None) for number, item in enumerate(recorded)]
    assert reading.provenance(parsed(provenance(run(*tasks, **SOURCE), DEMANDED))).isolation == expected


@pytest.mark.parametrize("record", [{"isolation": "perfect"}, {"images": {"x": "y"}}])
def test_a_record_that_cannot_be_read_is_an_error(record: dict[str, Any]) -> None:
    with pytest.raises(InputError) as error:
        provenance(run(signed("build", record)), DEMANDED)
    assert error.value.code == "capabilities-invalid"


@pytest.mark.parametrize("record", [RECORD, {"isolation": "container"}, "no json", "[]", {"isolation": "perfect"}])
def test_an_annotation_that_nobody_signed_says_nothing(record: Any) -> None:
    """Tekton copies annotations of Pipelines and Tasks into TaskRuns: one ``kubectl annotate`` writes it."""
    made = run(task("build", record), **SOURCE)
    assert provenance(made) == provenance(run(task("build", None), **SOURCE))
    assert reading.provenance(parsed(provenance(made))).isolation == "none"
    alone, bare = ({**signed("build", None), "metadata": task("build", said)["metadata"]} for said in (record, None))
    assert task_provenance(alone) == task_provenance(bare)


def test_an_image_without_digest_is_an_error() -> None:
    broken = task("build", RECORD)
    broken["status"]["steps"][0]["imageID"] = "registry.acme.test/platform/toolbox:latest"
    with pytest.raises(InputError) as error:
        provenance(run(broken))
    assert error.value.code == "run-image-unpinned"


def test_a_run_that_goes_on_has_no_provenance() -> None:
    with pytest.raises(RefusedError) as error:
        provenance(run(status="Unknown"))
    assert error.value.code == "run-unfinished"


def test_source_comes_back_as_it_was() -> None:
    found = reading.provenance(parsed(provenance(run(**SOURCE))))
    assert (found.source, found.commit, found.run) == ("https://git/acme/payments", "a" * 40, "u1")


@pytest.mark.parametrize("predicate", [{}, {"buildDefinition": {}}, {"buildDefinition": {"resolvedDependencies": []}}])
def test_provenance_that_lacks_something_is_an_error(predicate: dict[str, Any]) -> None:
    with pytest.raises(InputError) as error:
        reading.provenance(Statement(statement.SLSA_PROVENANCE, (), predicate))
    assert error.value.code == "statement-invalid"


@pytest.mark.parametrize("predicate", [{}, {"scanner": {"result": {}}}, {"scanner": {"result": {}, "db": {}}}])
def test_a_scan_that_lacks_something_is_an_error(predicate: dict[str, Any]) -> None:
    with pytest.raises(InputError) as error:
        reading.scan(Statement(statement.VULNERABILITIES, (), predicate))
    assert error.value.code == "statement-invalid"


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("registry.acme.test/integration/payments:main-1", "registry.acme.test/integration/payments"),
        ("127.0.0.1:8481/integration/payments", "127.0.0.1:8481/integration/payments"),
        ("library/x:1", "index.docker.io/library/x"),
        ("x", "index.docker.io/library/x"),
    ],
)
def test_repositories_are_named_as_chains_does(name: str, expected: str) -> None:
    assert hints.repository_name(name) == expected


def test_images_in_a_list() -> None:
    digest = "sha256:" + "1" * 64
    found = hints.subjects([{"name": "IMAGES", "value": f"a.test/x@{digest}, b.test/y@{digest}\nnothing"}])
    assert [item["name"] for item in found] == ["a.test/x", "b.test/y"]


@pytest.mark.parametrize("data", [b"", b"[]", b'{"bomFormat":"SPDX"}', b'{"bomFormat":"CycloneDX","bomFormat":"x"}'])
def test_a_document_that_is_no_sbom_is_refused(data: bytes) -> None:
    from interlock.platform.domain.ids import Digest

    with pytest.raises(InputError) as error:
        documents.sbom("registry.acme.test/x", Digest("sha256:" + "1" * 64), data)
    assert error.value.code == "document-invalid"


# The engine's signed record


def test_what_the_engine_signed_is_said_as_before() -> None:
    value = run(signed("build", RECORD), signed("skipped", None))
    told = Options(told=True)
    assert provenance(value, DEMANDED) == provenance(value, told) != provenance(value)
    assert task_provenance(value.task_runs[0], DEMANDED) == task_provenance(value.task_runs[0], told)


@pytest.mark.parametrize("record", ["no json", "[]", {"isolation": "perfect"}, {"images": {"x": "y"}}])
def test_what_is_told_and_cannot_be_read_is_an_error(record: Any) -> None:
    with pytest.raises(InputError) as error:
        provenance(run(task("build", record)), Options(told=True))
    assert error.value.code == "capabilities-invalid"


def test_without_its_record_nothing_that_a_task_run_says_is_used() -> None:
    unsigned = task("build", RECORD)
    for value in (run(unsigned), run(signed("test", RECORD), unsigned)):
        with pytest.raises(IntegrityError) as error:
            provenance(value, DEMANDED)
        assert error.value.code == "record-missing" and str(error.value.where) == "taskruns//build"


@pytest.mark.parametrize(
    ("change", "code"),
    [
        (lambda made: made["status"]["steps"][0].update(imageID=STEP.replace("7", "8")), "record-mismatch"),
        (lambda made: made["metadata"]["annotations"].update({capabilities.ANNOTATION: "{}"}), "record-mismatch"),
        (lambda made: made["metadata"]["annotations"].update({records.ANNOTATION: "{}"}), "record-malformed"),
        (
            lambda made: made["metadata"]["annotations"].update(
                signed("build", RECORD, PrivateKey(ec.generate_private_key(ec.SECP256R1())))["metadata"]["annotations"]
            ),
            "record-signature",
        ),
    ],
)
def test_an_altered_or_foreign_record_is_an_error(change: Any, code: str) -> None:
    made = signed("build", RECORD)
    change(made)
    with pytest.raises(IntegrityError) as error:
        provenance(run(made), DEMANDED)
    assert error.value.code == code
