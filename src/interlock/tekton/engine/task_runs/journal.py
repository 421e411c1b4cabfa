"""What an attempt of a TaskRun has done, on disk before and after each step: a finished step never runs twice."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from interlock.clients import files


@dataclass
class Journal:
    """Entries of one attempt, oldest first. Each is fsynced before `write` returns."""

    path: Path
    entries: list[dict[str, Any]] = field(default_factory=list)

    @classmethod
    def open(cls, path: Path) -> Journal:
        """Read what a killed engine left; a torn last line is dropped, since what it announced never began."""
        entries: list[dict[str, Any]] = []
        if path.is_file():
            for line in path.read_bytes().split(b"\n"):
                try:
                    entries.append(json.loads(line))
                except ValueError:
                    break
        journal = cls(path, entries)
        if entries:
            files.write_durably(path, b"".join(_line(entry) for entry in entries), mode=0o600)
        return journal

    def write(self, entry: Mapping[str, Any]) -> None:
        """Append durably."""
        new = not self.entries
        self.entries.append(dict(entry))
        descriptor = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        try:
            os.write(descriptor, _line(entry))
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        if new:
            files.sync_folder(self.path.parent)

    def of(self, event: str) -> list[dict[str, Any]]:
        return [entry for entry in self.entries if entry["event"] == event]

    @property
    def interrupted(self) -> int | None:
        """Index of the step that was running when the engine was killed."""
        started = [entry["step"] for entry in self.of("step-started")]
        finished = {entry["step"] for entry in self.of("step-finished")}
        return next((step for step in started if step not in finished), None)


def _line(entry: Mapping[str, Any]) -> bytes:
    return json.dumps(entry, separators=(",", ":")).encode() + b"\n"
