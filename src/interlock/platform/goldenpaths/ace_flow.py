"""Golden path ``ace-flow``: an IBM App Connect Enterprise integration."""

from __future__ import annotations

from collections.abc import Mapping

from interlock.errors import ConflictError, InputError
from interlock.formats import ace, yaml
from interlock.platform.estate import service as registered
from interlock.platform.goldenpaths import template
from interlock.platform.goldenpaths.parameters import Environment, Service

SHAPE = "ace-flow"
_PLATFORM_FILES = ("service.yaml", "catalog-info.yaml", ".tekton/push.yaml")
"""What the platform reads in an app repo; an import adds these to a workspace."""


def generate_app(service: Service) -> dict[str, bytes]:
    """The app repo of a new service: ACE projects, ``service.yaml``, ``catalog-info.yaml``, ``.tekton/push.yaml``.

    Keys are paths relative to the repository root, sorted. A pure function of its argument.
    """
    generated = template.render("ace-flow/app", _values(service))
    generated["service.yaml"] = registration(service).file()
    return dict(sorted(generated.items()))


def import_workspace(service: Service, workspace: Mapping[str, bytes]) -> dict[str, bytes]:
    """An existing ACE workspace as an app repo: its files unchanged, plus the platform's own files.

    Raises NotFoundError ``ace-workspace-empty`` when no ACE project is in it, InputError ``ace-*`` and ``path-outside``
    when it cannot be read as one, ConflictError ``workspace-conflict`` when a platform file has other content already.
    """
    found = ace.read_workspace(workspace)
    if not any(project.kind.deployable for project in found.projects.values()):
        raise InputError(
            "ace-workspace-no-application",
            "the workspace has no application",
            got=", ".join(found.projects),
            expected="a project with application.descriptor or restapi.descriptor",
        )
    generated = generate_app(service)
    merged = dict(workspace)
    for path in _PLATFORM_FILES:
        if merged.get(path, generated[path]) != generated[path]:
            raise ConflictError(
                "workspace-conflict",
                "the workspace has this file already, with other content",
                where=path,
                todo="move it away and import again: the platform's own files are generated",
            )
        merged[path] = generated[path]
    return dict(sorted(merged.items()))


def generate_environment(service: Service, environment: Environment, chart: Mapping[str, bytes]) -> dict[str, bytes]:
    """The files of an onboarding delivery in one env repo, path -> bytes, sorted; nothing else may change in it.

    ``argocd/<service>.yaml``, ``apps/<service>/**`` and, from ``chart``, ``charts/service/**``.
    ``chart`` holds the library chart's files relative to its folder (``Chart.yaml``, ``templates/...``), as
    `interlock.platform.catalog.chart` returns them; its version becomes the app chart's dependency.
    """
    values = {
        **_values(service),
        "environment": environment.name,
        "cluster": environment.cluster,
        "revision": environment.revision,
        "environmentRepository": environment.repository or f"env-{environment.name}",
        "prune": "true" if environment.prune else "false # never auto-prune; humans approve deletes",
        "chart": _chart_version(chart),
    }
    generated = template.render("ace-flow/environment", values)
    generated.update({f"charts/service/{path}": data for path, data in chart.items()})
    return dict(sorted(generated.items()))


def registration(service: Service) -> registered.Service:
    """What the platform repo registers as ``services/<name>.yaml``; the app repo's ``service.yaml`` says the same."""
    return registered.Service(
        name=service.name,
        shape=SHAPE,
        team=service.team,
        owner=service.owner,
        repository=service.name,
        image=service.image,
        configuration_item=service.configuration_item or service.name,
    )


def _values(service: Service) -> dict[str, str]:
    return {
        "service": service.name,
        # IBM's tools refuse hyphens in project names, and ESQL in schema names (mqsipackagebar, IBM bc31720_).
        "Name": "".join(part.capitalize() for part in service.name.split("-")),
        "schema": service.name.replace("-", "_"),
        "team": service.team,
        "owner": service.owner,
        "organisation": service.organisation,
        "image": service.image,
        "git": service.git.rstrip("/"),
        "repository": service.repository,
    }


def _chart_version(chart: Mapping[str, bytes]) -> str:
    document = yaml.load(chart.get("Chart.yaml", b""), file="charts/service/Chart.yaml")
    version = document.value.get("version") if isinstance(document.value, dict) else None
    if not isinstance(version, str):
        raise InputError(
            "chart-version", "the library chart has no version", got=version, where=document.where("version")
        )
    return version
