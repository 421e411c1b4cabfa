"""What a cluster holds from its first start: namespaces, default roles, definitions, and the configured manifests."""

from __future__ import annotations

from collections.abc import Iterator
from importlib import resources
from typing import Any

from interlock.errors import InputError
from interlock.formats import yaml
from interlock.local.kubernetes.api import Answer, Api, Request
from interlock.local.kubernetes.config import Config
from interlock.local.kubernetes.rbac.rules import Rule, uncovered
from interlock.local.kubernetes.request import User

Object = dict[str, Any]

_AUTOUPDATE = "rbac.authorization.kubernetes.io/autoupdate"
BOOTSTRAP = User("system:apiserver", ("system:masters", "system:authenticated"))


def read_manifests(config: Config) -> list[tuple[Object, str]]:
    """The built-in and the configured objects in their order, each with where it comes from.

    Raises InputError for a file that is no strict YAML or holds something else than objects.
    """
    found: list[tuple[Object, str]] = []
    for item in sorted(resources.files(__package__).joinpath("manifests").iterdir(), key=lambda entry: entry.name):
        found += _objects(item.read_text("utf-8"), item.name)
    for path in config.bootstrap:
        files = sorted(path.glob("*.y*ml")) if path.is_dir() else [path]
        for file in files:
            found += _objects(file.read_text("utf-8"), str(file))
    return found


def _objects(text: str, file: str) -> Iterator[tuple[Object, str]]:
    for document in yaml.load_all(text, file=file):
        value = document.value
        if value is None:
            continue
        items = value.get("items") if isinstance(value, dict) and value.get("kind") == "List" else [value]
        for item in items or []:
            if not isinstance(item, dict) or not {"apiVersion", "kind", "metadata"} <= set(item):
                raise InputError("manifest-invalid", "no Kubernetes object", where=document.where())
            yield item, file


def install(api: Api, manifests: list[tuple[Object, str]]) -> None:
    """Create what is absent, and give ClusterRoles the rules that they lack.

    Raises InputError ``manifest-refused`` when the API refuses one.
    """
    for obj, file in manifests:
        if api.cluster.kinds.named(obj["apiVersion"], obj["kind"]) is None:
            unknown = f"{obj['apiVersion']} {obj['kind']} is not served here"
            raise InputError("manifest-refused", unknown, where=file)
        answer = create(api, obj)
        if answer.code == 409 and obj["kind"] == "ClusterRole":
            answer = _reconcile(api, obj)
        if answer.code not in (200, 201, 409):
            message = answer.body.get("message") if isinstance(answer.body, dict) else ""
            name = f"{obj['kind']} {obj['metadata'].get('name')}"
            raise InputError("manifest-refused", f"{name} was refused: {message}", where=file)


def create(api: Api, obj: Object) -> Answer:
    """Create ``obj`` as the API server itself, unless it is there."""
    cluster = api.cluster
    kind = cluster.kinds.named(obj["apiVersion"], obj["kind"])
    assert kind is not None, "checked by the caller"  # noqa: S101
    namespace = obj["metadata"].get("namespace", "default") if kind.namespaced else ""
    if cluster.store.get(kind.resource, namespace, obj["metadata"]["name"]) is not None:
        return Answer(409, "")
    base = f"/apis/{kind.api_version}" if kind.group else f"/api/{kind.version}"
    scope = f"/namespaces/{namespace}" if namespace else ""
    return api.handle(Request("POST", f"{base}{scope}/{kind.plural}", user=BOOTSTRAP, value=obj))


def _reconcile(api: Api, wanted: Object) -> Answer:
    """Add the rules that an existing role lacks: a newer version may need more (RBAC auto-reconciliation).

    Nothing is taken away, and a role with the annotation `autoupdate: "false"` is left alone
    (plugin/pkg/auth/authorizer/rbac/bootstrappolicy, component-helpers/auth/rbac/reconciliation).
    """
    kind = api.cluster.kinds.named(wanted["apiVersion"], "ClusterRole")
    assert kind is not None, "built in"  # noqa: S101
    name = wanted["metadata"]["name"]
    held = api.cluster.store.get(kind.resource, "", name)
    assert held is not None, "it is there: that is why it was not created"  # noqa: S101
    rules = held.get("rules") or []
    own = [Rule.read(rule) for rule in rules]
    missing = [rule for rule in wanted.get("rules") or [] if uncovered([Rule.read(rule)], own)]
    kept = (held["metadata"].get("annotations") or {}).get(_AUTOUPDATE) == "false"
    if not missing or kept or "aggregationRule" in held:
        return Answer(409, "")
    value = {**held, "rules": [*rules, *missing]}
    return api.handle(Request("PUT", f"/apis/{kind.api_version}/{kind.plural}/{name}", user=BOOTSTRAP, value=value))


def namespace_content(config: Config, namespace: str) -> Iterator[Object]:
    """What every namespace holds: its default service account, and the CA that clients inside trust."""
    metadata = {"name": "default", "namespace": namespace}
    yield {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": metadata}
    if config.tls.ca.is_file():
        yield {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": {"name": "kube-root-ca.crt", "namespace": namespace},
            "data": {"ca.crt": config.tls.ca.read_text()},
        }
