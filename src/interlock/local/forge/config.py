"""The forge's configuration file."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import Field, StringConstraints

from interlock.local import serving


class Config(serving.HttpConfig):
    """See the fields, and `serving.HttpConfig`."""

    data: Path
    """Folder for the database and the repositories; created, 0700."""
    root_url: Annotated[str, StringConstraints(pattern=r"^https?://[^/]+(/[^?#]*)?$")]
    """What clients use; it appears in ``clone_url`` and ``html_url``."""
    admin: Annotated[str, StringConstraints(pattern=r"^[a-z0-9]([a-z0-9-]{0,38}[a-z0-9])?$")] = "root-admin"
    """Login of the site administrator, created at the first start."""
    admin_token_file: Path
    """Token of the administrator: read when the file exists, else drawn and written (0600)."""
    signing_key: Path | None = None
    """Armored OpenPGP secret key that signs merge commits; drawn in ``data`` when None."""
    webhook_hosts: tuple[str, ...] = ("loopback",)
    """Where webhooks may go: ``loopback``, host names, addresses or networks (``10.0.0.0/8``)."""
    webhook_retry_seconds: Annotated[float, Field(gt=0)] = 1.0
    """Pause before the second attempt; it doubles with every further one, up to five minutes, for a day."""
    max_pack_bytes: Annotated[int, Field(gt=0)] = 64 * 1024 * 1024
    """Largest request of a push, packed."""
