"""``python -m interlock.local.tickets --config FILE``: serve until SIGTERM."""

from __future__ import annotations

import sys

from interlock.clients import process
from interlock.local import serving
from interlock.local.tickets.app import create_app
from interlock.local.tickets.config import Config


def main() -> int:
    return process.run("tickets", __package__, Config, lambda config: serving.serve(config, create_app))


if __name__ == "__main__":
    sys.exit(main())
