"""Groups of commands whose modules are imported when one is called: `interlock promote` does not pay for the rest."""

from __future__ import annotations

import importlib
from typing import Any, ClassVar

import typer
from typer.core import TyperGroup


class LazyGroup(TyperGroup):
    """A group of `commands`: name -> (module, attribute), a Typer application (a group) or a function (one command)."""

    commands_of: ClassVar[dict[str, tuple[str, str]]] = {}

    def list_commands(self, ctx: Any) -> list[str]:
        return list(self.commands_of)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        if cmd_name not in self.commands_of:
            return None
        module, attribute = self.commands_of[cmd_name]
        found: Any = getattr(importlib.import_module(module), attribute)
        if not isinstance(found, typer.Typer):
            application = typer.Typer(add_completion=False, rich_markup_mode=None)
            application.command(cmd_name)(found)
            found = application
        command = typer.main.get_command(found)
        command.name = cmd_name
        return command
