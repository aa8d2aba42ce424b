"""Rule files over recorded signals: what would have been decided, two files compared, one number swept."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from flyball.adapters import rule_file
from flyball.bootstrap import reading
from flyball.cli import rules_sweep
from flyball.cli.rules import CATALOGUE
from flyball.cli.rules_sweep import active, filled, mention
from flyball.cli.rules_when import Clock, clock_of
from flyball.cli.rules_why import CATALOGUES, past_of
from flyball.cli.show import as_json, change, moment, number, print_line, table
from flyball.core.facts import DecisionMade
from flyball.core.ids import Instant
from flyball.core.rules.model import Ruleset
from flyball.core.rules.reason import shown
from flyball.core.rules.replay_edits import Edit, edits
from flyball.core.rules.replay_model import Difference, Replayed, RuleTold
from flyball.core.rules.sweep import read_sweep
from flyball.errors import BadUsage
from flyball.report.replay import ReplayPage, write_page
from flyball.work.replay import Past


def replay(
    loop: Path,
    file: Path,
    *,
    since: str,
    until: str | None,
    sweeps: Sequence[str],
    html: Path | None,
    limit: int,
    json: bool,
) -> int:
    """Show what an edited file would have decided on recorded signals. 1 where that differs, 0 where not."""
    rules = rules_of(file)
    with reading(loop) as read:
        past = past_of(read)
        begin, end = _between(past, since, until, clock_of(read, past))
        if sweeps:
            return rules_sweep.sweep(
                past, rules, [read_sweep(each, rules, CATALOGUES) for each in sweeps], begin, end, html, json
            )
        found = past.replay(rules, begin, end)
        notes = past.recording.notes
    sides = ("recorded", rules.name)
    if html is not None:
        write_page(html, ReplayPage(f"{rules.name} over the recording", sides, found, tuple(notes)))
    if json:
        as_json(_plain(found) | {"sides": sides, "notes": notes})
    else:
        for line in told(found, sides, notes, limit):
            print_line(line)
        mention(html)
    return 1 if found.differences else 0


def diff(
    loop: Path,
    old: Path,
    new: Path,
    *,
    since: str,
    until: str | None,
    html: Path | None,
    limit: int,
    json: bool,
) -> int:
    """Show where two files would have decided differently. 1 where they do, 0 where not."""
    before, after = rules_of(old), rules_of(new)
    written = edits(before, after, CATALOGUES)
    with reading(loop) as read:
        past = past_of(read)
        begin, end = _between(past, since, until, clock_of(read, past))
        found = past.replay(after, begin, end, before)
        notes = past.recording.notes
    sides = (str(old), str(new))
    found = replace(found, rules=tuple(each for each in found.rules if _moved(each)))
    if html is not None:
        write_page(html, ReplayPage(f"{old} against {new}", sides, found, tuple(notes)))
    if json:
        as_json(
            {"edits": [asdict(each) for each in written], **_plain(found), "sides": sides, "notes": notes}
        )
    else:
        for line in (*_edits(written), "", *told(found, sides, notes, limit)):
            print_line(line)
        mention(html)
    return 1 if found.differences else 0


def rules_of(file: Path) -> Ruleset:
    """The rules of a file. Raises BadFile with its mistakes, BadUsage where it cannot be read."""
    try:
        with file.open("rb") as opened:
            content = opened.read(rule_file.LARGEST + 1)
    except OSError as error:
        raise BadUsage(f"{file} cannot be read: {error.strerror or error}") from error
    return rule_file.read(content, str(file), CATALOGUE)[0]


def told(found: Replayed, sides: tuple[str, str], notes: Sequence[str], limit: int) -> Iterator[str]:
    """A replay for a terminal."""
    span = shown(found.until - found.since, "seconds")
    yield f"{moment(found.since)} to {moment(found.until)} UTC: {span}, {found.looks:,} looks"
    yield f"  before  {sides[0]}"
    yield f"  after   {sides[1]}"
    yield ""
    if found.rules:
        yield table([_row(each) for each in found.rules], _HEAD)
        yield ""
    yield from _differences(found, limit)
    yield from _curves(found)
    yield from _beyond(found)
    if found.shadowed:
        yield filled(f"In {found.shadowed:,} looks the loop was not adaptive: nothing decided was applied.")
    for note in notes:
        yield filled(note)


_HEAD = ("rule", "fired before", "after", "in both", "active before", "after", "last fired after", "differ")


def _row(each: RuleTold) -> tuple[str, ...]:
    old, new = each.before, each.after
    return (
        each.rule,
        "no rule" if old is None else number(old.fired),
        "no rule" if new is None else number(new.fired),
        number(each.same),
        active(old),
        active(new),
        "-" if new is None or new.last is None else moment(new.last),
        number(each.differences),
    )


def _differences(found: Replayed, limit: int) -> Iterator[str]:
    count = len(found.differences)
    if not count:
        yield "No decision differs."
        return
    yield f"{count:,} decision{'s' if count > 1 else ''} differ{'' if count > 1 else 's'}"
    for each in found.differences[:limit]:
        yield from _difference(each)
    if count > limit:
        yield f"  … and {count - limit:,} more; --limit {count} shows all, --json too"


def _difference(each: Difference) -> Iterator[str]:
    about = f" @{each.about}" if each.about else ""
    yield f"  {moment(each.at)}  {each.rule}{about}: {_verdicts(each.before)} → {_verdicts(each.after)}"
    if each.because:
        yield f"    {each.because}"
    if each.beyond:
        yield f"    the recording no longer speaks for {', '.join(each.beyond)}"


def _verdicts(made: Sequence[DecisionMade]) -> str:
    return "; ".join(_verdict(each) for each in made) or "nothing"


def _verdict(made: DecisionMade) -> str:
    what = ", ".join(change(each) for each in made.changes)
    by = f" by {made.overruled_by}" if made.overruled_by else ""
    return f"{made.verdict}{by}{f' ({what})' if what else ''}{'' if made.live else ' [not applied]'}"


def _curves(found: Replayed) -> Iterator[str]:
    parted = [each for each in found.curves if each.parted is not None]
    if not parted:
        return
    yield "\nknobs that would have stood elsewhere"
    rows = [
        (
            each.knob,
            moment(each.parted),
            f"{len(each.before) - 1} → {len(each.after) - 1}",
            f"{number(each.before[-1][1])} → {number(each.after[-1][1])}",
        )
        for each in parted
    ]
    yield "\n".join(
        f"  {line}" for line in table(rows, ("knob", "from", "changes", "in the end")).splitlines()
    )


def _beyond(found: Replayed) -> Iterator[str]:
    if not found.beyond:
        return
    name, at = min(found.beyond.items(), key=lambda pair: pair[1])
    others = [f"`{each}` from {moment(when)}" for each, when in found.beyond.items() if each != name]
    then = f", then for {', '.join(others)}" if others else ""
    yield filled(
        f"From {moment(at)} on the recording no longer speaks for `{name}`{then}. What it says of every"
        " signal that these have a part in (the queue, batches, quality, …) is what came of the recorded"
        " values. The first differences are certain; the later ones are a guess."
    )


def _edits(written: Sequence[Edit]) -> Iterator[str]:
    if not written:
        yield "The files say the same."
        return
    yield "edited"
    for each in written:
        if each.field:
            yield f"  {each.what} {each.field}: {each.before or 'nothing'} → {each.after or 'nothing'}"
        else:
            word, text = ("added", each.after) if each.after else ("removed", each.before)
            yield f"  {each.what} {word}: {text[:200]}"


def _between(past: Past, since: str, until: str | None, clock: Clock) -> tuple[Instant, Instant]:
    """From when to when. Where that is counted from the end of the recording, its notes say so."""
    first, last = past.recording.ends()
    begin = max(clock.moment(since), first.due)
    end = last.due if until is None else clock.moment(until)
    past.recording.notes += clock.notes(since if begin > first.due else None, until)
    if end < begin:
        raise BadUsage(f"--until {moment(end)} is before --since {moment(begin)}, or before the first look")
    return begin, end


def _moved(each: RuleTold) -> bool:
    return each.differences > 0 or each.before != each.after


def _plain(found: Replayed) -> dict[str, Any]:
    plain = asdict(found)
    before, after = plain.pop("stretches")
    return plain | {"stretches": {"before": before, "after": after}}
