"""Verb ``ace-build-bar``: the BAR of the workspace's applications, the same bytes for the same commit."""

from __future__ import annotations

from pathlib import Path

from interlock.errors import ConflictError, InputError, NotFoundError
from interlock.formats import ace, oci
from interlock.platform.toolbox import world as worlds
from interlock.platform.toolbox.results import Results
from interlock.platform.toolbox.source import STATE, inside, read_files
from interlock.platform.toolbox.static_test import OVERRIDES
from interlock.platform.toolbox.world import World

TOOL = f"interlock-bar {worlds.VERSION}"


def build(
    world: World, results: Results, *, source: Path, projects: list[str] | None = None, overrides: str = ""
) -> Path:
    """Pack ``projects`` (default: all applications), apply the override file (default: ``overrides.properties`` when
    there is one), and leave the BAR in the workspace. Raises the errors of `interlock.formats.ace`.
    """
    files = read_files(source)
    workspace = ace.read_workspace(files)
    packed = ace.pack(workspace, applications=projects or None)
    data = packed.data
    chosen = overrides or (OVERRIDES if OVERRIDES in files else "")
    if chosen:
        inside(source, chosen)
        if chosen not in files:
            raise NotFoundError("ace-overrides-missing", "no such override file", where=chosen)
        parsed = ace.parse_overrides(files[chosen].decode("utf-8", "replace"), file=chosen)
        data = ace.apply_overrides(data, parsed)
    for path in packed.left_out:
        world.say(f"ace-build-bar: left out of the BAR: {path}")
    applications = [project.name for project in workspace.of(ace.Kind.APPLICATION, ace.Kind.REST_API)]
    name = (projects or applications)[0]
    target = inside(source, f"{STATE}/{name}.bar")
    target.parent.mkdir(exist_ok=True)
    for old in target.parent.glob("*.bar"):
        old.unlink()
    target.write_bytes(data)
    digest = oci.sha256(data)
    results.write("BAR_PATH", target.relative_to(source.resolve()).as_posix())
    results.write("BAR_DIGEST", digest)
    results.tool(world, TOOL)
    world.say(f"ace-build-bar: {target.name} {digest} with {', '.join(packed.projects)}")
    return target


def find(source: Path, *, path: str = "", digest: str = "") -> tuple[str, bytes]:
    """(file name, bytes) of the BAR that was built, or of the one at ``path``; checked against ``digest`` if given.

    Raises NotFoundError ``bar-missing``, ConflictError ``bar-ambiguous``, IntegrityError ``digest-mismatch``.
    """
    found = [inside(source, path)] if path else sorted((source / STATE).glob("*.bar"))
    if not found or not found[0].is_file():
        raise NotFoundError(
            "bar-missing", "no BAR here", where=str(source), todo="run ace-build-bar before image-build"
        )
    if len(found) > 1:
        raise ConflictError("bar-ambiguous", "more than one BAR", got=", ".join(item.name for item in found))
    if found[0].is_symlink():
        raise InputError("path-outside", "the BAR is a link", got=found[0].name)
    data = found[0].read_bytes()
    if digest:
        oci.check_digest(data, digest, where=found[0].name)
    return found[0].name, data
