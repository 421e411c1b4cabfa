"""How a controller inside acts: through the API, as its own user, so that its writes are checked and audited too."""

from __future__ import annotations

from typing import Any

from interlock.local.kubernetes.answers import ApiError
from interlock.local.kubernetes.api import Answer, Api, Request
from interlock.local.kubernetes.kinds import Kind
from interlock.local.kubernetes.request import User

Object = dict[str, Any]


class Actor:
    """A controller of kube-system. Methods raise ApiError."""

    def __init__(self, api: Api, name: str) -> None:
        self._api = api
        self._name = name
        groups = ("system:masters", "system:serviceaccounts", "system:authenticated")
        self._user = User(f"system:serviceaccount:kube-system:{name}", groups)

    def create(self, kind: Kind, obj: Object) -> Object:
        namespace = obj["metadata"].get("namespace", "")
        return self._send("POST", _path(kind, namespace), obj)

    def replace(self, kind: Kind, obj: Object, *, subresource: str = "") -> Object:
        metadata = obj["metadata"]
        return self._send("PUT", _path(kind, metadata.get("namespace", ""), metadata["name"], subresource), obj)

    def delete(self, kind: Kind, namespace: str, name: str, *, propagation: str, uid: str) -> None:
        """Delete that very object; one that is gone is fine."""
        options = {"kind": "DeleteOptions", "propagationPolicy": propagation, "preconditions": {"uid": uid}}
        try:
            self._send("DELETE", _path(kind, namespace, name), options)
        except ApiError as error:
            if error.code not in (404, 409):
                raise

    def _send(self, method: str, path: str, value: Object) -> Object:
        headers = {"user-agent": f"{self._name}/interlock", "content-type": "application/json"}
        answer: Answer = self._api.handle(Request(method, path, headers=headers, user=self._user, value=value))
        body = answer.body if isinstance(answer.body, dict) else {}
        if answer.code >= 400:
            error = ApiError(answer.code, str(body.get("reason")), str(body.get("message")))
            raise error
        return body


def _path(kind: Kind, namespace: str, name: str = "", subresource: str = "") -> str:
    base = f"/apis/{kind.api_version}" if kind.group else f"/api/{kind.version}"
    scope = f"/namespaces/{namespace}" if kind.namespaced and namespace else ""
    return "/".join(part for part in (f"{base}{scope}/{kind.plural}", name, subresource) if part)
