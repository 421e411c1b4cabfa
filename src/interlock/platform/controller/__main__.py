"""``python -m interlock.platform.controller --context FILE``: the platform's process."""

from __future__ import annotations

import argparse
import logging
import signal
import sys
import threading
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urlsplit

import uvicorn

from interlock.clients.connect import Connections
from interlock.clients.context import Context, load_context
from interlock.clients.process import notify_ready
from interlock.errors import InterlockError
from interlock.platform.controller import webhook
from interlock.platform.controller.lease import Lease, claim, holder_of
from interlock.platform.controller.loops import loops
from interlock.platform.controller.schedule import Schedule
from interlock.platform.controller.watches import Watches
from interlock.platform.controller.world import World

DEFAULT_RESYNC_SECONDS = 10.0


def now() -> datetime:
    return datetime.now(UTC)


def main() -> None:
    parser = argparse.ArgumentParser(prog="interlock-controller", description="The platform's long-running process.")
    parser.add_argument("--context", type=Path, required=True, help="context file")
    parser.add_argument("--resync", type=float, default=DEFAULT_RESYNC_SECONDS, help="seconds between full looks")
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
    """Run until SIGTERM or SIGINT. Raises ConflictError ``data-in-use`` while another controller has these stores."""
    context = load_context(context_file)
    folder = context.stores.ledger.parent
    with claim(folder):
        _serve(context, holder_of(folder), resync=resync)


def _serve(context: Context, holder: str, *, resync: float) -> None:
    connections = Connections(context, clones=context.stores.index.parent / "clones")
    world = World(connections, now, epoch=lambda: lease.epoch)
    lease = Lease(lambda: connections.cluster("hub"), holder=holder, now=now, floor=world.books.ledger.epoch)
    schedule = Schedule(loops(world), resync=resync, active=lease.held)
    watches = Watches(lambda: connections.cluster("hub"), wake=schedule.wake)
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    server = _webhook_server(context.webhook.outside, world, schedule)
    schedule.start()
    lease.start(schedule.wake)
    watches.start()
    notify_ready()
    stop.wait()
    server.should_exit = True
    watches.stop()
    schedule.stop()
    lease.release()
    world.books.ledger.close()


def _webhook_server(address: str, world: World, schedule: Schedule) -> uvicorn.Server:
    parts = urlsplit(address)
    application = webhook.create_app(
        secret=lambda: world.context.secret(world.context.webhook_secret, what="webhooks"),
        wake=lambda _event: schedule.wake(),
    )
    config = uvicorn.Config(
        application, host=parts.hostname or "127.0.0.1", port=parts.port or 80, log_config=None, access_log=False
    )
    server = uvicorn.Server(config)
    threading.Thread(target=server.run, name="webhook", daemon=True).start()
    return server


if __name__ == "__main__":
    main()
