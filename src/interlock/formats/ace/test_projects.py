"""Test projects, as far as they can be checked without running them: what they point at exists (research 1.7)."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator, Mapping

from interlock.errors import InputError
from interlock.formats.ace import xml
from interlock.formats.ace.flow import Flow
from interlock.formats.ace.issue import Issue, Severity
from interlock.formats.ace.scope import Scope
from interlock.formats.ace.workspace import Project, Workspace

_COMMENT = re.compile(r"//[^\n]*|/\*.*?\*/|\"(?:[^\"\\\n]|\\.)*\"", re.DOTALL)
_SPY = re.compile(r"new\s+SpyObjectReference\s*\(\s*\)((?:\s*\.\s*\w+\s*\(\s*\"[^\"\n]*\"\s*\))+)")
_CALL = re.compile(r"\.\s*(\w+)\s*\(\s*\"([^\"\n]*)\"\s*\)")
_MESSAGE = re.compile(r"\"([^\"\n]+\.mxml)\"")


def check(workspace: Workspace, project: Project, flows: Mapping[str, Mapping[str, Flow]]) -> Iterator[Issue]:
    """Missing applications, nodes and recorded messages of one test project."""
    for name in project.applications:
        found = workspace.projects.get(name)
        if found is None or not found.kind.deployable:
            yield Issue(
                project.descriptor, 0, "test-application-missing", Severity.ERROR, f"no application {name!r} to test"
            )
    messages = {posixpath.basename(path): path for path in project.files if path.endswith(".mxml")}
    for path in messages.values():
        try:
            xml.parse(project.files[path], file=project.path(path))
        except InputError as error:
            line = error.where.line if error.where else 0
            yield Issue(project.path(path), line, "test-message-malformed", Severity.ERROR, error.message)
    scopes = {name: Scope(workspace, item, flows) for name, item in workspace.projects.items() if item.kind.deployable}
    for path, data in project.files.items():
        if path.endswith(".java"):
            yield from _source(project.path(path), data.decode("utf-8", "replace"), messages, scopes)


def _source(where: str, text: str, messages: Mapping[str, str], scopes: Mapping[str, Scope]) -> Iterator[Issue]:
    code = _COMMENT.sub(lambda found: found.group() if found.group()[0] == '"' else _blank(found.group()), text)
    for found in _MESSAGE.finditer(code):
        line = _line(code, found.start())
        for name in found.group(1).split(","):
            if posixpath.basename(name.strip()) not in messages:
                yield Issue(where, line, "test-message-missing", Severity.ERROR, f"no {name.strip()} here")
    for found in _SPY.finditer(code):
        calls = _CALL.findall(found.group(1))
        if message := _unresolved(calls, scopes):
            yield Issue(where, _line(code, found.start()), "test-node-missing", Severity.ERROR, message)


def _unresolved(calls: list[tuple[str, str]], scopes: Mapping[str, Scope]) -> str:
    """Why a chain of references leads nowhere; empty when it resolves or cannot be judged here."""
    scope: Scope | None = None
    flow: Flow | None = None
    for method, name in calls:
        if method == "application":
            if (scope := scopes.get(name)) is None:
                return f"no application {name!r} in the workspace"
        elif method in ("messageFlow", "subflow") and scope is not None:
            flow = next((item for item in scope.flows.values() if item.name == name), None)
            if flow is None:
                return f"no flow {name!r} in {scope.project.name}"
        elif method in ("node", "subflowNode") and scope is not None and flow is not None:
            node = next((item for item in flow.nodes if item.label == name), None)
            if node is None:
                return f"no node {name!r} in flow {flow.name}"
            if method == "subflowNode":
                flow = scope.called(node)
                if flow is None:
                    return f"node {name!r} calls no subflow of the workspace"
    return ""


def count(project: Project) -> int:
    """JUnit tests declared in a test project: how many could be run where IBM's software is."""
    return sum(
        len(re.findall(r"^\s*@Test\b", data.decode("utf-8", "replace"), re.MULTILINE))
        for path, data in project.files.items()
        if path.endswith(".java")
    )


def _blank(text: str) -> str:
    return "".join(letter if letter == "\n" else " " for letter in text)


def _line(text: str, offset: int) -> int:
    return text.count("\n", 0, offset) + 1
