"""Advisories in OSV format and the versions they hit: Maven and PyPI.

Public interface: `parse_record`, `Record`; `load_advisories`, `Advisories`, `MAX_AGE`; `scan`, `Scan`, `Verdict`,
`Package`, `Match`, `Hit`, `Doubt`; `Severity`, `cvss`, `versions`.

    advisories = osv.load_advisories({"manifest.json": b"...", "Maven/GHSA-jfh8-c2jp-5v3q.json": b"..."})
    outcome = osv.scan([osv.Package("Maven", "org.apache.logging.log4j:log4j-core", "2.14.1")], advisories, now=now)
    outcome.verdict                                    # pass, fail or unknown; unknown is never a pass
"""

from interlock.formats.osv import cvss, versions
from interlock.formats.osv.advisories import MAX_AGE, Advisories
from interlock.formats.osv.advisories import load as load_advisories
from interlock.formats.osv.cvss import Severity
from interlock.formats.osv.match import Hit, Match, Package
from interlock.formats.osv.record import Record
from interlock.formats.osv.record import parse as parse_record
from interlock.formats.osv.scan import Doubt, Scan, Verdict, scan

__all__ = [
    "MAX_AGE",
    "Advisories",
    "Doubt",
    "Hit",
    "Match",
    "Package",
    "Record",
    "Scan",
    "Severity",
    "Verdict",
    "cvss",
    "load_advisories",
    "parse_record",
    "scan",
    "versions",
]
