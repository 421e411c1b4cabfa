"""One file a loop: what it reads, a pure plan of values, and the acts that follow. A new loop is a file and a line."""

from __future__ import annotations

from collections.abc import Sequence

from interlock.platform.controller.acting import Acting
from interlock.platform.controller.loops.attests import Attests
from interlock.platform.controller.loops.builds import Builds
from interlock.platform.controller.loops.deliveries import Deliveries
from interlock.platform.controller.loops.desk import Desk
from interlock.platform.controller.loops.judge import Judge, Records
from interlock.platform.controller.loops.removals import Removals
from interlock.platform.controller.loops.syncs import Syncs
from interlock.platform.controller.schedule import Loop
from interlock.platform.controller.world import World


def loops(world: World, acting: Acting) -> Sequence[Loop]:
    """Every loop of the controller, in no order."""
    desk = Desk(world, acting)
    return (
        Builds(world, acting),
        Attests(world, acting),
        Deliveries(world, acting, desk),
        Judge(world, acting, desk),
        Records(world),
        Syncs(world, acting),
        Removals(world, acting),
    )
