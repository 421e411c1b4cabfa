"""What a flow can see: its own project and the libraries that it references, transitively."""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Iterator, Mapping

from interlock.formats.ace import esql
from interlock.formats.ace.flow import Flow, Node
from interlock.formats.ace.workspace import Kind, Project, Workspace

POLICY = re.compile(r"^\{([^}]+)\}:(.+)$")
"""How a property names a policy: ``{Project}:Policy``."""


def policies_of(workspace: Workspace) -> set[tuple[str, str]]:
    """(project, policy) of every policy file."""
    return {
        (item.name, path.removesuffix(".policyxml"))
        for item in workspace.of(Kind.POLICY)
        for path in item.files
        if path.endswith(".policyxml")
    }


class Scope:
    """Names that resolve from one project. Built once per project, asked by every rule."""

    def __init__(self, workspace: Workspace, project: Project, flows: Mapping[str, Mapping[str, Flow]]) -> None:
        self.project = project
        self.visible = workspace.visible(project)
        self.flows: dict[str, Flow] = {}
        """Flow by its path in its project; the project's own shadow those of libraries."""
        for item in reversed(self.visible):
            self.flows.update(flows.get(item.name, {}))
        self.own = flows.get(project.name, {})
        self.modules = set(self._modules())
        self.policies = policies_of(workspace)
        self.maps = {
            path.removesuffix(".map").replace("/", ".")
            for item in self.visible
            for path in item.files
            if path.endswith(".map")
        }
        self._classes: set[str] | None = None

    def _modules(self) -> Iterator[tuple[str, str]]:
        for item in self.visible:
            for path, data in item.files.items():
                if path.endswith(".esql"):
                    source = esql.read(data.decode("utf-8", "replace"))
                    yield from ((source.schema, module.name) for module in source.modules)

    def called(self, node: Node) -> Flow | None:
        """The subflow that a node calls, None when it cannot be found or the node calls none."""
        return self.flows.get(node.subflow) if node.subflow else None

    def has_class(self, name: str) -> bool:
        """Whether a Java class is in a source folder or jar that this project can see."""
        if self._classes is None:
            self._classes = set(self._java_classes())
        return name in self._classes

    def _java_classes(self) -> Iterator[str]:
        for item in self.visible:
            for path, data in item.files.items():
                if path.endswith((".java", ".class")):
                    bare = path.rpartition(".")[0].removeprefix("src/main/java/").removeprefix("src/")
                    yield bare.replace("/", ".")
                elif path.endswith(".jar"):
                    yield from _jar_classes(data)

    def reachable(self, flow: Flow, start: tuple[str, ...]) -> Iterator[Node]:
        """Nodes that a message can visit from ``start``, into called subflows as well."""
        seen = {flow.file}
        pending = [(flow, start)]
        while pending:
            current, ids = pending.pop()
            for node in current.reachable(ids):
                yield node
                called = self.called(node)
                if called and called.file not in seen:
                    seen.add(called.file)
                    pending.append((called, tuple(item.id for item in called.nodes if item.type == "source")))


def _jar_classes(data: bytes) -> Iterator[str]:
    # Only names are read, nothing is unpacked: a damaged jar has no classes and the packer refuses it later.
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as jar:
            yield from (
                name.removesuffix(".class").replace("/", ".") for name in jar.namelist() if name.endswith(".class")
            )
    except (zipfile.BadZipFile, OSError, UnicodeError, NotImplementedError):
        return
