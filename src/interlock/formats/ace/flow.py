"""Message flows and subflows: the EMF documents ``*.msgflow`` and ``*.subflow``."""

from __future__ import annotations

import posixpath
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from interlock.errors import InputError, Location
from interlock.formats.ace import xml

SUFFIXES = (".msgflow", ".subflow")


@dataclass(frozen=True, slots=True)
class Node:
    """One node. ``label`` is the name that overrides and tests use."""

    id: str
    type: str
    """Node type without ``.msgnode`` (``ComIbmCompute``), ``source`` or ``sink`` of a subflow, or ``subflow``."""
    label: str
    attributes: Mapping[str, str]
    line: int
    subflow: str = ""
    """Path of the called subflow in its project (``Schema/Name.subflow``) when the type is ``subflow``."""


@dataclass(frozen=True, slots=True)
class Connection:
    id: str
    source: str
    source_terminal: str
    target: str
    target_terminal: str
    line: int


@dataclass(frozen=True, slots=True)
class Flow:
    """One flow, as its file says."""

    file: str
    """Path in the project: ``gen/Api.msgflow``."""
    nodes: tuple[Node, ...]
    connections: tuple[Connection, ...]
    promoted: Mapping[str, str | None]
    """User-defined and promoted properties with their default, in document order."""

    @property
    def name(self) -> str:
        """Folder path with dots, no extension: ``gen.Api``."""
        return posixpath.splitext(self.file)[0].replace("/", ".")

    @property
    def schema(self) -> str:
        """The broker schema, dotted; empty for the default schema."""
        return posixpath.dirname(self.file).replace("/", ".")

    @property
    def is_subflow(self) -> bool:
        return self.file.endswith(".subflow")

    def reachable(self, start: Iterable[str]) -> Iterator[Node]:
        """The nodes that a message entering at ``start`` (node ids) can visit, ``start`` included.

        A RouteToLabel node chooses a Label at run time: it can go to each of them.
        """
        after: dict[str, list[str]] = {}
        labels = [node.id for node in self.nodes if node.type == "ComIbmLabel"]
        after.update({node.id: list(labels) for node in self.nodes if node.type == "ComIbmRouteToLabel"})
        for connection in self.connections:
            after.setdefault(connection.source, []).append(connection.target)
        by_id = {node.id: node for node in self.nodes}
        seen: set[str] = set()
        pending = list(start)
        while pending:
            node_id = pending.pop()
            if node_id in seen or node_id not in by_id:
                continue
            seen.add(node_id)
            yield by_id[node_id]
            pending.extend(after.get(node_id, ()))


def terminal(name: str) -> str:
    """A terminal's bare name: generated flows of old versions leave the prefix out."""
    return name.removeprefix("OutTerminal.").removeprefix("InTerminal.")


def read_flow(data: bytes, *, file: str, where: str = "") -> Flow:
    """``file`` is the path in the project, ``where`` the one to name in errors.

    Raises InputError ``xml-*``, ``ace-flow`` when the document is no flow.
    """
    where = where or file
    root = xml.parse(data, file=where)
    composition = next(root.all("composition"), None)
    classifier = next(root.all("eClassifiers"), None)
    if root.name != "EPackage" or composition is None or classifier is None:
        raise InputError(
            "ace-flow", "not a message flow", got=root.tag, expected="ecore:EPackage", where=Location(where, root.line)
        )
    spaces = {key.removeprefix("xmlns:"): value for key, value in root.attributes.items() if key.startswith("xmlns:")}
    return Flow(
        file=file,
        nodes=tuple(_node(item, spaces, where) for item in composition.children if item.name == "nodes"),
        connections=tuple(_connection(item) for item in composition.children if item.name == "connections"),
        promoted={
            item.attributes["name"]: item.attributes.get("defaultValueLiteral")
            for item in classifier.children
            if item.name == "eStructuralFeatures" and "name" in item.attributes
        },
    )


def _node(element: xml.Element, spaces: Mapping[str, str], where: str) -> Node:
    written = element.attributes.get("xmi:type", "")
    prefix, _, kind = written.rpartition(":")
    target = spaces.get(prefix, prefix)
    subflow = ""
    if prefix == "eflow" and kind in ("FCMSource", "FCMSink"):
        node_type = "source" if kind == "FCMSource" else "sink"
    elif target.endswith(".msgnode"):
        node_type = posixpath.basename(target).removesuffix(".msgnode")
    elif target.endswith(SUFFIXES):
        node_type, subflow = "subflow", target
    else:
        raise InputError("ace-flow", "a node without type", got=written, where=Location(where, element.line))
    translation = next((child for child in element.children if child.name == "translation"), None)
    names = translation.attributes if translation else {}
    return Node(
        id=element.attributes.get("xmi:id", ""),
        type=node_type,
        label=names.get("string", names.get("key", "")),
        attributes={key: value for key, value in element.attributes.items() if ":" not in key and key != "location"},
        line=element.line,
        subflow=subflow,
    )


def _connection(element: xml.Element) -> Connection:
    get = element.attributes.get
    return Connection(
        id=get("xmi:id", ""),
        source=get("sourceNode", ""),
        source_terminal=get("sourceTerminalName", ""),
        target=get("targetNode", ""),
        target_terminal=get("targetTerminalName", ""),
        line=element.line,
    )
