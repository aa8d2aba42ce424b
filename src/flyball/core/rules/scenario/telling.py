"""Failed scenarios as a person wants to be told: what was expected, what came, and how near it was."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from flyball.core.ids import Seconds
from flyball.core.rules.limits import span_text
from flyball.core.rules.machine import decisive
from flyball.core.rules.memory import IDLE, instance_key
from flyball.core.rules.model import Rule, Ruleset, Span, condition_key
from flyball.core.rules.reason import shown
from flyball.core.rules.scenario.judge import Difference
from flyball.core.rules.scenario.margins import margins
from flyball.core.rules.scenario.model import Scenario, Subject
from flyball.core.rules.scenario.play import Shot
from flyball.core.rules.words import Catalogue

#: How many looks of a row are shown before the first that differs, and from it on.
_BEFORE, _AFTER = 7, 5


def failure(
    scenario: Scenario,
    shots: Sequence[Shot],
    found: Sequence[Difference],
    rules: Ruleset,
    catalogue: Catalogue,
) -> str:
    """All that differs in one scenario: rows of verdicts first, each told once."""
    lines: list[str] = []
    rows = dict.fromkeys(each.subjects[0] for each in found if each.what == "verdict")
    for subject in rows:
        first = next(each for each in found if each.what == "verdict" and each.subjects == (subject,))
        lines += _row(subject, first, scenario, shots, rules)
        lines += _near(subject, shots[first.look], rules, catalogue)
    for each in found:
        if each.what == "verdict":
            continue
        of = "engines disagree on " if each.what == "engines" else ""
        lines.append(f"at {_when(scenario, each.look)}, {of}{each.of} (line {each.line})")
        lines += [f"  expected: {each.expected}", f"  got:      {each.got}"]
        for subject in each.subjects:
            lines += _near(subject, shots[each.look], rules, catalogue)
    return "\n".join(lines)


def time_text(seconds: Seconds) -> str:
    """A moment of a scenario as it is written in one.

    >>> time_text(0), time_text(90), time_text(3600)
    ('0', '90s', '1h')
    """
    return span_text(Span(seconds, "seconds")) if seconds else "0"


def _when(scenario: Scenario, look: int) -> str:
    return f"{time_text(look * scenario.every)} (look {look + 1})"


def _row(
    subject: Subject, first: Difference, scenario: Scenario, shots: Sequence[Shot], rules: Ruleset
) -> Iterator[str]:
    start = max(0, first.look - _BEFORE)
    wanted = scenario.words[subject][start : first.look + _AFTER]
    got = [shot.word(subject, rules) for shot in shots[start : start + len(wanted)]]
    times = [time_text((start + i) * scenario.every) for i in range(len(wanted))]
    widths = [max(map(len, column)) for column in zip(wanted, got, times, strict=True)]

    def line(name: str, cells: Sequence[str]) -> str:
        padded = "  ".join(cell.ljust(width) for cell, width in zip(cells, widths, strict=True))
        return f"  {name:<9} {padded}".rstrip()

    marks = [
        "^" * width if one != other else " " * width
        for one, other, width in zip(wanted, got, widths, strict=True)
    ]
    yield f"{subject} differs at {_when(scenario, first.look)}"
    yield line("time", times)
    yield line("expected", wanted)
    yield line("got", got)
    yield line("", marks)


def _near(subject: Subject, shot: Shot, rules: Ruleset, catalogue: Catalogue) -> Iterator[str]:
    """Where a rule stood in a look: what it waited for, and how far each comparison was from turning."""
    rule = next(each for each in rules.rules if each.id == subject.rule)
    was = shot.taken.before.instances.get(instance_key(rule, subject.about), IDLE)
    part = "until" if was.state == "active" and rule.until is not None else "when"
    condition = rule.until if part == "until" and rule.until is not None else rule.when
    text = rule.until_text if part == "until" else rule.when_text
    keys = [condition_key(rule.id, "when", subject.about), condition_key(rule.id, "until", subject.about)]
    when, until = (shot.taken.truths.get(key) for key in keys)
    holds = decisive(rule, was, when, until)
    is_met = "not known" if holds is None else "met" if holds else "not met"
    yield f"  {subject} {part}: {text}"
    yield f"  {is_met}{_waited(rule, subject, shot)}"
    about = subject.about if rule.foreach else None
    for line in margins(condition, rules.conditions, shot.taken.readings, about, catalogue):
        yield f"    {line}"


def _waited(rule: Rule, subject: Subject, shot: Shot) -> str:
    """For how long a rule has been pending, or rests."""
    now = shot.taken.memory.last
    stands = shot.taken.memory.instances.get(instance_key(rule, subject.about), IDLE)
    if now is None:
        return ""
    if stands.state == "pending" and stands.since and rule.for_:
        return f", pending for {shown(now.at - stands.since.at, 'seconds')} of `for: {span_text(rule.for_)}`"
    if (
        stands.fired
        and rule.cooldown
        and stands.state != "active"
        and not now.past(stands.fired, rule.cooldown)
    ):
        since = shown(now.at - stands.fired.at, "seconds")
        return f", fired {since} ago and rests for {span_text(rule.cooldown)}"
    return ""
