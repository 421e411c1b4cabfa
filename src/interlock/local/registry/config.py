"""The registry's configuration file."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field

from interlock.local import serving


class Config(serving.HttpConfig):
    """See the fields, and `serving.HttpConfig`."""

    data: Path
    """Folder of the content and its index, and nothing else."""
    tokens: Path | None = None
    """Who may pull and push (`interlock.local.registry.identities`), mode 0600; None: whoever reaches the port."""
    anonymous_pull: bool = True
    """Whether pulling needs no credentials where ``tokens`` are given."""
    allow_delete: bool = False
    """Whether manifests, tags and blobs can be deleted by those who may push."""
    immutable_tags: tuple[str, ...] = ()
    """Patterns (fnmatch) of tags that, once pushed, never point to another digest; ``*`` for all."""
    max_blob_bytes: int = Field(default=10 * 1024**3, gt=0)
    upload_expiry_hours: float = Field(default=24, gt=0)
    """An upload that nobody wrote to for so long is given up."""
