"""BAR files as IBM's tools lay them out: written deterministically, read with limits.

A BAR holds one nested zip per application and shared library, and policy projects as plain folders; a static library
is nested in each application that uses it (research/ace_secrets.md 1.3; IBM "BAR file contents" af14610_).
"""

from __future__ import annotations

import posixpath
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from interlock.errors import InputError, NotFoundError, UnsupportedError
from interlock.formats.ace import archive, deployment
from interlock.formats.ace.deployment import Deployment
from interlock.formats.ace.flow import SUFFIXES, Flow, read_flow
from interlock.formats.ace.workspace import Kind, Project, Workspace

MANIFEST = b"srcSelected=false;showSrc=true;esql21VersionSelected=false;"
_META = ("META-INF/manifest.mf", "META-INF/broker.xml")
_SUFFIX = {
    Kind.APPLICATION: ".appzip",
    Kind.REST_API: ".appzip",
    Kind.SHARED_LIBRARY: ".shlibzip",
    Kind.STATIC_LIBRARY: ".libzip",
}

# CreateBarMojo.java of ot4i/ace-maven-plugin, plus what IBM-built BARs were seen to hold.
_INCLUDED = frozenset(
    {
        *(".msgflow", ".subflow", ".esql", ".map", ".descriptor", ".policyxml", ".xsl", ".xslt", ".xml", ".jar"),
        *(".json", ".yaml", ".yml", ".xsd", ".wsdl", ".xsdzip", ".tblxmi", ".dictionary", ".idl"),
        *(".inadapter", ".outadapter", ".insca", ".outsca"),
    }
)
SWEPT = frozenset({"pom.xml", "build.xml", "server.conf.yaml"})
"""Files that IBM's tools sweep in by their suffix although no integration server reads them there."""


@dataclass(frozen=True, slots=True)
class PackedBar:
    """A BAR and what is worth knowing about how it was made."""

    data: bytes
    projects: tuple[str, ...]
    left_out: tuple[str, ...] = field(default=())
    """Workspace paths with an included suffix that were left out as build or server files."""


def pack(
    workspace: Workspace,
    *,
    applications: Iterable[str] | None = None,
    policies: Iterable[str] | None = None,
    exclude: frozenset[str] = SWEPT,
) -> PackedBar:
    """The BAR of these applications (default: every application and REST API), the shared libraries that they
    reference, transitively, and these policy projects (default: every one), without the files of these names.
    Equal input gives equal bytes.

    Raises NotFoundError ``ace-project-missing`` (a named project or a referenced library), UnsupportedError
    ``ace-java-uncompiled`` (a referenced Java project without a jar: compiling needs IBM's jars), InputError of the
    parsers.
    """
    chosen = _chosen(workspace, applications, (Kind.APPLICATION, Kind.REST_API), "application")
    if not chosen:
        raise NotFoundError("ace-project-missing", "nothing to pack", expected="at least one application or REST API")
    shared: dict[str, Project] = {}
    members: dict[str, bytes] = {_META[0]: MANIFEST}
    selection = _Selection(exclude)
    for project in chosen:
        for library in _libraries(workspace, project):
            if library.kind is Kind.SHARED_LIBRARY:
                shared[library.name] = library
    policy_projects = _chosen(workspace, policies, (Kind.POLICY,), "policy project")
    for project in (*chosen, *shared.values()):
        members[f"{project.name}{_SUFFIX[project.kind]}"] = _project_zip(workspace, project, selection)
    for project in policy_projects:
        for path, data in _content(project, selection):
            members[f"{project.name}/{path}"] = data
    return PackedBar(
        data=archive.write(members, first=_META),
        projects=tuple(sorted(item.name for item in (*chosen, *shared.values(), *policy_projects))),
        left_out=tuple(sorted(selection.left_out)),
    )


def _chosen(workspace: Workspace, names: Iterable[str] | None, kinds: tuple[Kind, ...], what: str) -> list[Project]:
    available = {project.name: project for project in workspace.of(*kinds)}
    if names is None:
        return list(available.values())
    missing = sorted(set(names) - set(available))
    if missing:
        known = ", ".join(available) or "none"
        raise NotFoundError(
            "ace-project-missing", f"no {what} of that name", got=missing[0], expected=f"one of: {known}"
        )
    return [available[name] for name in sorted(set(names))]


def _libraries(workspace: Workspace, project: Project) -> Iterator[Project]:
    """Every library that ``project`` references, transitively, once each."""
    seen: set[str] = set()
    pending = [(name, project) for name in project.libraries]
    while pending:
        name, by = pending.pop(0)
        if name in seen:
            continue
        seen.add(name)
        library = workspace.projects.get(name)
        if library is None or library.kind not in (Kind.SHARED_LIBRARY, Kind.STATIC_LIBRARY):
            raise NotFoundError(
                "ace-project-missing",
                f"{by.name} references a library that is not in the workspace",
                got=name,
                where=by.descriptor,
                todo="is it in a git submodule that was not fetched?",
            )
        yield library
        pending.extend((other, library) for other in library.libraries)


@dataclass(slots=True)
class _Selection:
    """Which files go in, and which were left out on the way."""

    exclude: frozenset[str]
    left_out: set[str] = field(default_factory=set)


def _project_zip(workspace: Workspace, project: Project, selection: _Selection) -> bytes:
    members = dict(_content(project, selection))
    flows = [read_flow(data, file=path, where=project.path(path)) for path, data in _flows(members)]
    members[_META[0]] = MANIFEST
    members[_META[1]] = deployment.write(deployment.describe(project.kind, flows))
    for library in _direct_static(workspace, project):
        members[f"{library.name}.libzip"] = _project_zip(workspace, library, selection)
    for name in project.depends:
        java = workspace.projects.get(name)
        if java is None or java.kind is not Kind.JAVA:
            continue
        jar = next((data for path, data in java.files.items() if posixpath.basename(path) == f"{name}.jar"), None)
        if jar is None:
            raise UnsupportedError(
                "ace-java-uncompiled",
                f"the Java project {name!r} has no compiled jar",
                expected=java.path(f"{name}.jar"),
                where=java.descriptor,
                todo="commit the jar, or build it where IBM's jars are (javacompute.jar, jplugin2.jar)",
            )
        members[f"{name}.jar"] = jar
    return archive.write(members, first=_META)


def _direct_static(workspace: Workspace, project: Project) -> Iterator[Project]:
    for library in _libraries(workspace, project) if project.kind.deployable else ():
        if library.kind is Kind.STATIC_LIBRARY:
            yield library


def _content(project: Project, selection: _Selection) -> Iterator[tuple[str, bytes]]:
    for path, data in project.files.items():
        name = posixpath.basename(path)
        if name.startswith(".") or posixpath.splitext(name)[1].lower() not in _INCLUDED:
            continue
        if name in selection.exclude or path.startswith("META-INF/"):
            selection.left_out.add(project.path(path))
            continue
        yield path, data


def _flows(files: Mapping[str, bytes]) -> Iterator[tuple[str, bytes]]:
    return ((path, data) for path, data in sorted(files.items()) if path.endswith(SUFFIXES))


@dataclass(frozen=True, slots=True)
class BarProject:
    """An application, shared library or policy project in a BAR."""

    name: str
    kind: Kind
    files: Mapping[str, bytes]
    """Its content without ``META-INF``; static libraries are still zipped (``X.libzip``)."""
    deployment: Deployment | None
    """None for a policy project."""

    def flows(self) -> list[Flow]:
        return [read_flow(data, file=path) for path, data in _flows(self.files)]


@dataclass(frozen=True, slots=True)
class Bar:
    projects: tuple[BarProject, ...]

    def project(self, name: str) -> BarProject:
        for item in self.projects:
            if item.name == name:
                return item
        raise NotFoundError("ace-project-missing", "no such project in the BAR", got=name)


def read_bar(data: bytes, *, where: str = "BAR", limits: archive.Limits | None = None) -> Bar:
    """Raises InputError ``archive-*`` and ``ace-bar`` when there is nothing deployable in it."""
    budget = archive.Budget(limits or archive.Limits())
    top = archive.read(data, where=where, budget=budget)
    found: list[BarProject] = []
    policies: dict[str, dict[str, bytes]] = {}
    for path, content in top.items():
        folder, _, rest = path.partition("/")
        name, suffix = posixpath.splitext(path)
        if "/" not in path and suffix in (".appzip", ".shlibzip"):
            inner = archive.read(content, where=f"{where}!/{path}", budget=budget)
            found.append(_bar_project(name, suffix, inner, f"{where}!/{path}"))
        elif rest and f"{folder}/policy.descriptor" in top:
            policies.setdefault(folder, {})[rest] = content
    found.extend(BarProject(name, Kind.POLICY, files, None) for name, files in policies.items())
    if not found:
        raise InputError(
            "ace-bar", "not a BAR", got=", ".join(sorted(top)[:5]) or "an empty zip", expected="*.appzip", where=where
        )
    return Bar(tuple(sorted(found, key=lambda item: item.name)))


def _bar_project(name: str, suffix: str, files: dict[str, bytes], where: str) -> BarProject:
    described = files.get(_META[1])
    kind = Kind.SHARED_LIBRARY if suffix == ".shlibzip" else Kind.APPLICATION
    if "restapi.descriptor" in files:
        kind = Kind.REST_API
    return BarProject(
        name=name,
        kind=kind,
        files={path: data for path, data in files.items() if not path.startswith("META-INF/")},
        deployment=deployment.read(described, file=f"{where}!/{_META[1]}") if described is not None else None,
    )
