"""The kinds that are questions: who am I, what may I do, is this token good, and a token for an account."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from interlock.formats.kubernetes import validation
from interlock.local.kubernetes import answers
from interlock.local.kubernetes.authentication import Authenticator
from interlock.local.kubernetes.cluster import Call, Cluster, Object
from interlock.local.kubernetes.rbac.authorizer import MASTERS
from interlock.local.kubernetes.request import RequestInfo, User
from interlock.local.kubernetes.service_accounts import ServiceAccounts

_SHORTEST = 600
_LONGEST = 2**32


class Reviews:
    def __init__(self, cluster: Cluster, authenticator: Authenticator, accounts: ServiceAccounts) -> None:
        self._cluster = cluster
        self._authenticator = authenticator
        self._accounts = accounts
        self._answer: dict[str, Callable[[Call, Object], Object]] = {
            "SelfSubjectReview": self._self,
            "TokenReview": self._token,
            "SelfSubjectAccessReview": self._self_access,
            "SubjectAccessReview": self._subject_access,
            "LocalSubjectAccessReview": self._subject_access,
            "SelfSubjectRulesReview": self._rules,
        }

    def handles(self, kind: str) -> bool:
        return kind in self._answer

    def review(self, call: Call, body: Object) -> Object:
        """The review with its status. Raises ApiError 400 for a wrong type, 422 for faults."""
        kind = call.kind
        sent = (body.get("apiVersion") or kind.api_version, body.get("kind") or kind.name)
        if sent != (kind.api_version, kind.name):
            raise answers.bad_request(f"the object is {sent[0]}, Kind={sent[1]}")
        body, _ = validation.prune({name: value for name, value in body.items() if name != "status"}, kind.schema)
        if faults := validation.check(body, kind.schema):
            raise answers.invalid(kind.group, kind.name, "", faults)
        metadata = {**(body.get("metadata") or {}), "creationTimestamp": None}
        return {
            "kind": kind.name,
            "apiVersion": kind.api_version,
            "metadata": metadata,
            "spec": body.get("spec") or {},
            "status": self._answer[kind.name](call, body.get("spec") or {}),
        }

    def _self(self, call: Call, spec: Object) -> Object:
        return {"userInfo": user_info(call.user)}

    def _token(self, call: Call, spec: Object) -> Object:
        token, audiences = spec.get("token") or "", tuple(spec.get("audiences") or ())
        verified = self._accounts.verify(token, audiences=audiences)
        if verified is not None:
            groups = (*verified.user.groups, "system:authenticated")
            user = User(verified.user.name, groups, verified.user.uid, verified.user.extra)
            return {"authenticated": True, "user": user_info(user), "audiences": list(verified.audiences)}
        user_found = self._authenticator.of_token(token)
        if user_found is not None and (not audiences or self._accounts.issuer in audiences):
            return {"authenticated": True, "user": user_info(user_found), "audiences": [self._accounts.issuer]}
        return {"user": {}, "error": "the token is not valid"}

    def _self_access(self, call: Call, spec: Object) -> Object:
        return self._access(call.user, spec)

    def _subject_access(self, call: Call, spec: Object) -> Object:
        return self._access(User(spec.get("user") or "", tuple(spec.get("groups") or ()), spec.get("uid") or ""), spec)

    def _access(self, user: User, spec: Object) -> Object:
        if attributes := spec.get("resourceAttributes"):
            info = RequestInfo(
                attributes.get("verb", ""),
                "",
                attributes.get("group", ""),
                attributes.get("version", ""),
                attributes.get("resource", ""),
                attributes.get("subresource", ""),
                attributes.get("namespace", ""),
                attributes.get("name", ""),
            )
        elif attributes := spec.get("nonResourceAttributes"):
            info = RequestInfo(attributes.get("verb", ""), attributes.get("path", ""))
        else:
            raise answers.bad_request("exactly one of resourceAttributes or nonResourceAttributes is needed")
        decision = self._cluster.authorizer.decide(user, info)
        return {"allowed": decision.allowed, **({"reason": decision.reason} if decision.reason else {})}

    def _rules(self, call: Call, spec: Object) -> Object:
        everything: Object = {"verbs": ["*"], "apiGroups": ["*"], "resources": ["*"]}
        resource_rules: list[Object] = [everything] if MASTERS in call.user.groups else []
        url_rules: list[Object] = [{"verbs": ["*"], "nonResourceURLs": ["*"]}] if resource_rules else []
        for grant in self._cluster.authorizer.grants(call.user, spec.get("namespace") or ""):
            rule = grant.rule
            if rule.urls:
                url_rules.append({"verbs": sorted(rule.verbs), "nonResourceURLs": sorted(rule.urls)})
            else:
                shown: dict[str, Any] = {"verbs": rule.verbs, "apiGroups": rule.groups, "resources": rule.resources}
                if rule.names:
                    shown["resourceNames"] = rule.names
                resource_rules.append({name: sorted(values) for name, values in shown.items()})
        return {"resourceRules": resource_rules, "nonResourceRules": url_rules, "incomplete": False}

    def request_token(self, call: Call, name: str, body: Object) -> Object:
        """The ``token`` subresource of a service account (TokenRequest)."""
        account = self._cluster.find(call.kind, call.namespace, name)
        if account is None:
            raise answers.not_found("", "serviceaccounts", name)
        spec = body.get("spec") or {}
        seconds = spec.get("expirationSeconds") or 3600
        if not isinstance(seconds, int) or not _SHORTEST <= seconds <= _LONGEST:
            text = (
                f"Invalid value: {seconds}: may not specify a duration less than 10 minutes or more than 2^32 seconds"
            )
            cause = validation.Cause("FieldValueInvalid", "spec.expirationSeconds", text)
            raise answers.invalid("authentication.k8s.io", "TokenRequest", "", [cause])
        if spec.get("boundObjectRef"):
            raise answers.bad_request("this server binds tokens to service accounts only, not to boundObjectRef")
        audiences = tuple(spec.get("audiences") or (self._accounts.issuer,))
        token, until = self._accounts.issue(
            account, audiences=audiences, seconds=seconds, token_id=self._cluster.new_uid()
        )
        return {
            "kind": "TokenRequest",
            "apiVersion": "authentication.k8s.io/v1",
            "metadata": {"name": name, "namespace": call.namespace, "creationTimestamp": self._cluster.timestamp()},
            "spec": {"audiences": list(audiences), "expirationSeconds": seconds, "boundObjectRef": None},
            "status": {"token": token, "expirationTimestamp": until.strftime("%Y-%m-%dT%H:%M:%SZ")},
        }


def user_info(user: User) -> Object:
    """``UserInfo`` of authentication.k8s.io/v1."""
    info: Object = {"username": user.name, "groups": list(user.groups)}
    if user.uid:
        info["uid"] = user.uid
    if user.extra:
        info["extra"] = {name: list(values) for name, values in user.extra.items()}
    return info
