"""Where remote Tasks and Pipelines come from: options that commands share, and what they make of them."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from interlock.errors import InputError

if TYPE_CHECKING:
    from interlock.tekton.engine.resolvers import ResolverConfig

MirrorOption = Annotated[
    list[str] | None,
    typer.Option("--remote-mirror", help="PREFIX=FOLDER-OR-URL: where addresses with this prefix are asked instead."),
]
ConfigOption = Annotated[
    Path | None,
    typer.Option("--resolvers", help="File with the resolvers' configuration: mirrors, config_maps, lock, offline."),
]
ParamOption = Annotated[list[str] | None, typer.Option("-p", "--param", help="NAME=VALUE; may be repeated.")]


def config(file: Path | None, mirrors: Sequence[str] | None) -> ResolverConfig:
    """The configuration file with the mirrors of the command line over its own."""
    from interlock.clients import files
    from interlock.tekton.engine.resolvers import ResolverConfig

    found = files.read_config(file, ResolverConfig, what="resolvers' configuration") if file else ResolverConfig()
    given = ResolverConfig.model_validate({"mirrors": pairs(mirrors, "--remote-mirror")})
    absolute = {key: place.resolve() if isinstance(place, Path) else place for key, place in given.mirrors.items()}
    return found.model_copy(update={"mirrors": {**found.mirrors, **absolute}})


def pairs(given: Iterable[str] | None, option: str) -> dict[str, str]:
    """``NAME=VALUE`` words as a mapping. Raises InputError ``option-invalid``."""
    found: dict[str, str] = {}
    for word in given or ():
        name, equals, value = word.partition("=")
        if not equals or not name:
            raise InputError("option-invalid", f"{option} takes NAME=VALUE", got=word)
        found[name] = value
    return found


def names(context: Path | None) -> Mapping[str, str]:
    """Stable addresses of the engines of a context file, where there is one: they are this machine's own."""
    from interlock.cli import options
    from interlock.clients import context as contexts

    path = options.context_path(context)
    if not path.is_file():
        return {}
    return {endpoint.name: endpoint.outside for endpoint in contexts.load_context(path).endpoints()}


def cache_folder() -> Path:
    """``$XDG_CACHE_HOME/interlock/resolvers`` (XDG base directory specification)."""
    held = os.environ.get("XDG_CACHE_HOME")
    return (Path(held) if held else Path.home() / ".cache") / "interlock" / "resolvers"
