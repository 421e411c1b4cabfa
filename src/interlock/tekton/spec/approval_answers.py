"""Who may answer an ApprovalTask, and what an answer changes (openshift-pipelines/manual-approval-gate).

`answered` writes an answer as upstream's command line does (pkg/actions); `admit` judges a change as its webhook does
(pkg/reconciler/webhook), where the API server says whose change it is. Texts are upstream's.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from interlock.errors import RefusedError
from interlock.tekton.spec.approvals import APPROVED, PENDING, REJECTED, Answer, Object, answers, is_group


def answered(
    value: Mapping[str, Any], user: str, groups: Collection[str], answer: Answer, message: str = ""
) -> list[Object]:
    """``spec.approvers`` with the answer of ``user`` (the command line's ``approve`` and ``reject``).

    Raises RefusedError ``approval-refused``: not an approver, already answered, or nothing left to answer.
    """
    before = value["spec"]["approvers"]
    approvers = [dict(item) for item in before]
    if not any(item["name"] in groups if is_group(item) else item["name"] == user for item in approvers):
        raise RefusedError("approval-refused", f"approver: {user}, is not present in the approvers list")
    said: Object = {"input": answer, **({"message": message} if message else {})}
    alone = False
    for item in approvers:
        if not is_group(item) and item["name"] == user:
            item.update(said)
            alone = True
    for item in approvers:
        if is_group(item) and item["name"] in groups:
            item.update(said)
            if not alone:
                others = [member for member in item.get("users") or [] if member["name"] != user]
                item["users"] = [*others, {"name": user, **said}]
    changed = {**value, "spec": {**value["spec"], "approvers": approvers}}
    if (problem := admit(value, changed, user, groups)) is not None:
        raise RefusedError("approval-refused", problem)
    return approvers


def admit(old: Mapping[str, Any] | None, new: Mapping[str, Any], user: str, groups: Collection[str] = ()) -> str | None:
    """Why the webhook refuses to store ``new`` over ``old`` for ``user``; None if it does not. Not for the status.

    Stricter than upstream's, which lets an approver lower the number of approvals that are required.
    """
    approvers = (new.get("spec") or {}).get("approvers") or []
    if old is None:
        return _answered_before_asked(approvers)
    before = old["spec"]["approvers"]
    if (old.get("status") or {}).get("state") in (APPROVED, REJECTED):
        return "ApprovalTask has already reached it's final state"
    if len(set(answers(before, "approve"))) >= old["spec"]["numberOfApprovalsRequired"]:
        return "ApprovalTask has already reached it's final state"
    if not any(_belongs(item, user, groups) for item in before):
        return "User does not exist in the approval list"
    if said := _decided(old, approvers, user, groups):
        return said
    rest = [{key: item for key, item in value["spec"].items() if key != "approvers"} for value in (old, new)]
    if len(before) != len(approvers) or rest[0] != rest[1]:
        return "User can only update their own approval input"
    pairs = list(zip(before, approvers, strict=True))
    for was, now in pairs:
        for text in _inputs(now):
            if text not in (PENDING, "approve", "reject"):
                return (
                    f"Invalid input change: invalid input value: '{text}'. Supported values are 'approve' or 'reject'"
                )
        if was["name"] != now.get("name") or was.get("type", "User") != now.get("type", "User"):
            return "User can only update their own approval input"
    own = any(_own_change(was, now, user, groups) for was, now in pairs)
    if not own or any(_foreign_change(was, now, user, groups) for was, now in pairs):
        return "User can only update their own approval input"
    return None


def _answered_before_asked(approvers: Sequence[Mapping[str, Any]]) -> str | None:
    for index, approver in enumerate(approvers):
        members = enumerate(approver.get("users") or [])
        places = [(f"approvers[{index}]", approver), *((f"approvers[{index}].users[{at}]", who) for at, who in members)]
        for place, item in places:
            if (said := item.get("input")) != PENDING:
                return f"validation failed: {place}.input: must be 'pending' for new ApprovalTask, got '{said}'"
    return None


def _inputs(approver: Mapping[str, Any]) -> list[str]:
    return [str(approver.get("input")), *(str(user.get("input")) for user in approver.get("users") or [])]


def _belongs(approver: Mapping[str, Any], user: str, groups: Collection[str]) -> bool:
    if not is_group(approver):
        return bool(approver["name"] == user)
    return approver["name"] in groups or any(member["name"] == user for member in approver.get("users") or [])


def _members(approver: Mapping[str, Any]) -> dict[str, str]:
    return {member["name"]: member.get("input", "") for member in approver.get("users") or []}


def _own_change(was: Mapping[str, Any], now: Mapping[str, Any], user: str, groups: Collection[str]) -> bool:
    if not _belongs(was, user, groups):
        return False
    if was.get("input") != now.get("input") and now.get("input") != PENDING:
        return True
    return is_group(was) and _members(now).get(user, PENDING) not in (PENDING, _members(was).get(user))


def _foreign_change(was: Mapping[str, Any], now: Mapping[str, Any], user: str, groups: Collection[str]) -> bool:
    """Whether something changed that is not the user's (CheckOtherUsersForInvalidChanges).

    Stricter than upstream: another person's entry in a group may not be removed either.
    """
    mine = _belongs(was, user, groups)
    if not mine:
        return was != now
    before, after = _members(was), _members(now)
    return any(before.get(name) != after.get(name) for name in {*before, *after} - {user})


def _decided(
    old: Mapping[str, Any], approvers: Sequence[Mapping[str, Any]], user: str, groups: Collection[str]
) -> str | None:
    """Nobody approves twice, and a rejection stays (checkIfUserAlreadyDecided)."""
    wanted = next((item.get("input") for item in approvers if not is_group(item) and item["name"] == user), None)
    if wanted is None:
        found = [item for item in approvers if is_group(item) and _belongs(item, user, groups)]
        wanted = next((_members(item).get(user) or item.get("input") for item in found), None)
    for entry in (old.get("status") or {}).get("approversResponse") or []:
        people = [entry] if entry.get("type", "User") == "User" else entry.get("groupMembers") or []
        for person in people:
            if person["name"] != user:
                continue
            if person["response"] == APPROVED and wanted == "approve":
                return "User has already approved"
            if person["response"] == REJECTED:
                return "User has already rejected"
    return None
