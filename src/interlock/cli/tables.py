"""Rows for people: columns as wide as what is in them, without borders."""

from __future__ import annotations

from collections.abc import Sequence

import typer


def print_table(columns: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> None:
    """What cannot be printed is replaced: a commit's message may hold what commands a terminal."""
    lines = [columns, *(tuple(map(_printable, row)) for row in rows)]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    for index, row in enumerate(lines):
        text = "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        typer.echo(typer.style(text, bold=True) if index == 0 else text)
    if not rows:
        typer.echo("(none)")


def _printable(text: str) -> str:
    return (
        text
        if text.isprintable()
        else "".join(char if char.isprintable() else "\N{REPLACEMENT CHARACTER}" for char in text)
    )
