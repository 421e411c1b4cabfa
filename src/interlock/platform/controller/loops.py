"""Which loops there are."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from interlock.platform.controller.attests import Attests
from interlock.platform.controller.builds import Builds
from interlock.platform.controller.deliveries import Deliveries, environments
from interlock.platform.controller.schedule import Loop
from interlock.platform.controller.syncs import Syncs
from interlock.platform.controller.world import World


def loops(world: World) -> Sequence[Loop]:
    """Every loop of the controller, in no order."""
    return (
        Loop("build", Builds(world).run),
        Loop("attest", Attests(world).run),
        Loop("deliver", Queues(world).run),
        Loop("sync", Syncs(world).run),
    )


class Queues:
    """One queue a repository, one after the other: each reads the estate that the one before may have sealed."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._queues: dict[str, Callable[[], bool]] = {}

    def run(self) -> bool:
        changed = False
        failed: Exception | None = None
        for name in environments(self._world.estate()):
            queue = self._queues.setdefault(name, Deliveries(self._world, name).run)
            try:
                while queue():
                    changed = True
            except Exception as error:
                # One environment's trouble is not another's: the rest goes on, then the schedule is told.
                failed = failed or error
        if failed is not None:
            raise failed
        return changed
