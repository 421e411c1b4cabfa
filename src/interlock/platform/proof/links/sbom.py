"""Link 10: what is in the image."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from interlock.platform.checks import image
from interlock.platform.domain.image import StatementKind
from interlock.platform.proof.links.statement import StatementLink


class Sbom(StatementLink):
    """CycloneDX; the document of the run is the predicate that was signed."""

    id = "sbom"
    claim = "A signed SBOM lists what is in the image."
    kind = StatementKind.SBOM
    checks = (image.SbomSigned,)

    def document_in(self, predicate: Mapping[str, Any]) -> Any:
        return predicate
