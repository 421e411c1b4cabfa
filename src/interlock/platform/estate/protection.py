"""What the forge must enforce on each repository of an estate, as data (design section 6).

The forge is the first line: a push or merge that these rules forbid is refused by the forge itself, with the
platform down. The second is the seal: what slipped past the forge never syncs.
"""

from __future__ import annotations

from dataclasses import dataclass

from interlock.platform.estate import layout
from interlock.platform.estate.estate import Estate
from interlock.platform.estate.platform import Environment

GATE_STATUS = "interlock/gate"
"""Context of the commit status that the gate sets and every protected ``main`` requires."""
SEALED = layout.short(layout.SEALED)
MAIN = layout.short(layout.MAIN)


@dataclass(frozen=True, slots=True)
class BranchRules:
    """Rules of one branch; no field has a permissive meaning when empty except ``None`` where it says so."""

    branch: str
    push: tuple[str, ...] | None
    """Accounts that may push; None: everybody who may write. Nobody may force a push, admins included."""
    merge: tuple[str, ...] | None
    """Accounts that may merge pull requests; None: everybody who may write."""
    approvals: int = 0
    statuses: tuple[str, ...] = ()
    """Commit statuses that must be ``success`` on the head."""
    signed_commits: bool = False
    dismiss_stale: bool = True
    """A push dismisses the approvals given before it."""
    block_admins: bool = True
    """Administrators are bound by these rules too."""


def environment_rules(estate: Estate, environment: Environment) -> tuple[BranchRules, ...]:
    """Branch rules of an env repo, or of the platform repo for environment ``platform``."""
    platform = (estate.platform.accounts.platform,)
    # No demand for signed commits: forges check every commit that a push brings, and a seal brings all that it stands
    # on, so the unsigned commit that a restoring revert takes back too. Argo CD checks the seal itself.
    sealed = BranchRules(SEALED, push=platform, merge=())
    if not environment.sealed:
        # dev is free for all: direct commits are allowed, approvals are not asked for (design section 5).
        return (BranchRules(MAIN, push=None, merge=None, statuses=(GATE_STATUS,)), sealed)
    main = BranchRules(
        MAIN,
        # Nobody, the platform included: main moves by merges alone.
        push=(),
        merge=platform,
        approvals=sum(item.count for item in environment.rules.approvals),
        statuses=(GATE_STATUS,),
        signed_commits=environment.rules.signed_commits,
    )
    return (main, sealed)


def app_rules() -> tuple[BranchRules, ...]:
    """Branch rules of an app repo: its team's own business, but every commit of ``main`` says who made it."""
    return (BranchRules(MAIN, push=None, merge=None, signed_commits=True),)


def required(estate: Estate) -> dict[str, tuple[BranchRules, ...]]:
    """Repository (``owner/name``) -> its branch rules, for the platform repo, every env repo and every app repo."""
    rules = {}
    for environment in (estate.platform.itself, *estate.platform.environments):
        rules[estate.repository(environment)] = environment_rules(estate, environment)
    for service in estate.services.values():
        rules[f"{estate.platform.organisation}/{service.repository}"] = app_rules()
    return rules
