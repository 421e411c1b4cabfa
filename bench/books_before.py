"""The ledger of release 0.1, asked what `books.py` asks the present one: run with that release on the path."""

from __future__ import annotations

import json
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from unittest import mock

import merges
from cryptography.hazmat.primitives.asymmetric import ec
from figures import median, repeated
from interlock.platform.proof.keys import AttestKey  # type: ignore[import-not-found]  # of that release
from interlock.platform.proof.ledger import Ledger  # type: ignore[import-not-found]

from interlock.formats.sigstore import PrivateKey

_TIMES = 10


def main() -> None:
    folder, size = Path(sys.argv[1]), int(sys.argv[2])
    secret, ticks = PrivateKey(ec.generate_private_key(ec.SECP256R1())), iter(range(10**9))
    start = datetime(2026, 1, 1, tzinfo=UTC)
    path = folder / "before.jsonl"
    writer = Ledger(path, AttestKey(secret.public, secret), now=lambda: start + timedelta(seconds=next(ticks)))
    with mock.patch("os.fsync"):
        for number in range(size):
            merges.append(writer, number)
    reader = Ledger(path, AttestKey(secret.public))
    asked = {
        "key": lambda: reader.by_key(merges.key(size // 2)),
        "none": lambda: reader.by_key("none"),
        "subject": lambda: reader.find("merged", merges.subject(size // 2))[-1],
    }
    print(json.dumps({name: median(repeated(ask, _TIMES)) for name, ask in asked.items()}))


if __name__ == "__main__":
    main()
