"""``python -m interlock.platform.controller --context FILE``: the platform's process."""

from __future__ import annotations

import argparse
import faulthandler
import logging
import os
import signal
import sys
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urlsplit

import uvicorn
from starlette.applications import Starlette

from interlock.clients.connect import Connections
from interlock.clients.context import Context, load_context
from interlock.clients.process import notify_ready
from interlock.errors import InterlockError, InternalError
from interlock.platform.controller import webhook
from interlock.platform.controller.acting import Acting
from interlock.platform.controller.guard import Guard
from interlock.platform.controller.health import Health
from interlock.platform.controller.lease import Lease, claim, holder_of
from interlock.platform.controller.loops import loops
from interlock.platform.controller.schedule import Schedule
from interlock.platform.controller.snapshot import RESYNC_SECONDS
from interlock.platform.controller.watches import Watches
from interlock.platform.controller.world import World

_SLOW_STOP_SECONDS = 4.0
RESYNC = "INTERLOCK_RESYNC"
"""Environment variable: the default of ``--resync``."""


def now() -> datetime:
    return datetime.now(UTC)


def main() -> None:
    parser = argparse.ArgumentParser(prog="interlock-controller", description="The platform's long-running process.")
    parser.add_argument("--context", type=Path, required=True, help="context file")
    resync = os.environ.get(RESYNC, RESYNC_SECONDS)
    parser.add_argument("--resync", type=float, default=resync, help="seconds between full looks")
    options = parser.parse_args()
    logging.basicConfig(stream=sys.stderr, level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    logging.getLogger("httpx").setLevel(logging.WARNING)
    try:
        serve(options.context, resync=options.resync)
    except InterlockError as error:
        for label, text in error.lines():
            print(f"{label}: {text}", file=sys.stderr)
        sys.exit(error.exit_code)


def serve(context_file: Path, *, resync: float) -> None:
    """Run until SIGTERM or SIGINT. Raises ConflictError ``data-in-use`` while another controller has these stores,
    InternalError ``thread-ended`` when a thread ends by itself."""
    context = load_context(context_file)
    folder = context.stores.ledger.parent
    with claim(folder):
        _serve(context, holder_of(folder), resync=resync)


def _serve(context: Context, holder: str, *, resync: float) -> None:
    guard = Guard()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: guard.stop())
    connections = Connections(context, clones=context.stores.index.parent / "clones")
    world = World(connections, now, epoch=lambda: lease.epoch, resync=resync)
    lease = Lease(lambda: connections.cluster("hub"), holder=holder, now=now, floor=world.books.ledger.epoch)
    acting = Acting(world, held=lease.held)
    schedule = Schedule(loops(world, acting), resync=resync, active=lease.held, now=now)
    watches = Watches(lambda: connections.cluster("hub"), wake=schedule.wake)

    def hinted(hint: webhook.Hint) -> None:
        if hint.repository:
            world.moved(hint.repository)
        if hint.event == "status" and not webhook.own(hint, world.known_estate):
            acting.forget()
        schedule.wake(webhook.keys(hint, world.known_estate, world.model.open_pulls()))

    def health() -> tuple[bool, dict[str, object]]:
        found = Health(lease.remaining, lease.epoch, schedule.rounds(), guard.dead, lease.since)
        return found.report(now())

    application = webhook.create_app(
        secret=lambda: context.secret(context.webhook_secret, what="webhooks"), wake=hinted, health=health
    )
    server = _server(context.webhook.outside, application)
    guard.start("webhook", server.run)
    schedule.start(guard)
    guard.start("lease", lambda: lease.serve(schedule.wake))
    watches.start(guard)
    notify_ready()
    dead = guard.wait()
    # Who supervises us kills us soon: the log then says what we were waiting for.
    faulthandler.dump_traceback_later(_SLOW_STOP_SECONDS)
    server.should_exit = True
    watches.stop()
    schedule.stop()
    lease.release()
    world.close()
    faulthandler.cancel_dump_traceback_later()
    if dead:
        raise InternalError("thread-ended", "a thread that must not end has ended", got=", ".join(dead))


def _server(address: str, application: Starlette) -> uvicorn.Server:
    parts = urlsplit(address)
    config = uvicorn.Config(
        application, host=parts.hostname or "127.0.0.1", port=parts.port or 80, log_config=None, access_log=False
    )
    return uvicorn.Server(config)


if __name__ == "__main__":
    main()
