"""``python -m interlock.local.registry --config FILE``: serve until SIGTERM."""

from __future__ import annotations

import sys

from interlock.clients import process
from interlock.local import serving
from interlock.local.registry.app import create_app
from interlock.local.registry.config import Config


def main() -> int:
    return process.run("registry", __package__, Config, lambda config: serving.serve(config, create_app))


if __name__ == "__main__":
    sys.exit(main())
