"""What a command loads before it does anything: modules are counted, since seconds differ between machines."""

from __future__ import annotations

import subprocess
import sys

import pytest
import typer
from typer.core import TyperGroup

from interlock import cli
from interlock.cli import pipeline

_LISTING = """
import atexit, sys
atexit.register(lambda: print(*sorted(sys.modules), file=sys.stderr))
sys.argv = ["interlock", *sys.argv[1:]]
from interlock.cli import main
main()
"""
_COSTLY = ("pydantic", "pydantic_core", "yaml", "rich", "httpx", "cryptography", "importlib.metadata", "asyncio")
COMMANDS = [[], ["local"], ["pipeline"], ["promote"], ["trace"], ["status"], ["pull", "open"], ["pipeline", "run"]]


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_help_loads_nothing_that_only_work_needs(command: list[str]) -> None:
    done = subprocess.run(
        [sys.executable, "-c", _LISTING, *command, "--help"], capture_output=True, text=True, check=True
    )
    loaded = set(done.stderr.split())
    assert "Usage: interlock" in done.stdout
    assert "interlock.cli.lazy" in loaded
    assert not loaded & set(_COSTLY)
    ours = {name for name in loaded if name.startswith("interlock.") and not name.startswith("interlock.cli.")}
    assert ours <= {"interlock.cli", "interlock.errors", "interlock.local", "interlock.local.home"}


@pytest.mark.parametrize("app", [cli.app, pipeline.app], ids=["interlock", "interlock pipeline"])
@pytest.mark.parametrize("columns", [40, 100])
def test_the_list_of_commands_is_the_one_that_built_commands_give(app: typer.Typer, columns: int) -> None:
    group = typer.main.get_command(app)
    assert isinstance(group, TyperGroup)
    context = group.make_context("interlock", ["--help"], resilient_parsing=True, terminal_width=columns)
    lazily, built = context.make_formatter(), context.make_formatter()
    group.format_commands(context, lazily)
    TyperGroup.format_commands(group, context, built)
    assert lazily.getvalue() == built.getvalue()
    assert len(lazily.getvalue().splitlines()) > len(group.list_commands(context))


def test_completion_is_still_to_be_had() -> None:
    done = subprocess.run(
        [sys.executable, "-c", _LISTING],
        env={"_INTERLOCK_COMPLETE": "complete_bash", "COMP_WORDS": "interlock pro", "COMP_CWORD": "1"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.split() == ["promote"]
