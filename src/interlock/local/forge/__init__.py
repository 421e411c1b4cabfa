"""The forge stand-in: git over smart HTTP, and the part of the Gitea API (``/api/v1``) that delivery needs.

Paths, JSON shapes and status codes are Gitea's (``modules/structs``, ``routers/api/v1``, 1.22), with sign-in required
for everything. Protection is enforced on the push itself and on the merge, by the same rules (``rules``).

Durable state is one SQLite database and bare repositories. What concerns both (a push, a merge) is written as an
*intent* before the ref moves and settled after it (``journal``), so that a kill in between is finished at the next
start.

Run it: ``python -m interlock.local.forge --config FILE``; embed it: ``create_app(Config(...))``.
"""

from __future__ import annotations

from interlock.local.forge.app import create_app
from interlock.local.forge.config import Config

__all__ = ["Config", "create_app"]
