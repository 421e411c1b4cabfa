"""The platform repo's ``argocd/`` folder: AppProjects, root Applications, and the keyring that holds the seal key.

Every root Application tracks branch ``sealed``, dev's too: an Application object of dev can name project ``prod`` and
override an image, so who may write Application objects may deploy anywhere. dev stays free for all in what its
services run; which Applications exist is proven in every environment. Branches are tracked by their full names: Argo CD
takes a tag for a short one (util/git/client.go lsRemote).

The seal is demanded through ``signatureKeys`` unless the estate says ``sourceIntegrity``. Argo CD before 3.5 does not
know ``sourceIntegrity``: its CRD prunes the field and nothing is verified. From 3.5 both work, but not together
(upstream docs/user-guide/source-integrity-git-gpg.md, "Compatibility notice"). ``signatureKeys`` verifies the tracked
commit only; on ``sealed`` that is enough, because its tip is always a seal and a strict walk ends at a seal too.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from interlock.formats import yaml
from interlock.formats.signatures import openpgp
from interlock.platform.estate import layout
from interlock.platform.estate.platform import PLATFORM, Environment, Platform

NAMESPACE = "argocd"
CI_NAMESPACE = "ci"
_DENIED = ({"group": "rbac.authorization.k8s.io", "kind": "*"}, {"group": "", "kind": "Secret"})


def files(platform: Platform, *, seal_key_ids: Sequence[str], seal_certificate: str) -> dict[str, bytes]:
    """Path -> bytes. ``seal_key_ids``: key ids (16 hex digits) of the key or subkey that signs seals;
    ``seal_certificate``: one or more certificates. Raises InputError ``openpgp-certificate-invalid``."""
    own = platform.platform
    url = f"{platform.git}/{platform.organisation}"
    hub = own.cluster
    every = [f"{url}/{own.repository}", *(f"{url}/{item.repository}" for item in platform.environments)]
    found = {
        "argocd/keyring.yaml": _keyring(seal_certificate),
        "argocd/project-default.yaml": project("default", "Argo CD creates it open to everything; nothing may use it."),
        "argocd/project-platform.yaml": project(
            PLATFORM,
            "The platform's own: AppProjects, Applications and the catalog, from sealed commits.",
            repositories=every,
            destinations=[{"server": hub, "namespace": name} for name in (NAMESPACE, CI_NAMESPACE)],
            integrity=_integrity(platform, seal_key_ids),
        ),
        "argocd/catalog.yaml": application(
            "catalog", f"{url}/{own.repository}", "catalog", hub, namespace=CI_NAMESPACE, recurse=True
        ),
    }
    for item in (platform.itself, *platform.environments):
        root, repository = layout.application_name(layout.ROOT, item.name), f"{url}/{item.repository}"
        found[layout.application(root)] = application(root, repository, "argocd", hub, namespace=NAMESPACE)
        if item.name == PLATFORM:
            continue
        found[f"argocd/project-{item.name}.yaml"] = _environment_project(platform, item, repository, seal_key_ids)
    return {path: yaml.dump(value).encode() for path, value in sorted(found.items())}


def _environment_project(
    platform: Platform, item: Environment, repository: str, seal_key_ids: Sequence[str]
) -> dict[str, Any]:
    return project(
        item.name,
        f"Services in {item.name}." + (" Only sealed commits sync." if item.sealed else " Free for all."),
        repositories=[repository],
        # Namespaces of the cluster itself are nobody's service.
        destinations=[{"server": item.cluster, "namespace": name} for name in (item.namespace("*"), "!kube-*")],
        cluster_kinds=[{"group": "", "kind": "Namespace"}],
        denied=list(_DENIED) if item.sealed and not item.prune else [_DENIED[0]] if item.sealed else [],
        integrity=_integrity(platform, seal_key_ids) if item.sealed else {},
    )


def _integrity(platform: Platform, seal_key_ids: Sequence[str]) -> dict[str, Any]:
    if platform.source_integrity == "signatureKeys":
        return {"signatureKeys": [{"keyID": key} for key in seal_key_ids]}
    # Every URL, as Argo CD itself makes it of signatureKeys (types.go EffectiveSourceIntegrity): a policy compares URLs
    # by the letter and sourceRepos does not, so one of a repository would leave its other spellings unverified.
    policy = {"repos": [{"url": "*"}], "gpg": {"mode": "strict", "keys": list(seal_key_ids)}}
    return {"sourceIntegrity": {"git": {"policies": [policy]}}}


def seal_key_ids(data: bytes, *, file: str) -> tuple[str, ...]:
    """The ids that an AppProject of `files` names. Raises InputError ``yaml-*``."""
    spec = yaml.load(data, file=file).value.get("spec", {})
    policies = spec.get("sourceIntegrity", {}).get("git", {}).get("policies", ())
    named = [item["keyID"] for item in spec.get("signatureKeys", ())]
    return tuple(named or (key for item in policies for key in item["gpg"]["keys"]))


def _keyring(certificates: str) -> dict[str, Any]:
    """Entries are named by the *primary* key, while projects name the key that signs: by another name Argo CD finds a
    key once, and then no change of the keyring until it restarts (util/sourceintegrity/gpg.go
    SyncKeyRingFromDirectory)."""
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {
            "name": "argocd-gpg-keys-cm",
            "namespace": NAMESPACE,
            "labels": {"app.kubernetes.io/name": "argocd-gpg-keys-cm", "app.kubernetes.io/part-of": "argocd"},
        },
        "data": {openpgp.key_id(openpgp.fingerprint(item)): item for item in openpgp.certificates(certificates)},
    }


def project(
    name: str,
    description: str,
    *,
    repositories: Sequence[str] = (),
    destinations: Sequence[dict[str, str]] = (),
    cluster_kinds: Sequence[dict[str, str]] = (),
    denied: Sequence[dict[str, str]] = (),
    integrity: dict[str, Any] | None = None,
) -> dict[str, Any]:
    """An AppProject. Without repositories and destinations it allows nothing."""
    spec: dict[str, Any] = {
        "description": description,
        "sourceRepos": list(repositories),
        "destinations": list(destinations),
        "clusterResourceWhitelist": list(cluster_kinds),
    }
    if denied:
        spec["namespaceResourceBlacklist"] = list(denied)
    spec.update(integrity or {})
    return {
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "AppProject",
        "metadata": {"name": name, "namespace": NAMESPACE},
        "spec": spec,
    }


def application(
    name: str, repository: str, path: str, cluster: str, *, namespace: str, recurse: bool = False
) -> dict[str, Any]:
    """A root Application: project ``platform``, branch ``sealed``, heals, never prunes (removal is a delivery)."""
    source: dict[str, Any] = {"repoURL": repository, "targetRevision": layout.SEALED, "path": path}
    if recurse:
        source["directory"] = {"recurse": True}
    return {
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "Application",
        "metadata": {"name": name, "namespace": NAMESPACE},
        "spec": {
            "project": PLATFORM,
            "source": source,
            "destination": {"server": cluster, "namespace": namespace},
            "syncPolicy": {
                "automated": {"prune": False, "selfHeal": True},
                "retry": {"limit": 5, "backoff": {"duration": "5s", "factor": 2, "maxDuration": "3m"}},
            },
        },
    }
