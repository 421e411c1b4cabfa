"""Checks of the pull request itself: what it is, where it goes, and whether now is the time."""

from __future__ import annotations

from interlock.platform.checks.check import Check
from interlock.platform.checks.reasons import Reason, table
from interlock.platform.domain.change import REGULAR_FILE
from interlock.platform.domain.facts import Unread
from interlock.platform.domain.verdict import Finding
from interlock.platform.estate.protection import MAIN
from interlock.platform.facts import Facts, case, change, ground, pull, queue, result

REASONS = table(
    {
        "file-mode": Reason("A changed file is a link, a submodule or executable.", "commit regular files only"),
        "service-unregistered": Reason(
            "The sealed platform repo does not register this service.",
            "`interlock service create` registers it; wait until its pull request is sealed",
        ),
        "merge-conflict": Reason("The pull request does not merge cleanly.", "bring the branch up to date with main"),
        "pull-wrong-base": Reason(
            "The base is not branch main of the environment's repository.", "retarget it to main"
        ),
        "pull-closed": Reason("The pull request is not open.", "open a new one"),
        "pull-from-fork": Reason(
            "The head is a branch of a fork, and no delivery comes from one.",
            "push the branch to the environment's own repository",
        ),
        "pull-head-moved": Reason(
            "The branch's tip is not the head that the forge reports.", "wait for the next round"
        ),
        "window-closed": Reason("No change window of the environment is open.", "wait for the next window"),
        "freeze": Reason("The environment is frozen.", "wait until the freeze ends"),
        "queue-waiting": Reason(
            "Whether a commit of main can be proven is not known yet: a source did not answer.",
            "wait for the next round",
        ),
        "queue-blocked": Reason(
            "main has a commit that cannot be proven; nothing is merged before its revert.",
            "`interlock revert` prepares the revert that releases the queue",
        ),
    }
)


class KindRecognised(Check):
    """Also for what no kind claims: the refusal says what it is."""

    id = "delivery-kind"
    claim = "The pull request is one delivery of one supported kind, of regular files."

    def judge(self, facts: Facts) -> Finding:
        found, effect = facts.get(case.read), facts.get(change.read).effect
        if found.kind is None:
            return self.invalid(found.reason, found.detail)
        odd = [item for item in effect if item.status != "deleted" and item.new_mode != REGULAR_FILE]
        if odd:
            return self.invalid("file-mode", ", ".join(f"{item.path} ({item.new_mode})" for item in odd))
        return self.valid(found.kind)


class ServiceRegistered(Check):
    """Owner, team and repositories come from the sealed platform repo, never from the pull request."""

    id = "service-registered"
    claim = "The service is registered in the sealed platform repo."

    def judge(self, facts: Facts) -> Finding:
        name = facts.get(case.read).service
        if facts.get(ground.service) is None:
            return self.invalid("service-unregistered", name or "no single service")
        return self.valid(f"{name}, read at {facts.get(ground.estate).commit[:12]}")


class PullBase(Check):
    """An approval is for a base: the only base is ``main`` of the environment's repository."""

    id = "pull-base"
    claim = "The pull request is open, for branch main of the environment's repository."

    def judge(self, facts: Facts) -> Finding:
        asked, expected = facts.get(pull.read), facts.get(ground.estate).repository(facts.get(ground.environment))
        if not asked.open:
            return self.invalid("pull-closed")
        if facts.get(pull.foreign):
            return self.invalid("pull-from-fork", asked.head_ref[:60])
        if asked.base_ref != MAIN or asked.repository != expected:
            return self.invalid("pull-wrong-base", f"{asked.repository} {asked.base_ref}")
        found = facts.look(change.read)
        if not isinstance(found, Unread) and found.head != asked.head:
            return self.unknown("pull-head-moved", f"{found.head[:12]}, forge says {asked.head[:12]}")
        return self.valid(f"{expected} {MAIN}")


class MergesCleanly(Check):
    """Without a clean merge there is no result that could be approved."""

    id = "merges-cleanly"
    claim = "Git merges the head into main without conflict."

    def judge(self, facts: Facts) -> Finding:
        found = facts.look(change.read)
        if isinstance(found, Unread) and found.code == change.CONFLICT:
            return self.invalid(change.CONFLICT, found.detail)
        facts.get(change.read), facts.get(result.read)
        return self.valid()


class QueueOpen(Check):
    """Restoring what is sealed is the one thing that a blocked queue lets pass."""

    id = "queue-open"
    claim = "Everything on main is proven, or this pull request restores what is sealed."

    def judge(self, facts: Facts) -> Finding:
        state, restores = facts.get(queue.read), facts.get(case.read).restores
        if state.blocked_by is None or restores:
            return self.valid("restores what is sealed" if restores else "")
        detail = f"{state.blocked_by[:12]}: {state.reason}"
        if state.waiting:
            return self.unknown("queue-waiting", detail)
        return self.invalid("queue-blocked", detail)


class WindowOpen(Check):
    """Environments without windows are always open; so is the release of a blocked queue.

    The detail names windows and not the time: what is told may not change while nothing in the world does.
    """

    id = "change-window"
    claim = "A change window of the environment is open."

    def judge(self, facts: Facts) -> Finding:
        windows = facts.get(ground.demand).windows
        if not windows:
            return self.valid("always open")
        if facts.get(case.read).restores:
            return self.valid("restores what is sealed")
        told = "; ".join(str(window) for window in windows)
        if any(window.contains(facts.get(ground.moment)) for window in windows):
            return self.valid(told)
        return self.invalid("window-closed", told)


class NoFreeze(Check):
    """A freeze must not keep a bad release running: kinds that undo are exempt, and do not ask for this check."""

    id = "no-freeze"
    claim = "The environment is not frozen."

    def judge(self, facts: Facts) -> Finding:
        freezes = facts.get(ground.estate).freezes(facts.get(ground.environment), facts.get(ground.moment))
        if not freezes:
            return self.valid()
        return self.invalid("freeze", ", ".join(f"{item.name} until {item.end.isoformat()}" for item in freezes))
