"""Checks: one small class a rule, over facts that somebody else read; each room keeps its reasons beside its rules.

A check of one kind alone stands in that kind's folder. `Link` is a check of the proof. Which checks hold for which
delivery is said by `interlock.platform.kinds`.
"""

from interlock.platform.checks.check import Check, Misconfigured, Unknown

__all__ = ["Check", "Misconfigured", "Unknown"]
