"""Rules about one flow: its graph, and what its nodes refer to."""

from __future__ import annotations

import re
from collections.abc import Iterator

from interlock.formats.ace import nodes
from interlock.formats.ace.flow import Connection, Flow, Node, terminal
from interlock.formats.ace.issue import Issue, Severity
from interlock.formats.ace.scope import POLICY, Scope

_ESQL = re.compile(r"^esql://routine/([\w.]*)#(\w+)\.\w+$")
_MAP = re.compile(r"^msl://(?:\{(.*?)\})?#?(.*)$")


def check(scope: Scope, flow: Flow) -> Iterator[Issue]:
    """Every issue of one flow of the scope's project."""
    where = scope.project.path(flow.file)
    for rule, severity, line, message in (
        *_identity(flow),
        *_connections(scope, flow),
        *_references(scope, flow),
        *_replies(scope, flow),
        *_wiring(flow),
    ):
        yield Issue(where, line, rule, severity, message)


_Found = tuple[str, Severity, int, str]


def _identity(flow: Flow) -> Iterator[_Found]:
    ids: dict[str, int] = {}
    labels: dict[str, int] = {}
    for xmi_id, line in [(node.id, node.line) for node in flow.nodes] + [
        (item.id, item.line) for item in flow.connections
    ]:
        if xmi_id in ids:
            message = f"xmi:id {xmi_id!r} is used already at line {ids[xmi_id]}"
            yield "node-id-duplicate", Severity.ERROR, line, message
        ids.setdefault(xmi_id, line)
    for node in flow.nodes:
        if node.label in labels:
            message = (
                f"two nodes are labelled {node.label!r} (line {labels[node.label]}): overrides cannot tell them apart"
            )
            yield "node-label-duplicate", Severity.ERROR, node.line, message
        labels.setdefault(node.label, node.line)


def _connections(scope: Scope, flow: Flow) -> Iterator[_Found]:
    by_id = {node.id: node for node in flow.nodes}
    for connection in flow.connections:
        ends = ((connection.source, "from"), (connection.target, "to"))
        unknown = [(name, side) for name, side in ends if name not in by_id]
        for name, side in unknown:
            yield (
                "connection-node-unknown",
                Severity.ERROR,
                connection.line,
                f"a connection {side} {name!r}, which is no node of this flow",
            )
        if not unknown:
            yield from _terminals(scope, connection, by_id[connection.source], by_id[connection.target])


def _terminals(scope: Scope, connection: Connection, source: Node, target: Node) -> Iterator[_Found]:
    known = nodes.TERMINALS.get(source.type)
    name = terminal(connection.source_terminal)
    if (called := scope.called(source)) is not None:
        known = frozenset(terminal(node.id) for node in called.nodes if node.type == "sink")
    if known is not None and name not in known:
        yield (
            "connection-terminal-unknown",
            Severity.ERROR,
            connection.line,
            f"{source.label!r} has no output terminal {name!r} (has: {', '.join(sorted(known)) or 'none'})",
        )
    if (called := scope.called(target)) is not None:
        entries = {terminal(node.id) for node in called.nodes if node.type == "source"}
        name = terminal(connection.target_terminal)
        if name not in entries:
            yield (
                "connection-terminal-unknown",
                Severity.ERROR,
                connection.line,
                f"{target.label!r} has no input terminal {name!r} (has: {', '.join(sorted(entries)) or 'none'})",
            )


def _references(scope: Scope, flow: Flow) -> Iterator[_Found]:
    for node in flow.nodes:
        if node.subflow and scope.called(node) is None:
            yield (
                "subflow-unresolved",
                Severity.ERROR,
                node.line,
                f"{node.label!r} calls {node.subflow}, which is in no project that {scope.project.name} references",
            )
        for key, value in node.attributes.items():
            if (found := _ESQL.match(value)) and found.groups() not in scope.modules:
                schema, module = found.groups()
                yield (
                    "esql-module-unresolved",
                    Severity.ERROR,
                    node.line,
                    f"{node.label!r} needs ESQL module {module} in schema {schema or '(default)'}",
                )
            elif key == "mappingExpression" and (found := _MAP.match(value)):
                schema, name = found.group(1) or "", found.group(2).removesuffix(".Main")
                wanted = name if schema in ("", "default") else f"{schema}.{name}"
                if wanted not in scope.maps:
                    yield "map-unresolved", Severity.ERROR, node.line, f"{node.label!r} needs the map {wanted}"
            elif key == "javaClass" and value and not scope.has_class(value):
                yield "java-class-unresolved", Severity.ERROR, node.line, f"{node.label!r} needs the class {value}"
            elif key == "policyUrl" and (found := POLICY.match(value)) and found.groups() not in scope.policies:
                yield "policy-unresolved", Severity.ERROR, node.line, f"{node.label!r} needs the policy {value}"


def _replies(scope: Scope, flow: Flow) -> Iterator[_Found]:
    for node in flow.nodes:
        if node.type != "ComIbmWSInput":
            continue
        if any(other.type == "ComIbmWSReply" for other in scope.reachable(flow, (node.id,))):
            continue
        # Request and reply may be two flows with a queue between them: then the reply is elsewhere in the project.
        elsewhere = any(other.type == "ComIbmWSReply" for item in scope.flows.values() for other in item.nodes)
        yield (
            "http-reply-unreachable",
            Severity.WARNING if elsewhere else Severity.ERROR,
            node.line,
            f"no HTTP Reply is reachable from {node.label!r}" + (", only one in another path" if elsewhere else ""),
        )


def _wiring(flow: Flow) -> Iterator[_Found]:
    wired = {(item.source, terminal(item.source_terminal)) for item in flow.connections}
    touched = {item.source for item in flow.connections} | {item.target for item in flow.connections}
    for node in flow.nodes:
        if node.type in nodes.INPUTS and not {(node.id, "catch"), (node.id, "failure")} & wired:
            yield (
                "input-unguarded",
                Severity.WARNING,
                node.line,
                f"{node.label!r} has neither catch nor failure wired: an exception rolls back and is retried or lost",
            )
        if node.id not in touched and node.type != "ComIbmLabel" and len(flow.nodes) > 1:
            yield "node-unconnected", Severity.WARNING, node.line, f"{node.label!r} has no connection"


def check_labels(scope: Scope) -> Iterator[Issue]:
    """Label nodes are addressed by name at run time: they must exist, and be unique in a flow."""
    for flow in scope.own.values():
        where = scope.project.path(flow.file)
        names: dict[str, int] = {}
        for node in flow.nodes:
            if node.type == "ComIbmLabel":
                name = node.attributes.get("labelName", "")
                if name in names:
                    message = f"labelName {name!r} is used already at line {names[name]}"
                    yield Issue(where, node.line, "label-duplicate", Severity.ERROR, message)
                names.setdefault(name, node.line)
        for node in flow.nodes:
            if node.type == "ComIbmRouteToLabel" and not names:
                yield Issue(
                    where, node.line, "route-labels-missing", Severity.ERROR, f"{node.label!r} has no Label to go to"
                )
