"""An ACE workspace: one folder per project, each told apart by its descriptor."""

from __future__ import annotations

import posixpath
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum

from interlock.errors import InputError, NotFoundError
from interlock.formats.ace import xml


class Kind(StrEnum):
    APPLICATION = "application"
    REST_API = "rest-api"
    SHARED_LIBRARY = "shared-library"
    STATIC_LIBRARY = "static-library"
    POLICY = "policy-project"
    TEST = "test-project"
    JAVA = "java-project"

    @property
    def deployable(self) -> bool:
        """Whether it is an application of its own in a BAR."""
        return self in (Kind.APPLICATION, Kind.REST_API)


_DESCRIPTORS = {
    "application.descriptor": ("appDescriptor", Kind.APPLICATION),
    "restapi.descriptor": ("restapiDescriptor", Kind.REST_API),
    "library.descriptor": ("libDescriptor", Kind.STATIC_LIBRARY),
    "policy.descriptor": ("policyProjectDescriptor", Kind.POLICY),
    "testproject.descriptor": ("testprojectDescriptor", Kind.TEST),
}
_SHARED = "com.ibm.etools.msgbroker.tooling.sharedLibraryNature"
_JAVA = "com.ibm.etools.mft.jcn.jcnnature"


@dataclass(frozen=True, slots=True)
class Operation:
    """An operation of a REST API and the subflow that implements it."""

    name: str
    implementation: str
    line: int


@dataclass(frozen=True, slots=True)
class Project:
    """One project. ``files`` are relative to its folder and leave out projects nested in it."""

    name: str
    kind: Kind
    folder: str
    descriptor: str
    """Path of its descriptor in the workspace (``.project`` for a Java project)."""
    files: Mapping[str, bytes]
    libraries: tuple[str, ...] = ()
    """Referenced shared and static libraries, in the descriptor's order."""
    applications: tuple[str, ...] = ()
    """Applications that a test project tests."""
    depends: tuple[str, ...] = ()
    """Projects named in ``.project``: the only place where Java projects are referenced."""
    operations: tuple[Operation, ...] = ()

    def path(self, file: str) -> str:
        """``file`` of this project as a path in the workspace."""
        return posixpath.join(self.folder, file) if self.folder else file


@dataclass(frozen=True, slots=True)
class Workspace:
    """The projects by name, sorted."""

    projects: Mapping[str, Project]

    def of(self, *kinds: Kind) -> Iterator[Project]:
        return (project for project in self.projects.values() if project.kind in kinds)

    def visible(self, project: Project) -> tuple[Project, ...]:
        """The project and every library it can call into, nearest first (transitively); unresolved names left out."""
        found: dict[str, Project] = {}
        pending = [project.name]
        while pending:
            name = pending.pop(0)
            if name in found or (item := self.projects.get(name)) is None:
                continue
            found[name] = item
            pending.extend(item.libraries)
            pending.extend(other for other in item.depends if other in self.projects)
        return tuple(item for item in found.values() if item is project or not item.kind.deployable)


def read_workspace(files: Mapping[str, bytes]) -> Workspace:
    """The workspace in ``files`` (paths relative to its root, ``/`` as separator).

    Raises InputError ``ace-descriptor`` (wrong root element), ``ace-project-duplicate``, ``path-outside``, ``xml-*``;
    NotFoundError ``ace-workspace-empty`` when there is no project at all.
    """
    for path in files:
        require_inside(path)
    roots: dict[str, str] = {}
    for path in sorted(files):
        folder, name = posixpath.split(path)
        if name in _DESCRIPTORS:
            if folder in roots:
                raise InputError(
                    "ace-descriptor", "two descriptors in one project", got=name, expected=roots[folder], where=path
                )
            roots[folder] = name
    for path in sorted(files):
        folder, name = posixpath.split(path)
        if name == ".project" and folder not in roots and _JAVA in files[path].decode("utf-8", "replace"):
            roots[folder] = ".project"
    if not roots:
        raise NotFoundError(
            "ace-workspace-empty",
            "no ACE project here",
            expected="folders that hold application.descriptor, library.descriptor or policy.descriptor",
        )
    projects: dict[str, Project] = {}
    for folder, descriptor in roots.items():
        project = _project(folder, descriptor, _members(files, folder, roots))
        if project.name in projects:
            raise InputError(
                "ace-project-duplicate",
                f"two projects are named {project.name!r}",
                got=folder,
                expected=f"another name than {projects[project.name].folder}",
            )
        projects[project.name] = project
    return Workspace(dict(sorted(projects.items())))


def require_inside(path: str) -> None:
    """Refuse a path that leaves its root. Raises InputError ``path-outside``."""
    if (
        not path
        or path.startswith("/")
        or "\\" in path
        or "\0" in path
        or posixpath.normpath(path) != path
        or path.split("/")[0] in ("..", ".")
    ):
        raise InputError(
            "path-outside", "a path that leaves its folder", got=repr(path), expected="a plain relative path"
        )


def _members(files: Mapping[str, bytes], folder: str, roots: Mapping[str, str]) -> dict[str, bytes]:
    prefix = f"{folder}/" if folder else ""
    inner = tuple(f"{other}/" for other in roots if other != folder and other.startswith(prefix))
    return {
        path[len(prefix) :]: files[path]
        for path in sorted(files)
        if path.startswith(prefix) and not path.startswith(inner)
    }


def _project(folder: str, descriptor: str, files: Mapping[str, bytes]) -> Project:
    where = posixpath.join(folder, descriptor)
    depends: tuple[str, ...] = ()
    name = posixpath.basename(folder)
    if ".project" in files:
        eclipse = xml.parse(files[".project"], file=posixpath.join(folder, ".project"))
        depends = eclipse.texts("project")
        name = next((child.text.strip() for child in eclipse.children if child.name == "name"), "") or name
    if not name:
        raise InputError("ace-descriptor", "the project has no name", where=where, todo="give it a folder or .project")
    require_inside(name)
    if "/" in name:
        raise InputError("ace-descriptor", "a project name holds no slash", got=name, where=where)
    if descriptor == ".project":
        return Project(name, Kind.JAVA, folder, where, files, depends=depends)
    expected, kind = _DESCRIPTORS[descriptor]
    root = xml.parse(files[descriptor], file=where)
    if root.name != expected:
        raise InputError("ace-descriptor", "another root element", got=root.name, expected=expected, where=where)
    if kind is Kind.STATIC_LIBRARY and root.attributes.get("type") == _SHARED:
        kind = Kind.SHARED_LIBRARY
    return Project(
        name=name,
        kind=kind,
        folder=folder,
        descriptor=where,
        files=files,
        libraries=root.texts("libraryName"),
        applications=root.texts("applicationName"),
        depends=depends,
        operations=tuple(
            Operation(item.attributes.get("name", ""), item.attributes.get("implementation", ""), item.line)
            for item in root.all("operation")
        ),
    )
