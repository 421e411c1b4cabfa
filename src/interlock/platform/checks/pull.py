"""Checks of the pull request itself: what it is, where it goes, and whether now is the time."""

from __future__ import annotations

from interlock.platform.checks.check import Check
from interlock.platform.checks.facts import GateFacts
from interlock.platform.domain.change import REGULAR_FILE
from interlock.platform.domain.delivery import SUPPORTED, DeliveryKind
from interlock.platform.domain.facts import Unread
from interlock.platform.domain.verdict import Finding
from interlock.platform.estate.protection import MAIN


class KindRecognised(Check):
    """Also for the kinds that are refused: the refusal names them."""

    id = "delivery-kind"
    claim = "The pull request is one delivery of one supported kind, of regular files."

    def judge(self, facts: GateFacts) -> Finding:
        found = facts.classification
        if isinstance(facts.change, Unread):
            return self.unread(facts.change)
        if found.kind is None:
            return self.invalid(found.reason, found.detail)
        if found.kind not in SUPPORTED:
            return self.invalid("kind-unsupported", f"{found.kind.value}: not supported yet")
        odd = [item for item in facts.change.effect if item.status != "deleted" and item.new_mode != REGULAR_FILE]
        if odd:
            return self.invalid("file-mode", ", ".join(f"{item.path} ({item.new_mode})" for item in odd))
        return self.valid(found.kind.value)


class ServiceRegistered(Check):
    """Owner, team and repositories come from the sealed platform repo, never from the pull request."""

    id = "service-registered"
    claim = "The service is registered in the sealed platform repo."

    def judge(self, facts: GateFacts) -> Finding:
        name = facts.classification.service
        if facts.service is None:
            return self.invalid("service-unregistered", name or "no single service")
        return self.valid(f"{name}, read at {facts.estate.commit[:12]}")


class PullBase(Check):
    """An approval is for a base: the only base is ``main`` of the environment's repository."""

    id = "pull-base"
    claim = "The pull request is open, for branch main of the environment's repository."

    def judge(self, facts: GateFacts) -> Finding:
        expected = facts.estate.repository(facts.environment)
        if not facts.pull.open:
            return self.invalid("pull-closed")
        if facts.pull.base_ref != MAIN or facts.pull.repository != expected:
            return self.invalid("pull-wrong-base", f"{facts.pull.repository} {facts.pull.base_ref}")
        if not isinstance(facts.change, Unread) and facts.change.head != facts.pull.head:
            return self.unknown("pull-head-moved", f"{facts.change.head[:12]}, forge says {facts.pull.head[:12]}")
        return self.valid(f"{expected} {MAIN}")


class MergesCleanly(Check):
    """Without a clean merge there is no result that could be approved."""

    id = "merges-cleanly"
    claim = "Git merges the head into main without conflict."

    def judge(self, facts: GateFacts) -> Finding:
        for fact in (facts.change, facts.result):
            if isinstance(fact, Unread):
                conflict = fact.code == "merge-conflict"
                return self.invalid("merge-conflict", fact.detail) if conflict else self.unread(fact)
        return self.valid()


class QueueOpen(Check):
    """Restoring what is sealed is the one thing that a blocked queue lets pass."""

    id = "queue-open"
    claim = "Everything on main is proven, or this pull request restores what is sealed."

    def judge(self, facts: GateFacts) -> Finding:
        if facts.queue.blocked_by is None or facts.restores:
            return self.valid("restores what is sealed" if facts.restores else "")
        detail = f"{facts.queue.blocked_by[:12]}: {facts.queue.reason}"
        if facts.queue.waiting:
            return self.unknown("queue-waiting", detail)
        return self.invalid("queue-blocked", detail)


class WindowOpen(Check):
    """Environments without windows are always open; so is the release of a blocked queue."""

    id = "change-window"
    claim = "A change window of the environment is open."

    def judge(self, facts: GateFacts) -> Finding:
        windows = facts.environment.windows
        if facts.restores or not windows or any(window.contains(facts.now) for window in windows):
            return self.valid(facts.now.isoformat(timespec="seconds"))
        return self.invalid("window-closed", facts.now.isoformat(timespec="seconds"))


class NoFreeze(Check):
    """Reverts are delivered in a freeze too: a freeze must not keep a bad release running."""

    id = "no-freeze"
    claim = "The environment is not frozen."

    def judge(self, facts: GateFacts) -> Finding:
        freezes = facts.estate.freezes(facts.environment, facts.now)
        if not freezes or facts.kind is DeliveryKind.REVERT:
            return self.valid()
        return self.invalid("freeze", ", ".join(f"{item.name} until {item.end.isoformat()}" for item in freezes))
