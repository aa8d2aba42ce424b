"""Why a rule fired at a moment, or did not: its conditions with every value, for a terminal."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

from flyball.bootstrap import Reading, reading
from flyball.cli.rules import CATALOGUE
from flyball.cli.rules_when import Clock, clock_of
from flyball.cli.show import as_json, change, moment, print_line
from flyball.core.control import KnobState, Layer
from flyball.core.facts import DecisionMade
from flyball.core.ids import Instant, Position
from flyball.core.rules.margin import apart, said
from flyball.core.rules.reason import shown
from flyball.core.rules.why import Catalogues, Node, Why
from flyball.core.rules.why_words import headline, lasting, nearest
from flyball.errors import BadUsage
from flyball.work.recording import Recording
from flyball.work.replay import Past

CATALOGUES = Catalogues(CATALOGUE.signals, CATALOGUE.knobs)
_NUMBERED = re.compile(r"\s*(?:(look)\s*)?#?(\d+)\s*")
_HOLDS = {True: "yes", False: "no", None: "no data"}


def why(loop: Path, rule: str, *, at: str | None, about: str | None, json: bool) -> int:
    """Show why a rule did what it did at a look, or why it did not."""
    with reading(loop) as read:
        past = past_of(read)
        clock = clock_of(read, past)
        told, look, agrees = past.why(rule, None if at is None else _when(past, at, clock), about)
        ended = read.state.at
        notes = list(clock.notes(at)) if at and not _NUMBERED.fullmatch(at) else []
    if json:
        found = {"why": _plain(told), "look": look.seq, "headline": headline(told)}
        as_json({**found, "as_recorded": agrees, "notes": notes})
    else:
        for line in lines(told, look.seq, ended):
            print_line(line)
        if not agrees:
            print_line(
                "\nCaution: played again, the rules decide other than the log says at this look; the loop was"
                "\nrestarted shortly before, or its settings changed. The decisions above are the log's."
            )
        for note in notes:
            print_line(f"\n{note}")
    return 0


def past_of(read: Reading) -> Past:
    """A loop's recording, to be asked about its rules."""
    from flyball.adapters.rule_file import read as read_rules

    settings = KnobState.start({"loop.architecture": read.settings.loop.architecture, **read.settings.knobs})
    recording = Recording(read.log, settings, lambda content, name: read_rules(content, name, CATALOGUE)[0])
    return Past(recording, CATALOGUES)


def lines(told: Why, seq: Position, ended: Instant) -> Iterator[str]:
    """Everything about one rule at one look; `ended`: the time of the newest fact."""
    about = f" for {told.about}" if told.about else ""
    ago = f", {shown(ended - told.at, 'seconds')} before the newest fact" if ended > told.at else ""
    yield f"{told.rule}{about} at the look of {moment(told.at)} UTC (fact {seq}, cycle {told.cycle}{ago})"
    yield f"{told.verdict:5} {headline(told)}"
    yield ""
    rows = [("", "holds", "condition", "read | against", "how far")]
    rows += [*_rows("when", told.when, told), *(_rows("until", told.until, told) if told.until else ())]
    widths = [max(len(row[column]) for row in rows) for column in range(4)]
    for part, holds, text, values, by in rows:
        cells = (
            part.ljust(widths[0]),
            holds.ljust(widths[1]),
            text.ljust(widths[2]),
            values.rjust(widths[3]),
            by,
        )
        yield "  ".join(cells).rstrip()
    if nearest(told):
        goal = "clear" if told.state == "active" else "fire"
        yield f"\n  > what would have to change for it to {goal}"
    yield ""
    yield from _standing(told)
    yield from _decisions(told)


def _rows(part: str, node: Node, told: Why, depth: int = 0) -> Iterator[tuple[str, str, str, str, str]]:
    """A row for each part of a condition: which, whether it holds, its text, both values, the margin."""
    mark = "> " if node.turns else ""
    values = by = ""
    if node.kind == "compare":
        left, right = said(node.left, node.unit), said(node.right, node.unit)
        values = left if node.unit == "flag" else f"{left} | {right}"
        by = apart(node.left, node.right, node.unit)
    text = f"{node.text}:" if node.kind == "named" else node.text
    yield part, _HOLDS[node.holds], "  " * depth + mark + text, values, by
    for each in node.parts:
        yield from _rows("", each, told, depth + 1)


def _standing(told: Why) -> Iterator[str]:
    """Everything that bears on the rule besides its conditions."""
    mode = "in shadow: looked at and written down, never applied" if told.mode == "shadow" else "live"
    yield f"mode     {mode}"
    if not told.adaptive:
        yield "applied  no: the loop is not in the adaptive architecture, so no rule turns a knob"
    since = f" since {moment(told.since)}" if told.since is not None else ""
    yield f"state    {told.state}{since}" + (f"; it last fired {moment(told.fired)}" if told.fired else "")
    if told.for_left is not None and told.for_ is not None:
        yield f"for      {lasting(told.for_left)} of {lasting(told.for_)} left"
    if told.cooldown_left is not None:
        yield f"cooldown {lasting(told.cooldown_left)} left"
    if told.repeat_left is not None:
        yield f"repeat   in {lasting(told.repeat_left)}"
    if told.spent:
        yield "once     it fired before, and does not fire again"
    if told.paused is not None:
        yield f"paused   {_by(told.paused)}"
    for name, layer in told.overrides:
        yield f"people   {name} is {layer.value} {_by(layer)}; a rule that sets it is overruled"


def _decisions(told: Why) -> Iterator[str]:
    if told.decisions:
        yield "\nwhat the log says of this look"
        for made in told.decisions:
            yield from _decision(made)
    elif told.last is not None:
        yield "\nthe newest decision before"
        yield from _decision(told.last)
    else:
        yield "\nno decision of this rule is in the log until then"


def _decision(made: DecisionMade) -> Iterator[str]:
    applied = "" if made.live else "  [not applied]"
    yield f"  {moment(made.due)}  {made.verdict}{applied}  {made.because}"
    for each in made.changes:
        wanted = f" (wanted {each['wanted']})" if "wanted" in each else ""
        yield f"    {change(each)}{wanted}"
    if made.overruled_by:
        yield f"    overruled by {made.overruled_by}"


def _by(layer: Layer) -> str:
    until = f" until {moment(layer.until)}" if layer.until is not None else ""
    return f"by {layer.by}{until}: {layer.because}"


def _when(past: Past, text: str, clock: Clock) -> Instant:
    """A moment, `look 12`, or a fact's number as `flyball decisions --json` tells it."""
    if found := _NUMBERED.fullmatch(text):
        number = int(found[2])
        if number < 1:
            raise BadUsage("looks and facts are counted from 1")
        return past.recording.look_at(number) if found[1] else past.recording.decision_at(number)
    return clock.moment(text)


def _plain(told: Why) -> dict[str, Any]:
    return asdict(told) | {"nearest": nearest(told)}
