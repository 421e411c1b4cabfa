"""``python -m interlock.local.argocd --config FILE``."""

from __future__ import annotations

import argparse
import logging
import signal
import sys
import threading
from pathlib import Path

from interlock.clients.process import notify_ready, wait_for
from interlock.errors import InterlockError
from interlock.local.argocd.config import load_config
from interlock.local.argocd.engine import Engine


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m interlock.local.argocd", description="The Argo CD stand-in.")
    parser.add_argument("--config", type=Path, required=True, help="YAML file, see interlock.local.argocd.config")
    arguments = parser.parse_args()
    logging.basicConfig(stream=sys.stderr, level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    logging.getLogger("httpx").setLevel(logging.WARNING)
    ended = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: ended.set())
    try:
        engine = Engine(load_config(arguments.config))
        engine.start()
    except InterlockError as error:
        print(error, file=sys.stderr)
        return error.exit_code
    notify_ready()
    logging.info("argocd: ready")
    wait_for(ended)
    engine.stop()
    return 0


if __name__ == "__main__":
    sys.exit(main())
