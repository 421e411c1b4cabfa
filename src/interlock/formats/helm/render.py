"""From a mapping of files to the objects that `helm template --include-crds` prints."""

from __future__ import annotations

import posixpath
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from interlock.errors import InputError, UnsupportedError
from interlock.formats import yaml
from interlock.formats.helm import schema
from interlock.formats.helm import values as merging
from interlock.formats.helm.chart import Chart, load, values_file
from interlock.formats.helm.evaluate import Interpreter, Struct, Unsupported
from interlock.formats.helm.functions import numbers
from interlock.formats.helm.nodes import Template
from interlock.formats.helm.parse import parse
from interlock.formats.helm.tokens import Source


@dataclass(frozen=True, slots=True)
class Parameter:
    """One `--set`, or `--set-string` with ``force_string``."""

    name: str
    value: str
    force_string: bool = False


@dataclass(frozen=True, slots=True)
class Rendered:
    """One object and the template file (a path of the mapping) that produced it."""

    object: dict[str, Any]
    source: str


def render(
    files: Mapping[str, bytes],
    chart_path: str,
    *,
    value_files: Sequence[str] = (),
    release_name: str,
    namespace: str,
    values: Mapping[str, Any] | None = None,
    parameters: Sequence[Parameter] = (),
    include_crds: bool = True,
) -> list[Rendered]:
    """Every object of the chart at ``chart_path``, in the order of the template files.

    ``files`` is the repository: ``file://`` dependencies are looked up in it. A value file is relative to the chart,
    or to the root of the mapping when it begins with ``/``. Precedence: chart values < ``value_files`` in order <
    ``values`` < ``parameters``.

    Raises InputError ``helm-*`` and ``yaml-*`` (bad chart, template or output; ``helm-required`` and ``helm-fail``
    for the chart's own refusals, ``helm-schema`` for its schema's), NotFoundError ``helm-chart-missing`` and
    ``helm-values-missing``, UnsupportedError ``helm-unsupported`` naming the construct. Each says file:line:column.
    """
    chart = load(files, chart_path)
    if chart.metadata.type == "library":
        raise InputError("helm-chart", "a library chart cannot be rendered by itself", where=chart.path)
    given: dict[str, Any] = {}
    for name in value_files:
        given = merging.overlay(given, values_file(files, value_path(chart.path, name)))
    if values is not None:
        given = merging.overlay(given, numbers(dict(values)))
    for parameter in parameters:
        merging.set_parameter(given, parameter.name, parameter.value, force_string=parameter.force_string)
    release = Struct(
        Name=release_name, Namespace=namespace, Service="Helm", IsInstall=True, IsUpgrade=False, Revision=1
    )
    scopes = list(_scopes(chart, merging.coalesce(chart, given), release, root=True, base=chart.metadata.name))
    for scope in scopes:
        if scope.chart.schema is not None:
            schema.check(scope.chart.schema, scope.values, file=f"{scope.chart.path}/{schema.FILE}")
    interpreter = Interpreter(_templates(scopes))
    result: list[Rendered] = []
    for scope in scopes:
        if include_crds:
            for file, text in scope.chart.crds.items():
                result.extend(_objects(text, file))
    for scope in scopes:
        for file in _own_templates(scope.chart):
            if not posixpath.basename(file).startswith("_") and posixpath.basename(file) != "NOTES.txt":
                scope.data["Template"] = Struct(Name=scope.named(file), BasePath=f"{scope.base}/templates")
                text = interpreter.run(file, scope.data).replace("<no value>", "")
                result.extend(_objects(text, file))
    return result


@dataclass(frozen=True, slots=True)
class _Scope:
    """A chart with the data that its templates see."""

    chart: Chart
    data: dict[str, Any]
    base: str

    @property
    def values(self) -> dict[str, Any]:
        found: dict[str, Any] = self.data["Values"]
        return found

    def named(self, file: str) -> str:
        return self.base + file.removeprefix(self.chart.path)


def _scopes(chart: Chart, values: dict[str, Any], release: Struct, *, root: bool, base: str) -> Iterator[_Scope]:
    metadata = chart.metadata
    about = Struct(
        Name=metadata.name,
        Version=metadata.version,
        AppVersion=metadata.appVersion,
        Description=metadata.description,
        Type=metadata.type,
        APIVersion=metadata.apiVersion,
        Annotations=dict(metadata.annotations),
        IsRoot=root,
    )
    data: dict[str, Any] = {
        "Values": values,
        "Chart": about,
        "Release": release,
        "Capabilities": Unsupported(".Capabilities"),
        "Files": Unsupported(".Files"),
        "Subcharts": Unsupported(".Subcharts"),
    }
    yield _Scope(chart, data, base)
    for child in merging.enabled(chart, values):
        yield from _scopes(child, values[child.name], release, root=False, base=f"{base}/charts/{child.name}")


def _own_templates(chart: Chart) -> list[str]:
    """Of a library chart only the partials count (engine.go isTemplateValid)."""
    library = chart.metadata.type == "library"
    return [file for file in chart.templates if not library or posixpath.basename(file).startswith("_")]


def _templates(scopes: list[_Scope]) -> dict[str, Template]:
    """By name. Deeper charts are parsed first, so that a parent's definition wins (engine.go sortTemplates)."""
    result: dict[str, Template] = {}
    named = [(scope.named(file), file, scope.chart) for scope in scopes for file in _own_templates(scope.chart)]
    for _, file, chart in sorted(named, key=lambda item: (item[0].count("/"), item[0]), reverse=True):
        for template in parse(Source(file, chart.templates[file])):
            result[template.name] = template
    return result


def value_path(chart_path: str, name: str) -> str:
    """Where a chart's value file lies: relative to the chart, or to the root when it begins with ``/``."""
    if "://" in name or name.startswith("$") or any(sign in name for sign in "*?["):
        raise UnsupportedError("helm-unsupported", "a value file that is no plain path is not supported", got=name)
    path = posixpath.normpath(name.lstrip("/") if name.startswith("/") else posixpath.join(chart_path, name))
    if path.startswith(".."):
        raise InputError("helm-path", "a value file outside the repository", got=name)
    return path


def _objects(text: str, file: str) -> Iterator[Rendered]:
    for document in yaml.load_all(text, file=f"{file} (rendered)"):
        if document.value is None or document.value == {}:
            continue
        for item in _flattened(document.value):
            if not isinstance(item, dict) or not isinstance(item.get("kind"), str) or "apiVersion" not in item:
                raise InputError("helm-output", "not a Kubernetes object", where=document.where())
            yield Rendered(item, file)


def _flattened(value: Any) -> list[Any]:
    """A ``List`` stands for its items."""
    if isinstance(value, dict) and value.get("kind") == "List" and isinstance(value.get("items"), list):
        return list(value["items"])
    return [value]
