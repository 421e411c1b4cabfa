"""The ticket system's configuration file."""

from __future__ import annotations

from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field

from interlock.clients import files


class Config(BaseModel):
    """Relative paths are relative to the file's folder."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    host: str = "127.0.0.1"
    port: int = Field(ge=0, le=65535)
    """0: any free port (tests)."""
    data: Path
    """Folder of the database, and nothing else."""
    users: Path
    """Accounts (`interlock.local.tickets.accounts`), mode 0600."""
    first_number: int = Field(default=30001, ge=1)
    """The first record is CHG and this number with seven digits."""


def load_config(path: Path) -> Config:
    """Raises NotFoundError ``file-missing``, InputError ``file-invalid``."""
    config = files.read_model(path, Config, what="ticket system's configuration")
    base = path.parent.resolve()
    return config.model_copy(update={"data": base / config.data, "users": base / config.users})
