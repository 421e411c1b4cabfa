"""Files written so that a crash leaves the old one or the new one, and configuration read into models."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from interlock.errors import InputError, NotFoundError
from interlock.formats import yaml

Model = TypeVar("Model", bound=BaseModel)


def write_durably(path: Path, content: bytes | str, *, mode: int = 0o644) -> None:
    """Write ``path`` whole: temporary file beside it, fsync, rename, fsync of the folder (rename(2), fsync(2)).

    ``mode`` holds from the first byte: 0600 for a secret. Threads may write one path at a time; the last wins.
    """
    make_folder(path.parent, mode=0o777)
    scratch = path.with_name(f".{path.name}.{os.getpid()}.{os.urandom(4).hex()}.new")
    try:
        with os.fdopen(os.open(scratch, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb") as file:
            file.write(content.encode() if isinstance(content, str) else content)
            file.flush()
            os.fsync(file.fileno())
        scratch.replace(path)
    finally:
        scratch.unlink(missing_ok=True)
    sync_folder(path.parent)


def make_folder(folder: Path, *, mode: int = 0o700) -> None:
    """Create ``folder`` and its parents, each entry on disk before the next."""
    missing = [item for item in (folder, *folder.parents) if not item.exists()]
    for item in reversed(missing):
        item.mkdir(mode=mode, exist_ok=True)
        sync_folder(item.parent)


def sync_folder(folder: Path) -> None:
    """Make renames and removals in ``folder`` durable."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def read_model(path: Path, model: type[Model], *, what: str, todo: str | None = None) -> Model:
    """The YAML file ``path`` as ``model``. ``what`` names it in errors, as in "context file".

    Raises NotFoundError ``file-missing`` (with ``todo``); InputError ``file-invalid`` with file:line:column (no value
    is repeated, since the file may hold a secret).
    """
    if not path.is_file():
        raise NotFoundError("file-missing", f"no {what}", where=str(path), todo=todo)
    document = yaml.load(path.read_bytes(), file=str(path))
    try:
        return model.model_validate(document.value)
    except ValidationError as error:
        first = error.errors(include_input=False)[0]
        place = ".".join(str(step) for step in first["loc"])
        raise InputError(
            "file-invalid", f"{what}: {place}: {first['msg']}", where=document.where(*first["loc"])
        ) from None


def read_config(path: Path, model: type[Model], *, what: str, todo: str | None = None) -> Model:
    """`read_model`, with every relative path in it made absolute: they are relative to the file's folder."""
    found: Model = _absolute(read_model(path, model, what=what, todo=todo), path.parent.resolve())
    return found


def _absolute(value: Any, base: Path) -> Any:
    if isinstance(value, Path):
        return base / value
    if isinstance(value, BaseModel):
        fields = {name: _absolute(getattr(value, name), base) for name in type(value).model_fields}
        return value.model_copy(update=fields)
    if isinstance(value, dict):
        return {key: _absolute(item, base) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(_absolute(item, base) for item in value)
    return value
