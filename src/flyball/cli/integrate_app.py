"""The words of `flyball integrate` on the command line."""

from __future__ import annotations

from typing import Annotated

from cyclopts import App, Parameter

from flyball.cli.options import AT_LEAST_1, HERE, DryRun, Json, Loop

integrate = App(
    name="integrate", help="Settle answers into labels, with the proof that none is lost; let a class in."
)


@integrate.default
def passes(
    *,
    loop: Loop = HERE,
    watch: Annotated[
        bool, Parameter(name=["--watch"], negative=["--once"], help="Go on until Ctrl-C, or one time.")
    ] = False,
    workers: Annotated[
        int | None,
        Parameter(
            help="Processes that merge at once; more than one on PostgreSQL. By default, the knob"
            " `integrate.workers`.",
            validator=AT_LEAST_1,
        ),
    ] = None,
    json: Json = False,
    dry_run: DryRun = False,
) -> int:
    """Merge what waits, and prove that captured = merged + parked + pending + dead + superseded (+ erased).

    Where a process has a loop on SQLite open that merges by itself, only the proof is told.

    Ends with 1 where the proof does not hold.
    """
    from flyball.cli import integrate as command

    return command.integrate(loop, watch=watch, workers=workers, json=json, dry_run=dry_run)


@integrate.command
def allow(
    label: Annotated[str, Parameter(help="The class that is held back.")],
    /,
    *,
    because: Annotated[str, Parameter(help="Why; it is kept with the decision.")],
    loop: Loop = HERE,
    json: Json = False,
    dry_run: DryRun = False,
) -> int:
    """Let a class in again that is held back, and the answers that were parked for it."""
    from flyball.cli import integrate as command

    return command.allow(loop, label, because, json=json, dry_run=dry_run)
