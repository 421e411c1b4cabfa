"""The toolbox: what catalog steps run, as ``interlock-toolbox VERB``.

Public interface: `main`.
"""

from interlock.platform.toolbox.cli import main

__all__ = ["main"]
