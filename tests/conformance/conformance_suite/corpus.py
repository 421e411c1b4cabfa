"""The example files: where upstream's are, where ours are, and what one of them holds."""

from __future__ import annotations

import base64
import copy
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from interlock.formats import yaml

ROOT = Path(__file__).parents[3]
HANDED_OUT = ROOT.parent / "shared/conformance/tekton-examples"
"""The part of upstream's examples/v1 (tektoncd/pipeline 3ee1745) that lies beside a checkout; never copied into it."""
OWN = ROOT / "examples/tekton"
RUN_KINDS = ("TaskRun", "PipelineRun")


def upstream() -> Path | None:
    """Upstream's examples: the folder beside the checkout, or the one that ``INTERLOCK_TEKTON_EXAMPLES`` names."""
    folder = Path(os.environ.get("INTERLOCK_TEKTON_EXAMPLES") or HANDED_OUT)
    return folder if folder.is_dir() else None


def complete(folder: Path) -> bool:
    """Whether ``folder`` is the one that the expectations were written for: one for each file, a file for each."""
    return folder == HANDED_OUT


@dataclass(frozen=True)
class Example:
    """One file: its documents as an API server would store them, but for names and namespaces."""

    name: str
    """Path below the folder."""
    documents: tuple[Mapping[str, Any], ...]

    @property
    def runs(self) -> tuple[Mapping[str, Any], ...]:
        return tuple(item for item in self.documents if item["kind"] in RUN_KINDS)


def names(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*.yaml"))


def load(folder: Path, name: str) -> Example:
    text = (folder / name).read_text()
    return parse(name, text)


def parse(name: str, text: str) -> Example:
    """The documents of ``text``; empty ones are left out. Raises InputError as the YAML reader does."""
    values = [document.value for document in yaml.load_all(text, file=name)]
    return Example(name, tuple(_stored(value) for value in values if value is not None))


def _stored(value: Mapping[str, Any]) -> dict[str, Any]:
    """A Secret's ``stringData`` becomes ``data``, as the API server does it; a status that a file brings is dropped."""
    stored = {key: copy.deepcopy(item) for key, item in value.items() if key not in ("status", "stringData")}
    for key, text in (value.get("stringData") or {}).items():
        stored.setdefault("data", {})[key] = base64.b64encode(str(text).encode()).decode()
    return stored
