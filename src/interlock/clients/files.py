"""Files written so that a crash leaves the old one or the new one, and configuration read into models."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel, ValidationError

from interlock.errors import InputError, NotFoundError
from interlock.formats import yaml

Model = TypeVar("Model", bound=BaseModel)


def write_durably(path: Path, content: bytes | str, *, mode: int = 0o644) -> None:
    """Write ``path`` whole: temporary file beside it, fsync, rename, fsync of the folder (rename(2), fsync(2))."""
    path.parent.mkdir(parents=True, exist_ok=True)
    scratch = path.with_name(f".{path.name}.{os.getpid()}.new")
    scratch.unlink(missing_ok=True)
    with os.fdopen(os.open(scratch, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb") as file:
        file.write(content.encode() if isinstance(content, str) else content)
        file.flush()
        os.fsync(file.fileno())
    scratch.replace(path)
    sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """Make renames and removals in ``folder`` durable."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def read_model(path: Path, model: type[Model], *, what: str) -> Model:
    """The YAML file ``path`` as ``model``. ``what`` names it in errors, as in "context file".

    Raises NotFoundError ``file-missing``; InputError ``file-invalid`` with file:line:column (no value is repeated,
    since the file may hold a secret).
    """
    if not path.is_file():
        raise NotFoundError("file-missing", f"no {what}", where=str(path))
    document = yaml.load(path.read_bytes(), file=str(path))
    try:
        return model.model_validate(document.value)
    except ValidationError as error:
        first = error.errors(include_input=False)[0]
        place = ".".join(str(step) for step in first["loc"])
        raise InputError(
            "file-invalid", f"{what}: {place}: {first['msg']}", where=document.where(*first["loc"])
        ) from None
