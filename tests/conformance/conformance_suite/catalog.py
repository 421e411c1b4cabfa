"""A mirror of the public catalogs: a repository with stand-ins (``catalog/``) at the places that examples name."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

from interlock.tekton.engine.resolvers import ResolverConfig

CONTENT = Path(__file__).parents[1] / "catalog"
_PLACES = (
    "https://github.com/tektoncd/catalog.git",
    "https://artifacthub.io",
    "https://raw.githubusercontent.com/tektoncd/catalog/main",
)


def mirrored(folder: Path) -> ResolverConfig:
    """Resolvers that find the catalog in a repository made at ``folder``."""
    shutil.copytree(CONTENT, folder)
    for arguments in (
        ("init", "--quiet", "--initial-branch=main"),
        ("add", "."),
        ("-c", "user.name=catalog", "-c", "user.email=catalog@test", "commit", "--quiet", "--message=catalog"),
    ):
        subprocess.run(["git", *arguments], cwd=folder, check=True, env=_ENVIRONMENT)
    return ResolverConfig(mirrors=dict.fromkeys(_PLACES, folder))


_ENVIRONMENT = {
    "PATH": "/usr/local/bin:/usr/bin:/bin",
    "GIT_CONFIG_GLOBAL": "/dev/null",
    "GIT_CONFIG_SYSTEM": "/dev/null",
}
