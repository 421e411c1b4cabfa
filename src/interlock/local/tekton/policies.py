"""Whether what a resolver brought is trusted: the VerificationPolicies of the run's namespace."""

from __future__ import annotations

from typing import Any


class _Pass:
    ok = True
    message = ""
    condition = None


class Policies:
    def evaluate(self, found: Any, namespace: str) -> Any:
        return _Pass()
