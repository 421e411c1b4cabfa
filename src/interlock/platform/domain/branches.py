"""Head branches of deliveries: one grammar for those who open them and those who read them.

``onboard/<service>``, ``bump/<service>/<tag>``, ``promote/<service>/<tag>``, ``revert/<service>/<commit>``, and
``configure``, ``chart``, ``remove`` or ``edit`` with ``/<service>/<start of the tree's id>``. A name is anybody's to
choose: it is a hint, or a claim of a kind whose rule is stricter, and never a fact.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum

from interlock.platform.domain.ids import ServiceName
from interlock.platform.domain.names import DNS_LABEL

WHOLE = ServiceName("main")
"""Stands for the service where a delivery is of no single one: what restores the whole, or edits the platform repo. No
service has this name."""


class Purpose(StrEnum):
    """What a delivery's branch is for: its first segment."""

    ONBOARD = "onboard"
    BUMP = "bump"
    """The pipeline's, into the first environment."""
    PROMOTE = "promote"
    REVERT = "revert"
    CONFIGURE = "configure"
    CHART = "chart"
    REMOVE = "remove"
    EDIT = "edit"
    """Of the platform repo's own files."""


_TAG = r"\w[\w.-]{0,127}"
_SUFFIX: dict[Purpose, str] = {item: "[0-9a-f]{7,64}" for item in Purpose if item is not Purpose.ONBOARD}
_SUFFIX |= {Purpose.BUMP: _TAG, Purpose.PROMOTE: _TAG}
"""An image tag (OCI distribution 1.1, "pulling manifests"), or a git id, short or full."""
_BUILT = re.compile(r"main-([0-9a-f]{7,64})")


@dataclass(frozen=True, slots=True)
class Branch:
    """``str(branch)`` is its short name, such as ``promote/payments/main-0123456789ab``."""

    purpose: Purpose
    service: ServiceName
    suffix: str = ""

    @property
    def source(self) -> str | None:
        """The short commit id whose build a bump delivers; None for any other branch or tag."""
        match = _BUILT.fullmatch(self.suffix) if self.purpose is Purpose.BUMP else None
        return match[1] if match else None

    @property
    def reverts(self) -> str | None:
        """The commit id, short or full, that a revert says it takes back."""
        return self.suffix if self.purpose is Purpose.REVERT else None

    def __str__(self) -> str:
        return "/".join(filter(None, (self.purpose, self.service, self.suffix)))


def parse(head_ref: str) -> Branch | None:
    """None for a branch that is no delivery's."""
    purpose, _, rest = head_ref.partition("/")
    service, slash, suffix = rest.partition("/")
    if purpose not in set(Purpose) or not DNS_LABEL.fullmatch(service):
        return None
    grammar = _SUFFIX.get(Purpose(purpose))
    if bool(slash) != (grammar is not None) or (grammar and not re.fullmatch(grammar, suffix, re.ASCII)):
        return None
    return Branch(Purpose(purpose), ServiceName(service), suffix)
