"""An App Connect Enterprise workspace, as the Toolkit keeps it."""

from __future__ import annotations

from collections.abc import Mapping

from interlock.errors import InputError
from interlock.formats import ace


def require(workspace: Mapping[str, bytes]) -> None:
    """Raises NotFoundError ``ace-workspace-empty`` when no ACE project is in it, InputError ``ace-*`` and
    ``path-outside`` when it cannot be read as one."""
    projects = ace.read_workspace(workspace).projects
    if not any(project.kind.deployable for project in projects.values()):
        raise InputError(
            "ace-workspace-no-application",
            "the workspace has no application",
            got=", ".join(projects),
            expected="a project with application.descriptor or restapi.descriptor",
        )
