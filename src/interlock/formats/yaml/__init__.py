"""One strict YAML loader with positions, and edits that keep every other byte.

Public interface: `load`, `load_all`, `Document`, `dotted`, `set_scalars`, `append`, `put`, `dump`.

YAML dialects differ, and a difference is a gate bypass: what a reviewer's tool reads must be what the
cluster reads. So everything on which PyYAML (1.1), YAML 1.2 and sigs.k8s.io/yaml disagree is refused with
its position instead of being interpreted (research/audit_portal.md section 6).
"""

from interlock.formats.yaml.dump import dump
from interlock.formats.yaml.edit import append, put, set_scalars
from interlock.formats.yaml.load import Document, Path, dotted, load, load_all

__all__ = ["Document", "Path", "append", "dotted", "dump", "load", "load_all", "put", "set_scalars"]
