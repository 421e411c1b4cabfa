"""``kubectl --as``: a request on behalf of another user, for those with the verb ``impersonate``.

Source: apiserver endpoints/filters/impersonation.go. A header that is not understood is refused: nobody may believe
to act with fewer rights than they do.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from interlock.local.kubernetes import answers
from interlock.local.kubernetes.rbac.authorizer import Decision, refusal
from interlock.local.kubernetes.request import RequestInfo, User
from interlock.local.kubernetes.service_accounts import user_of

Decide = Callable[[User, RequestInfo], Decision]

_ACCOUNT = "system:serviceaccount:"


def impersonated(user: User, headers: Mapping[str, str], groups: tuple[str, ...], decide: Decide) -> User:
    """The user to act as; ``user`` itself without such headers. Raises ApiError 400, 403."""
    name = headers.get("impersonate-user", "")
    if unknown := [item for item in headers if item.startswith(("impersonate-uid", "impersonate-extra-"))]:
        raise answers.bad_request(f"{unknown[0]} is not supported by this server")
    if not name:
        if groups:
            raise answers.bad_request("impersonate-group needs impersonate-user")
        return user
    account = name.removeprefix(_ACCOUNT).split(":") if name.startswith(_ACCOUNT) else []
    if len(account) == 2:
        _check(user, RequestInfo("impersonate", "", "", "v1", "serviceaccounts", "", account[0], account[1]), decide)
        groups = groups or user_of(*account).groups
    else:
        _check(user, RequestInfo("impersonate", "", "", "v1", "users", name=name), decide)
    for group in groups:
        _check(user, RequestInfo("impersonate", "", "", "v1", "groups", name=group), decide)
    return User(name, tuple(dict.fromkeys((*groups, "system:authenticated"))), real=user)


def _check(user: User, info: RequestInfo, decide: Decide) -> None:
    if not decide(user, info).allowed:
        raise answers.forbidden(info.group, info.resource, info.name, refusal(user, info))
