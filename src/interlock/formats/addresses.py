"""Stable names, as files write addresses, and where they answer."""

from __future__ import annotations

from collections.abc import Mapping


def resolve(address: str, names: Mapping[str, str], *, ends: str = "/") -> str | None:
    """``address`` with the longest of the prefixes ``names`` replaced by what it maps to; None where none matches.

    A prefix matches whole segments: the address ends there, or goes on with one of the characters ``ends``.
    """
    for name in sorted(names, key=len, reverse=True):
        stem = name.rstrip("/")
        if address == stem or (address.startswith(stem) and address[len(stem)] in ends):
            return names[name].rstrip("/") + address[len(stem) :]
    return None
