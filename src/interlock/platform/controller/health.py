"""Whether this controller does its work, for whoever supervises it (``GET /healthz``)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from interlock.platform.controller.schedule import Round

STUCK = timedelta(minutes=15)
"""A round that takes longer than that will not end: the longest single act (a fetch) gives up after five minutes."""


@dataclass(frozen=True, slots=True)
class Health:
    """What `report` says. ``remaining``: seconds for which the lease is held without being renewed."""

    remaining: float
    epoch: int
    rounds: Mapping[str, tuple[Round | None, datetime | None]]
    dead: Sequence[str]
    since: datetime | None
    """When the lease became ours."""

    def stuck(self, now: datetime) -> list[str]:
        """Loops that ended no round for too long though it is our turn."""
        if self.remaining <= 0 or self.since is None:
            return []
        return [name for name, (_, ended) in self.rounds.items() if now - max(ended or self.since, self.since) > STUCK]

    def report(self, now: datetime) -> tuple[bool, dict[str, object]]:
        """Whether all is well, and the answer's body."""
        stuck = self.stuck(now)
        until = now + timedelta(seconds=self.remaining) if self.remaining > 0 else None
        return not (stuck or self.dead), {
            "status": "failed" if stuck or self.dead else "ok",
            "lease": {"held": until is not None, "epoch": self.epoch, "until": until and until.isoformat()},
            "loops": {name: _round(item, ended, now) for name, (item, ended) in sorted(self.rounds.items())},
            "stuck": stuck,
            "dead": list(self.dead),
        }


def _round(item: Round | None, ended: datetime | None, now: datetime) -> dict[str, object] | None:
    if item is None:
        return None
    return {
        "key": "/".join(item.key),
        "started": item.started.isoformat(),
        "ended": item.ended and item.ended.isoformat(),
        "outcome": item.outcome,
        "age": None if ended is None else round((now - ended).total_seconds(), 3),
    }
