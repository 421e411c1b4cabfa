"""Verb ``git-clone``: one commit as files, without ``.git``."""

from __future__ import annotations

import posixpath
import shutil
import tempfile
from pathlib import Path

from interlock.clients.git import Repository
from interlock.errors import InputError
from interlock.platform.toolbox import world as worlds
from interlock.platform.toolbox.results import Results
from interlock.platform.toolbox.source import Source, require_folder, write_source
from interlock.platform.toolbox.world import World

TOOL = f"interlock-git {worlds.VERSION}"


def clone(
    world: World, results: Results, *, url: str, revision: str, output: Path, token_file: Path | None = None
) -> Source:
    """Fill ``output`` with the files of ``revision`` (a full commit id, or a branch) and nothing else.

    No ``.git`` is left: later steps need no history, and nothing in it could be executed. Submodules are not fetched.
    Raises the errors of `interlock.clients.git`, InputError ``path-outside`` for a link that leaves the repository.
    """
    require_folder(output)
    real = world.resolve(url)
    token = worlds.git_token(world, real, token_file)
    with tempfile.TemporaryDirectory(prefix="interlock-clone-") as scratch:
        repository = Repository.clone_mirror(real, Path(scratch) / "mirror", token)
        commit = repository.commit(revision)
        for item in output.iterdir():
            shutil.rmtree(item) if item.is_dir() and not item.is_symlink() else item.unlink()
        for entry in repository.ls_tree(commit.id):
            if entry.type == "blob":
                _write(output, entry.path, entry.mode, repository.blob(entry.id))
    source = Source(url=url, commit=commit.id, committed_at=commit.committer.when.isoformat())
    write_source(output, source)
    results.write("url", url)
    results.write("commit", commit.id)
    results.write("CHAINS-GIT_URL", url)
    results.write("CHAINS-GIT_COMMIT", commit.id)
    results.tool(world, TOOL)
    world.say(f"git-clone: {url} at {commit.id}")
    return source


def _write(output: Path, path: str, mode: str, data: bytes) -> None:
    if path.split("/")[0] == ".interlock":
        raise InputError("path-outside", "a repository may not bring the pipeline's own folder", got=path)
    target = output / path
    target.parent.mkdir(parents=True, exist_ok=True)
    if mode == "120000":
        link = data.decode("utf-8", "replace")
        landing = posixpath.normpath(posixpath.join(posixpath.dirname(path), link))
        if link.startswith("/") or landing.split("/")[0] == "..":
            raise InputError("path-outside", "a link that leaves the repository", got=f"{path} -> {link}")
        target.symlink_to(link)
        return
    target.write_bytes(data)
    target.chmod(0o755 if mode == "100755" else 0o644)
