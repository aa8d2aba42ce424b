"""The words of `flyball sources` on the command line."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import App, Parameter

from flyball.cli.options import HERE, Json, Loop

sources = App(name="sources", help="Where answers come in from: labelling tools, files, topics.")
Name = Annotated[str, Parameter(help="The source, as [sources.NAME] in loop.toml calls it.")]


@sources.command
def ls(*, loop: Loop = HERE, json: Json = False) -> int:
    """List the sources, what came of them last, and what of theirs could not be read."""
    from flyball.cli import sources as command

    return command.ls(loop, json=json)


@sources.command
def pull(
    name: Name,
    /,
    *,
    again: Annotated[
        bool, Parameter(negative="", help="Over what was read before too, and what could not be read.")
    ] = False,
    loop: Loop = HERE,
    json: Json = False,
) -> int:
    """Take in what a source has now: by the process that runs the loop, or here where none does.

    Ends with 1 where a file could not be read as a whole.
    """
    from flyball.cli import sources as command

    return command.pull(loop, name, again=again, json=json)


@sources.command
def test(
    name: Name,
    file: Annotated[Path, Parameter(help="An exported file, or the body of a call.")],
    /,
    *,
    loop: Loop = HERE,
    json: Json = False,
) -> int:
    """Show what would be captured of a file or a call, and what is wrong with it; 1 if anything is.

    Nothing is written.
    """
    from flyball.cli import sources as command

    return command.test(loop, name, file, json=json)
