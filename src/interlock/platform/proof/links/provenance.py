"""Link 9: which run built the image, from which source, and how its steps were isolated."""

from __future__ import annotations

from interlock.formats.sigstore import Statement
from interlock.platform.books.vocabulary import Statement as Recorded
from interlock.platform.checks import image
from interlock.platform.domain.image import StatementKind
from interlock.platform.facts import Facts, build
from interlock.platform.proof.links.statement import StatementLink
from interlock.platform.statements import reading


class Provenance(StatementLink):
    """SLSA v1 in the shape of Tekton Chains; it claims only what the engine recorded."""

    id = "provenance"
    claim = "Signed provenance names the golden path's run that built it from the service's own repository."
    kind = StatementKind.PROVENANCE
    checks = (image.ProvenanceSigned, image.ProvenanceCheck)

    def agrees(self, facts: Facts, statement: Statement, recorded: Recorded) -> str:
        run, uid = reading.provenance(statement).run, facts.get(build.attested).said.uid
        return "" if run == uid else f"it is of run {run}, the ledger recorded {uid}"
