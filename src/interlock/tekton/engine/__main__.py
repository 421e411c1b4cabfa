"""``python -m interlock.tekton.engine --config FILE``: run until SIGTERM or SIGINT."""

from __future__ import annotations

import resource
import signal
import sys
import threading

from interlock.clients import process
from interlock.clients.kubernetes import KubernetesClient
from interlock.tekton.engine.config import Config
from interlock.tekton.engine.engine import Engine
from interlock.tekton.engine.logs.kubelet import LogServer


def main() -> int:
    # A step that crashes must not leave its memory on disk.
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    return process.run("tekton", __package__, Config, _run)


def _run(config: Config) -> None:
    token = config.token_file.read_text().strip() if config.token_file else None
    client = KubernetesClient(config.server, token=token, ca_file=config.ca_file, field_manager="tekton-pipelines")
    engine = Engine(config, client)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: engine.stop())
    logs = None
    if config.logs_port is not None:
        logs = LogServer(engine.services.storage, config.logs_port, secret_file=config.logs_secret_file)
        logs.start()
    threading.Thread(target=_tell_when_ready, args=(engine,), daemon=True).start()
    engine.run()
    if logs is not None:
        logs.close()


def _tell_when_ready(engine: Engine) -> None:
    engine.ready.wait()
    process.notify_ready()


if __name__ == "__main__":
    sys.exit(main())
