"""What checks of files' bytes share."""

from __future__ import annotations


def first_difference(path: str, expected: bytes, got: bytes) -> str:
    """Where ``got`` first differs from ``expected``, with both lines."""
    wanted, found = expected.splitlines(), got.splitlines()
    for number, (one, other) in enumerate(zip(wanted, found, strict=False), 1):
        if one != other:
            return f"{path}:{number}: got {other[:60]!r}, expected {one[:60]!r}"
    return f"{path}: {len(found)} lines, expected {len(wanted)}" if len(wanted) != len(found) else f"{path}: line ends"
