"""The checks of a revert: exact on trees, the way back, and never a removal."""

from __future__ import annotations

from interlock.platform.checks import Check
from interlock.platform.checks.reasons import Reason, table
from interlock.platform.domain.facts import Unread
from interlock.platform.domain.image import Scan
from interlock.platform.domain.verdict import Finding
from interlock.platform.facts import Facts, case, change, ground, image, missing, revert

REASONS = table(
    {
        "revert-not-exact": Reason(
            "The revert is not the exact inverse of one commit of main, nor the tree that is sealed.",
            "prepare it with `interlock revert`",
        ),
        "revert-not-newest": Reason(
            "The revert does not go from the newest delivery of a service to what was sealed directly before it.",
            "take back the newest delivery, or deliver what should run as what it is",
        ),
        "revert-removes-workload": Reason(
            "The revert would remove the service's first release: removal is a delivery of its own.",
            "promote a good image instead, or remove the service (`interlock service remove`)",
        ),
    }
)


class RevertExact(Check):
    """What is taken back is one commit's change, whole, or everything since the last seal."""

    id = "revert-exact"
    claim = "The merge gives exactly the inverse of one commit of main, or exactly what is sealed."

    def judge(self, facts: Facts) -> Finding:
        found = facts.get(revert.read)
        if found is None:
            raise missing("the reverted commit")
        if found.restores:
            return self.valid("restores what is sealed")
        tree = facts.get(change.read).tree
        if found.expected is None:
            return self.invalid("revert-not-exact", found.problem)
        if found.expected != tree:
            return self.invalid("revert-not-exact", f"tree {tree[:12]}, inverse {found.expected[:12]}")
        return self.valid(f"inverse of {(found.commit or '')[:12]}")


class RevertNewest(Check):
    """What ran until the newest delivery is known to run; what is older, or was taken back itself, is not."""

    id = "revert-newest"
    claim = "It takes back the newest delivery of its service, and gives exactly what was sealed directly before."

    def judge(self, facts: Facts) -> Finding:
        found = facts.get(revert.read)
        if found is None:
            raise missing("the reverted commit")
        if found.obstacle or found.before is None:
            return self.invalid("revert-not-newest", found.obstacle)
        return self.valid(f"back to {found.before[:12]}")


class RevertKeepsWorkload(Check):
    """Taking back a first release would delete a workload: deletes are a removal delivery."""

    id = "revert-keeps-workload"
    claim = "The service still has an image afterwards."

    def judge(self, facts: Facts) -> Finding:
        wanted = facts.get(image.wanted)
        if wanted is None:
            return self.invalid("revert-removes-workload", str(facts.get(case.read).service))
        return self.valid(f"{wanted}{self._scanned(facts)}")

    def _scanned(self, facts: Facts) -> str:
        """How old the scan of what comes back is, which nobody refuses: dates, and not whether it is late."""
        found, most = facts.look(image.read), facts.get(ground.environment).rules.scan_max_age
        if isinstance(found, Unread) or found is None or not isinstance(found.scan, Scan) or most is None:
            return ""
        at = found.scan.finished_at
        return f"; scanned {at.isoformat()}, good for a new delivery until {(at + most).isoformat()}"
