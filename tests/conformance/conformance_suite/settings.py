"""Which flags a file runs with: upstream's for its folder, unless the expectation names others."""

from __future__ import annotations

from conformance_suite import expectation
from conformance_suite.stage import Settings


def settings(name: str) -> Settings:
    folder = next((part for part in ("alpha", "beta") if f"/{part}/" in name), "stable")
    if name not in expectation.names():
        return Settings(folder)
    expected = expectation.load(name)
    return Settings(expected.flags or folder, expected.workspace_binding)
