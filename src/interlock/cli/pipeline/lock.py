"""`interlock pipeline lock`: pin what pipelines refer to, show what an update changes, check that it still holds."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from interlock.cli.options import ContextOption
from interlock.cli.pipeline import remote
from interlock.cli.pipeline.remote import ConfigOption, MirrorOption, ParamOption


def lock(
    file: Annotated[
        list[Path], typer.Argument(help="Files with runs, Pipelines and Tasks, and the Secrets they need.")
    ],
    lock_file: Annotated[Path, typer.Option("--lock", help="The lock file.")] = Path("interlock.lock"),
    update: Annotated[
        bool, typer.Option("--update", help="Resolve again what is pinned; show the difference.")
    ] = False,
    check: Annotated[
        bool, typer.Option("--check", help="Write nothing; exit 1 if the file would change, 4 if content differs.")
    ] = False,
    param: ParamOption = None,
    namespace: Annotated[str, typer.Option("-n", "--namespace", help="Namespace of the Secrets.")] = "default",
    remote_mirror: MirrorOption = None,
    resolvers: ConfigOption = None,
    context: ContextOption = None,
) -> None:
    """Write which commit, image or content every git, http, hub and bundles reference of FILE means now.

    What is pinned already stays pinned, unless --update is given. References of resolved objects are followed.
    """
    from interlock.clients import files
    from interlock.tekton.engine.resolvers import locking
    from interlock.tekton.spec.resolution import lock as locks

    held = locks.parse(lock_file.read_bytes(), file=str(lock_file)) if lock_file.is_file() else locks.Lock()
    objects = [(value, str(path)) for path in file for value in locking.documents(path.read_text(), str(path))]
    configured = remote.config(resolvers, remote_mirror).model_copy(update={"lock": None})
    walk = locking.Locking(
        _resolvers(objects, configured, remote.names(context), namespace, None if update else held),
        held,
        namespace,
        _now(),
        update,
    )
    given = remote.pairs(param, "-p")
    for value, where in objects:
        walk.walk(value, where, given)
    made = walk.lock()
    changes = locks.compare(held, made)
    for change in changes:
        typer.echo(str(change))
    for line in walk.open:
        typer.echo(f"not locked, known only in a run (give its params with -p): {line}", err=True)
    if check:
        if changes:
            typer.echo(f"{lock_file} does not fit: run interlock pipeline lock {' '.join(map(str, file))}", err=True)
            raise typer.Exit(1)
        return
    if changes or not lock_file.is_file():
        files.write_durably(lock_file, made.dump())
    typer.echo(f"{lock_file}: {len(made.entries)} pinned" + ("" if changes else ", nothing changed"))


def _resolvers(
    objects: list[tuple[dict[str, Any], str]], configured: Any, names: Any, namespace: str, held: Any
) -> Any:
    """Resolvers over the objects of the files themselves: their Secrets are those that references name.

    With ``held`` what it pins is enforced; references that it does not name are resolved by `Locking` as new.
    """
    from interlock.errors import ConflictError
    from interlock.tekton.engine.memory import Cluster
    from interlock.tekton.engine.resolvers import Resolvers

    client = Cluster().client()
    for value, _ in objects:
        metadata = {"namespace": namespace, **(value.get("metadata") or {})}
        try:
            client.create({**value, "metadata": metadata})
        except ConflictError:
            continue
    return Resolvers(client, configured, remote.cache_folder(), names=names, pinned=held)


def _now() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
