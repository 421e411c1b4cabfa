"""Environments without seals of their own: which Applications exist is proven all the same.

Anybody may commit to dev's ``main``, and its services follow it. But a file under ``argocd/`` could name the project of
another environment and run anything there, so the root Application follows ``sealed`` here too, and a commit is sealed
only when every such file is what the golden path generates for a registered service.
"""

from __future__ import annotations

from collections.abc import Callable

from interlock.clients.git import Repository
from interlock.errors import InterlockError
from interlock.platform.checks import reasons
from interlock.platform.delivery.history import Main, Proof
from interlock.platform.domain.facts import unread
from interlock.platform.domain.ids import ObjectId, ReasonCode, ServiceName
from interlock.platform.domain.verdict import Verdict
from interlock.platform.estate import layout
from interlock.platform.facts.change import contents

FOLDER = "argocd"


def prove_applications(
    git: Repository,
    main: Main,
    expected: Callable[[ServiceName], bytes | None],
    removed: Callable[[ServiceName], bool] = lambda _: False,
) -> Proof | None:
    """Whether the tip of ``main`` may be sealed; None when no file under ``argocd/`` changed since the last seal.

    ``expected`` gives the golden path's Application file of a registered service, None for any other name; it may
    raise: then the verdict is unknown. ``removed``: whether a removal of the service was decided, so that its file is
    gone.
    """
    tip = main.tip
    changed = [item for item in git.diff(main.sealed.id, tip) if item.path.startswith(f"{FOLDER}/")]
    if not changed:
        return None
    found = contents(git, tip, [item.path for item in changed])
    try:
        for item in changed:
            service = layout.application_of(item.path)
            if item.status == "D" and service and removed(service):
                continue
            wanted = expected(service) if service else None
            if wanted is None or item.new_mode != "100644" or found.get(item.path) != wanted:
                return Proof(tip, Verdict.INVALID, ReasonCode("application-unproven"), item.path)
    except InterlockError as error:
        return Proof(tip, Verdict.UNKNOWN, ReasonCode("fact-unreadable"), str(unread("golden path", error)))
    paths = ", ".join(item.path for item in changed)
    return Proof(tip, Verdict.VALID, ReasonCode(reasons.OK), paths, expected_tree=ObjectId(git.tree(tip)))
