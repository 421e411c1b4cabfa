"""A kubeconfig with one context ``<identity>@<cluster>`` for each identity and cluster."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from interlock.clients import files
from interlock.formats import yaml


@dataclass(frozen=True, slots=True)
class Cluster:
    """``server`` is its URL; ``ca`` the PEM file of the CA that signed its certificate."""

    server: str
    ca: Path


def write_kubeconfig(
    path: Path,
    clusters: Mapping[str, Cluster],
    tokens: Mapping[tuple[str, str], str],
    *,
    current: str | None = None,
) -> None:
    """Write ``path`` (0600) atomically. ``tokens`` maps (identity, cluster) to a bearer token.

    ``current`` is a context's name; default: the first.
    """
    contexts = [f"{identity}@{cluster}" for identity, cluster in tokens]
    document = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [
            {
                "name": name,
                "cluster": {
                    "server": cluster.server,
                    "certificate-authority-data": base64.b64encode(cluster.ca.read_bytes()).decode(),
                },
            }
            for name, cluster in clusters.items()
        ],
        "users": [
            {"name": context, "user": {"token": token}}
            for context, token in zip(contexts, tokens.values(), strict=True)
        ],
        "contexts": [
            {"name": context, "context": {"cluster": cluster, "user": context}}
            for context, (_, cluster) in zip(contexts, tokens, strict=True)
        ],
        "current-context": current or next(iter(contexts), ""),
    }
    files.write_durably(path, yaml.dump(document), mode=0o600)
