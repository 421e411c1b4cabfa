"""Records, matching and verdicts: unknown is never a pass."""

from __future__ import annotations

import io
import json
import zipfile
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from interlock.errors import InputError
from interlock.formats import osv
from interlock.formats.osv import Verdict
from interlock.formats.osv.match import evaluate

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
LOG4J = "org.apache.logging.log4j:log4j-core"


def record(id: str = "GHSA-1", *affected: dict[str, Any], severity: str | None = "CRITICAL", **more: Any) -> bytes:
    document = {"id": id, "modified": "2026-01-01T00:00:00Z", "affected": list(affected), **more}
    if severity:
        document["database_specific"] = {"severity": severity}
    return json.dumps(document).encode()


def block(*events: dict[str, str], name: str = LOG4J, ecosystem: str = "Maven", **more: Any) -> dict[str, Any]:
    ranges = [{"type": "ECOSYSTEM", "events": list(events)}] if events else []
    return {"package": {"ecosystem": ecosystem, "name": name}, "ranges": ranges} | more


RANGE = block({"introduced": "2.13.0"}, {"fixed": "2.15.0"})


def folder(*records: bytes, age: timedelta = timedelta(hours=1)) -> dict[str, bytes]:
    manifest = {"refreshedAt": (NOW - age).isoformat(), "source": "mirror"}
    files = {f"Maven/{index}.json": data for index, data in enumerate(records)}
    files["PyPI/none.json"] = record("PYSEC-0", block({"introduced": "0"}, name="nothing", ecosystem="PyPI"))
    return {"manifest.json": json.dumps(manifest).encode(), **files}


def scan(files: dict[str, bytes], *packages: osv.Package, **more: Any) -> osv.Scan:
    return osv.scan(packages, osv.load_advisories(files), now=NOW, **more)


def maven(version: str, name: str = LOG4J, *, known: bool = True) -> osv.Package:
    return osv.Package("Maven", name, version, known)


@pytest.mark.parametrize(
    ("version", "verdict"),
    [
        ("2.14.1", "fail"),
        ("2.13.0", "fail"),
        ("2.15.0", "pass"),
        ("2.12.9", "pass"),
        ("${log4j.version}", "unknown"),
        ("", "unknown"),
    ],
)
def test_vulnerable_patched_and_unknown_versions(version: str, verdict: str) -> None:
    assert scan(folder(record("GHSA-1", RANGE)), maven(version)).verdict == verdict


def test_zero_means_from_the_beginning_and_last_affected_is_affected() -> None:
    files = folder(record("GHSA-1", block({"introduced": "0"}, {"last_affected": "2.0"})))
    assert [scan(files, maven(version)).verdict for version in ("0.0.1-alpha", "2.0", "2.0.1")] == [
        "fail",
        "fail",
        "pass",
    ]


def test_several_ranges_and_blocks_are_all_asked() -> None:
    again = block({"introduced": "2.16"}, {"fixed": "2.17"})
    files = folder(record("GHSA-1", RANGE, again))
    assert [scan(files, maven(version)).verdict for version in ("2.14", "2.15", "2.16.1", "2.17")] == [
        "fail",
        "pass",
        "fail",
        "pass",
    ]


def test_a_range_that_is_introduced_again() -> None:
    files = folder(record("GHSA-1", block({"introduced": "1"}, {"fixed": "2"}, {"introduced": "3"}, {"fixed": "4"})))
    assert [scan(files, maven(version)).verdict for version in ("1", "2", "3", "4")] == ["fail", "pass", "fail", "pass"]


def test_a_listed_version_is_hit_without_any_range() -> None:
    files = folder(record("GHSA-1", block(versions=["1.0-weird build"])))
    assert scan(files, maven("1.0-weird build")).matches[0].hit is osv.Hit.AFFECTED
    assert scan(files, maven("1.1")).verdict == "pass"


def test_a_limit_ends_a_range() -> None:
    (affected,) = osv.parse_record(record("GHSA-1", block({"introduced": "0"}, {"limit": "2.0"})), file="x").affected
    assert [evaluate(affected, version) for version in ("1.9", "2.0")] == [osv.Hit.AFFECTED, osv.Hit.UNAFFECTED]


def test_a_record_that_names_commits_only_is_unknown() -> None:
    commits = {"type": "GIT", "repo": "https://git/x", "events": [{"introduced": "0"}, {"fixed": "abc"}]}
    assert scan(folder(record("GHSA-1", block(ranges=[commits]))), maven("1.0")).verdict == "unknown"


def test_an_event_without_order_makes_it_unknown() -> None:
    files = folder(record("GHSA-1", block({"introduced": "0"}, {"fixed": "${fixed}"})))
    assert scan(files, maven("1.0")).verdict == "unknown"


def test_withdrawn_records_do_not_count() -> None:
    assert scan(folder(record("GHSA-1", RANGE, withdrawn="2026-02-01T00:00:00Z")), maven("2.14.1")).verdict == "pass"


@pytest.mark.parametrize(
    ("stated", "verdict"), [("MODERATE", "pass"), ("LOW", "pass"), ("HIGH", "fail"), (None, "fail"), ("odd", "fail")]
)
def test_severity_decides_and_a_missing_one_blocks(stated: str | None, verdict: str) -> None:
    outcome = scan(folder(record("GHSA-1", RANGE, severity=stated)), maven("2.14.1"))
    assert (outcome.verdict, len(outcome.matches)) == (verdict, 1)


def test_the_highest_of_what_is_stated_counts() -> None:
    document = {
        "id": "A",
        "modified": "2026-01-01T00:00:00Z",
        "severity": [{"type": "CVSS_V3", "score": "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:C/C:H/I:H/A:H"}],
        "database_specific": {"severity": "LOW"},
    }
    assert osv.parse_record(json.dumps(document).encode(), file="x").severity is osv.Severity.CRITICAL


def test_an_unknown_group_is_a_possible_hit_and_no_pass() -> None:
    outcome = scan(folder(record("GHSA-1", RANGE)), maven("2.14.1", "log4j-core", known=False))
    assert outcome.verdict is Verdict.UNKNOWN
    assert outcome.matches[0].possible
    assert [doubt.code for doubt in outcome.doubts] == ["group-unknown"]


def test_pypi_names_are_normalised() -> None:
    files = folder(record("PYSEC-1", block({"introduced": "0"}, {"fixed": "2"}, name="My_Package", ecosystem="PyPI")))
    assert scan(files, osv.Package("PyPI", "my-package", "1.0")).verdict == "fail"


def test_an_ecosystem_without_advisories_is_unknown() -> None:
    files = {path: data for path, data in folder(record()).items() if not path.startswith("PyPI")}
    assert scan(files, osv.Package("PyPI", "requests", "2.0")).verdict == "unknown"


@pytest.mark.parametrize(
    ("age", "maximum", "verdict"),
    [
        (timedelta(days=5), timedelta(days=5), "pass"),
        (timedelta(days=5, seconds=1), timedelta(days=5), "unknown"),
        (timedelta(days=20), timedelta(days=30), "pass"),
        (timedelta(hours=-1), timedelta(days=5), "unknown"),
    ],
)
def test_the_folders_age(age: timedelta, maximum: timedelta, verdict: str) -> None:
    assert scan(folder(record("GHSA-1", RANGE), age=age), maven("2.15.0"), max_age=maximum).verdict == verdict


def test_an_old_folder_does_not_turn_a_hit_into_doubt() -> None:
    assert scan(folder(record("GHSA-1", RANGE), age=timedelta(days=90)), maven("2.14.1")).verdict == "fail"


def test_a_mirror_with_zip_files() -> None:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w") as bundle:
        bundle.writestr("GHSA-1.json", record("GHSA-1", RANGE))
    files = folder() | {"Maven/all.zip": target.getvalue()}
    assert scan(files, maven("2.14.1")).verdict == "fail"


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"{", "osv-invalid"),
        (b"[]", "osv-invalid"),
        (b'{"id": "A"}', "osv-invalid"),
        (record("A", block({"fixed": "1"})), "osv-invalid"),
        (record("A", block({"introduced": "0", "fixed": "1"})), "osv-invalid"),
        (record("A", block({"introduced": "0"}, {"fixed": "1"}, {"last_affected": "2"})), "osv-invalid"),
        (record("A", {"package": {"ecosystem": "Maven"}}), "osv-invalid"),
    ],
)
def test_a_record_that_cannot_be_read_stops_the_scan(data: bytes, code: str) -> None:
    with pytest.raises(InputError) as caught:
        osv.load_advisories(folder(data))
    assert caught.value.code == code


@pytest.mark.parametrize("manifest", [None, b"{}", b"x", b'{"refreshedAt": "2026-11-23T00:00:00", "source": "m"}'])
def test_a_folder_whose_age_is_not_known_is_refused(manifest: bytes | None) -> None:
    files = folder(record())
    if manifest is None:
        del files["manifest.json"]
    else:
        files["manifest.json"] = manifest
    with pytest.raises(InputError) as caught:
        osv.load_advisories(files)
    assert caught.value.code == "advisories-manifest"
