"""Verb ``ace-unit-test``: static checks of flows and test projects. No flow runs here, and the result says so."""

from __future__ import annotations

import json
from pathlib import Path

from interlock.errors import RefusedError
from interlock.formats import ace
from interlock.formats.ace import test_projects
from interlock.platform.toolbox import world as worlds
from interlock.platform.toolbox.results import Results
from interlock.platform.toolbox.source import STATE, read_files
from interlock.platform.toolbox.world import World

TOOL = f"interlock-ace-static {worlds.VERSION}"
OVERRIDES = "overrides.properties"


def test(world: World, results: Results, *, source: Path) -> dict[str, object]:
    """Check the workspace in ``source``. Raises RefusedError ``ace-static-errors`` after every issue was printed."""
    files = read_files(source)
    workspace = ace.read_workspace(files)
    overrides = (
        ace.parse_overrides(files[OVERRIDES].decode("utf-8", "replace"), file=OVERRIDES) if OVERRIDES in files else ()
    )
    issues = ace.check(workspace, overrides=overrides)
    for issue in issues:
        world.say(str(issue))
    errors = sum(issue.severity is ace.Severity.ERROR for issue in issues)
    summary: dict[str, object] = {
        "basis": "static",
        "tool": TOOL,
        "errors": errors,
        "warnings": len(issues) - errors,
        "testsDeclared": sum(test_projects.count(project) for project in workspace.of(ace.Kind.TEST)),
        "testsExecuted": 0,
    }
    state = source / STATE
    state.mkdir(exist_ok=True)
    report = {**summary, "issues": [str(issue) for issue in issues]}
    (state / "static-checks.json").write_text(json.dumps(report, sort_keys=True, indent=1), encoding="utf-8")
    results.write("TESTS", summary)
    results.tool(world, TOOL)
    world.say(
        f"ace-unit-test: static checks of {len(workspace.projects)} projects: {errors} errors, "
        f"{len(issues) - errors} warnings; no test was executed (that needs an integration server)"
    )
    if errors:
        raise RefusedError(
            "ace-static-errors", "the workspace has errors", got=f"{errors} errors", todo="see the lines above"
        )
    return summary
