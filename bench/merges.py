"""Ledger entries such as merges leave, for ledgers of any release."""

from __future__ import annotations

import hashlib
from typing import Any


def append(ledger: Any, number: int) -> Any:
    """An entry such as a merge leaves."""
    environment, service = subject(number).split("/")
    return ledger.append(
        "merged",
        f"{environment}/{service}",
        key=key(number),
        body={
            "environment": environment,
            "service": service,
            "kind": "image",
            "repository": "https://forge.example/bank/env-prod",
            "pull": number,
            "base": digest("base", number)[:40],
            "head": digest("head", number)[:40],
            "merge": digest("merge", number)[:40],
            "result": {f"services/{service}/values.yaml": digest("object", number)[:40]},
            "platformCommit": digest("platform", number // 1000)[:40],
            "record": f"CHG{number // 10:07}",
        },
        evidence={name: f"sha256:{digest(name, number)}" for name in ("merge", "reviews", "record")},
    )


def subject(number: int) -> str:
    return f"{'prod' if number % 2 else 'test'}/service-{number % 97}"


def key(number: int) -> str:
    return f"merged/https://forge.example/bank/env-prod/{digest('merge', number)[:40]}"


def digest(name: str, number: int) -> str:
    return hashlib.sha256(f"{name}/{number}".encode()).hexdigest()
