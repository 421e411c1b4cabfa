"""A chart as files: Chart.yaml (v2), values, templates, and the charts that it depends on.

Rules: helm pkg/chart, pkg/chart/loader, pkg/chartutil/dependencies.go; ``file://`` dependencies as `helm dependency
build` packages them. What would change the outcome and is not handled (repositories, archives, ranges of versions,
.helmignore, tags, import-values) is refused by name.
"""

from __future__ import annotations

import posixpath
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from interlock.errors import InputError, Location, NotFoundError, UnsupportedError
from interlock.formats import yaml
from interlock.formats.helm.cache import Cache
from interlock.formats.helm.functions import numbers
from interlock.formats.helm.schema import FILE, Schema
from interlock.formats.helm.schema import load as schema_of

_MAX_DEPTH = 10


class Dependency(BaseModel):
    """One entry of ``dependencies``."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str
    version: str
    repository: str = ""
    condition: str = ""
    alias: str = ""


class Metadata(BaseModel):
    """Chart.yaml."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    apiVersion: Literal["v2"]  # noqa: N815
    name: str = Field(pattern=r"^[a-zA-Z0-9][a-zA-Z0-9._-]*$")
    version: str
    type: Literal["application", "library"] = "application"
    appVersion: str = ""  # noqa: N815
    description: str = ""
    home: str = ""
    icon: str = ""
    deprecated: bool = False
    keywords: tuple[str, ...] = ()
    sources: tuple[str, ...] = ()
    maintainers: tuple[dict[str, str], ...] = ()
    annotations: dict[str, str] = Field(default_factory=dict)
    dependencies: tuple[Dependency, ...] = ()


@dataclass(frozen=True, slots=True)
class Chart:
    """``path`` is where its files lie in the given mapping; ``templates`` and ``crds`` are by full path."""

    path: str
    metadata: Metadata
    name: str
    """The alias under which the parent knows it, else its own name."""
    condition: str
    values: dict[str, Any]
    templates: Mapping[str, str]
    crds: Mapping[str, str]
    dependencies: tuple[Chart, ...]
    schema: Schema | None = None


def load(files: Mapping[str, bytes], path: str) -> Chart:
    """The chart whose Chart.yaml is at ``path``, with every dependency.

    Raises NotFoundError ``helm-chart-missing``, InputError ``helm-chart``, ``yaml-*``, UnsupportedError
    ``helm-unsupported``.
    """
    return _load(files, posixpath.normpath(path), Dependency(name="", version=""), 0)


def _load(files: Mapping[str, bytes], path: str, wanted: Dependency, depth: int) -> Chart:
    file = posixpath.normpath(posixpath.join(path, "Chart.yaml"))
    if depth > _MAX_DEPTH:
        raise InputError("helm-chart", f"charts depend on each other more than {_MAX_DEPTH} levels deep", where=file)
    if file not in files:
        raise NotFoundError("helm-chart-missing", "no chart here", where=file)
    metadata, dependencies_at = _chart_file((file, files[file]))
    start = "" if path == "." else path + "/"
    # By name first: a mapping may read a file only when it is asked for.
    own = {name.removeprefix(start): files[name] for name in files if name.startswith(start)}
    _refuse_unhandled(own, path)
    dependencies = tuple(_dependency(files, path, item, dependencies_at, depth) for item in metadata.dependencies)
    packed = {name.split("/")[1] for name in own if name.startswith("charts/") and name.count("/") > 1}
    declared = {item.name for item in metadata.dependencies}
    unpacked = tuple(
        _load(files, posixpath.join(path, "charts", name), Dependency(name=name, version=""), depth + 1)
        for name in sorted(packed - declared)
        if not name.startswith(("_", "."))
    )
    values = _values(own.get("values.yaml", b""), posixpath.join(path, "values.yaml"))
    return Chart(
        path=path,
        metadata=metadata,
        name=wanted.alias or metadata.name,
        condition=wanted.condition,
        values=values,
        templates=_texts(own, path, "templates/"),
        crds=_texts(own, path, "crds/"),
        dependencies=(*dependencies, *unpacked),
        schema=schema_of(own[FILE], file=posixpath.join(path, FILE)) if FILE in own else None,
    )


def _read_chart_file(key: tuple[str, bytes]) -> tuple[Metadata, Location]:
    """With the place of its dependencies: the places of everything would be much to keep."""
    document = yaml.load(key[1], file=key[0])
    try:
        return Metadata.model_validate(document.value), document.where("dependencies")
    except ValidationError as error:
        raise _invalid(document, error) from error


_chart_file = Cache(_read_chart_file, lambda key: len(key[1]))


def _invalid(document: yaml.Document, error: ValidationError) -> InputError | UnsupportedError:
    first = error.errors()[0]
    where = document.where(*first["loc"])
    named = ".".join(map(str, first["loc"]))
    if first["type"] == "extra_forbidden" or first["loc"] == ("apiVersion",):
        return UnsupportedError(
            "helm-unsupported", f"Chart.yaml: {named} is not supported", got=first["input"], where=where
        )
    return InputError("helm-chart", f"Chart.yaml: {named}: {first['msg']}", got=first["input"], where=where)


def _refuse_unhandled(own: Mapping[str, bytes], path: str) -> None:
    for name in own:
        archive = name.startswith("charts/") and name.endswith(".tgz")
        if name in (".helmignore", "requirements.yaml") or archive:
            where = posixpath.join(path, name)
            raise UnsupportedError("helm-unsupported", f"{posixpath.basename(name)} is not supported", where=where)


def _dependency(files: Mapping[str, bytes], path: str, item: Dependency, where: Location, depth: int) -> Chart:
    if item.repository.startswith("file://"):
        folder = posixpath.normpath(posixpath.join(path, item.repository.removeprefix("file://")))
        if folder.startswith(("..", "/")):
            raise InputError("helm-path", "a dependency outside the repository", got=item.repository, where=where)
    elif not item.repository:
        folder = posixpath.join(path, "charts", item.name)
    else:
        raise UnsupportedError(
            "helm-unsupported", "only file:// dependencies are supported", got=item.repository, where=where
        )
    chart = _load(files, folder, item, depth + 1)
    if chart.metadata.name != item.name or chart.metadata.version != item.version:
        if any(sign in item.version for sign in "^~<>=*xX|, "):
            raise UnsupportedError(
                "helm-unsupported", "a range of versions is not supported", got=item.version, where=where
            )
        raise InputError(
            "helm-dependency",
            "the dependency is another chart than the one named",
            got=f"{chart.metadata.name} {chart.metadata.version}",
            expected=f"{item.name} {item.version}",
            where=where,
        )
    return chart


def _values(data: bytes, file: str) -> dict[str, Any]:
    """A values file; an empty one is no values. The caller's own: it may be changed."""
    result: dict[str, Any] = numbers(_values_file((file, data)))
    return result


def _read_values_file(key: tuple[str, bytes]) -> dict[str, Any]:
    file, data = key
    documents = list(yaml.load_all(data, file=file))
    if not documents or documents[0].value is None:
        return {}
    if len(documents) > 1 or not isinstance(documents[0].value, dict):
        raise InputError("helm-values", "a values file is one mapping", where=Location(file, 1, 1))
    value: dict[str, Any] = documents[0].value
    return value


_values_file = Cache(_read_values_file, lambda key: len(key[1]))


def values_file(files: Mapping[str, bytes], path: str) -> dict[str, Any]:
    """Raises NotFoundError ``helm-values-missing``."""
    if path not in files:
        raise NotFoundError("helm-values-missing", "no such values file", where=path)
    return _values(files[path], path)


def _texts(own: Mapping[str, bytes], path: str, folder: str) -> dict[str, str]:
    result = {}
    for name in sorted(own):
        if name.startswith(folder):
            file = posixpath.join(path, name)
            try:
                result[file] = own[name].decode()
            except UnicodeDecodeError as error:
                raise InputError("helm-encoding", "not UTF-8", where=file) from error
    return result
