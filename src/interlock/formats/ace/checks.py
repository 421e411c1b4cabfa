"""Static checks of a workspace: what can be known about flows without running them.

The rules are the error rules of research/ace_secrets.md 1.11 that are decidable offline, and a few warnings. What is
not decidable here (ESQL semantics, XPath, maps) is not guessed: the integration server says it when it starts.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from interlock.errors import InputError
from interlock.formats.ace import credentials, esql, flow_checks, test_projects
from interlock.formats.ace.deployment import describe
from interlock.formats.ace.flow import SUFFIXES, Flow, read_flow
from interlock.formats.ace.issue import Issue, Severity
from interlock.formats.ace.overrides import Override
from interlock.formats.ace.scope import POLICY, Scope, policies_of
from interlock.formats.ace.workspace import Kind, Project, Workspace

_FORBIDDEN = frozenset(" !()+-:;<=>?[]'}{")
"""Characters that mqsipackagebar refuses in names (IBM bc31720_)."""


def check(workspace: Workspace, *, overrides: tuple[Override, ...] = ()) -> list[Issue]:
    """Every issue, sorted by place. An empty list says that no rule was hit, not that the flows work."""
    issues: list[Issue] = []
    flows: dict[str, dict[str, Flow]] = {}
    for project in workspace.projects.values():
        flows[project.name] = dict(_parsed(project, issues))
    for project in workspace.projects.values():
        issues.extend(_references(workspace, project))
        issues.extend(_esql(project))
        issues.extend(credentials.check(project))
        if set(project.name) & _FORBIDDEN:
            issues.append(
                Issue(project.descriptor, 0, "name-forbidden", Severity.WARNING, f"IBM's tools refuse {project.name!r}")
            )
        if project.kind is Kind.TEST:
            issues.extend(test_projects.check(workspace, project, flows))
        elif flows[project.name] or project.operations:
            scope = Scope(workspace, project, flows)
            issues.extend(_operations(project))
            for flow in flows[project.name].values():
                issues.extend(flow_checks.check(scope, flow))
            issues.extend(flow_checks.check_labels(scope))
    issues.extend(_overrides(workspace, flows, overrides))
    return sorted(set(issues))


def _parsed(project: Project, issues: list[Issue]) -> Iterator[tuple[str, Flow]]:
    for path, data in project.files.items():
        if not path.endswith(SUFFIXES):
            continue
        try:
            yield path, read_flow(data, file=path, where=project.path(path))
        except InputError as error:
            line = error.where.line if error.where else 0
            issues.append(Issue(project.path(path), line, error.code, Severity.ERROR, error.message))


def _references(workspace: Workspace, project: Project) -> Iterator[Issue]:
    for name in project.libraries:
        found = workspace.projects.get(name)
        if found is None or found.kind not in (Kind.SHARED_LIBRARY, Kind.STATIC_LIBRARY):
            yield Issue(
                project.descriptor, 0, "library-unresolved", Severity.ERROR, f"no library {name!r} in the workspace"
            )


def _esql(project: Project) -> Iterator[Issue]:
    declared: dict[tuple[str, str], str] = {}
    for path, data in project.files.items():
        if not path.endswith(".esql"):
            continue
        where = project.path(path)
        try:
            source = esql.read(data.decode("utf-8"))
        except UnicodeDecodeError as error:
            yield Issue(where, 0, "esql-encoding", Severity.ERROR, f"not UTF-8: {error.reason} at byte {error.start}")
            continue
        folder = path.rpartition("/")[0].replace("/", ".")
        if source.schema != folder:
            yield Issue(
                where,
                source.schema_line,
                "esql-schema-folder",
                Severity.ERROR,
                f"BROKER SCHEMA {source.schema or '(default)'} in the folder of schema {folder or '(default)'}",
            )
        for module in source.modules:
            first = declared.setdefault((source.schema, module.name), f"{where}:{module.line}")
            if first != f"{where}:{module.line}":
                yield Issue(
                    where,
                    module.line,
                    "esql-module-duplicate",
                    Severity.ERROR,
                    f"module {module.name} is declared already at {first}",
                )


def _operations(project: Project) -> Iterator[Issue]:
    for operation in project.operations:
        if operation.implementation not in project.files:
            yield Issue(
                project.descriptor,
                operation.line,
                "rest-operation-unimplemented",
                Severity.ERROR,
                f"operation {operation.name!r} has no subflow {operation.implementation or '(none)'}",
            )


def _overrides(
    workspace: Workspace, flows: Mapping[str, Mapping[str, Flow]], overrides: tuple[Override, ...]
) -> Iterator[Issue]:
    policies = policies_of(workspace)
    known = {
        item.uri for project in flows.values() for item in describe(Kind.SHARED_LIBRARY, project.values()).properties()
    }
    for override in overrides:
        policy = POLICY.match(override.value or "")
        if policy and policy.groups() not in policies:
            yield Issue(
                override.where.file,
                override.where.line,
                "policy-unresolved",
                Severity.ERROR,
                f"no policy {override.value!r} in the workspace",
            )
        if override.is_property and override.key not in known:
            yield Issue(
                override.where.file,
                override.where.line,
                "override-unmatched",
                Severity.ERROR,
                f"no flow has the property {override.key!r}",
            )
