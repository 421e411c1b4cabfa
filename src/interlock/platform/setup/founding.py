"""An estate folder: the plain files from which `interlock platform init` founds an estate.

::

    platform/**       the platform repo: platform.yaml, people.yaml, README.md, ...
    environment/**    every env repo; may say @{environment} and @{rule}, how the environment is changed

They may leave to the context file what it knows: ``@{organisation}``, ``@{registry}`` (its host), ``@{builder}`` (the
platform's builder id) and ``@{sshKey.<identity>}`` (a public key line). Keys, Argo CD's objects, the catalog, the
library chart and the table of checks are added.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.resources.abc import Traversable

from interlock.errors import InputError, NotFoundError
from interlock.platform import goldenpaths
from interlock.platform.domain.ids import NO_COMMIT
from interlock.platform.estate import Estate, Keys, argocd, check_table, load
from interlock.platform.estate.estate import KEYS
from interlock.platform.goldenpaths import template
from interlock.platform.kinds import table


@dataclass(frozen=True)
class Founding:
    """An estate folder, read with the context's ``values``."""

    folder: Traversable
    values: Mapping[str, str]
    files: Mapping[str, bytes]
    """Of the platform repo, as far as the folder has them."""
    estate: Estate
    """What they say; it has no keys yet."""
    pipelines: Mapping[str, bytes]
    """Of its golden paths, as files of the platform repo."""
    stands: bool = False
    """Whether ``files`` are all that the platform repo has, and has sealed: the folder says nothing of it any more."""

    def repositories(
        self, keys: Keys, *, seal_key_ids: Sequence[str], catalog: Mapping[str, bytes], chart: Mapping[str, bytes]
    ) -> dict[str, dict[str, bytes]]:
        """Repository name -> path -> bytes, for the platform repo and every env repo.

        ``seal_key_ids``: see estate/argocd.py. ``catalog``: files as they stand in the platform repo. ``chart``: the
        library chart's files as they stand in any.
        """
        platform = self.estate.platform
        own = dict(self.files)
        if not self.stands:
            stated = (keys.seal, keys.forge, keys.release, keys.attest)
            own.update(zip(KEYS, (item.encode() for item in stated), strict=True))
            own.update(argocd.files(platform, seal_key_ids=seal_key_ids, seal_certificate=keys.seal))
            own.update({**catalog, **chart})
            own.setdefault(check_table.FILE, table.as_data(platform).dump())
        found = {platform.platform.repository: own}
        for environment in platform.environments:
            rule = "Changed by delivery only." if environment.sealed else "Direct commits are welcome."
            values = {**self.values, "environment": environment.name, "rule": rule}
            found[environment.repository] = {
                # Argo CD refuses a source path that does not exist, and git keeps no empty folder.
                "argocd/README.md": b"One Application per file, written by onboarding deliveries.\n",
                **template.render(self.folder / "environment", values),
                **chart,
            }
        return {name: dict(sorted(files.items())) for name, files in found.items()}


def read(folder: Traversable, values: Mapping[str, str]) -> Founding:
    """Raises NotFoundError ``estate-file-missing``; InputError ``template-*``, ``yaml-*``, ``estate-*``, and for a
    golden path ``shape-unknown``, ``pipeline-unknown``."""
    for name in ("platform/platform.yaml", "platform/people.yaml", "environment/README.md"):
        if not (folder / name).is_file():
            raise NotFoundError("estate-file-missing", "the estate folder lacks a file", where=f"{folder}/{name}")
    files = template.render(folder / "platform", values)
    estate = load({**files, **dict.fromkeys(KEYS, b"")}, commit=NO_COMMIT)
    if estate.platform.organisation != values["organisation"]:
        raise InputError(
            "estate-organisation",
            "the context file is of another organisation",
            got=estate.platform.organisation,
            expected=values["organisation"],
            where="platform.yaml",
        )
    return Founding(folder, values, files, estate, goldenpaths.pipelines(estate.platform))
