"""``python -m interlock.local.forge --config FILE``: serve until SIGTERM."""

from __future__ import annotations

import sys

from interlock.clients import process
from interlock.local import serving
from interlock.local.forge.app import create_app
from interlock.local.forge.config import Config


def main() -> int:
    return process.run("forge", __package__, Config, lambda config: serving.serve(config, create_app))


if __name__ == "__main__":
    sys.exit(main())
