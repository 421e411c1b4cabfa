"""Who gets in and what they may do: tokens, service accounts, roles, and that nobody grants what they lack."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from interlock.clients.kubernetes import KubernetesClient
from interlock.errors import InputError, NotFoundError, RefusedError
from interlock.formats import yaml
from interlock.local.kubernetes import kubeconfig, tokens
from interlock.local.kubernetes.service_accounts import ServiceAccounts
from interlock.local.kubernetes.store import Store

RBAC = "rbac.authorization.k8s.io/v1"
VIEWER = "viewer-token-0123456789"


@pytest.fixture
def viewer(cluster: Any) -> Any:
    with cluster.client(VIEWER) as client:
        yield client


def grant(
    client: KubernetesClient, namespace: str, name: str, rules: list[dict[str, Any]], subject: Any = None
) -> None:
    """Role and binding ``name`` for user viewer, or for ``subject``."""
    metadata = {"name": name, "namespace": namespace}
    client.create({"apiVersion": RBAC, "kind": "Role", "metadata": metadata, "rules": rules})
    client.create(
        {
            "apiVersion": RBAC,
            "kind": "RoleBinding",
            "metadata": metadata,
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": name},
            "subjects": [subject or {"kind": "User", "name": "viewer"}],
        }
    )


def rule(verbs: str, resources: str, groups: str = "", names: str = "") -> dict[str, Any]:
    found = {"verbs": verbs.split(), "apiGroups": groups.split() or [""], "resources": resources.split()}
    return {**found, **({"resourceNames": names.split()} if names else {})}


def config_map(namespace: str, name: str = "a") -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name, "namespace": namespace}}


def refusal(call: Callable[[], object]) -> str:
    with pytest.raises(RefusedError) as caught:
        call()
    assert caught.value.code == "kubernetes-forbidden"
    return caught.value.message


@pytest.mark.parametrize("path", ["/healthz", "/readyz", "/version"])
def test_health_and_version_are_open(cluster: Any, path: str) -> None:
    with cluster.http(None) as nobody:
        assert nobody.get(path).status_code == 200


@pytest.mark.parametrize(
    "path", ["/api", "/apis", "/openapi/v3", "/api/v1/namespaces", "/openid/v1/jwks", "/", "/version/x"]
)
@pytest.mark.parametrize("token", [None, "wrong", "", "viewer-token-012345678", "viewer-token-01234567890"])
def test_everything_else_needs_a_token_that_is_accepted(cluster: Any, path: str, token: str | None) -> None:
    with cluster.http(token) as nobody:
        answer = nobody.get(path)
    assert answer.status_code == 401
    assert answer.json()["reason"] == "Unauthorized"


def test_a_wrong_token_is_refused_on_open_paths_too(cluster: Any) -> None:
    with cluster.http("wrong") as nobody:
        assert nobody.get("/version").status_code == 401


def test_basic_credentials_are_no_token(cluster: Any) -> None:
    with cluster.http(None) as nobody:
        assert nobody.get("/api", headers={"Authorization": "Basic dmlld2VyOng="}).status_code == 401


def test_without_a_role_nothing_can_be_done(viewer: KubernetesClient, namespace: str) -> None:
    message = refusal(lambda: viewer.get("v1", "ConfigMap", "a", namespace))
    expected = f'User "viewer" cannot get resource "configmaps" in API group "" in the namespace "{namespace}"'
    assert message == f'configmaps "a" is forbidden: {expected}'
    refusal(lambda: viewer.list("v1", "Secret"))
    refusal(lambda: viewer.create(config_map(namespace)))
    refusal(lambda: viewer.watch("v1", "ConfigMap", namespace=namespace))


def test_a_role_gives_its_verbs_on_its_resources_in_its_namespace(
    client: KubernetesClient, viewer: KubernetesClient, namespace: str
) -> None:
    grant(client, namespace, "reader", [rule("get list", "configmaps")])
    client.create(config_map(namespace))
    assert viewer.get("v1", "ConfigMap", "a", namespace)["kind"] == "ConfigMap"
    refusal(lambda: viewer.patch("v1", "ConfigMap", "a", {"data": {"x": "1"}}, namespace=namespace))
    refusal(lambda: viewer.delete("v1", "ConfigMap", "a", namespace=namespace))
    refusal(lambda: viewer.get("v1", "Secret", "a", namespace))
    refusal(lambda: viewer.list("v1", "ConfigMap"))
    refusal(lambda: viewer.get("v1", "ConfigMap", "a", "default"))


def test_names_and_subresources_are_told_apart(
    client: KubernetesClient, viewer: KubernetesClient, namespace: str
) -> None:
    runs = "tekton.dev/v1"
    for name in ("mine", "other"):
        metadata = {"name": name, "namespace": namespace}
        spec = {"pipelineRef": {"name": "build"}}
        client.create({"apiVersion": runs, "kind": "PipelineRun", "metadata": metadata, "spec": spec})
    grant(
        client,
        namespace,
        "one",
        [rule("get", "pipelineruns", "tekton.dev", "mine"), rule("patch", "pipelineruns/status", "tekton.dev", "mine")],
    )
    viewer.get(runs, "PipelineRun", "mine", namespace)
    viewer.patch(runs, "PipelineRun", "mine", {"status": {"a": 1}}, namespace=namespace, subresource="status")
    refusal(lambda: viewer.get(runs, "PipelineRun", "other", namespace))
    refusal(lambda: viewer.patch(runs, "PipelineRun", "mine", {"spec": {"a": 1}}, namespace=namespace))
    refusal(lambda: viewer.list(runs, "PipelineRun", namespace=namespace))


def test_applying_what_is_not_there_needs_the_verb_create(
    client: KubernetesClient, viewer: KubernetesClient, namespace: str
) -> None:
    grant(client, namespace, "patcher", [rule("patch", "configmaps")])
    message = refusal(lambda: viewer.apply(config_map(namespace), field_manager="viewer"))
    assert 'cannot create resource "configmaps"' in message
    client.create(config_map(namespace))
    viewer.apply(config_map(namespace), field_manager="viewer")


def test_a_revoked_role_ends_at_once(client: KubernetesClient, viewer: KubernetesClient, namespace: str) -> None:
    grant(client, namespace, "reader", [rule("list", "configmaps")])
    viewer.list("v1", "ConfigMap", namespace=namespace)
    client.delete(RBAC, "RoleBinding", "reader", namespace=namespace)
    refusal(lambda: viewer.list("v1", "ConfigMap", namespace=namespace))


def test_the_default_roles_build_on_each_other(
    client: KubernetesClient, viewer: KubernetesClient, namespace: str
) -> None:
    binding = {
        "apiVersion": RBAC,
        "kind": "RoleBinding",
        "metadata": {"name": "view", "namespace": namespace},
        "roleRef": {"kind": "ClusterRole", "name": "view"},
        "subjects": [{"kind": "Group", "name": "system:authenticated"}],
    }
    client.create(binding)
    viewer.list("apps/v1", "Deployment", namespace=namespace)
    refusal(lambda: viewer.list("v1", "Secret", namespace=namespace))
    refusal(lambda: viewer.create(config_map(namespace)))
    edit = {
        **binding,
        "metadata": {"name": "edit", "namespace": namespace},
        "roleRef": {"kind": "ClusterRole", "name": "edit"},
    }
    client.create(edit)
    viewer.list("apps/v1", "Deployment", namespace=namespace)
    viewer.create(config_map(namespace))
    refusal(lambda: viewer.list(RBAC, "Role", namespace=namespace))


def test_nobody_grants_what_they_do_not_hold(
    client: KubernetesClient, viewer: KubernetesClient, namespace: str
) -> None:
    grant(
        client,
        namespace,
        "manager",
        [rule("create update", "roles rolebindings", "rbac.authorization.k8s.io"), rule("get", "configmaps")],
    )
    role = {"apiVersion": RBAC, "kind": "Role", "metadata": {"name": "mine", "namespace": namespace}}
    viewer.create({**role, "rules": [rule("get", "configmaps")]})
    message = refusal(lambda: viewer.replace({**role, "rules": [rule("get", "secrets")]}))
    assert 'attempting to grant RBAC permissions not currently held:\n{APIGroups:[""], Resources:["secrets"]' in message
    refusal(lambda: viewer.replace({**role, "rules": [rule("*", "configmaps")]}))
    refusal(lambda: viewer.replace({**role, "rules": [rule("get", "*")]}))
    binding = {
        "apiVersion": RBAC,
        "kind": "RoleBinding",
        "metadata": {"name": "mine", "namespace": namespace},
        "subjects": [{"kind": "User", "name": "viewer"}],
    }
    refusal(lambda: viewer.create({**binding, "roleRef": {"kind": "ClusterRole", "name": "admin"}}))
    with pytest.raises(NotFoundError):
        viewer.create({**binding, "roleRef": {"kind": "Role", "name": "to-be-written-later"}})
    viewer.create({**binding, "roleRef": {"kind": "Role", "name": "mine"}})


def test_the_verbs_escalate_and_bind_lift_that(
    client: KubernetesClient, viewer: KubernetesClient, namespace: str
) -> None:
    group = "rbac.authorization.k8s.io"
    grant(
        client,
        namespace,
        "lifted",
        [
            rule("create escalate", "roles", group),
            rule("create", "rolebindings", group),
            rule("bind", "clusterroles", group, "view"),
        ],
    )
    role = {"apiVersion": RBAC, "kind": "Role", "metadata": {"name": "any", "namespace": namespace}}
    viewer.create({**role, "rules": [rule("*", "*", "*")]})
    binding = {
        "apiVersion": RBAC,
        "kind": "RoleBinding",
        "metadata": {"generateName": "b-", "namespace": namespace},
        "subjects": [{"kind": "User", "name": "viewer"}],
    }
    viewer.create({**binding, "roleRef": {"kind": "ClusterRole", "name": "view"}})
    refusal(lambda: viewer.create({**binding, "roleRef": {"kind": "Role", "name": "any"}}))


def test_a_binding_keeps_its_role(client: KubernetesClient, namespace: str) -> None:
    grant(client, namespace, "a", [rule("get", "configmaps")])
    with pytest.raises(InputError):
        client.patch(RBAC, "RoleBinding", "a", {"roleRef": {"name": "b"}}, namespace=namespace)


@pytest.fixture
def account(client: KubernetesClient, namespace: str) -> dict[str, Any]:
    return client.create(
        {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "builder", "namespace": namespace}}
    )


def request_token(client: KubernetesClient, namespace: str, **spec: Any) -> str:
    path = f"/api/v1/namespaces/{namespace}/serviceaccounts/builder/token"
    body = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": spec}
    return str(client.request("POST", path, body=body)["status"]["token"])


def claims(token: str) -> dict[str, Any]:
    part = token.split(".")[1]
    return dict(json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))))


def test_a_service_account_acts_with_its_token(
    cluster: Any, client: KubernetesClient, namespace: str, account: dict[str, Any]
) -> None:
    token = request_token(client, namespace)
    subject = {"kind": "ServiceAccount", "name": "builder", "namespace": namespace}
    grant(client, namespace, "build", [rule("list", "configmaps")], subject)
    with cluster.client(token) as builder:
        builder.list("v1", "ConfigMap", namespace=namespace)
        refusal(lambda: builder.list("v1", "Secret", namespace=namespace))
        review = {"apiVersion": "authentication.k8s.io/v1", "kind": "SelfSubjectReview"}
        user = builder.create({**review})["status"]["userInfo"]
    assert user["username"] == f"system:serviceaccount:{namespace}:builder"
    assert user["uid"] == account["metadata"]["uid"]
    assert "system:authenticated" in user["groups"]


def test_a_token_ends_with_its_account(cluster: Any, client: KubernetesClient, namespace: str, account: Any) -> None:
    token = request_token(client, namespace)
    client.delete("v1", "ServiceAccount", "builder", namespace=namespace)
    client.create(
        {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "builder", "namespace": namespace}}
    )
    with cluster.client(token) as builder, pytest.raises(RefusedError) as caught:
        builder.list("v1", "ConfigMap", namespace=namespace)
    assert caught.value.code == "kubernetes-unauthenticated"


def test_a_token_for_another_audience_does_not_open_the_api_and_can_be_reviewed(
    cluster: Any, client: KubernetesClient, namespace: str, account: Any
) -> None:
    token = request_token(client, namespace, audiences=["vault"], expirationSeconds=600)
    assert claims(token)["aud"] == ["vault"]
    assert claims(token)["exp"] - claims(token)["iat"] == 600
    with cluster.client(token) as builder, pytest.raises(RefusedError):
        builder.list("v1", "ConfigMap", namespace=namespace)
    review = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenReview"}
    good = client.create({**review, "spec": {"token": token, "audiences": ["vault", "other"]}})["status"]
    assert (good["authenticated"], good["audiences"]) == (True, ["vault"])
    assert good["user"]["username"] == f"system:serviceaccount:{namespace}:builder"
    bad = client.create({**review, "spec": {"token": token, "audiences": ["other"]}})["status"]
    assert "authenticated" not in bad
    with pytest.raises(InputError):
        request_token(client, namespace, expirationSeconds=10)


def test_the_published_key_verifies_tokens_and_only_that_key_signs_them(
    cluster: Any, client: KubernetesClient, namespace: str, account: Any
) -> None:
    token = request_token(client, namespace)
    head, body, signature = token.split(".")
    (key,) = client.request("GET", "/openid/v1/jwks")["keys"]

    def number(text: str) -> int:
        return int.from_bytes(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))

    public = rsa.RSAPublicNumbers(number(key["e"]), number(key["n"])).public_key()
    raw = base64.urlsafe_b64decode(signature + "=" * (-len(signature) % 4))
    public.verify(raw, f"{head}.{body}".encode(), padding.PKCS1v15(), hashes.SHA256())

    def encoded(value: object) -> str:
        return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()

    stranger = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    forged_claims = encoded({**claims(token), "sub": "system:serviceaccount:kube-system:admin"})
    own = stranger.sign(f"{head}.{body}".encode(), padding.PKCS1v15(), hashes.SHA256())
    forgeries = [
        f"{head}.{forged_claims}.{signature}",
        f"{encoded({'alg': 'none'})}.{body}.",
        f"{encoded({'alg': 'HS256'})}.{body}.{signature}",
        f"{head}.{body}.{base64.urlsafe_b64encode(own).decode().rstrip('=')}",
        f"{head}.{body}",
        "a.b.c",
        "\xe9.\xe9.\xe9",
    ]
    with cluster.http(None) as nobody:
        for forgery in forgeries:
            headers = {"Authorization": f"Bearer {forgery}".encode("latin-1")}
            assert nobody.get("/api", headers=headers).status_code == 401, forgery


def test_a_token_expires(tmp_path: Path) -> None:
    time = [datetime(2026, 1, 1, tzinfo=UTC)]
    store = Store(tmp_path / "store.db")
    account = {"kind": "ServiceAccount", "metadata": {"name": "a", "namespace": "n", "uid": "u"}}
    with store.transaction():
        store.put("/serviceaccounts", account)
    accounts = ServiceAccounts(tmp_path / "key", issuer="https://x", store=store, now=lambda: time[0])
    token, until = accounts.issue(account, audiences=(), seconds=600, token_id="t")
    assert until == time[0] + timedelta(seconds=600)
    assert accounts.verify(token) is not None
    reread = ServiceAccounts(tmp_path / "key", issuer="https://x", store=store, now=lambda: time[0])
    assert reread.verify(token) is not None
    time[0] += timedelta(seconds=600)
    assert accounts.verify(token) is None
    assert (tmp_path / "key").stat().st_mode & 0o777 == 0o600
    store.close()


def test_what_one_may_do_can_be_asked(client: KubernetesClient, viewer: KubernetesClient, namespace: str) -> None:
    grant(client, namespace, "reader", [rule("get", "configmaps")])
    review = {"apiVersion": "authorization.k8s.io/v1", "kind": "SelfSubjectAccessReview"}

    def may(verb: str, resource: str) -> dict[str, Any]:
        attributes = {"namespace": namespace, "verb": verb, "resource": resource}
        return dict(viewer.create({**review, "spec": {"resourceAttributes": attributes}})["status"])

    reason = f'RBAC: allowed by RoleBinding "reader/{namespace}" of Role "reader" to User "viewer"'
    assert may("get", "configmaps") == {"allowed": True, "reason": reason}
    assert may("delete", "configmaps") == {"allowed": False}
    refusal(lambda: viewer.create({"apiVersion": "authorization.k8s.io/v1", "kind": "SubjectAccessReview", "spec": {}}))


def test_acting_as_somebody_else_has_their_rights_and_is_recorded(
    cluster: Any, http: httpx.Client, client: KubernetesClient, namespace: str
) -> None:
    path = f"/api/v1/namespaces/{namespace}/configmaps"
    body = {"metadata": {"name": "a"}}
    as_viewer = {"Impersonate-User": "viewer"}
    assert http.post(path, json=body, headers=as_viewer).status_code == 403
    grant(client, namespace, "creator", [rule("create", "configmaps")])
    assert http.post(path, json=body, headers=as_viewer).status_code == 201
    lines = cluster.config.audit_log.read_text().splitlines()
    events = [json.loads(line) for line in lines if f'"namespace":"{namespace}"' in line and "impersonatedUser" in line]
    assert [(item["user"]["username"], item["impersonatedUser"]["username"]) for item in events] == [
        ("admin", "viewer"),
        ("admin", "viewer"),
    ]
    for headers in (
        {"Impersonate-User": "admin"},
        {"Impersonate-User": "viewer", "Impersonate-Group": "system:masters"},
    ):
        with cluster.http("viewer-token-0123456789") as limited:
            assert limited.get(path, headers=headers).status_code == 403
    for headers in ({"Impersonate-Group": "x"}, {"Impersonate-User": "viewer", "Impersonate-Uid": "1"}):
        assert http.get(path, headers=headers).status_code == 400


def test_a_token_file_that_others_may_read_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "tokens.yaml"
    tokens.write_tokens(path, [tokens.User(name="a", token="secret-value", groups=("g",))])
    assert path.stat().st_mode & 0o777 == 0o600
    found = tokens.read_tokens(path).find("secret-value")
    assert found is not None
    assert (found.name, found.groups) == ("a", ("g",))
    assert "secret-value" not in repr(found)
    path.chmod(0o644)
    with pytest.raises(RefusedError) as caught:
        tokens.read_tokens(path)
    assert caught.value.code == "token-file-mode"


@pytest.mark.parametrize("text", ["a: b", "- name: x", "- name: x\n  token: s3cr3t\n  typo: y"])
def test_a_malformed_token_file_is_refused_without_showing_tokens(tmp_path: Path, text: str) -> None:
    path = tmp_path / "tokens.yaml"
    path.write_text(text)
    path.chmod(0o600)
    with pytest.raises(InputError) as caught:
        tokens.read_tokens(path)
    assert "s3cr3t" not in "".join(text for _, text in caught.value.lines())


def test_a_kubeconfig_has_a_context_for_each_identity_and_cluster(tmp_path: Path) -> None:
    ca = tmp_path / "ca.crt"
    ca.write_text("certificate")
    clusters = {
        "hub": kubeconfig.Cluster("https://127.0.0.1:1", ca),
        "dev": kubeconfig.Cluster("https://127.0.0.1:2", ca),
    }
    path = tmp_path / "kubeconfig"
    kubeconfig.write_kubeconfig(path, clusters, {("pat", "hub"): "t1", ("dana", "dev"): "t2"}, current="dana@dev")
    document = yaml.load(path.read_bytes(), file="kubeconfig").value
    assert [item["name"] for item in document["contexts"]] == ["pat@hub", "dana@dev"]
    assert document["current-context"] == "dana@dev"
    assert path.stat().st_mode & 0o777 == 0o600
