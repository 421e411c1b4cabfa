"""``python -m interlock.local.kubernetes --config FILE``: serve one cluster until SIGTERM."""

from __future__ import annotations

import sys

from interlock.clients import process
from interlock.local import serving
from interlock.local.kubernetes.config import Config
from interlock.local.kubernetes.server import listen


def main() -> int:
    return process.run("kubernetes", __package__, Config, lambda config: serving.wait(*listen(config)))


if __name__ == "__main__":
    sys.exit(main())
