"""One golden path: a folder whose ``path.yaml`` says what it is, with the templates of its files."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import import_module
from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import Annotated, Literal

from packaging.version import Version
from pydantic import Field, StringConstraints

from interlock.errors import ConflictError, InputError, UnsupportedError
from interlock.formats import yaml
from interlock.platform import catalog
from interlock.platform.domain import names
from interlock.platform.estate import Environment, Platform, Service
from interlock.platform.estate import service as services
from interlock.platform.estate.library import Library
from interlock.platform.estate.model import Label, Model, Text, parse
from interlock.platform.goldenpaths import template

ROOT: Traversable = files(__package__)
"""Where the paths of the package are."""
_CASES: Mapping[str, Callable[[str], str]] = {
    "pascal": lambda name: "".join(part.capitalize() for part in name.split("-")),
    "snake": lambda name: name.replace("-", "_"),
}


_Version = Annotated[str, StringConstraints(pattern=r"^[0-9]+(\.[0-9]+)*$")]


class Parameter(Model):
    """What a path asks of a service beyond its name, team and owner; text, that the whole of ``pattern`` matches."""

    description: Text
    pattern: re.Pattern[str]
    default: str | None = None
    """None: it must be given."""


class Workload(Model):
    """One container that the rendered chart runs, as a registration states it; texts are templates."""

    kind: Text
    name: Text = "@{service}"
    container: Text = "@{service}"
    image: Text = "@{image}"


class Description(Model):
    """``path.yaml``."""

    api_version: Literal["interlock.dev/v1alpha1"] = Field(alias="apiVersion")
    kind: Literal["GoldenPath"]
    shape: Label
    version: _Version
    description: Text
    pipeline: Label
    """The one Pipeline that builds services of this shape."""
    chart: _Version
    """Version of the oldest library chart that renders the path's files."""
    parameters: dict[str, Parameter] = Field(default_factory=dict)
    names: dict[str, Literal["pascal", "snake"]] = Field(default_factory=dict)
    """Further placeholders, made of the service's name."""
    workloads: tuple[Workload, ...] = Field(min_length=1)
    platform_files: tuple[Text, ...] = Field(alias="platformFiles", default=("service.yaml",))
    """What the platform reads in an app repo; an import adds these to a workspace."""
    workspace: Label | None = None
    """Module of `workspaces` that knows what may be imported; None: nothing."""


@dataclass(frozen=True, slots=True)
class Path:
    """A path, ready to generate. Every method is a pure function of its arguments."""

    described: Description
    folder: Traversable

    def registration(
        self, platform: Platform, *, name: str, team: str, owner: str, parameters: Mapping[str, str] | None = None
    ) -> Service:
        """What the platform repo registers as ``services/<name>.yaml``; the app repo's ``service.yaml`` says the same.

        ``team`` and ``owner`` are the estate's. Raises InputError ``name-invalid``, ``parameter-*``, ``estate-*``.
        """
        names.dns_label(name, what="the service's name")
        image = f"{platform.registry}/{name}"
        runs = yaml.dump([item.model_dump() for item in self.described.workloads])
        runs = template.fill(runs, {"service": name, "image": image}, where="path.yaml")
        stated = {
            "name": name,
            "shape": self.described.shape,
            "team": team,
            "owner": owner,
            "repository": name,
            "image": image,
            "configurationItem": name,
            "workloads": yaml.load(runs, file="path.yaml").value,
            "parameters": dict(parameters or {}),
        }
        where = services.path(name)
        # Twice: the file leaves out what is so anyway, and whoever reads it has this very value.
        service = parse(Service, parse(Service, yaml.dump(stated), file=where).file(), file=where)
        self._values(service, platform)
        return service

    def app(self, service: Service, platform: Platform) -> dict[str, bytes]:
        """The app repo of a new service, path -> bytes, sorted."""
        generated = template.render(self.folder / "app", self._values(service, platform))
        return dict(sorted({**generated, "service.yaml": service.file()}.items()))

    def import_workspace(
        self, service: Service, platform: Platform, workspace: Mapping[str, bytes]
    ) -> dict[str, bytes]:
        """An existing workspace as an app repo: its files unchanged, plus the platform's own files.

        Raises UnsupportedError ``workspace-unsupported`` where the shape takes none, what its `workspaces` module
        raises, ConflictError ``workspace-conflict`` when a platform file has other content already.
        """
        if self.described.workspace is None:
            raise UnsupportedError(
                "workspace-unsupported", f"the shape {self.described.shape} imports nothing", todo="leave --from out"
            )
        import_module(f"{__package__}.workspaces.{self.described.workspace}").require(workspace)
        generated = self.app(service, platform)
        own = {path: generated[path] for path in self.described.platform_files}
        for path, data in own.items():
            if workspace.get(path, data) != data:
                raise ConflictError(
                    "workspace-conflict",
                    "the workspace has this file already, with other content",
                    where=path,
                    todo="move it away and import again: the platform's own files are generated",
                )
        return dict(sorted({**workspace, **own}.items()))

    def environment(
        self, service: Service, environment: Environment, platform: Platform, chart: Library
    ) -> dict[str, bytes]:
        """The service's own files in an env repo that has the library chart ``chart``, path -> bytes, sorted.

        Raises InputError ``chart-too-old``, ``chart-version``.
        """
        found = chart.version
        if Version(found) < Version(self.described.chart):
            raise InputError(
                "chart-too-old",
                f"the library chart cannot render the shape {self.described.shape}",
                got=found,
                expected=f"{self.described.chart} or later",
                where=f"{environment.repository}: {chart.folder}",
            )
        values = {**self._environment(service, environment, platform), "chart": found, "library": chart.folder}
        return template.render(self.folder / "environment", values)

    def application(self, service: Service, environment: Environment, platform: Platform) -> bytes:
        """Of these, the one that Argo CD reads, ``argocd/<service>.yaml``; it depends on no chart."""
        folder = self.folder / "environment" / "argocd"
        return template.render(folder, self._environment(service, environment, platform))[f"{service.name}.yaml"]

    def _values(self, service: Service, platform: Platform) -> dict[str, str]:
        known = {
            "service": service.name,
            "team": service.team,
            "organisation": platform.organisation,
            "image": service.image,
            "git": platform.git,
            "repository": f"{platform.git}/{platform.organisation}/{service.repository}",
        }
        for what, value in known.items():
            _require_plain(what, value)
        made = {name: _CASES[case](service.name) for name, case in self.described.names.items()}
        return {**self._parameters(service), **made, **known}

    def _environment(self, service: Service, environment: Environment, platform: Platform) -> dict[str, str]:
        _require_plain("environment", environment.name)
        return {
            **self._values(service, platform),
            "environment": environment.name,
            "cluster": environment.cluster,
            "namespace": environment.namespace(service.name),
            "revision": environment.ref,
            "environmentRepository": environment.repository,
            "prune": "true" if environment.prune else "false # never auto-prune; humans approve deletes",
        }

    def _parameters(self, service: Service) -> dict[str, str]:
        """Raises InputError ``parameter-unknown``, ``parameter-missing``, ``parameter-invalid``."""
        asked, where = self.described.parameters, f"golden path {self.described.shape}"
        if unknown := sorted(service.parameters.keys() - asked.keys()):
            told = ", ".join(asked) or "none"
            raise InputError("parameter-unknown", "no such parameter", got=unknown[0], expected=told, where=where)
        found = {}
        for name, parameter in asked.items():
            value = service.parameters.get(name, parameter.default)
            if value is None:
                raise InputError("parameter-missing", f"{name}: {parameter.description}", where=where)
            if not parameter.pattern.fullmatch(value):
                raise InputError(
                    "parameter-invalid", name, got=repr(value), expected=parameter.pattern.pattern, where=where
                )
            found[name] = value
        return found


def shapes(root: Traversable = ROOT) -> tuple[str, ...]:
    """The shapes that have a path below ``root``."""
    return tuple(sorted(item.name for item in root.iterdir() if (item / "path.yaml").is_file()))


def path(shape: str, root: Traversable = ROOT) -> Path:
    """The golden path of a shape. Raises InputError ``shape-unknown``; ``estate-*`` and ``yaml-*`` for its file."""
    known = shapes(root)
    if shape not in known:
        raise InputError("shape-unknown", "no golden path for this shape", got=shape, expected=" or ".join(known))
    file = f"{shape}/path.yaml"
    described = parse(Description, (root / shape / "path.yaml").read_bytes(), file=file)
    if described.shape != shape:
        raise InputError("shape-unknown", "a path's folder is named after its shape", got=described.shape, where=file)
    return Path(described, root / shape)


def expected(
    platform: Platform,
    service: Service,
    environment: Environment,
    chart_at_base: Library | None,
    *,
    root: Traversable = ROOT,
) -> dict[str, bytes]:
    """Every file of an onboarding into one env repo, path -> bytes, sorted: what is proposed and the gate expects.

    ``chart_at_base``: the library chart of the env repo's ``main`` for new services, None where it has none yet.
    One that is there stays as it is, whatever chart the package has: only a repository without any gets the package's.
    """
    chart = Library.of(catalog.chart()) if chart_at_base is None else chart_at_base
    own = path(service.shape, root).environment(service, environment, platform, chart)
    return dict(sorted({**own, **chart.placed}.items()))


def pipelines(platform: Platform, *, root: Traversable = ROOT) -> dict[str, bytes]:
    """The Pipelines of the estate's shapes as files of the platform repo, ``catalog/pipelines/<name>.yaml`` -> bytes.

    A path without ``pipeline.yaml`` uses another's. Raises InputError ``shape-unknown``, and ``pipeline-unknown`` where
    the estate names another than the path.
    """
    env_repo = f"{platform.git}/{platform.organisation}/{platform.environments[0].repository}"
    found: dict[str, bytes] = {}
    for item in platform.golden_paths:
        chosen = path(item.shape, root)
        if item.pipeline != chosen.described.pipeline:
            told, own = f"not the pipeline of the shape {item.shape}", chosen.described.pipeline
            raise InputError("pipeline-unknown", told, got=item.pipeline, expected=own, where="platform.yaml")
        if (file := chosen.folder / "pipeline.yaml").is_file():
            text = template.fill(file.read_text(encoding="utf-8"), {"envRepo": env_repo}, where=str(file))
            found[f"catalog/pipelines/{item.pipeline}.yaml"] = text.encode()
    return found


def _require_plain(what: str, value: str) -> None:
    """Templates write names unquoted: `on`, `no` and `null` are labels too, and some reader would take them for another
    type. Raises InputError ``name-invalid``."""
    try:
        plain = yaml.load(value, file=what).value == value
    except InputError:
        plain = False
    if not plain:
        raise InputError("name-invalid", f"{what}: YAML reads this otherwise", got=repr(value), expected="a plain word")
