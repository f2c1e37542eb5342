"""What commands print: tables on a terminal, plain aligned lines into a pipe, JSON for programs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec
import typer
from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text


def print_table(
    headers: Sequence[str],
    rows: Sequence[Sequence[str]],
    right: Sequence[int] = (),
    colors: Mapping[str, str] | None = None,
) -> None:
    """Rows under headers; columns in ``right`` stand to the right, cells that are in ``colors`` have one."""
    console = Console()
    if not console.is_terminal:
        for line in aligned([headers, *rows], right):
            typer.echo(line)
        return
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for column, header in enumerate(headers):
        table.add_column(header, justify="right" if column in right else "left", overflow="fold")
    for row in rows:
        table.add_row(*(Text(cell, style=(colors or {}).get(cell, "")) for cell in row))
    console.print(table)


def aligned(rows: Sequence[Sequence[str]], right: Sequence[int] = ()) -> list[str]:
    """Rows as lines with columns of equal width."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = []
    for row in rows:
        cells = (
            cell.rjust(width) if column in right else cell.ljust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        lines.append("  ".join(cells).rstrip())
    return lines


def echo_json(value: object) -> None:
    """One line of JSON."""
    typer.echo(msgspec.json.encode(value).decode())
