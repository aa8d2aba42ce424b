"""The words of `flyball contract` on the command line."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from cyclopts import App, Parameter

from flyball.cli.options import HERE, DryRun, Json, Loop

contract = App(name="contract", help="What labels mean and may be: check, compare, try, approve.")
File = Annotated[Path | None, Parameter(help="A contract; the loop's own without one.")]
Digest = Annotated[str, Parameter(help="Their digest or its beginning, as `flyball contract show` has it.")]


@contract.command
def check(
    file: File = None,
    /,
    *,
    loop: Loop = HERE,
    format: Annotated[Literal["text", "github"], Parameter(help="How to print.")] = "text",
    json: Json = False,
) -> int:
    """Check a contract: every mistake at once, and whether it can follow those that the loop had before."""
    from flyball.cli import contract as command

    return command.check(loop, file, "json" if json else "full" if format == "text" else "github")


@contract.command
def diff(
    old: Annotated[Path, Parameter(help="A contract.")],
    new: Annotated[Path, Parameter(help="The one that is to follow it.")],
    /,
    *,
    loop: Loop = HERE,
    json: Json = False,
) -> int:
    """Show what changed between two contracts, and who can still read whose answers.

    In a loop, the new one is held against every contract that was ever in force there. Ends with 1 where
    it is less compatible than it says.
    """
    from flyball.cli import contract as command

    return command.diff(loop, old, new, json=json)


@contract.command
def test(
    file: File = None,
    /,
    *,
    loop: Loop = HERE,
    examples: Annotated[
        Path | None, Parameter(help="The examples; contract.tests.yaml beside the contract.")
    ] = None,
    json: Json = False,
) -> int:
    """Play a contract's examples: do the answers come out as it says? 1 where one does not."""
    from flyball.cli import contract_play as command

    return command.play(loop, file, examples, json=json)


@contract.command
def show(*, loop: Loop = HERE, json: Json = False) -> int:
    """Show the contract in force, and answers that wait because nobody knows their definitions."""
    from flyball.cli import contract as command

    return command.show(loop, json=json)


@contract.command
def approve(
    definitions: Digest,
    /,
    *,
    because: Annotated[str, Parameter(help="How you know what their labels mean; it is kept.")],
    map_: Annotated[
        list[str] | None,
        Parameter(name="--map", negative="", help="What a label of theirs is called here: old=new."),
    ] = None,
    by: Annotated[str | None, Parameter(help="Who says so; you without it.")] = None,
    loop: Loop = HERE,
    json: Json = False,
    dry_run: DryRun = False,
) -> int:
    """Let answers in that were given under other definitions: those that wait, and those to come."""
    from flyball.cli import contract as command

    return command.approve(loop, definitions, map_ or [], by, because, json=json, dry_run=dry_run)
