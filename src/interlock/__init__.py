"""Interlock: nothing reaches a cluster except through git, and only when every link of its proof holds."""

__version__ = "0.2.0.dev0"
