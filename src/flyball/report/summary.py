"""What happened, in one paragraph and a row of key figures."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from flyball.core.learning.interval import Measured
from flyball.report import words
from flyball.report.data import MOVED, Story
from flyball.report.lanes import Lanes, overlap
from flyball.report.plots_quality import NAMES, RESERVE, is_applied
from flyball.report.quality import LOOP, RANDOM, STATIC, Quality

#: What the loop is compared with, in words.
AGAINST = {
    RANDOM: "random sampling with as many labels",
    STATIC: "a model trained once and left alone",
}


def paragraph(story: Story, quality: Quality | None) -> str:
    """What happened, for somebody who reads nothing else."""
    return " ".join([*_work(story), *_drift(story), *_quality(story, quality)])


def tiles(story: Story, quality: Quality | None, lanes: Lanes) -> list[tuple[str, str, str]]:
    """Key figures: (what, how much, what that means)."""
    state = story.read.state
    natural = sum(state.classes.values()) - state.answered_labels
    budget = story.budget
    found = [
        ("items", f"{state.arrived:,}", f"in {words.lasting(story.ended - story.began)}"),
        (
            "labels asked for",
            f"{state.asked:,}",
            (f"of {budget:,} in the budget" if budget is not None else "no budget was set")
            + (f"; {natural:,} came by themselves" if natural else ""),
        ),
    ]
    found += _quality_tiles(story, quality)
    kept = sum(told["verdict"] == "kept the champion" for told in story.decisions)
    found.append(
        (
            "models",
            f"{len(state.models):,}",
            f"{len(story.promoted):,} promoted" + (f", {kept:,} not" if kept else ""),
        )
    )
    applied = sum(is_applied(told) for told in story.rule_decisions)
    decided = len(story.rule_decisions)
    found.append(("decisions by rules", f"{decided:,}", f"{applied:,} turned or started something"))
    if shares := overlap(lanes.spans, "train"):
        found.append(("training beside other work", words.percent(shares["any"]), "of the time it took"))
    return found


def _work(story: Story) -> Iterator[str]:
    state = story.read.state
    if not state.arrived:
        yield "Nothing has arrived yet."
        return
    of = f" of the {story.budget:,} that its budget allowed" if story.budget is not None else ""
    natural = sum(state.classes.values()) - state.answered_labels
    free = f", and {natural:,} labels became known by themselves" if natural else ""
    began, ended = words.date(story.began), words.date(story.ended)
    when = f"On {began}" if began == ended else f"Between {began} and {ended}"
    yield (
        f"{when}, {words.counted(state.arrived, 'item')} arrived. The loop asked its annotators for "
        f"{words.counted(state.asked, 'label')}{of}{free}."
    )
    if state.models:
        took_over = len({fact.model for _, fact in story.promoted})
        all_of_them = took_over == len(state.models)
        yield (
            f"It trained {words.counted(len(state.models), 'model')}, "
            f"{'each of which' if all_of_them else f'of which {took_over:,}'} came to score."
        )
    else:
        yield "It has not trained a model yet."
    decided = story.rule_decisions
    applied = sum(is_applied(told) for told in decided)
    if story.looks:
        yield (
            f"Its rules were looked at {words.times(len(story.looks))} and came to "
            f"{words.counted(len(decided), 'decision')}, of which {applied:,} turned a knob or started"
            " something."
        )


def _drift(story: Story) -> Iterator[str]:
    error = [drift for drift in story.drifts if drift.error]
    moved = [drift for drift in story.drifts if not drift.error]
    if error:
        first = f"on {words.date(error[0].at)}" if len(error) == 1 else f"first on {words.date(error[0].at)}"
        yield f"The model's error was found to have changed {words.times(len(error))} ({first})."
    if moved:
        names = list(dict.fromkeys(name for drift in moved for name, _ in drift.moved[:2]))[:3]
        most = f", {' and '.join(names) if len(names) < 3 else ', '.join(names)} most" if names else ""
        yield (
            f"Over {words.percent(MOVED)} of the features were found to have moved {words.times(len(moved))}"
            f" (first on {words.date(moved[0].at)}{most})."
        )
    if not story.drifts and story.read.state.models:
        yield "No drift was found."


def _quality(story: Story, quality: Quality | None) -> Iterator[str]:
    if quality is None or LOOP not in quality.overall:
        if (own := own_quality(story)) is not None:
            name, value = own
            yield f"On its own reserve the loop last measured {name} {words.measured(value)}."
        return
    yield (
        f"The {quality.metric} of what it predicted when each item arrived was "
        f"{words.measured(quality.overall[LOOP])}; in brackets a 95% interval."
    )
    for name, rival in AGAINST.items():
        if name in quality.gains:
            value = quality.overall[name]
            yield (
                f"{rival[0].upper()}{rival[1:]} reached {value[0]:.2f}; the difference is "
                f"{words.gain(quality.gains[name])}: {words.verdict(quality.gains[name])}."
            )


def own_quality(story: Story) -> tuple[str, Measured] | None:
    """What the loop last measured on its reserve."""
    for _, fact in reversed(story.measured):
        for name in RESERVE:
            if name in fact.metrics:
                return NAMES[name], fact.metrics[name]
    return None


def _quality_tiles(story: Story, quality: Quality | None) -> Iterator[tuple[str, str, str]]:
    if quality is None or LOOP not in quality.overall:
        if (own := own_quality(story)) is not None:
            name, value = own
            yield (
                f"{name}, on the reserve",
                f"{value[0]:.2f}",
                f"95% interval {value[1]:.2f} to {value[2]:.2f}",
            )
        return
    value = quality.overall[LOOP]
    yield quality.metric, f"{value[0]:.2f}", f"95% interval {value[1]:.2f} to {value[2]:.2f}"
    names: Mapping[str, str] = {RANDOM: "against random sampling", STATIC: "against a static model"}
    for name, what in names.items():
        if name in quality.gains:
            gain = quality.gains[name]
            interval = f"{words.signed(gain[1])} to {words.signed(gain[2])}"
            yield what, words.signed(gain[0]), f"{interval}: {words.verdict(gain)}"
