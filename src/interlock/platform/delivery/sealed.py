"""The estate as sealed: rules, people, services and keys from the tip of the platform repo's ``sealed``."""

from __future__ import annotations

from interlock.clients.git import Repository
from interlock.platform import estate as estates
from interlock.platform.delivery import seal
from interlock.platform.estate import Estate


def load(git: Repository, certificate: str, *, known: Estate | None = None) -> Estate:
    """Read the estate from a fetched mirror of the platform repo; ``known`` is returned while it is of that commit.

    Raises IntegrityError ``seal-invalid`` when the tip is no seal of ``certificate``'s key, and the errors of
    `estate.load`.
    """
    tip = seal.read(git, seal.BRANCH, certificate).id
    if known is not None and known.commit == tip:
        return known
    entries = [item for item in git.ls_tree(tip) if item.type == "blob" and estates.belongs(item.path)]
    return estates.load({item.path: git.blob(item.id) for item in entries}, commit=tip)
