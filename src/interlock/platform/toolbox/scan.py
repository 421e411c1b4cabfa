"""Verb ``vulnerability-scan``: match what is in an image against a folder of advisories. Unknown is not a pass."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

from interlock.errors import InputError, RefusedError
from interlock.formats import oci, osv
from interlock.formats.oci import image, media
from interlock.platform.toolbox import contents, images
from interlock.platform.toolbox import world as worlds
from interlock.platform.toolbox.results import Results
from interlock.platform.toolbox.source import read_files
from interlock.platform.toolbox.world import World

TOOL: Final = "interlock-osv"
ARTIFACT_TYPE: Final = "application/vnd.interlock.scan+json"
_AGE = re.compile(r"([1-9][0-9]{0,4})([mhd])")
_UNITS = {"m": "minutes", "h": "hours", "d": "days"}


def parse_severities(text: str) -> frozenset[osv.Severity]:
    """``HIGH,CRITICAL`` as a set. Raises InputError ``scan-severity``."""
    words = [word.strip().upper() for word in text.split(",") if word.strip()]
    known = {item.value for item in osv.Severity} - {"NONE"}
    wrong = [word for word in words if word not in known]
    if wrong or not words:
        raise InputError("scan-severity", "no severity", got=text, expected=", ".join(sorted(known)))
    return frozenset(osv.Severity(word) for word in words)


def parse_age(text: str) -> timedelta:
    """``5d``, ``12h`` or ``30m``, as ``platform.yaml`` writes it. Raises InputError ``scan-age``."""
    found = _AGE.fullmatch(text)
    if found is None:
        raise InputError("scan-age", "not a duration", got=text, expected="a number and m, h or d, such as 5d")
    return timedelta(**{_UNITS[found[2]]: int(found[1])})


def scan(
    world: World,
    results: Results,
    *,
    image_name: str,
    digest: str = "",
    severity: str = "HIGH,CRITICAL",
    advisories: Path,
    max_age: str = "5d",
) -> dict[str, Any]:
    """Scan, attach the report to the image as a referrer whatever it says, then judge.

    Raises RefusedError ``scan-vulnerable`` or ``scan-unknown``; the registry's errors; InputError ``advisories-*``,
    ``osv-*``, ``archive-*``.
    """
    severities, age = parse_severities(severity), parse_age(max_age)
    ref = images.parse(image_name, digest)
    started = world.now()
    loaded = osv.load_advisories(read_files(advisories))
    with images.connect(world, ref) as remote:
        found = images.read(remote, ref)
        packages = contents.packages(contents.components(images.files(remote, found)))
        outcome = osv.scan(packages, loaded, now=started, severities=severities, max_age=age)
        report = _report(outcome, loaded, found, severities, max_age, started, world.now())
        data = json.dumps(report, sort_keys=True, separators=(",", ":")).encode()
        made = image.artifact(
            ARTIFACT_TYPE, data, subject=found.descriptor, annotations={media.CREATED: report["finishedAt"]}
        )
        remote.client.push(remote.repository, made)
    results.write("SCAN_DIGEST", oci.sha256(data))
    results.tool(world, f"{TOOL} {worlds.VERSION}")
    for item in report["findings"]:
        world.say(
            f"vulnerability-scan: {item['severity']} {item['id']} {item['package']} {item['version']}: {item['hit']}"
        )
    for doubt in report["doubts"]:
        world.say(f"vulnerability-scan: unknown: {doubt['detail']} [{doubt['code']}]")
    world.say(f"vulnerability-scan: {outcome.verdict} for {outcome.packages} packages of {found.pinned}")
    _judge(outcome)
    return report


def _judge(outcome: osv.Scan) -> None:
    if outcome.verdict is osv.Verdict.FAIL:
        worst = ", ".join(
            f"{item.record.id} in {item.package.name} {item.package.version}" for item in outcome.blocking[:5]
        )
        raise RefusedError(
            "scan-vulnerable",
            "the image has vulnerabilities of a severity that is not allowed",
            got=worst,
            todo="update the component, or see the report attached to the image",
        )
    if outcome.verdict is osv.Verdict.UNKNOWN:
        first = outcome.doubts[0].detail if outcome.doubts else outcome.blocking[0].record.id
        raise RefusedError(
            "scan-unknown",
            "whether the image is vulnerable is not known, and unknown is not a pass",
            got=first,
            todo="refresh the advisories, or make the component's version readable",
        )


def _report(
    outcome: osv.Scan,
    advisories: osv.Advisories,
    found: images.Image,
    severities: frozenset[osv.Severity],
    max_age: str,
    started: datetime,
    finished: datetime,
) -> dict[str, Any]:
    return {
        "scanner": {"name": TOOL, "version": worlds.VERSION, "uri": f"pkg:generic/{TOOL}@{worlds.VERSION}"},
        "image": found.pinned,
        "startedAt": _time(started),
        "finishedAt": _time(finished),
        "advisories": {
            "uri": advisories.source,
            "refreshed": _time(advisories.refreshed_at),
            "maxAge": max_age,
            "records": len(advisories.records),
            "ecosystems": sorted(advisories.ecosystems),
        },
        "severities": sorted(severities),
        "verdict": outcome.verdict.value,
        "packages": outcome.packages,
        "findings": [
            {
                "id": item.record.id,
                "aliases": list(item.record.aliases),
                "severity": item.severity.value,
                "package": item.package.name,
                "ecosystem": item.package.ecosystem,
                "version": item.package.version,
                "hit": "possible" if item.possible else item.hit.value,
                "fixedIn": list(item.fixed),
                "blocking": item in outcome.blocking,
            }
            for item in outcome.matches
        ],
        "doubts": [{"code": doubt.code, "detail": doubt.detail} for doubt in outcome.doubts],
    }


def _time(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
