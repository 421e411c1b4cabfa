"""Load the catalog's YAML and pin the toolbox image in it."""

from __future__ import annotations

from typing import Any


def toolbox_image() -> str:
    """The toolbox image by digest: ``registry.acme.test/platform/toolbox@sha256:...``.

    The digest is computed over the files of this very distribution, so that another toolbox is another reference.
    """
    raise NotImplementedError


def tasks(*, image: str | None = None) -> list[dict[str, Any]]:
    """The Task objects (``tekton.dev/v1``), every step on ``image`` (default: `toolbox_image`), ready to create."""
    raise NotImplementedError


def pipelines() -> list[dict[str, Any]]:
    """The Pipeline objects: ``build-ace-flow``."""
    raise NotImplementedError


def manifests(*, image: str | None = None) -> dict[str, bytes]:
    """The catalog as files of the platform repo (``catalog/tasks/<name>.yaml``, ``catalog/pipelines/<name>.yaml``)."""
    raise NotImplementedError


def chart() -> dict[str, bytes]:
    """The library chart ``service``: file path relative to the chart's folder -> bytes."""
    raise NotImplementedError
