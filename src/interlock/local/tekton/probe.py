from __future__ import annotations

from typing import Any


def wait(process: Any, **options: Any) -> str:
    return "ready"
