"""The `flyball rules` commands that change what is in force, or tell what was."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter

from flyball.cli.options import HERE, DryRun, Json, Loop

For = Annotated[str | None, Parameter(name="--for", help="How long, such as 2h; without it until cleared.")]
Why = Annotated[str, Parameter(help="Why; it is kept with your name.")]
Rule = Annotated[str, Parameter(help="The rule's id.")]


def pause(
    rule: Rule,
    /,
    *,
    because: Why,
    for_: For = None,
    loop: Loop = HERE,
    json: Json = False,
    dry_run: DryRun = False,
) -> int:
    """Stop a rule for a while: it does not fire, and what it holds is taken off."""
    from flyball.cli import knobs as command

    return command.pause(loop, rule, lasts=for_, because=because, json=json, dry_run=dry_run)


def resume(
    rule: Rule, /, *, because: Why = "", loop: Loop = HERE, json: Json = False, dry_run: DryRun = False
) -> int:
    """Let a paused rule go on."""
    from flyball.cli import knobs as command

    return command.resume(loop, rule, because=because, json=json, dry_run=dry_run)


def shadow(
    rule: Rule, /, *, because: Why = "", loop: Loop = HERE, json: Json = False, dry_run: DryRun = False
) -> int:
    """Move a rule into the shadow: it is looked at and written down, and changes nothing."""
    from flyball.cli import rules_mode as command

    return command.move(loop, rule, "shadow", because=because, json=json, dry_run=dry_run)


def promote(
    rule: Rule, /, *, because: Why = "", loop: Loop = HERE, json: Json = False, dry_run: DryRun = False
) -> int:
    """Show what a rule would have done in the shadow, and let it act from now on."""
    from flyball.cli import rules_mode as command

    return command.move(loop, rule, "live", because=because, json=json, dry_run=dry_run)


def apply(
    file: Annotated[Path, Parameter(help="The rule file to put in force.")],
    /,
    *,
    because: Why = "",
    tests: Annotated[bool, Parameter(help="Play its scenarios first.")] = True,
    canary: Annotated[str | None, Parameter(help="First on a share of the batches, such as 20%.")] = None,
    signal: Annotated[str, Parameter(help="What a canary is judged by.")] = "cycle.seconds",
    better: Annotated[Literal["higher", "lower"] | None, Parameter(help="Which way is good.")] = None,
    batches: Annotated[int, Parameter(help="By how many batches of its own.")] = 10,
    loop: Loop = HERE,
    json: Json = False,
    dry_run: DryRun = False,
) -> int:
    """Check a rule file, play its scenarios, and put it in force in the place of the loop's own."""
    from flyball.cli import rules_write as command
    from flyball.cli.rules_canary import Asked

    asked = None if canary is None else Asked(canary, signal, better, batches)
    return command.apply(loop, file, because=because, tests=tests, json=json, dry_run=dry_run, canary=asked)


def canary(
    *,
    stop: Annotated[bool, Parameter(negative="", help="Stop the one that is under way.")] = False,
    because: Why = "",
    loop: Loop = HERE,
    json: Json = False,
) -> int:
    """Show how a canary does, or stop it."""
    from flyball.cli import rules_canary as command

    return command.stop(loop, because, json=json) if stop else command.show(loop, json=json)


def rollback(
    digest: Annotated[str | None, Parameter(help="The file to go back to; the one before.")] = None,
    /,
    *,
    because: Why = "",
    loop: Loop = HERE,
    json: Json = False,
    dry_run: DryRun = False,
) -> int:
    """Put the rule file before this one in force again, or any that ever was."""
    from flyball.cli import rules_write as command

    return command.rollback(loop, digest, because=because, json=json, dry_run=dry_run)


def history(
    digest: Annotated[str | None, Parameter(help="Show this file, by the beginning of its digest.")] = None,
    /,
    *,
    diff: Annotated[bool, Parameter(negative="", help="Only what differs from the one before.")] = False,
    loop: Loop = HERE,
    json: Json = False,
) -> int:
    """List the rule files that were in force: when, by whom, why, and what each of them did."""
    from flyball.cli import rules_history as command

    if digest is None:
        return command.history(loop, json=json)
    return command.show(loop, digest, diff=diff, json=json)


#: Each of them by its name.
COMMANDS: Mapping[str, Callable[..., int]] = {
    "pause": pause,
    "resume": resume,
    "shadow": shadow,
    "promote": promote,
    "apply": apply,
    "canary": canary,
    "rollback": rollback,
    "history": history,
}
