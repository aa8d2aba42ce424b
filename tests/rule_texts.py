"""Rule files and readings by chance, from the whole of the language: what the oracle tests are fed with."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Sequence
from random import Random

from tests.rules.catalogue import CATALOGUE

from flyball.core.rules.conditions import Side, Sides
from flyball.core.rules.model import Arithmetic, Call, Compare, Condition, Expression, Number, Ruleset
from flyball.core.rules.tree import comparisons_in
from flyball.core.rules.words import OF_PAST, TRENDS
from flyball.core.signal import Reading, Snapshot

COUNTS = ("queue.depth", "answers.total")
SHARES = ("annotators.load", "annotators.idle", "drift.share", "val.ap")
SHARED = (*COUNTS, *SHARES, "queue.age", "model.lag")
OWN = ("gold.accuracy", "gold.seen")
NUMBERED = ("batch.size", "sampler.reserve", "release.every")
WORDS = ("random", "entropy", "margin", "hybrid")
#: Words that a comparison must not take for numbers, nor for one of a knob's own.
STRANGE = ("10", "1.0", "1e3", "", "true", "None", "mär'gin\\\"", "random2", "rando", "0x10")
EXTREME = (0.0, -0.0, 5e-324, -5e-324, 2.2e-308, 1e-12, 1e15, 1e15 + 1, 2.0**53 + 2, 1e300, 1.7e308, -1e300)
NAMES = ("deep", "moved", "late", "quiet")
ANNOTATORS = ("ana", "b@c", "zoë")
_PLAIN = re.compile(r"[\w(][^:#{}\[\],\"'&*!|>%@`]*")


def any_file(random: Random, rules: int = 8) -> str:
    """A valid rule file as text, in one of the many ways in which it can be written."""
    named = NAMES[: random.randint(0, len(NAMES))]
    lines = ["version: 1", f"every: {random.choice(('30s', '1m', '0.5h'))}"]
    if random.random() < 0.5:
        lines.append("defaults: {cooldown: 15m, when_missing: keep}")
    if random.random() < 0.5:
        lines.append(
            "knobs: {batch.size: {min: 20, max: 800, step: 2x per 30m}, sampler.reserve: {max: 60%}}"
        )
    if named:
        lines.append("conditions:")
    for place, name in enumerate(named):
        condition = _Words(random, named[:place], each=False).condition(random.randint(0, 3))
        lines.append(f"  {name}: {scalar(random, condition, 4)}")
    lines.append("rules:")
    for number in range(rules):
        lines += _rule(random, f"r{number}", named)
    return "\n".join(lines) + "\n"


def _rule(random: Random, name: str, named: Sequence[str]) -> Iterator[str]:
    each = random.random() < 0.3
    words = _Words(random, named, each)
    yield f"  - id: {name}"
    yield f"    because: {scalar(random, 'so it is: ' + '{' + words.number(1)[0] + '}', 6)}"
    if each:
        yield "    foreach: annotator"
    yield f"    when: {scalar(random, words.condition(random.randint(0, 4)), 6)}"
    if random.random() < 0.6:
        yield f"    until: {scalar(random, words.condition(random.randint(0, 2)), 6)}"
    yield random.choice(
        (
            "    then: {do: retrain}",
            "    then: [{scale: batch.size, by: 1.5}, {do: alert, severity: warn}]",
            "    hold: {sampler.name: random, release.paused: true}",
        )
    )
    if random.random() < 0.5:
        yield f"    for: {random.choice(('2 looks', '5m', '1 cycle'))}"


class _Words:
    """Says conditions and values of one place in a file."""

    def __init__(self, random: Random, named: Sequence[str], each: bool) -> None:
        self._random = random
        self._named = named
        self._signals = (*SHARED, *OWN) if each else SHARED
        self._each = each

    def condition(self, depth: int) -> str:
        pick = self._random.choice
        kinds = ("compare", "flag", "word", "name") if depth == 0 else ("not", "and", "or", "and", "or")
        match pick(kinds):
            case "not":
                return f"not {self._part(depth)}"
            case "and" | "or" as join:
                parts = [self._part(depth) for _ in range(self._random.randint(2, 4))]
                return f" {join} ".join(parts)
            case "flag":
                absent = f"absent({pick(self._signals)}, {pick(('10m', '2'))})"
                return pick(("drift.changed", "not drift.changed", "drift.changed == false", absent))
            case "word":
                return f"sampler.name {pick(('==', '!='))} {pick(WORDS)}"
            case "name" if self._named:
                return pick(self._named)
            case _:
                return self._compare()

    def _part(self, depth: int) -> str:
        inner = self.condition(self._random.randint(0, depth - 1))
        return f"({inner})" if self._random.random() < 0.7 or " or " in inner else inner

    def _compare(self) -> str:
        left, unit = self.number(self._random.randint(0, 2))
        sign = self._random.choice(("<", "<=", ">", ">=", "==", "!="))
        if self._random.random() < 0.2:
            right = self.number(self._random.randint(0, 1))[0]
        else:
            right = self._literal(unit)
        return f"{right} {sign} {left}" if self._random.random() < 0.2 else f"{left} {sign} {right}"

    def number(self, depth: int) -> tuple[str, str]:
        """A value that reads something, and the unit that a literal beside it may have."""
        pick = self._random.choice
        kinds = ("signal", "signal", "past", "knob") if depth == 0 else ("values", "sum", "past", "minus")
        match pick(kinds):
            case "knob":
                return pick(NUMBERED), ""
            case "past":
                return self._past()
            case "values":
                name = pick(("abs", "min", "max", "avg", "sum"))
                count = 1 if name == "abs" else self._random.randint(2, 3)
                return f"{name}({', '.join(self.number(depth - 1)[0] for _ in range(count))})", ""
            case "sum":
                left, right = self.number(depth - 1)[0], pick((self.number(0)[0], "2", "0.5", "1e-3"))
                return f"({left} {pick('+-*/')} {right})", ""
            case "minus":
                return f"-{self.number(0)[0]}", ""
            case _:
                signal = pick(self._signals)
                return signal, CATALOGUE.signals[signal].unit

    def _past(self) -> tuple[str, str]:
        name = self._random.choice([name for name in OF_PAST if name != "absent"])
        least = 2 if name in TRENDS else 1
        window = self._random.choice(("90s", "10m", f"{least + 1}", f"{least} cycles"))
        share = f"{self._random.choice(('50%', '0.9'))}, " if name == "quantile" else ""
        signal = self._random.choice(self._signals)
        unit = CATALOGUE.signals[signal].unit if name in ("min", "max", "avg", "quantile") else ""
        return f"{name}({signal}, {share}{window})", unit

    def _literal(self, unit: str) -> str:
        pick = self._random.choice
        match unit:
            case "count":
                return pick(("0", "3", "200", "1_000", "10_000", "1e3", "0.5"))
            case "seconds":
                return pick(("30s", "10m", "1.5h", "2d", "90"))
            case "share":
                return pick(("0%", "20%", "33.3%", "0.1", "100%", "0.30000000000000004"))
            case "cycles":
                return pick(("3 cycles", "1", "2.5"))
            case _:
                return pick(("0", "0.002", "-1", "1", "0.3", "1e-12", "1e300", "-0.5", "1000000000000001"))


def scalar(random: Random, text: str, indent: int) -> str:
    """A text as YAML, in one of the ways that mean the same."""
    match random.choice(("plain", "single", "double", "folded")):
        case "plain" if _PLAIN.fullmatch(text):
            return text
        case "double" if "\\" not in text and '"' not in text:
            return f'"{text}"'
        case "folded":
            return f">-\n{' ' * indent}{text}"
        case _:
            return "'" + text.replace("'", "''") + "'"


def any_past(
    random: Random, rules: Ruleset, looks: int
) -> Iterator[tuple[Snapshot, dict[str, float | str | bool]]]:
    """Snapshot after snapshot with the knobs beside it, close to whatever the file compares with."""
    near = thresholds(rules)
    at, cycle = 0.0, 0
    for _ in range(looks):
        at += random.choice((30.0, 60.0, 600.0))
        cycle += random.random() < 0.4
        each = {
            name: {signal: _reading(random, near) for signal in OWN}
            for name in ANNOTATORS
            if random.random() < 0.7
        }
        values = {
            name: _reading(random, near) for name in (*SHARED, "drift.changed") if random.random() < 0.9
        }
        values["drift.changed"] = random.choice((0.0, 1.0, None))
        knobs: dict[str, float | str | bool] = {name: _finite(random, near) for name in NUMBERED}
        knobs["sampler.name"] = random.choice((*WORDS, *STRANGE))
        yield Snapshot(at, cycle, values, each), knobs


def any_readings(random: Random, rules: Ruleset) -> dict[str, Side]:
    """Something for every side at once, whether or not any signals could come to it: also words."""
    near, sides = thresholds(rules), Sides.of(rules)
    keys = [*sides.loop, *(f"{key}@{about}" for about in ANNOTATORS for key in sides.each)]
    present: dict[str, Side] = {f"annotator@{about}": 1.0 for about in ANNOTATORS}
    read = {key: random.choice((_reading(random, near), random.choice((*WORDS, *STRANGE)))) for key in keys}
    return {key: _reading(random, near) if random.random() < 0.8 else read[key] for key in keys} | present


def thresholds(rules: Ruleset) -> list[float]:
    """Every number that a file compares with."""
    conditions: list[Condition] = [*rules.conditions.values(), *(rule.when for rule in rules.rules)]
    conditions += [rule.until for rule in rules.rules if rule.until is not None]
    compares = [compare for condition in conditions for compare in comparisons_in(condition)]
    return [number for compare in compares for number in _numbers(compare)] or [0.0]


def _numbers(compare: Compare) -> Iterator[float]:
    waiting: list[Expression] = [compare.left, compare.right]
    while waiting:
        match waiting.pop():
            case Number(value=value):
                yield value
            case Call(args=args):
                waiting += args
            case Arithmetic(left=left, right=right):
                waiting += (left, right)
            case _:
                pass


def _reading(random: Random, near: Sequence[float]) -> Reading:
    return (
        random.choice((None, math.nan, math.inf, -math.inf))
        if random.random() < 0.15
        else _finite(random, near)
    )


def _finite(random: Random, near: Sequence[float]) -> float:
    number = random.choice(near)
    way = random.choice((math.inf, -math.inf))
    return random.choice(
        (
            number,
            number,
            math.nextafter(number, way),
            -number,
            random.choice(EXTREME),
            random.uniform(-2.0, 2.0),
        )
    )
