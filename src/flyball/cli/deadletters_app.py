"""The words of `flyball dlq` on the command line."""

from __future__ import annotations

from typing import Annotated

from cyclopts import App, Parameter

from flyball.cli.options import HERE, DryRun, Json, Loop

dlq = App(name="dlq", help="Dead letters: answers that could not be integrated.")
Numbers = Annotated[int, Parameter(help="Their numbers, as `dlq ls --each` tells them.")]
Reason = Annotated[str | None, Parameter(help="All that lie there for this reason, or its code.")]
All = Annotated[bool, Parameter(name="--all", negative="", help="All of them.")]
Because = Annotated[str, Parameter(help="Why; it is kept with each of them.")]


@dlq.command
def ls(
    *,
    loop: Loop = HERE,
    each: Annotated[bool, Parameter(negative="", help="One by one, and not by reason.")] = False,
    reason: Reason = None,
    json: Json = False,
) -> int:
    """List dead letters, grouped by reason."""
    from flyball.cli import deadletters as command

    return command.ls(loop, each=each, reason=reason, json=json)


@dlq.command
def show(number: int, /, *, loop: Loop = HERE, json: Json = False) -> int:
    """Show one dead letter in full: the answer, the failure, the code and rules it first failed with."""
    from flyball.cli import deadletters as command

    return command.show(loop, number, json=json)


@dlq.command
def requeue(
    *numbers: Numbers,
    because: Because,
    reason: Reason = None,
    all_: All = False,
    loop: Loop = HERE,
    json: Json = False,
    dry_run: DryRun = False,
) -> int:
    """Send dead letters on their way again, as if they were new. Who and why is kept."""
    from flyball.cli import deadletters as command

    return command.resolve(
        loop, "requeue", numbers, reason=reason, everything=all_, because=because, json=json, dry_run=dry_run
    )


@dlq.command
def drop(
    *numbers: Numbers,
    because: Because,
    reason: Reason = None,
    all_: All = False,
    loop: Loop = HERE,
    json: Json = False,
    dry_run: DryRun = False,
) -> int:
    """Give dead letters up for good. Their answers stay in the log, with who dropped them and why."""
    from flyball.cli import deadletters as command

    return command.resolve(
        loop, "drop", numbers, reason=reason, everything=all_, because=because, json=json, dry_run=dry_run
    )
