"""The library chart of an env repo.

What renders a service is the env repo's, by version: a package with another chart changes no repository. Only one that
has no chart yet gets the package's, with its first onboarding.
"""

from __future__ import annotations

from collections.abc import Mapping

from packaging.version import InvalidVersion, Version

from interlock.errors import InputError
from interlock.formats import yaml
from interlock.platform.domain.result import CHART


def version(chart: Mapping[str, bytes]) -> str:
    """The version that a chart states. Raises InputError ``chart-version``."""
    document = yaml.load(chart.get("Chart.yaml", b""), file=f"{CHART}/Chart.yaml")
    stated = document.value.get("version") if isinstance(document.value, dict) else None
    try:
        Version(str(stated))
    except InvalidVersion as error:
        where = document.where("version")
        raise InputError("chart-version", "the library chart has no version", got=stated, where=where) from error
    return str(stated)
