"""A range of values for one number of a rule, for a terminal: how often each would have fired."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from flyball.cli.show import as_json, number, print_line, table
from flyball.core.ids import Instant
from flyball.core.rules.model import Ruleset
from flyball.core.rules.reason import shown
from flyball.core.rules.replay_model import Tally
from flyball.core.rules.sweep import Sweep, Swept
from flyball.report.replay import ReplayPage, write_page
from flyball.work.replay import Past

#: How wide sentences are.
WIDE = 100


def sweep(
    past: Past,
    rules: Ruleset,
    sweeps: Sequence[Sweep],
    begin: Instant,
    end: Instant,
    html: Path | None,
    json: bool,
) -> int:
    """Show how often each value of a range would have fired."""
    found = [(sweep, past.sweep(sweep, rules, begin, end)) for sweep in sweeps]
    notes = past.recording.notes
    if html is not None:
        page = ReplayPage(
            f"{rules.name}: a sweep", ("recorded", rules.name), None, tuple(notes), tuple(found)
        )
        write_page(html, page)
    if json:
        as_json({"since": begin, "until": end, "sweeps": [_swept(*each) for each in found], "notes": notes})
        return 0
    for sweep, rows in found:
        for line in _swept_lines(sweep, rows, end - begin):
            print_line(line)
    assumed = "Signals and knobs are as they were recorded, whatever each value would have changed of them."
    print_line(assumed)
    for note in dict.fromkeys(notes):
        print_line(filled(note))
    mention(html)
    return 0


def _swept(sweep: Sweep, rows: Sequence[Swept]) -> dict[str, Any]:
    return {
        "rule": sweep.rule,
        "what": sweep.what,
        "unit": sweep.unit,
        "now": sweep.now,
        "values": [asdict(each) for each in rows],
    }


def _swept_lines(sweep: Sweep, rows: Sequence[Swept], span: float) -> Iterator[str]:
    yield f"{sweep.rule}: {sweep.what} (now {sweep.now}), over {shown(span, 'seconds')}\n"
    most = max((each.tally.fired for each in rows), default=0)
    listed = [
        (
            each.text,
            number(each.tally.fired),
            active(each.tally),
            f"{each.tally.active / span:.1%}" if span else "-",
            "█" * round(40 * each.tally.fired / most) if most else "",
        )
        for each in rows
    ]
    yield table(listed, ("value", "fired", "active", "of the time", "fired"))
    yield ""


def active(tally: Tally | None) -> str:
    """How long a rule was active."""
    return "-" if tally is None else shown(tally.active, "seconds") if tally.active else "0"


def filled(text: str) -> str:
    """A sentence in lines that fit, after an empty one."""
    return "\n" + textwrap.fill(text, WIDE)


def mention(html: Path | None) -> None:
    """Say where the page is, where one was written."""
    if html is not None:
        print_line(f"\n{html} shows it")
