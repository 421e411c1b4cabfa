"""What verified statements say, in the platform's words. The gate and the proof read them alike."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from interlock.errors import InputError
from interlock.formats.sigstore import Statement
from interlock.platform.books import moment
from interlock.platform.domain.ids import CommitId
from interlock.platform.domain.image import Provenance, Scan
from interlock.platform.domain.verdict import Verdict
from interlock.platform.statements import hints
from interlock.platform.statements.capabilities import STRENGTH
from interlock.platform.statements.provenance import CAPABILITIES

_VERDICTS = {"pass": Verdict.VALID, "fail": Verdict.INVALID, "unknown": Verdict.UNKNOWN}


def provenance(statement: Statement) -> Provenance:
    """Raises InputError ``statement-invalid``. Only runs that succeeded are attested."""
    try:
        definition = statement.predicate["buildDefinition"]
        details = statement.predicate["runDetails"]
        inputs = [
            item
            for item in definition["resolvedDependencies"]
            if item.get("name") == "inputs/result" and str(item.get("uri", "")).startswith("git+")
        ]
        if len(inputs) != 1:
            raise ValueError(f"{len(inputs)} sources")
        reference = definition["externalParameters"]["runSpec"].get("pipelineRef") or {}
        return Provenance(
            builder=str(details["builder"]["id"]),
            source=hints.git_url(str(inputs[0]["uri"])),
            commit=CommitId(str(inputs[0]["digest"]["sha1"])),
            pipeline=str(reference.get("name", "")),
            run=str(details["metadata"]["invocationId"]),
            isolation=_isolation(definition.get("internalParameters") or {}),
        )
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise InputError("statement-invalid", "the provenance lacks what is needed", got=repr(error)) from error


def scan(statement: Statement) -> Scan:
    """Raises InputError ``statement-invalid``. A verdict that is not known is ``unknown``."""
    try:
        scanner = statement.predicate["scanner"]
        report = scanner["result"]
        refreshed = scanner["db"].get("version")
        return Scan(
            verdict=_VERDICTS.get(str(report.get("verdict")), Verdict.UNKNOWN),
            detail=_summary(report),
            finished_at=moment(str(statement.predicate["metadata"]["scanFinishedOn"])),
            advisories_at=_moment(refreshed),
        )
    except InputError as error:
        raise InputError("statement-invalid", "the scan lacks what is needed", got=error) from error
    except (KeyError, TypeError, AttributeError) as error:
        raise InputError("statement-invalid", "the scan lacks what is needed", got=repr(error)) from error


def _summary(report: Mapping[str, Any]) -> str:
    findings, doubts = report.get("findings") or [], report.get("doubts") or []
    blocking = [str(item.get("id")) for item in findings if item.get("blocking")]
    told = f"{report.get('verdict')}: {report.get('packages', 'unknown number of')} packages, {len(findings)} findings"
    told += f", refused {', '.join(blocking[:5])}" if blocking else ""
    return told + (f", in doubt: {doubts[0].get('detail')}" if doubts else "")


def _isolation(parameters: Mapping[str, Any]) -> str:
    records = parameters.get(CAPABILITIES) or {}
    found = [str(item.get("isolation", "none")) for item in records.values()]
    return min((item if item in STRENGTH else "none" for item in found), key=STRENGTH.index, default="none")


def _moment(text: object) -> datetime | None:
    return moment(text) if isinstance(text, str) and text else None
