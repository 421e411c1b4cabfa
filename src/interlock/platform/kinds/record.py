"""What a change record says of a delivery: the frame is every kind's, what stands in it the kind tells."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import dataclass

from interlock.platform.domain.change import Change
from interlock.platform.domain.delivery import Delivery
from interlock.platform.domain.image import ImageFacts, Provenance, Scan

MAX_DIFF = 3000
"""Characters; ServiceNow's ``description`` takes 4000."""


@dataclass(frozen=True, slots=True)
class Told:
    """What a kind tells of one delivery; nothing that changes from one round to the next by itself."""

    what: str
    """What moves, for the title: a tag, or the kind."""
    before: str
    after: str
    tests: tuple[str, ...]
    """One line a fact: what was tested, scanned, and where it runs already."""
    back_out: str
    rendered: str = ""
    """The rendered diff, where the files' own says too little."""


@dataclass(frozen=True, slots=True)
class Subject:
    """What a delivery moves: a service, or the repository itself."""

    name: str
    team: str
    """Whose it is."""
    configuration_item: str
    """Its CI in the CMDB."""


@dataclass(frozen=True)
class Plan:
    """Everything that a record is written from."""

    delivery: Delivery
    about: Subject
    url: str
    """Of the pull request, for people."""
    told: Told
    diff: str
    """Text of the files' change, as reviewers see it."""

    @property
    def shown(self) -> str:
        """The files' change, and what is rendered differently, in the room that a record has."""
        rendered = f"\n\nRendered:\n{self.told.rendered}" if self.told.rendered else ""
        return f"{self.diff}{rendered}"[:MAX_DIFF]

    @property
    def key(self) -> str:
        """The record's correlation id: it belongs to one pull request and one head."""
        return f"{self.delivery.id}@{self.delivery.head}"

    def texts(self) -> Mapping[str, str]:
        """The record's texts, by their names in the Table API. Pure: the gate compares the record with them."""
        kind, where, told = self.delivery.kind, self.delivery.environment, self.told
        return {
            "short_description": f"{self.about.name}: {told.what} to {where}",
            "description": f"Delivery {self.key}\nPull request: {self.url}\nBefore: {told.before}\n"
            f"After: {told.after}\n\n{self.shown}",
            "justification": f"Delivery of kind {kind} of {self.about.name}, owned by team {self.about.team}.",
            "implementation_plan": "Interlock merges the pull request when every check of its gate holds, seals the "
            f"merge, and Argo CD syncs the seal to {where}. Nobody else can.",
            "test_plan": "\n".join(told.tests) or "None.",
            "backout_plan": told.back_out,
        }


def diff(change: Change) -> str:
    """Unified diff of the files as they land; long ones are cut, the pull request has them whole."""
    lines: list[str] = []
    for item in change.effect:
        old, new = (
            side.get(item.path, b"").decode(errors="replace").splitlines() for side in (change.before, change.after)
        )
        lines += difflib.unified_diff(old, new, f"a/{item.path}", f"b/{item.path}", n=1, lineterm="")
    return "\n".join(lines)[:MAX_DIFF]


def image_lines(found: ImageFacts) -> tuple[str, ...]:
    """What is known of an image's build and scan, a line a fact."""
    lines = []
    if isinstance(found.provenance, Provenance):
        made = found.provenance
        lines.append(f"Built and tested by pipeline {made.pipeline}, run {made.run}, from {made.source}@{made.commit}")
    if isinstance(found.scan, Scan):
        lines.append(f"Vulnerability scan of {found.scan.finished_at.isoformat()}: {found.scan.detail}")
    return tuple(lines)
