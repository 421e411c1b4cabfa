"""Load the catalog's YAML, and put into it what an estate decides: the toolbox image and ages."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import cache
from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import Any

from packaging.version import Version

from interlock.formats import yaml

TOOLBOX = "registry.acme.test/platform/toolbox@sha256:" + "0" * 64
"""On one machine: the stand-in runs the installed toolbox for this repository, so no digest of it is ever looked up."""
MAX_AGE = "5d"


def tasks(*, image: str = TOOLBOX, max_age: str = MAX_AGE) -> list[dict[str, Any]]:
    """The Task objects (``tekton.dev/v1``), every step on ``image``, ready to create.

    ``max_age`` is how old advisories may be where a run says nothing (``platform.yaml``, advisories.maxAge).
    """
    rendered = manifests(image=image, max_age=max_age)
    return [dict(document.value) for path, data in rendered.items() for document in yaml.load_all(data, file=path)]


def manifests(*, image: str = TOOLBOX, max_age: str = MAX_AGE) -> dict[str, bytes]:
    """The tasks as files of the platform repo: ``catalog/tasks/<name>.yaml``."""
    replacements = (
        (r"^( +image: )toolbox$", image),
        (r"(?<=\n    - name: max-age\n)((?: {6}.*\n)*? {6}default: )\S+$", max_age),
    )
    rendered: dict[str, bytes] = {}
    for path, file in _walk(files(__package__) / "tasks", "tasks"):
        text = file.read_text(encoding="utf-8")
        for pattern, value in replacements:
            escaped = value.replace("\\", r"\\")
            text = re.sub(pattern, rf"\g<1>{escaped}", text, flags=re.MULTILINE)
        rendered[f"catalog/{path}"] = text.encode()
    return dict(sorted(rendered.items()))


@cache
def charts() -> Mapping[str, Mapping[str, bytes]]:
    """Every version of the library chart ``service`` that was ever released, oldest first -> file path relative to the
    chart's folder -> bytes. None is ever changed or taken away."""
    folder = files(__package__) / "charts" / "service"
    versions = sorted((item.name for item in folder.iterdir() if item.is_dir()), key=Version)
    return {
        name: {path.removeprefix(f"{name}/"): file.read_bytes() for path, file in _walk(folder / name, name)}
        for name in versions
    }


def chart() -> dict[str, bytes]:
    """The newest of them."""
    return dict(list(charts().values())[-1])


def _walk(item: Traversable, path: str) -> Iterator[tuple[str, Traversable]]:
    """The files at or below ``item``, sorted by path; caches and hidden files are no part of a distribution."""
    if item.is_file():
        yield path, item
        return
    for inner in sorted(item.iterdir(), key=lambda entry: entry.name):
        if not inner.name.startswith((".", "__pycache__")) and not inner.name.endswith(".pyc"):
            yield from _walk(inner, f"{path}/{inner.name}")
