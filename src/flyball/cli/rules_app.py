"""The `flyball rules` commands: check them, test them, try them on the past, put them live."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from cyclopts import App, Parameter

from flyball.cli.options import AT_LEAST_0, HERE, DryRun, Json, Loop

rules = App(name="rules", help="Rule files: check, test, try on the past, put live.")


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


@rules.command(name="test")
def rules_test(
    files: Annotated[
        list[Path] | None, Parameter(help="Rule or scenario files; the loop's rule file without any.")
    ] = None,
    /,
    *,
    loop: Loop = HERE,
    mutation: Annotated[bool, Parameter(help="Nudge every threshold: does a scenario notice?")] = True,
    fail_under: Annotated[
        float | None,
        Parameter(
            help="End with 1 where coverage or the mutation score is less, in percent.", validator=AT_LEAST_0
        ),
    ] = None,
    junit: Annotated[Path | None, Parameter(help="Write a JUnit report to this file.")] = None,
    json: Json = False,
) -> int:
    """Play the scenarios of rule files: do they come out as expected, and what do they not show?"""
    from flyball.cli import rules
    from flyball.cli import rules_scenarios as command

    paths = files or [rules.file_of(loop)]
    return command.play(paths, mutation=mutation, fail_under=fail_under, junit=junit, json=json)


@rules.command(name="explain")
def rules_explain(
    code: Annotated[str | None, Parameter(help="Such as R101 or W104; all codes without one.")] = None,
    /,
    *,
    json: Json = False,
) -> int:
    """Explain the code of a mistake or a warning, with an example and the line mended."""
    from flyball.cli import rules_explain as command

    return command.explain(code, json=json)


@rules.command(name="schema")
def rules_schema(
    *,
    loop: Annotated[Path | None, Parameter(help="Write it where this loop's rule files look for it.")] = None,
    output: Annotated[Path | None, Parameter(name=["--output", "-o"], help="Write it to this file.")] = None,
    json: Json = False,
    dry_run: DryRun = False,
) -> int:
    """Print the JSON Schema of rule files, by which editors complete and check them."""
    from flyball.cli import rules_schema as command

    return command.write_schema(loop, output, json=json, dry_run=dry_run)


@rules.command(name="signals")
def rules_signals(*, loop: Loop = HERE, json: Json = False) -> int:
    """List what rules may read: the same as `flyball signals ls`."""
    from flyball.cli import catalogue as command

    return command.signals(loop, json=json)


@rules.command(name="knobs")
def rules_knobs(*, loop: Loop = HERE, json: Json = False) -> int:
    """List what rules may turn: the same as `flyball knobs ls`."""
    from flyball.cli import catalogue as command

    return command.knobs(loop, json=json)


_SINCE = Parameter(help="From when on: `30d`, `2h ago` or `2026-11-20T09:30` (UTC).")
_UNTIL = Parameter(help="Up to when; the last look without it.")
_HTML = Parameter(help="Also write a page to this file.")
_LIMIT = Parameter(help="How many differing decisions to list.", validator=AT_LEAST_0)


@rules.command(name=["why", "why-not"])
def rules_why(
    rule: Annotated[str, Parameter(help="The id of a rule.")],
    /,
    *,
    at: Annotated[
        str | None,
        Parameter(
            help="`2h ago`, `2026-11-20T09:30`, `look 12` or a fact's number; the last look without it."
        ),
    ] = None,
    about: Annotated[str | None, Parameter(help="For a rule with `foreach`: which annotator.")] = None,
    loop: Loop = HERE,
    json: Json = False,
) -> int:
    """Show why a rule fired at a moment, or why it did not: every value, and how far it is from turning."""
    from flyball.cli import rules_why as command

    return command.why(loop, rule, at=at, about=about, json=json)


@rules.command(name="replay")
def rules_replay(
    file: Annotated[Path, Parameter(help="The edited rule file.")],
    /,
    *,
    since: Annotated[str, _SINCE] = "30d",
    until: Annotated[str | None, _UNTIL] = None,
    sweep: Annotated[
        list[str] | None,
        Parameter(help="Only try a range of values: `RULE.for=1m..30m`, `RULE.SIGNAL=100..400/20`."),
    ] = None,
    loop: Loop = HERE,
    html: Annotated[Path | None, _HTML] = None,
    limit: Annotated[int, _LIMIT] = 40,
    json: Json = False,
) -> int:
    """Put recorded signals through an edited file: what would it have decided? 1 where that differs."""
    from flyball.cli import rules_replay as command

    sweeps = sweep or []
    return command.replay(
        loop, file, since=since, until=until, sweeps=sweeps, html=html, limit=limit, json=json
    )


@rules.command(name="diff")
def rules_diff(
    old: Annotated[Path, Parameter(help="A rule file.")],
    new: Annotated[Path, Parameter(help="Another, to compare it with.")],
    /,
    *,
    since: Annotated[str, _SINCE] = "30d",
    until: Annotated[str | None, _UNTIL] = None,
    loop: Loop = HERE,
    html: Annotated[Path | None, _HTML] = None,
    limit: Annotated[int, _LIMIT] = 40,
    json: Json = False,
) -> int:
    """Compare two files over recorded signals, decision by decision. 1 where they differ."""
    from flyball.cli import rules_replay as command

    return command.diff(loop, old, new, since=since, until=until, html=html, limit=limit, json=json)
