"""The engines' configuration files: one a process, written anew at every start from the data folder's layout."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from interlock.clients import files
from interlock.formats import yaml
from interlock.formats.tekton import names
from interlock.local import rbac
from interlock.local.home import CLUSTERS, Home

ADMISSION = "interlock.tekton.spec.webhooks"
"""Loaded by the API servers alone: the webhooks of what is installed on every cluster."""

TOOLBOX = "registry.acme.test/platform/toolbox"
"""Whatever this repository would have: the installed toolbox stands for it, and each run records which one that was."""


def write_configs(home: Home) -> None:
    """Write ``config/<engine>.yaml`` for every engine; they name paths of secrets, never secrets."""
    bootstrap = home.configs / "rbac.yaml"
    files.write_durably(bootstrap, yaml.dump(*rbac.manifests()))
    configs = {
        "forge": _forge(home),
        "registry": _registry(home),
        "tickets": _tickets(home),
        "tekton": _tekton(home),
        "argocd": _argocd(home),
        **{f"kubernetes-{name}": _kubernetes(home, name, bootstrap) for name in CLUSTERS},
    }
    for name, config in configs.items():
        files.write_durably(home.configs / f"{name}.yaml", yaml.dump(config), mode=0o600)


def _names(home: Home) -> dict[str, str]:
    """Stable names, as files write them, and where they answer."""
    return {
        "https://git": f"http://127.0.0.1:{home.port('forge')}",
        "registry.acme.test": f"http://127.0.0.1:{home.port('registry')}",
    }


def _kubernetes(home: Home, name: str, bootstrap: Path) -> dict[str, Any]:
    address = f"127.0.0.1:{home.port('logs')}"
    kubelet = {"address": address, "secret_file": str(home.credential("kubelet", names.NODE))}
    return {
        "name": name,
        "port": home.port(f"kubernetes-{name}"),
        "data": str(home.engine(f"kubernetes-{name}")),
        "tls": {
            "cert": str(home.tls / f"{name}.crt"),
            "key": str(home.tls / f"{name}.key"),
            "ca": str(home.tls / "ca.crt"),
        },
        "tokens": str(home.configs / f"tokens-{name}.yaml"),
        "names": _names(home),
        "bootstrap": [str(bootstrap)],
        "admission": [ADMISSION],
        # The engine acts on the hub alone: no other cluster has a node that runs something.
        "kubelets": {names.NODE: kubelet} if name == "hub" else {},
    }


def _forge(home: Home) -> dict[str, Any]:
    return {
        "port": home.port("forge"),
        "data": str(home.engine("forge")),
        "root_url": f"http://127.0.0.1:{home.port('forge')}",
        "admin": "root-admin",
        "admin_token_file": str(home.credential("forge", "root-admin")),
    }


def _registry(home: Home) -> dict[str, Any]:
    return {
        "port": home.port("registry"),
        "data": str(home.engine("registry")),
        "tokens": str(home.configs / "registry-accounts.yaml"),
    }


def _tickets(home: Home) -> dict[str, Any]:
    return {
        "port": home.port("tickets"),
        "data": str(home.engine("tickets")),
        "users": str(home.configs / "tickets-accounts.yaml"),
    }


def _tekton(home: Home) -> dict[str, Any]:
    return {
        "server": f"https://127.0.0.1:{home.port('kubernetes-hub')}",
        "token_file": str(home.credential("kubernetes", "tekton@hub")),
        "ca_file": str(home.tls / "ca.crt"),
        "data": str(home.engine("tekton")),
        "record_key": str(home.keys / "record.secret.pem"),
        "names": _names(home),
        "endpoints": {name: f"127.0.0.1:{home.port(name)}" for name in ("forge", "registry")},
        "images": {TOOLBOX: "installed-toolbox"},
        "logs_port": home.port("logs"),
        "logs_secret_file": str(home.credential("kubelet", names.NODE)),
    }


def _argocd(home: Home) -> dict[str, Any]:
    def cluster(name: str) -> dict[str, str]:
        return {
            "name": name,
            "server": f"https://{name}-cluster",
            "url": f"https://127.0.0.1:{home.port(f'kubernetes-{name}')}",
            "token": str(home.credential("kubernetes", f"argocd@{name}")),
            "ca": str(home.tls / "ca.crt"),
        }

    return {
        "port": home.port("argocd"),
        "data": str(home.engine("argocd")),
        "hub": cluster("hub"),
        "clusters": [cluster(name) for name in CLUSTERS if name != "hub"],
        "names": _names(home),
        "token": str(home.credential("forge", "argocd")),
        "webhook_secret": str(home.credential("webhook", "secret")),
        "keys": [str(home.keys / "seal.asc")],
    }
