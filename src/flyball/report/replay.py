"""A replay as one HTML page: rules and knobs beside what they were compared with, and sweeps."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from flyball.core.facts import DecisionMade
from flyball.core.rules.reason import shown
from flyball.core.rules.replay_model import Difference, Replayed, RuleTold
from flyball.core.rules.sweep import Sweep, Swept
from flyball.errors import Unreachable
from flyball.report import replay_plots as plots
from flyball.report import words
from flyball.report.html import Html, join, table, tag
from flyball.report.page import document, figure

#: Rows of a table that a reader scrolls through.
MOST = 500


@dataclass(frozen=True, slots=True)
class ReplayPage:
    """What the page shows. `sides`: the names of the two that are compared; `found` None: only sweeps."""

    title: str
    sides: tuple[str, str]
    found: Replayed | None
    notes: tuple[str, ...]
    sweeps: tuple[tuple[Sweep, Sequence[Swept]], ...] = ()


def write_page(output: Path, page: ReplayPage) -> None:
    """Write the page. Raises Unreachable where that cannot be done."""
    try:
        output.parent.mkdir(parents=True, exist_ok=True)
        output.write_text(html_of(page), encoding="utf-8")
    except OSError as error:
        raise Unreachable(f"{output} cannot be written: {error.strerror or error}") from error


def html_of(page: ReplayPage) -> str:
    """The whole page."""
    found = page.found
    parts: list[Html] = [
        figure(plots.sweep(sweep, rows, number)) for number, (sweep, rows) in enumerate(page.sweeps)
    ]
    if found is not None:
        parts += [
            tag("section", tag("h2", "Rules"), figure(plots.rules(found, page.sides)), _rules(found.rules)),
            tag("section", tag("h2", "Knobs"), figure(plots.knobs(found, page.sides)), _beyond(found)),
            tag("section", tag("h2", "Decisions that differ"), _differences(found.differences)),
        ]
    notes = [tag("p", note, class_="note") for note in dict.fromkeys(page.notes)]
    return document(page.title, _head(page), tag("main", *notes, *parts), tag("footer", _made()))


def _head(page: ReplayPage) -> Html:
    found = page.found
    if found is None:
        lead = "How often each value would have fired; signals and knobs are as they were recorded."
        return tag("header", tag("h1", page.title), tag("p", lead, class_="lead"))
    count = len(found.differences)
    span = shown(found.until - found.since, "seconds")
    lead = (
        f"{found.looks:,} looks in {span}: {words.counted(count, 'decision')} differ"
        f"{'s' if count == 1 else ''} between {page.sides[0]} (before) and {page.sides[1]} (after)."
    )
    when = f"{words.moment(found.since)} to {words.moment(found.until)} UTC"
    return tag("header", tag("p", when, class_="when"), tag("h1", page.title), tag("p", lead, class_="lead"))


def _rules(rules: Sequence[RuleTold]) -> Html:
    head = ("rule", "fired before", "fired after", "in both", "active before", "active after", "differ")
    rows = [
        (
            each.rule,
            "no rule" if each.before is None else f"{each.before.fired:,}",
            "no rule" if each.after is None else f"{each.after.fired:,}",
            f"{each.same:,}",
            "-" if each.before is None else shown(each.before.active, "seconds"),
            "-" if each.after is None else shown(each.after.active, "seconds"),
            f"{each.differences:,}",
        )
        for each in rules
    ]
    return table("each rule on both sides", head, rows, numbers=range(1, 7))


def _beyond(found: Replayed) -> Html:
    if not found.beyond:
        return tag("p", "No knob stands elsewhere: the recording speaks for all of this.", class_="quiet")
    first = min(found.beyond.values())
    told = ", ".join(f"{name} from {words.moment(at)}" for name, at in found.beyond.items())
    return join(
        [
            tag("p", f"The recording no longer speaks for {told}.", class_="note"),
            tag(
                "p",
                f"From {words.moment(first)} on, every signal that these have a part in is what came of the"
                " recorded values, not of the replayed ones. The first differences are certain; the later"
                " ones are a guess.",
                class_="note",
            ),
        ]
    )


def _differences(differences: Sequence[Difference]) -> Html:
    if not differences:
        return tag("p", "None.", class_="quiet")
    head = ("when (UTC)", "rule", "before", "after", "how it stood after", "recording no longer speaks for")
    rows = [
        (
            words.moment(each.at),
            each.rule if each.about is None else f"{each.rule} @{each.about}",
            _told(each.before),
            _told(each.after),
            each.because,
            ", ".join(each.beyond),
        )
        for each in differences[:MOST]
    ]
    shown_table = table("decisions that differ", head, rows, prose=(4,))
    if len(differences) <= MOST:
        return shown_table
    return join([shown_table, tag("p", f"The first {MOST:,} of {len(differences):,}.", class_="quiet")])


def _told(made: Sequence[DecisionMade]) -> str:
    return "; ".join(each.verdict + ("" if each.live else " (not applied)") for each in made) or "nothing"


def _made() -> Html:
    from flyball import __version__

    text = f"Made by Flyball {__version__} from a loop's log."
    return tag("p", text, " The page is one file and asks nothing of any network.")
