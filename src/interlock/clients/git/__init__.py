"""Git repositories through the ``git`` binary, with nothing of the machine's or a user's configuration.

``Repository`` is a clone, ``together`` reads several through one process; ``write_identity_config`` prepares plain
``git`` for a person; ``keys`` makes signing keys.
Signatures are checked by ``interlock.formats.signatures``, on the payload and signature of a ``Commit``.
"""

from __future__ import annotations

from interlock.clients.git.identity import write_identity_config
from interlock.clients.git.objects import Objects, together
from interlock.clients.git.repository import Repository
from interlock.clients.git.trees import FileChange, TreeEntry
from interlock.formats.signatures.commit import Commit, Identity

__all__ = [
    "Commit",
    "FileChange",
    "Identity",
    "Objects",
    "Repository",
    "TreeEntry",
    "together",
    "write_identity_config",
]
