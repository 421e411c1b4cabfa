"""Changing a service's configuration: keys on the command line, or a whole values file."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from interlock.cli.delivery import EnvironmentOption, ServiceArgument
from interlock.cli.options import AsOption, ContextOption
from interlock.errors import InputError, NotFoundError

if TYPE_CHECKING:
    from interlock.formats.yaml.entries import Value
    from interlock.platform.estate.values import Keys


def configure(
    service: ServiceArgument,
    environment: EnvironmentOption,
    identity: AsOption,
    assign: Annotated[
        list[str] | None, typer.Option("--set", help="key=value, such as replicas=3 or config.LOG_LEVEL=debug.")
    ] = None,
    assign_text: Annotated[list[str] | None, typer.Option("--set-string", help="The same; the value is text.")] = None,
    unset: Annotated[list[str] | None, typer.Option(help="Key to take out: the chart's default holds again.")] = None,
    file: Annotated[Path | None, typer.Option(help="The whole values file of the environment, edited.")] = None,
    shared: Annotated[
        bool, typer.Option("--shared", help="Edit values.yaml of the service, not the environment's own values.")
    ] = False,
    context: ContextOption = None,
) -> None:
    """Open the delivery that changes a service's configuration, after showing what is rendered differently."""
    from interlock.cli.session import Session
    from interlock.formats import yaml
    from interlock.platform.delivery import configuration
    from interlock.platform.domain.ids import ServiceName
    from interlock.platform.estate import layout
    from interlock.platform.facts import rendering
    from interlock.platform.facts.configuration import keys_at

    if bool(file) == bool(assign or assign_text or unset):
        raise InputError(
            "configure-what", "what is to be changed?", todo="name keys with --set or --unset, or a --file"
        )
    session = Session(context)
    estate = session.estate(identity)
    name, found = ServiceName(estate.service(service).name), estate.environment(environment)
    git = session.connections.mirror(found.repository, identity)
    path = layout.shared_values(name) if shared else layout.values(name, found.name)
    before = git.read(layout.MAIN, path)
    if before is None:
        raise NotFoundError("service-not-onboarded", f"{service} is not onboarded in {environment}", where=path)
    if file:
        after = file.read_bytes()
    else:
        keys = keys_at(git, layout.MAIN, name)
        changes = {**changes_of(assign or [], keys), **changes_of(assign_text or [], None)}
        removed = [path_of(item) for item in unset or []]
        after = yaml.set_entries(before.decode(), changes, remove=removed, file=path).encode()
    prepared, moved = configuration.prepare(git, estate, found, name, {path: after})
    typer.echo(rendering.text(moved) or "nothing that is rendered differs")
    session.propose(identity, estate, found, git, prepared)


def changes_of(items: list[str], keys: Keys | None) -> dict[tuple[str, ...], Value]:
    """``keys``: what tells where only text may stand; None: it is text everywhere."""
    found: dict[tuple[str, ...], Value] = {}
    for item in items:
        name, equals, value = item.partition("=")
        if not equals:
            raise InputError("configure-set", "not key=value", got=name)
        path = path_of(name)
        found[path] = value if keys is None or keys.is_text(path) else _typed(value)
    return found


def path_of(name: str) -> tuple[str, ...]:
    """Dots descend; a backslash before a dot keeps it in the key."""
    steps = tuple(re.sub(r"\\(.)", r"\1", step) for step in re.split(r"(?<!\\)\.", name))
    if not all(steps):
        raise InputError("configure-set", "not the name of a key", got=name, expected="a.b.c")
    return steps


def _typed(value: str) -> Value:
    """Numbers, true, false and null as YAML reads them; text where its dialects differ."""
    from interlock.errors import Location
    from interlock.formats.yaml.load import plain

    try:
        return plain(value, Location("--set"))
    except InputError:
        return value
