"""IBM App Connect Enterprise: workspaces, flows, BAR files and static checks, pure over maps of path -> bytes.

Public interface: `read_workspace`, `Workspace`, `Project`, `Kind`; `read_flow`, `Flow`, `Node`, `Connection`;
`pack`, `PackedBar`, `read_bar`, `Bar`; `parse_overrides`, `apply_overrides`; `check`, `Issue`, `Severity`;
`archive` (zip reading with limits, shared with the SBOM).

No IBM software runs here: what is said about a flow is `static`, and a BAR holds sources that the integration
server compiles when it starts. Layout and tables: research/ace_secrets.md 1, held against BARs that IBM's tools built.
"""

from interlock.formats.ace.bar import Bar, BarProject, PackedBar, pack, read_bar
from interlock.formats.ace.checks import check
from interlock.formats.ace.flow import Connection, Flow, Node, read_flow
from interlock.formats.ace.issue import Issue, Severity
from interlock.formats.ace.overrides import Override, apply_overrides, parse_overrides
from interlock.formats.ace.workspace import Kind, Project, Workspace, read_workspace

__all__ = [
    "Bar",
    "BarProject",
    "Connection",
    "Flow",
    "Issue",
    "Kind",
    "Node",
    "Override",
    "PackedBar",
    "Project",
    "Severity",
    "Workspace",
    "apply_overrides",
    "check",
    "pack",
    "parse_overrides",
    "read_bar",
    "read_flow",
    "read_workspace",
]
