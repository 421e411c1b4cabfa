"""Statuses written behind the runs' backs: a step does not wait until the API has stored that it began.

The newest status of a run replaces one that still waits. What was decided is in the run's journal, so that a status
that a kill prevented is written again when the run is resumed; the last one of a run is written at once.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

from interlock.errors import InterlockError

_log = logging.getLogger("interlock.tekton.engine")


class Poster:
    """Calls the newest write of each run, one at a time. Any thread may call."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._pending: dict[str, Callable[[], None]] = {}
        self._writing: str | None = None
        self._closed = False
        self._thread: threading.Thread | None = None

    def post(self, run: str, write: Callable[[], None]) -> None:
        """Let ``write`` be called soon, in place of an earlier one of the run that has not begun."""
        with self._changed:
            self._pending[run] = write
            if self._thread is None:
                self._thread = threading.Thread(target=self._work, name="statuses", daemon=True)
                self._thread.start()
            self._changed.notify_all()

    def settle(self, run: str) -> None:
        """Drop what waits for the run, and wait for a write of it that has begun."""
        with self._changed:
            self._pending.pop(run, None)
            self._changed.wait_for(lambda: self._writing != run)

    def close(self) -> None:
        """Write what waits, and stop."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
        if self._thread is not None:
            self._thread.join()

    def _work(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._pending or self._closed)
                if not self._pending:
                    return
                run = next(iter(self._pending))
                write = self._pending.pop(run)
                self._writing = run
            try:
                write()
            except InterlockError as error:
                # The next write of the run carries the whole difference again.
                _log.warning("status of %s: %s", run, error)
            except Exception:  # one run's: the others are still written
                _log.exception("status of %s", run)
            finally:
                with self._changed:
                    self._writing = None
                    self._changed.notify_all()
