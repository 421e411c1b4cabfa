"""The library chart that services render with: in a repository it lies by version, and no version ever changes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from packaging.version import InvalidVersion, Version

from interlock.errors import InputError
from interlock.formats import yaml
from interlock.platform.domain.result import CHART
from interlock.platform.estate import layout


@dataclass(frozen=True)
class Library:
    """One library chart in its place. ``folder``: ``charts/service/<version>``, or ``charts/service`` itself in an
    estate of before there were versions. ``files`` by their paths in it."""

    folder: str
    files: Mapping[str, bytes]

    @classmethod
    def of(cls, files: Mapping[str, bytes]) -> Library:
        """In the folder of its version. Raises InputError ``chart-version``."""
        return cls(layout.library(cls(CHART, files).version), files)

    @property
    def version(self) -> str:
        """The one that it states. Raises InputError ``chart-version``, ``yaml-*``."""
        document = yaml.load(self.files.get("Chart.yaml", b""), file=f"{self.folder}/Chart.yaml")
        stated = document.value.get("version") if isinstance(document.value, dict) else None
        try:
            Version(str(stated))
        except InvalidVersion as error:
            where = document.where("version")
            raise InputError("chart-version", "the library chart has no version", got=stated, where=where) from error
        return str(stated)

    @property
    def placed(self) -> dict[str, bytes]:
        """The same files by their paths in the repository."""
        return {f"{self.folder}/{path}": data for path, data in self.files.items()}
