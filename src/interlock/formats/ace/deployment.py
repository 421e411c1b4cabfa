"""The deployment descriptor ``META-INF/broker.xml``: what an override may change, and the values it has."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from xml.sax.saxutils import quoteattr

from interlock.errors import InputError, Location
from interlock.formats.ace import nodes, xml
from interlock.formats.ace.flow import Flow
from interlock.formats.ace.workspace import Kind


@dataclass(frozen=True, slots=True)
class Property:
    """``uri`` is ``Flow#property`` or ``Flow#Node label.property``; for an application, ``startMode``."""

    uri: str
    override: str | None = None


@dataclass(frozen=True, slots=True)
class Section:
    """``CompiledApplication`` (no name) or a ``CompiledMessageFlow``."""

    name: str
    properties: tuple[Property, ...]
    is_subflow: bool = False


@dataclass(frozen=True, slots=True)
class Deployment:
    sections: tuple[Section, ...]

    def properties(self) -> Iterator[Property]:
        return (item for section in self.sections for item in section.properties)


def describe(kind: Kind, flows: Iterable[Flow]) -> Deployment:
    """The descriptor that IBM's tools write for a project with these flows (research 1.4)."""
    sections = [Section(flow.name, tuple(_properties(flow)), flow.is_subflow) for flow in flows]
    if kind.deployable:
        sections.insert(0, Section("", (Property("startMode"),)))
    return Deployment(tuple(sections))


def _properties(flow: Flow) -> Iterator[Property]:
    if not flow.is_subflow:
        yield from (Property(f"{flow.name}#{name}") for name in nodes.FLOW)
    for name, default in flow.promoted.items():
        yield Property(f"{flow.name}#{name}", default)
    for node in flow.nodes:
        always = nodes.ALWAYS.get(node.type, {})
        for name in nodes.PROPERTIES.get(node.type, ()):
            yield Property(f"{flow.name}#{node.label}.{name}", node.attributes.get(name, always.get(name)))


def write(deployment: Deployment) -> bytes:
    """The document, in the form of IBM's tools."""
    lines = ['<?xml version="1.0" encoding="UTF-8"?><Broker>']
    for section in deployment.sections:
        if section.name:
            kind = ' type="subflow"' if section.is_subflow else ""
            lines.append(f"<CompiledMessageFlow name={_attribute(section.name)}{kind}>")
        else:
            lines.append("<CompiledApplication>")
        for item in section.properties:
            value = "" if item.override is None else f"override={_attribute(item.override)} "
            lines.append(f"<ConfigurableProperty {value}uri={_attribute(item.uri)}/>")
        lines.append("</CompiledMessageFlow>" if section.name else "</CompiledApplication>")
    lines.append("</Broker>")
    return "\n".join(lines).encode()


def _attribute(value: str) -> str:
    return quoteattr(value, {"\n": "&#xA;", "\r": "&#xD;", "\t": "&#x9;", '"': "&quot;"})


def read(data: bytes, *, file: str) -> Deployment:
    """Raises InputError ``xml-*``, ``ace-broker-xml``."""
    root = xml.parse(data, file=file)
    if root.name != "Broker":
        raise InputError(
            "ace-broker-xml",
            "no deployment descriptor",
            got=root.tag,
            expected="Broker",
            where=Location(file, root.line),
        )
    sections = []
    for element in root.children:
        if element.name not in ("CompiledApplication", "CompiledMessageFlow", "CompiledSharedLibrary"):
            continue
        properties = tuple(
            Property(item.attributes.get("uri", ""), item.attributes.get("override"))
            for item in element.children
            if item.name == "ConfigurableProperty"
        )
        sections.append(
            Section(element.attributes.get("name", ""), properties, element.attributes.get("type") == "subflow")
        )
    return Deployment(tuple(sections))


def override(deployment: Deployment, uri: str, value: str | None) -> tuple[Deployment, int]:
    """The deployment with that property set (None removes the override), and how many were hit."""
    return _map(deployment, lambda item: replace(item, override=value) if item.uri == uri else None)


def replace_value(deployment: Deployment, old: str, new: str) -> tuple[Deployment, int]:
    """The deployment with every value equal to ``old`` replaced, and how many were hit."""
    return _map(deployment, lambda item: replace(item, override=new) if item.override == old else None)


def _map(deployment: Deployment, change: Callable[[Property], Property | None]) -> tuple[Deployment, int]:
    hits = 0
    sections = []
    for section in deployment.sections:
        properties = []
        for item in section.properties:
            changed = change(item)
            hits += changed is not None
            properties.append(changed or item)
        sections.append(replace(section, properties=tuple(properties)))
    return Deployment(tuple(sections)), hits
