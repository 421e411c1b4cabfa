"""Groups of commands whose modules are imported when one is called: `interlock promote` does not pay for the rest.

A list of commands needs their first sentences, not their parameters; and until a parameter has a value to convert,
Typer does not load pydantic, half of what a start costs.
"""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Iterable
from typing import Any, ClassVar

import typer
from typer.core import TyperCommand, TyperGroup, TyperOption


class LazyGroup(TyperGroup):
    """A group of `commands`: name -> (module, attribute), a Typer application (a group) or a function (one command)."""

    commands_of: ClassVar[dict[str, tuple[str, str]]] = {}

    def list_commands(self, ctx: Any) -> list[str]:
        return list(self.commands_of)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        if cmd_name not in self.commands_of:
            return None
        found = self._found(cmd_name)
        if not isinstance(found, typer.Typer):
            application = typer.Typer(add_completion=False, rich_markup_mode=None)
            application.command(cmd_name)(found)
            found = application
        command = typer.main.get_command(found)
        command.name = cmd_name
        return command

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        commands = [TyperCommand(name, help=_help(self._found(name))) for name in self.commands_of]
        TyperGroup(commands=commands).format_commands(ctx, formatter)

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        _default_flags(self.get_params(ctx))
        return super().parse_args(ctx, args)

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        name, command, rest = super().resolve_command(ctx, args)
        if command is not None:
            _default_flags(command.get_params(ctx))
        return name, command, rest

    def _found(self, name: str) -> Any:
        module, attribute = self.commands_of[name]
        return getattr(importlib.import_module(module), attribute)


def _help(command: Any) -> str | None:
    """As Typer finds it when it builds the command."""
    return command.info.help if isinstance(command, typer.Typer) else inspect.getdoc(command)


def _default_flags(parameters: Iterable[Any]) -> None:
    """Typer's own flags (``--help``) have no default, and "not given" would be a value for pydantic to convert."""
    for parameter in parameters:
        if isinstance(parameter, TyperOption) and parameter.is_bool_flag and parameter.default is None:
            parameter.default = False
