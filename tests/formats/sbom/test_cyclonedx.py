"""The document: deterministic, and valid under the specification's own schema where that is at hand."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest

from interlock.errors import InputError
from interlock.formats import sbom

SUBJECT = sbom.Subject("registry.acme.test/integration/payments", "main-1", "sha256:" + "a" * 64, "pkg:oci/payments")
WHEN = datetime(2026, 11, 1, tzinfo=UTC)
IN_BAR = ("x.bar!/A.appzip!/l.jar",)
LOG4J = sbom.Component(
    "library", "log4j-core", "2.14.1", "org.apache.logging.log4j", "b" * 64, sbom.Identity.POM, IN_BAR
)
DRIVER = sbom.Component("library", "driver", "", "", "c" * 64, sbom.Identity.FILE_NAME, ("d.jar",), "com.acme")
APP = sbom.Component("application", "App", "", "", "d" * 64, sbom.Identity.WORKSPACE, ("x.bar!/A.appzip",))


def write(*components: sbom.Component) -> bytes:
    return sbom.write(SUBJECT, components, created=WHEN, tool="interlock-sbom", tool_version="0.1.0")


def test_the_same_content_gives_the_same_bytes_and_serial_number() -> None:
    assert write(APP, LOG4J, DRIVER) == write(APP, LOG4J, DRIVER)
    assert json.loads(write(APP))["serialNumber"] != json.loads(write(LOG4J))["serialNumber"]


def test_a_component_says_where_it_was_found_and_how_sure_that_is() -> None:
    found = json.loads(write(LOG4J, DRIVER))["components"]
    assert found[0]["evidence"]["occurrences"] == [{"location": "x.bar!/A.appzip!/l.jar"}]
    assert found[0]["hashes"] == [{"alg": "SHA-256", "content": "b" * 64}]
    assert found[0]["group"] == "org.apache.logging.log4j"
    assert [item["properties"][0]["value"] for item in found] == ["certain", "possible"]
    assert "version" not in found[1]


def test_valid_under_the_official_schema() -> None:
    validation = pytest.importorskip("cyclonedx.validation.json", reason="cyclonedx-python-lib absent")
    schema = pytest.importorskip("cyclonedx.schema")
    validator = validation.JsonStrictValidator(schema.SchemaVersion.V1_6)
    try:
        problem = validator.validate_str(write(APP, LOG4J, DRIVER).decode())
    except Exception as error:
        if type(error).__name__ != "MissingOptionalDependencyException":
            raise
        pytest.skip("cyclonedx-python-lib without its validation extra")
    assert problem is None


def test_our_own_document_validates() -> None:
    assert sbom.validate(write(APP, LOG4J), file="x")["specVersion"] == "1.6"


@pytest.mark.parametrize(
    "change",
    [
        lambda document: document.update(bomFormat="SPDX"),
        lambda document: document.update(serialNumber="urn:uuid:1"),
        lambda document: document["components"].append(document["components"][0]),
        lambda document: document["components"][0].update(purl="log4j"),
        lambda document: document["components"][0].update(type="thing"),
        lambda document: document["components"][0]["hashes"][0].update(content="zz"),
        lambda document: document["dependencies"].append({"ref": "nothing"}),
        lambda document: document["components"].append("text"),
        lambda document: document.pop("bomFormat"),
    ],
)
def test_a_broken_document_is_refused(change: object) -> None:
    document = json.loads(write(LOG4J))
    change(document)  # type: ignore[operator]
    with pytest.raises(InputError) as caught:
        sbom.validate(json.dumps(document).encode(), file="x")
    assert caught.value.code == "sbom-invalid"


def test_what_is_not_json_is_refused() -> None:
    with pytest.raises(InputError):
        sbom.validate(b"<bom/>", file="x")
