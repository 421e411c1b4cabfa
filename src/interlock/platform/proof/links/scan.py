"""Link 11: no known vulnerability that the estate refuses was in it, when it was scanned."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from interlock.platform.checks import image
from interlock.platform.domain.image import StatementKind
from interlock.platform.proof.links.statement import StatementLink


class Scan(StatementLink):
    """Ages are judged at the merge: a scan says nothing about what was found later."""

    id = "scan"
    claim = "A signed scan with fresh advisories found nothing that is refused."
    kind = StatementKind.SCAN
    checks = (image.ScanPassed,)

    def document_in(self, predicate: Mapping[str, Any]) -> Any:
        return (predicate.get("scanner") or {}).get("result")
