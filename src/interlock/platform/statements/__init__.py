"""Statements about a build, as in-toto Statement v1 values: provenance, SBOM and scan. No I/O, no keys.

:mod:`~interlock.platform.statements.provenance` follows Tekton Chains' format ``slsa/v2alpha4``; type hints and
names are Chains' (research/tekton.md 3.2), so that verifiers that know Chains read ours.
"""

from interlock.formats.sigstore import statement
from interlock.platform.domain.image import StatementKind

PREDICATES = {
    StatementKind.PROVENANCE: statement.SLSA_PROVENANCE,
    StatementKind.SBOM: statement.CYCLONEDX,
    StatementKind.SCAN: statement.VULNERABILITIES,
}
"""What each kind of statement is called on the wire."""
