"""The `flyball` command: translate the words of the command line, call, show, and end with the right code.

Nothing heavy is imported before a command needs it.
"""

from __future__ import annotations

import os
import sys
import traceback
from pathlib import Path
from typing import Annotated, Literal

from cyclopts import App, CycloptsError, Parameter

from flyball import __version__
from flyball.cli.contract_app import contract
from flyball.cli.deadletters_app import dlq
from flyball.cli.evidence_app import EVIDENCE
from flyball.cli.integrate_app import integrate
from flyball.cli.options import AT_LEAST_0, AT_LEAST_1, HERE, DryRun, Json, Loop
from flyball.cli.rules_app import rules
from flyball.cli.rules_live_app import COMMANDS, For, Why
from flyball.cli.serve_app import serve
from flyball.cli.show import print_line
from flyball.cli.sources_app import sources
from flyball.cli.usage import told
from flyball.errors import FlyballError

app = App(
    name="flyball",
    help="The governor of a labelling loop: annotate, train and score overlap, and rules steer it.",
    version=__version__,
    result_action="return_value",
)
model = App(name="model", help="Model versions: list them, roll back.")
knobs = App(name="knobs", help="What rules and people may turn.")
signals = App(name="signals", help="What rules may read.")
for group in (model, rules, knobs, signals, dlq, contract, integrate, sources):
    app.command(group)
for name, function in COMMANDS.items():
    rules.command(function, name=name)
for name, function in EVIDENCE.items():
    app.command(function, name=name)
app.command(serve)
About = Annotated[str | None, Parameter(help="The annotator or the rule, where each has a value of its own.")]


@app.command
def init(
    directory: Path,
    /,
    *,
    project: Annotated[Literal["simple", "demo"], Parameter(help="What to begin with.")] = "simple",
    json: Json = False,
    dry_run: DryRun = False,
) -> int:
    """Write a working loop into a new directory: loop.toml, rules/, flows/, prefect.yaml."""
    from flyball.cli import project as command

    return command.init(directory, project, json=json, dry_run=dry_run)


@app.command
def run(
    *,
    loop: Loop = HERE,
    demo: Annotated[
        bool, Parameter(negative="", help="The demo in runs/demo, made first if need be.")
    ] = False,
    set: Annotated[
        list[str] | None, Parameter(help="A setting over loop.toml, as section.key=value.")
    ] = None,
    prefect: Annotated[bool, Parameter(help="Run the lanes as Prefect flows.")] = True,
    report: Annotated[bool, Parameter(help="Write report.html at the end.")] = True,
    json: Json = False,
) -> int:
    """Run a loop until its stream is at its end, its time is up, or Ctrl-C."""
    from flyball.cli import run as command

    return command.run(loop, demo=demo, settings=set or [], prefect=prefect, report=report, json=json)


@app.command
def status(
    *,
    loop: Loop = HERE,
    watch: Annotated[bool, Parameter(negative="", help="Show it anew every two seconds.")] = False,
    json: Json = False,
) -> int:
    """Show the loop at a glance: lanes, queue, labels, models, knobs, alerts, decisions."""
    from flyball.cli import read as command

    return command.status(loop, watch=watch, json=json)


@app.command
def decisions(
    *,
    loop: Loop = HERE,
    rule: Annotated[str | None, Parameter(help="Of this rule only.")] = None,
    limit: Annotated[int | None, Parameter(help="The newest so many.", validator=AT_LEAST_1)] = None,
    json: Json = False,
) -> int:
    """List what looks concluded, with the numbers that were seen and the reason."""
    from flyball.cli import read as command

    return command.decisions(loop, rule=rule, limit=limit, json=json)


@app.command
def lineage(
    what: Annotated[str, Parameter(help="A model version, or an item.")],
    /,
    *,
    item: Annotated[bool, Parameter(negative="", help="It is an item, though its name is a number.")] = False,
    loop: Loop = HERE,
    rows: Annotated[
        int, Parameter(help="How many labels to list; --json lists all.", validator=AT_LEAST_0)
    ] = 10,
    json: Json = False,
) -> int:
    """Show what a model version came from, or what came of an item: down to answers, up to models."""
    from flyball.cli import audit, read

    if item or not what.isdecimal():
        return audit.of_item(loop, what, json=json)
    return read.lineage(loop, int(what), rows=rows, json=json)


@app.command
def report(
    *,
    loop: Loop = HERE,
    output: Annotated[Path | None, Parameter(help="Where to; report.html in the loop's directory.")] = None,
    json: Json = False,
) -> int:
    """Write the report of what happened so far as a single HTML file."""
    from flyball.cli import run as command

    return command.report(loop, output, json=json)


@model.command(name="ls")
def model_ls(*, loop: Loop = HERE, json: Json = False) -> int:
    """List model versions: what each learned from, and how it was received."""
    from flyball.cli import read as command

    return command.models(loop, json=json)


@model.command(name="rollback")
def model_rollback(
    version: Annotated[int | None, Parameter(help="The version to go back to; the champion before.")] = None,
    /,
    *,
    because: Annotated[str, Parameter(help="Why; it is kept with the decision.")],
    loop: Loop = HERE,
    json: Json = False,
    dry_run: DryRun = False,
) -> int:
    """Let an earlier model score again. It is recorded as a decision, with its reason."""
    from flyball.cli import write as command

    return command.rollback(loop, version, because, json=json, dry_run=dry_run)


@knobs.command(name="ls")
def knobs_ls(*, loop: Loop = HERE, json: Json = False) -> int:
    """List every knob with its bounds and meaning, and its value where a loop is at hand."""
    from flyball.cli import catalogue as command

    return command.knobs(loop, json=json)


@knobs.command(name="set")
def knobs_set(
    knob: Annotated[str, Parameter(help="Its name; see `flyball knobs ls`.")],
    value: Annotated[str, Parameter(help="Such as 300, 20%, 2h, random, yes.")],
    /,
    *,
    because: Why,
    for_: For = None,
    about: About = None,
    shadow: Annotated[
        int | None,
        Parameter(
            validator=AT_LEAST_0, help="Cycles that a new architecture first runs in shadow; 3 without it."
        ),
    ] = None,
    loop: Loop = HERE,
    json: Json = False,
    dry_run: DryRun = False,
) -> int:
    """Set a knob over every rule, for a time or until it is cleared."""
    from flyball.cli import knobs as command

    asked = command.Asked(knob, value, about, for_, shadow)
    return command.set_(loop, asked, because=because, json=json, dry_run=dry_run)


@knobs.command(name="clear")
def knobs_clear(
    knob: Annotated[str, Parameter(help="Its name; see `flyball knobs ls`.")],
    /,
    *,
    because: Why = "",
    about: About = None,
    loop: Loop = HERE,
    json: Json = False,
    dry_run: DryRun = False,
) -> int:
    """Take off what people have set over the rules."""
    from flyball.cli import knobs as command

    return command.clear(loop, knob, about=about, because=because, json=json, dry_run=dry_run)


@signals.command(name="ls")
def signals_ls(*, loop: Loop = HERE, json: Json = False) -> int:
    """List every signal with its unit, range and meaning, and its reading where a loop is at hand."""
    from flyball.cli import catalogue as command

    return command.signals(loop, json=json)


def main(words: list[str] | None = None) -> None:
    """Run a command and end the process: 0 fine, 1 findings, 2 usage, 3 something outside, 4 a bug."""
    # Threads that wait for each other on busy cores would make a training ten times slower.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    try:
        code = app(words, exit_on_error=False, print_error=False)
    except FlyballError as error:
        print_line(f"flyball: {error}", sys.stderr)
        sys.exit(error.exit_code)
    except KeyboardInterrupt:
        sys.exit(130)
    except Exception as error:
        if isinstance(error, CycloptsError):
            print_line(f"flyball: {told(error)}", sys.stderr)
            sys.exit(2)
        traceback.print_exc()
        print_line("flyball: this is a bug in Flyball; what stands above tells where", sys.stderr)
        sys.exit(FlyballError.exit_code)
    sys.exit(code if isinstance(code, int) else 0)
