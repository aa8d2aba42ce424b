"""The `flyball rules` commands: check them, test them, try them on the past, put them live."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from cyclopts import App, Parameter

from flyball.cli.options import HERE, Json, Loop

rules = App(name="rules", help="Rule files: check them.")


@rules.command(name="check")
def rules_check(
    files: Annotated[list[Path] | None, Parameter(help="Rule files; the loop's own without any.")] = None,
    /,
    *,
    loop: Loop = HERE,
    format: Annotated[Literal["full", "json", "github"], Parameter(help="How to print.")] = "full",
    json: Json = False,
) -> int:
    """Check rule files: every mistake at once, each with its place and what was meant."""
    from flyball.cli import rules as command

    return command.check(files or [command.file_of(loop)], format="json" if json else format)
