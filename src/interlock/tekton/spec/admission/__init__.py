"""What Tekton's webhooks refuse, offline: every fault of an object at once, each with its place, in upstream's words.

Public interface: `check` (one object), `judge` (many documents), `defaulted`, `examine`, `Finding`, `RULES`.
Works on raw mappings; the object is not changed. Source: pkg/apis/pipeline/{v1,v1beta1,v1alpha1}/*_{validation,
defaults}.go of tektoncd/pipeline 3ee1745, the definitions in config/300-crds, and the two webhooks of knative.dev/pkg.

The upstream files are translated module by module. What differs, by decision: all unknown and misfit fields are told,
not the first one; where upstream picks one of several faults by the order of a map, it is the first by name here; the
error of a CEL or regular expression is that of the C++ libraries, and seldom in other words; status is not read.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from interlock.tekton.spec.admission import review
from interlock.tekton.spec.admission.bundle import Outcome, Placed, judge
from interlock.tekton.spec.admission.review import MUTATING, VALIDATING, Finding, Refusal, Review, Severity, known
from interlock.tekton.spec.admission.rules import RULES, Rule
from interlock.tekton.spec.flags import Flags, Version

__all__ = [
    "MUTATING",
    "RULES",
    "VALIDATING",
    "Finding",
    "Outcome",
    "Placed",
    "Refusal",
    "Review",
    "Rule",
    "Severity",
    "check",
    "defaulted",
    "examine",
    "judge",
    "known",
]

_DEFAULT_FLAGS = Flags()


def check(
    value: Mapping[str, Any],
    *,
    flags: Flags = _DEFAULT_FLAGS,
    old: Mapping[str, Any] | None = None,
    tekton: Version = "1.15",
) -> list[Finding]:
    """Everything that is wrong with an object of Tekton's groups; ``old`` is what is stored when it is an update.

    A message is the line that upstream prints for this fault alone: ``words: path``, and a second line of details.
    """
    return review.of(value, flags, old, tekton).findings()


def examine(
    value: Mapping[str, Any],
    *,
    flags: Flags = _DEFAULT_FLAGS,
    old: Mapping[str, Any] | None = None,
    tekton: Version = "1.15",
) -> Review | None:
    """All that the webhooks would say and do; None: they are not asked about the kind."""
    return review.of(value, flags, old, tekton) if review.covered(value) else None


def defaulted(value: Mapping[str, Any], *, old: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """The object as the defaulting webhook leaves it: SetDefaults, without nulls and fields that do not exist.

    What Go adds when it writes an object back (``name: ""``, ``computeResources: {}``) is left out.
    """
    return review.of(value, _DEFAULT_FLAGS, old).value
