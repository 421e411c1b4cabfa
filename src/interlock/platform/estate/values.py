"""A service's values: which of their keys are configuration, by the schema of the library chart that they are for.

A property of ``values.schema.json`` with ``"x-interlock": "configuration"`` is one, with all below it. Charts before
1.2.0 have no schema; for them `BUILT_IN` holds. Whatever a schema says, the image is none, and no environment variable
by which a loader, shell or runtime is told to run something else (`LOADER`).
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from interlock.errors import InputError
from interlock.formats import yaml
from interlock.formats.helm.schema import FILE, Schema
from interlock.formats.helm.schema import load as schema_of
from interlock.formats.yaml import Path, dotted

MARK, CONFIGURATION = "x-interlock", "configuration"
_OWN = {MARK: CONFIGURATION}
BUILT_IN: Mapping[str, Any] = {
    "$schema": "http://json-schema.org/draft-07/schema#",
    "properties": {
        "replicas": {**_OWN, "type": "integer", "minimum": 0, "maximum": 1000},
        "config": {
            **_OWN,
            "type": "object",
            "propertyNames": {"pattern": "^[A-Za-z_][A-Za-z0-9_]{0,252}$"},
            "additionalProperties": {"type": "string"},
        },
        "resources": {**_OWN, "type": "object"},
        "podDisruptionBudget": {**_OWN, "type": "object", "maxProperties": 1},
        "terminationGracePeriodSeconds": {**_OWN, "type": "integer", "minimum": 1, "maximum": 86400},
    },
}
"""What configuration is for a library chart that does not say it; the chart itself refuses keys unknown to it."""
LOADER = re.compile(
    r"(?:DY)?LD_\w+|GCONV_PATH|LOCPATH|GLIBC_TUNABLES"
    r"|PATH|HOME|SHELL|ENV|BASH_ENV|BASH_FUNC_.*|IFS|PS4|PROMPT_COMMAND|SHELLOPTS|BASHOPTS"
    r"|PYTHON(?:PATH|HOME|STARTUP|INSPECT|BREAKPOINT|WARNINGS|EXECUTABLE|PLATLIBDIR|USERBASE|PYCACHEPREFIX)"
    r"|PERL5?LIB|PERL5(?:OPT|DB)|RUBY(?:OPT|LIB|SHELL)|GEM_(?:HOME|PATH)|BUNDLE_GEMFILE|NODE_(?:OPTIONS|PATH)"
    r"|_?JAVA_(?:TOOL_)?OPT(?:ION)?S|(?:JDK|IBM|OPENJ9)_JAVA_OPTIONS|CATALINA_OPTS|JVM_(?:OPTS|ARGS)|CLASSPATH|JAVA_HOME"
    r"|DOTNET_STARTUP_HOOKS|DOTNET_ADDITIONAL_DEPS|COR(?:ECLR)?_\w*PROFILER\w*|PHPRC|PHP_INI_SCAN_DIR|LUA_(?:INIT|C?PATH)\w*"
    r"|OPENSSL_(?:CONF|MODULES|ENGINES)|GIT_(?:SSH|EXEC_PATH|CONFIG)\w*"
)
"""Names of environment variables that decide which code runs (ld.so(8), bash(1), and the manuals of the runtimes)."""


@dataclass(frozen=True)
class Keys:
    """The keys of a service's values."""

    schema: Schema

    @property
    def names(self) -> tuple[str, ...]:
        """Those that are configuration, for people: ``config.*`` stands for all below."""
        return tuple(sorted(dotted(path) + (".*" if deep else "") for path, deep in _marked(self.schema.document)))

    def configuration(self, path: Path) -> bool:
        """Whether the value at ``path`` may be changed by a delivery of configuration."""
        if path[0] == "image" or any(isinstance(step, str) and LOADER.fullmatch(step) for step in path[1:]):
            return False
        return any(node.get(MARK) == CONFIGURATION for node in self._nodes(path))

    def is_text(self, path: Path) -> bool:
        """Whether the value at ``path`` can be nothing but text."""
        nodes = list(self._nodes(path))
        return len(nodes) == len(path) and nodes[-1].get("type") == "string"

    def _nodes(self, path: Path) -> Iterator[Mapping[str, Any]]:
        """The schema of each step of ``path``, as far as the schema names them."""
        node: Any = self.schema.document
        for step in path:
            below = "items" if isinstance(step, int) else "additionalProperties"
            properties = node.get("properties")
            known = properties.get(step) if isinstance(properties, dict) else None
            node = self._followed(node.get(below) if known is None else known)
            if not isinstance(node, dict):
                return
            yield node

    def _followed(self, node: Any) -> Any:
        """What a reference to one of the schema's own definitions stands for."""
        match = re.fullmatch(r"#/definitions/(\w+)", str(node.get("$ref", ""))) if isinstance(node, dict) else None
        return (self.schema.document.get("definitions") or {}).get(match[1]) if match else node


def keys(data: bytes | None, *, file: str) -> Keys:
    """By a library chart's schema; None for one that has none. Raises InputError ``helm-schema``."""
    return Keys(schema_of(json.dumps(BUILT_IN).encode() if data is None else data, file=file))


def schema_file(chart: str) -> str:
    """Where a library chart in the folder ``chart`` has its schema."""
    return f"{chart}/{FILE}"


def read(data: bytes, *, file: str) -> dict[str, Any]:
    """A values file. Raises InputError ``yaml-*``, ``values-mapping``."""
    document = yaml.load(data, file=file)
    if not isinstance(document.value, dict):
        raise InputError("values-mapping", "values are one mapping", where=document.where())
    return document.value


def _marked(node: Mapping[str, Any], path: Path = ()) -> Iterator[tuple[Path, bool]]:
    properties = node.get("properties")
    for name, item in properties.items() if isinstance(properties, dict) else ():
        if isinstance(item, dict) and item.get(MARK) == CONFIGURATION:
            yield (*path, name), item.get("type") == "object"
        elif isinstance(item, dict):
            yield from _marked(item, (*path, name))
