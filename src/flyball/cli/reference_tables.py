"""Pages and tables in Markdown, as the reference pages have them."""

from __future__ import annotations

from collections.abc import Sequence

MADE = "<!-- Made by `make docs` from the catalogue in the code; do not edit. -->"


def page_of(title: str, about: str, rows: Sequence[tuple[str, ...]]) -> str:
    """A page that is one table; the first row is its head."""
    return f"{MADE}\n\n# {title}\n\n{about}\n\n{table_of(rows)}"


def table_of(rows: Sequence[tuple[str, ...]]) -> str:
    """A table; the first row is its head.

    >>> print(table_of([("a", "b"), ("1", "x | y")]))
    | a | b |
    |---|---|
    | 1 | x \\| y |
    <BLANKLINE>
    """
    cells = [[cell.replace("|", "\\|").replace("\n", " ") for cell in row] for row in rows]
    lines = ["| " + " | ".join(row) + " |" for row in cells]
    return "\n".join([lines[0], "|" + "---|" * len(rows[0]), *lines[1:]]) + "\n"
