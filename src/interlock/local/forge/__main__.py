"""``python -m interlock.local.forge --config FILE``: serve until SIGTERM."""

from __future__ import annotations

import sys

from interlock.local import serving
from interlock.local.forge.app import create_app
from interlock.local.forge.config import Config


def main() -> int:
    return serving.run("forge", Config, lambda config: serving.serve(config, create_app))


if __name__ == "__main__":
    sys.exit(main())
