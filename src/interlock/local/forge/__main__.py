"""``python -m interlock.local.forge --config FILE``: serve until SIGTERM."""

from __future__ import annotations

import argparse
import logging
import sys
from pathlib import Path

import uvicorn

from interlock.clients.process import notify_ready
from interlock.errors import InterlockError
from interlock.local.forge.app import create_app
from interlock.local.forge.config import load


class _Server(uvicorn.Server):
    """Tells the supervisor when the socket is open."""

    async def startup(self, sockets: list[object] | None = None) -> None:  # type: ignore[override]
        await super().startup(sockets)  # type: ignore[arg-type]
        if self.started:
            notify_ready()


def main() -> int:
    parser = argparse.ArgumentParser(prog="interlock.local.forge", description="The forge stand-in.")
    parser.add_argument("--config", type=Path, required=True)
    path = parser.parse_args().config
    logging.basicConfig(level=logging.INFO, stream=sys.stderr, format="%(levelname)s %(name)s %(message)s")
    logging.getLogger("httpx").setLevel(logging.WARNING)
    try:
        config = load(path)
        app = create_app(config)
    except InterlockError as error:
        print(error, file=sys.stderr)
        return error.exit_code
    options = uvicorn.Config(
        app,
        host=config.host,
        port=config.port,
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=2,
    )
    _Server(options).run()
    return 0


if __name__ == "__main__":
    sys.exit(main())
