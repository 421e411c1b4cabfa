"""What the annotations of `.tekton/` name: addresses, files of the repository, entries of a hub.

pkg/matcher/annotation_tasks_install.go getRemote, pkg/hub/artifacthub.go of Pipelines-as-Code.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from interlock.errors import InputError, InterlockError, NotFoundError
from interlock.tekton.engine.resolvers.hub import Hub
from interlock.tekton.engine.resolvers.mirrors import Folder
from interlock.tekton.engine.resolvers.web import Web
from interlock.tekton.spec.resolution import defaults, failure
from interlock.tekton.spec.resolution.hub import ARTIFACT_HUB, HubRequest

_MAX_BYTES = 1024 * 1024


@dataclass(frozen=True)
class Annotated:
    """``root`` is the work tree: what an annotation names by path lies below it. ``note`` hears what was looked at."""

    web: Web
    root: Path
    note: Callable[[str], None] = lambda text: None

    def __call__(self, reference: str, kind: str) -> str:
        """The text behind a reference; "" where upstream finds nothing. Raises InterlockError ``resolution-failed``."""
        if reference.startswith(("https://", "http://")):
            data = self.web.get(reference, limit=_MAX_BYTES)
            if data is None:
                raise NotFoundError(failure.CODE, f"Non-OK HTTP status: {reference}")
            self.note(f"successfully fetched {reference} from remote HTTPS URL")
            return _text(data, reference)
        if "://" in reference:
            self.note(f"custom catalog {reference.partition('://')[0]} is not found, skipping")
            return ""
        if "/" in reference:
            return self._file(reference)
        return self._of_hub(reference, kind)

    def _file(self, reference: str) -> str:
        path = Folder(self.root, reference).file()
        if not path.is_file():
            self.note(f"could not find remote file {reference} inside Repo")
            return ""
        if path.stat().st_size > _MAX_BYTES:
            raise failure.invalid(f"{reference} has more than {_MAX_BYTES} bytes")
        self.note(f"successfully fetched {reference} inside repository")
        return _text(path.read_bytes(), reference)

    def _of_hub(self, reference: str, kind: str) -> str:
        name, _, version = reference.partition(":")
        if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]*", name) or not re.fullmatch(r"[A-Za-z0-9._+-]*", version):
            raise failure.invalid(f'cannot find "{reference}" anywhere')
        config = defaults.config("hub", {})
        catalog = config[f"default-artifact-hub-{kind}-catalog"]
        try:
            found = Hub(self.web).document(ARTIFACT_HUB, HubRequest("artifact", kind, catalog, name, version))
        except InterlockError as error:
            message = f"could not fetch remote {kind} {reference}, artifacthub API returned: {error.message}"
            raise type(error)(failure.CODE, message, got=error.got, todo=error.todo) from error
        self.note(f"successfully fetched {reference} {kind} from default configured catalog Hub on URL {ARTIFACT_HUB}")
        return _text(found.data, reference)


def _text(data: bytes, where: str) -> str:
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        raise InputError(failure.CODE, "not UTF-8", got=str(error), where=where) from error
