"""``python -m interlock.local.tekton --config FILE``."""

from __future__ import annotations

import argparse
import logging
import resource
import signal
import sys
import threading
from pathlib import Path

from interlock.clients import files
from interlock.clients.kubernetes import KubernetesClient
from interlock.clients.process import notify_ready
from interlock.errors import InterlockError
from interlock.local.tekton.config import Config
from interlock.local.tekton.engine import Engine
from interlock.local.tekton.logs import LogServer


def main(arguments: list[str]) -> int:
    """Run the engine until SIGTERM or SIGINT. Exit code of the error that ended it otherwise."""
    parser = argparse.ArgumentParser(prog="interlock.local.tekton", description="The Tekton engine of interlock.local.")
    parser.add_argument("--config", type=Path, required=True, help="YAML file, see interlock.local.tekton.config")
    options = parser.parse_args(arguments)
    logging.basicConfig(stream=sys.stderr, level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    logging.getLogger("httpx").setLevel(logging.WARNING)
    # A step that crashes must not leave its memory on disk.
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    try:
        config = files.read_model(options.config, Config, what="configuration of the Tekton engine")
        token = config.token_file.read_text().strip() if config.token_file else None
        client = KubernetesClient(config.server, token=token, ca_file=config.ca_file, field_manager="tekton-pipelines")
        engine = Engine(config, client)
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: engine.stop())
        logs = LogServer(engine.services.storage, config.logs_port) if config.logs_port is not None else None
        if logs is not None:
            logs.start()
        threading.Thread(target=_tell_when_ready, args=(engine,), daemon=True).start()
        engine.run()
        if logs is not None:
            logs.close()
    except InterlockError as error:
        for label, text in error.lines():
            sys.stderr.write(f"{label}: {text}\n")
        return error.exit_code
    return 0


def _tell_when_ready(engine: Engine) -> None:
    engine.ready.wait()
    notify_ready()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
