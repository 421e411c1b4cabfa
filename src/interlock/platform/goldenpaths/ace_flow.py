"""Golden path ``ace-flow``: an IBM App Connect Enterprise integration."""

from __future__ import annotations

from collections.abc import Mapping

from interlock.platform.goldenpaths.parameters import Environment, Service


def generate_app(service: Service) -> dict[str, bytes]:
    """The app repo of a new service: ACE projects, ``service.yaml``, ``catalog-info.yaml``, ``.tekton/push.yaml``.

    Keys are paths relative to the repository root, sorted. A pure function of its argument.
    """
    raise NotImplementedError


def import_workspace(service: Service, workspace: Mapping[str, bytes]) -> dict[str, bytes]:
    """An existing ACE workspace as an app repo: its files unchanged, plus the platform's own files.

    Raises InputError ``ace-workspace-empty`` when no ACE project is in it, ConflictError ``workspace-conflict`` when
    it already has a platform file with other content.
    """
    raise NotImplementedError


def generate_environment(
    service: Service, environment: Environment, chart: Mapping[str, bytes]
) -> dict[str, bytes]:
    """The files of an onboarding delivery in one env repo, path -> bytes, sorted; nothing else may change in it.

    ``argocd/<service>.yaml``, ``apps/<service>/**`` and, from ``chart``, ``charts/service/**``.
    ``chart`` holds the library chart's files relative to its folder (``Chart.yaml``, ``templates/...``), as
    `interlock.platform.catalog.chart` returns them; its version becomes the app chart's dependency.
    """
    raise NotImplementedError
