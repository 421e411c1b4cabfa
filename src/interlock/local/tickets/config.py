"""The ticket system's configuration file."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field

from interlock.local import serving


class Config(serving.HttpConfig):
    """See the fields, and `serving.HttpConfig`."""

    data: Path
    """Folder of the database, and nothing else."""
    users: Path
    """Accounts (`interlock.local.tickets.accounts`), mode 0600."""
    first_number: int = Field(default=30001, ge=1)
    """The first record is CHG and this number with seven digits."""
