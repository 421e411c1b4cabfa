"""Kinds of delivery: a folder each, which never import each other. To add one: its folder, and one line here.

Public interface: `classify.classify` says which kind a change is, `table.demanded` which checks it must hold, `KINDS`
and `find` what else a kind says (paths, record, inverse, links).
"""

from __future__ import annotations

from interlock.platform.domain.ids import DeliveryKind
from interlock.platform.kinds import classify
from interlock.platform.kinds.image import Image
from interlock.platform.kinds.kind import Kind, Need, Position
from interlock.platform.kinds.onboarding import Onboarding
from interlock.platform.kinds.revert import Revert

KINDS: tuple[Kind, ...] = (
    Image(),
    Onboarding(),
    Revert(),
)

__all__ = ["KINDS", "Kind", "Need", "Position", "classify", "find"]


def find(name: DeliveryKind | None) -> Kind | None:
    """None for a kind that this software does not know."""
    return next((kind for kind in KINDS if kind.name == name), None)
