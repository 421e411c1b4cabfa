"""CycloneDX 1.6 JSON (ECMA-424 1st edition), the same bytes for the same content."""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from interlock.errors import InputError
from interlock.formats.sbom.component import Component, Identity

MEDIA_TYPE: Final = "application/vnd.cyclonedx+json"
PREDICATE_TYPE: Final = "https://cyclonedx.org/bom"
"""Predicate type of an attested SBOM (cosign --type cyclonedx)."""
_NAMESPACE: Final = uuid.UUID("6f1a4c52-3a0b-5d4e-9f0e-7b6c1d2e3f40")
_METHOD: Final = {
    Identity.WORKSPACE: ("manifest-analysis", 1.0),
    Identity.POM: ("manifest-analysis", 1.0),
    Identity.MANIFEST: ("manifest-analysis", 0.6),
    Identity.FILE_NAME: ("filename", 0.3),
}


@dataclass(frozen=True, slots=True)
class Subject:
    """What the SBOM describes: the image by digest, or a BAR."""

    name: str
    version: str
    digest: str
    """``sha256:...``"""
    purl: str = ""
    kind: str = "container"


def write(
    subject: Subject, components: Iterable[Component], *, created: datetime, tool: str, tool_version: str
) -> bytes:
    """The document. ``created`` is a time of the source (its commit), so that a rebuild gives the same bytes."""
    listed = [_component(item) for item in components]
    root = f"subject:{subject.digest}"
    main: dict[str, Any] = {
        "type": subject.kind,
        "bom-ref": root,
        "name": subject.name,
        "version": subject.version,
        "hashes": [{"alg": "SHA-256", "content": subject.digest.removeprefix("sha256:")}],
    }
    if subject.purl:
        main["purl"] = subject.purl
    document: dict[str, Any] = {
        "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": {
            "timestamp": created.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
            "tools": {"components": [{"type": "application", "name": tool, "version": tool_version}]},
            "component": main,
        },
        "components": listed,
        "dependencies": [
            {"ref": root, "dependsOn": sorted(item["bom-ref"] for item in listed)},
            *({"ref": reference} for reference in sorted(item["bom-ref"] for item in listed)),
        ],
    }
    document["serialNumber"] = f"urn:uuid:{uuid.uuid5(_NAMESPACE, _dump(document).decode())}"
    data = _dump(document)
    validate(data, file="sbom")
    return data


def _component(item: Component) -> dict[str, Any]:
    technique, confidence = _METHOD[item.identity]
    found: dict[str, Any] = {
        "type": item.kind,
        "bom-ref": f"{item.purl}#{item.sha256[:16]}",
        "name": item.name,
        "purl": item.purl,
        "hashes": [{"alg": "SHA-256", "content": item.sha256}],
        "evidence": {
            "identity": [
                {
                    "field": "purl",
                    "confidence": confidence,
                    "methods": [{"technique": technique, "confidence": confidence, "value": item.identity.value}],
                }
            ],
            "occurrences": [{"location": location} for location in item.locations],
        },
        "properties": [{"name": "interlock:identity", "value": "possible" if item.possible else "certain"}],
    }
    if item.version:
        found["version"] = item.version
    if item.group:
        found["group"] = item.group
    if item.guessed_group:
        found["properties"].append({"name": "interlock:guessed-group", "value": item.guessed_group})
    return found


def _dump(document: dict[str, Any]) -> bytes:
    return json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


_SERIAL = re.compile(r"urn:uuid:[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
_PURL = re.compile(r"pkg:[a-z][a-z0-9.+-]*/[^\s@?#]+(@[^\s?#]+)?(\?[^\s#]+)?(#\S+)?")
_TYPES = frozenset(
    {"application", "container", "device", "file", "firmware", "framework", "library", "operating-system", "platform"}
)


def validate(data: bytes, *, file: str) -> dict[str, Any]:
    """The document when its structure holds: what the schema requires, unique references, no dangling dependency.

    Raises InputError ``sbom-invalid``.
    """
    try:
        document = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise InputError("sbom-invalid", "not JSON", got=error, where=file) from error
    try:
        problem = next(_problems(document), None)
    except (KeyError, TypeError, AttributeError) as error:
        raise InputError("sbom-invalid", "not a CycloneDX document", got=repr(error), where=file) from error
    if problem:
        raise InputError("sbom-invalid", problem, where=file)
    return dict(document)


def _problems(document: dict[str, Any]) -> Iterator[str]:
    if document["bomFormat"] != "CycloneDX" or document["specVersion"] not in ("1.4", "1.5", "1.6"):
        yield "no CycloneDX document of a version that is read here"
    if not _SERIAL.fullmatch(
        document.get("serialNumber", "urn:uuid:" + "0" * 8 + ("-" + "0" * 4) * 3 + "-" + "0" * 12)
    ):
        yield "serialNumber is no UUID"
    references: set[str] = set()
    main = document.get("metadata", {}).get("component")
    for item in [*([main] if main else []), *document.get("components", [])]:
        if item["type"] not in _TYPES or not item["name"]:
            yield f"a component without a known type or name: {item.get('name')}"
        if "purl" in item and not _PURL.fullmatch(item["purl"]):
            yield f"no package URL: {item['purl']}"
        for entry in item.get("hashes", []):
            if entry["alg"] == "SHA-256" and not re.fullmatch(r"[0-9a-f]{64}", entry["content"]):
                yield f"no SHA-256: {entry['content']}"
        reference = item.get("bom-ref")
        if reference is not None and reference in references:
            yield f"bom-ref appears twice: {reference}"
        references.add(str(reference))
    for entry in document.get("dependencies", []):
        for reference in (entry["ref"], *entry.get("dependsOn", [])):
            if reference not in references:
                yield f"a dependency on nothing: {reference}"
