"""``python -m interlock.local.tickets --config FILE``: serve until SIGTERM."""

from __future__ import annotations

import argparse
import logging
import socket
import sys
from pathlib import Path

import uvicorn

from interlock.clients.process import notify_ready
from interlock.errors import InterlockError
from interlock.local.tickets.app import create_app
from interlock.local.tickets.config import load_config


class _Server(uvicorn.Server):
    """Tells the supervisor when the socket is open."""

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            notify_ready()


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m interlock.local.tickets", description=__doc__)
    parser.add_argument("--config", type=Path, required=True, metavar="FILE", help="YAML; see config.py")
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.INFO, stream=sys.stderr, format="%(levelname)s %(name)s %(message)s")
    try:
        config = load_config(arguments.config)
        app = create_app(config)
    except InterlockError as error:
        print("\n".join(f"{label}: {text}" for label, text in error.lines()), file=sys.stderr)
        return error.exit_code
    _Server(
        uvicorn.Config(
            app,
            host=config.host,
            port=config.port,
            log_config=None,
            access_log=False,
            server_header=False,
            timeout_graceful_shutdown=2,
        )
    ).run()
    return 0


if __name__ == "__main__":
    sys.exit(main())
