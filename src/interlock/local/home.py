"""The one data folder of `interlock.local`: where each thing lies, and which port each engine takes."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from interlock.errors import InputError

DEFAULT_PORT_BASE = 8480
CLUSTERS = ("hub", "dev", "test", "prod")
_OFFSETS = {"forge": 0, "registry": 1, "tickets": 2, "webhook": 4, "logs": 5, "argocd": 6} | {
    f"kubernetes-{cluster}": 10 + index for index, cluster in enumerate(CLUSTERS)
}


@dataclass(frozen=True, slots=True)
class Home:
    """Paths below ``folder``; nothing outside of it is ever written."""

    folder: Path
    port_base: int = DEFAULT_PORT_BASE

    def port(self, name: str) -> int:
        return self.port_base + _OFFSETS[name]

    def ports(self) -> dict[str, int]:
        return {name: self.port(name) for name in _OFFSETS}

    @property
    def context(self) -> Path:
        return self.folder / "context.yaml"

    @property
    def kubeconfig(self) -> Path:
        return self.folder / "kubeconfig"

    @property
    def bootstrap_kubeconfig(self) -> Path:
        return self.folder / "bootstrap" / "kubeconfig"

    @property
    def run(self) -> Path:
        return self.folder / "run"

    @property
    def logs(self) -> Path:
        return self.folder / "logs"

    @property
    def configs(self) -> Path:
        return self.folder / "config"

    @property
    def keys(self) -> Path:
        return self.folder / "keys"

    @property
    def tls(self) -> Path:
        return self.folder / "tls"

    @property
    def controller(self) -> Path:
        return self.folder / "controller"

    @property
    def advisories(self) -> Path:
        """Folder of the claim ``advisories`` in namespace ``ci``, which the scan tasks mount: refresh it here."""
        return self.engine("tekton") / "volumes" / "ci" / "advisories"

    def engine(self, name: str) -> Path:
        return self.folder / "engines" / name

    def credential(self, system: str, identity: str) -> Path:
        return self.folder / "credentials" / system / identity


def default_folder() -> Path:
    """``$INTERLOCK_HOME``, else ``$XDG_STATE_HOME/interlock`` (XDG base directory specification)."""
    if chosen := os.environ.get("INTERLOCK_HOME"):
        return Path(chosen).absolute()
    state = os.environ.get("XDG_STATE_HOME")
    return (Path(state) if state else Path.home() / ".local" / "state") / "interlock"


def check_port_base(value: int) -> int:
    """``value`` when every port of ours fits above it."""
    top = 65535 - max(_OFFSETS.values())
    if not 1024 <= value <= top:
        raise InputError("port-base", "port base out of range", got=value, expected=f"1024 to {top}")
    return value
