"""The forge through the Gitea API (``/api/v1``; Gitea 1.22 and Forgejo speak it): what delivery and bootstrap need.

``ForgeClient`` returns the frozen dataclasses of ``model``; its errors are listed in ``transport``.
"""

from __future__ import annotations

from interlock.clients.forge.client import ForgeClient
from interlock.clients.forge.model import (
    Branch,
    BranchProtection,
    Comment,
    CommitStatus,
    ForgeCommit,
    Hook,
    PullRequest,
    Repository,
    Review,
    User,
)

__all__ = [
    "Branch",
    "BranchProtection",
    "Comment",
    "CommitStatus",
    "ForgeClient",
    "ForgeCommit",
    "Hook",
    "PullRequest",
    "Repository",
    "Review",
    "User",
]
