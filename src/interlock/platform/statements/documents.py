"""Statements whose predicate is a document that the pipeline made: the SBOM and the vulnerability scan.

The pipeline's documents are unsigned: a task could push anything. Signing says that this document is the one that
the finished run named by digest, nothing more; what it claims is judged by the checks.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from interlock.errors import InputError
from interlock.formats.oci import strict
from interlock.formats.sigstore.statement import CYCLONEDX, MAX_BYTES, VULNERABILITIES, Statement, make
from interlock.platform.domain.ids import Digest
from interlock.platform.statements.provenance import BUILDER
from interlock.platform.statements.run import FinishedRun


def load(data: bytes, *, what: str) -> dict[str, Any]:
    """A JSON document. Raises InputError ``document-invalid``."""
    return strict.load_object(data, code="document-invalid", what=what, max_bytes=MAX_BYTES)


def sbom(image: str, digest: Digest, document: bytes) -> Statement:
    """The CycloneDX document as predicate (cosign's type ``cyclonedx``). Raises InputError ``document-invalid``."""
    value = load(document, what="SBOM")
    if value.get("bomFormat") != "CycloneDX":
        raise InputError(
            "document-invalid", "the SBOM is no CycloneDX document", got=value.get("bomFormat"), expected="CycloneDX"
        )
    return make(CYCLONEDX, digest, value, name=image)


def scan(image: str, digest: Digest, document: bytes, run: FinishedRun, *, builder: str = BUILDER) -> Statement:
    """The scan report in cosign's vulnerability predicate (sigstore/cosign specs/COSIGN_VULN_ATTESTATION_SPEC.md).

    The whole report is ``scanner.result``. Raises InputError ``document-invalid``.
    """
    report = load(document, what="scan report")
    scanner = _mapping(report, "scanner")
    database = _mapping(report, "advisories")
    predicate = {
        "invocation": {"parameters": [], "uri": "", "event_id": run.uid, "builder.id": builder},
        "scanner": {
            "uri": str(scanner.get("uri") or f"pkg:generic/{scanner.get('name', 'unknown')}"),
            "version": str(scanner.get("version", "")),
            "db": {"uri": str(database.get("uri", "")), "version": str(database.get("refreshed", ""))},
            "result": report,
        },
        "metadata": {
            "scanStartedOn": report.get("startedAt") or run.status.get("startTime"),
            "scanFinishedOn": report.get("finishedAt") or run.status.get("completionTime"),
        },
    }
    return make(VULNERABILITIES, digest, predicate, name=image)


def _mapping(report: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    value = report.get(name)
    return value if isinstance(value, Mapping) else {}
