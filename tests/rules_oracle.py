"""The engines against the reference on random rule files: `python -m tests.rules_oracle --files 1000`.

Each worker process judges a few files and ends, as durable-rules gives not all memory back. First some
engines that are wrong on purpose are judged: where one of them passes, nothing of this proves anything.
"""

from __future__ import annotations

import argparse
import math
import multiprocessing
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from random import Random

from tests.rule_texts import any_file, any_past, any_readings
from tests.rules.catalogue import CATALOGUE

from flyball.adapters.durable_rules import DurableEngine
from flyball.adapters.rule_file import read
from flyball.cli.show import print_line
from flyball.core.rules.compiled import CompiledEngine
from flyball.core.rules.conditions import Side, Sides
from flyball.core.rules.history import History
from flyball.core.rules.model import AllOf, AnyOf, Compare, Condition, Named, Not, Ruleset
from flyball.core.rules.reference import ReferenceEngine

Truths = Callable[[Ruleset, Mapping[str, Side]], Mapping[str, bool | None]]


@dataclass(frozen=True, slots=True)
class Difference:
    """A condition of which an engine says something else than the reference."""

    seed: int
    condition: str
    said: bool | None
    meant: bool | None


def differences(seed: int, snapshots: int, *engines: Truths) -> list[Difference]:
    """Where engines are wrong about one file, which the seed makes, and so many snapshots."""
    random = Random(seed)
    rules, _ = read(any_file(random).encode(), f"{seed}.yaml", CATALOGUE)
    sides, history, found = Sides.of(rules), History(rules), list[Difference]()
    for number, (snapshot, knobs) in enumerate(any_past(random, rules, snapshots)):
        history.add(snapshot)
        # Every fourth time what is read is made up freely, for what no signals would come to soon.
        made_up = number % 4 == 3
        readings = any_readings(random, rules) if made_up else sides.readings(snapshot, history, knobs)
        meant = ReferenceEngine().truths(rules, readings)
        for truths in engines:
            said = truths(rules, readings)
            wrong = [key for key in said.keys() | meant.keys() if said.get(key, "?") != meant.get(key, "?")]
            found += [Difference(seed, key, said.get(key), meant.get(key)) for key in sorted(wrong)]
    return found


def judged(seed: int, snapshots: int) -> list[Difference]:
    """One file judged by fresh engines: that of live loops, and that of replays."""
    engine = DurableEngine()
    try:
        return differences(seed, snapshots, engine.truths, CompiledEngine().truths)
    finally:
        engine.close()


# --- engines that are wrong on purpose ---------------------------------------------------------------


def strict(rules: Ruleset, readings: Mapping[str, Side]) -> Mapping[str, bool | None]:
    """Takes `>=` for `>`: wrong where a reading stands exactly at a threshold."""
    return ReferenceEngine().truths(_changed(rules, {">=": ">"}), readings)


def forgetful(rules: Ruleset, readings: Mapping[str, Side]) -> Mapping[str, bool | None]:
    """Takes what is unknown for false."""
    return {key: bool(truth) for key, truth in ReferenceEngine().truths(rules, readings).items()}


def rounding(rules: Ruleset, readings: Mapping[str, Side]) -> Mapping[str, bool | None]:
    """Reads twelve digits: wrong within a hair of a threshold."""
    short = {key: float(f"{each:.12g}") if _is_number(each) else each for key, each in readings.items()}
    return ReferenceEngine().truths(rules, short)


def tiny_is_nothing(rules: Ruleset, readings: Mapping[str, Side]) -> Mapping[str, bool | None]:
    """Takes tiny numbers for zero."""
    small = {
        key: 0.0 if isinstance(each, float) and abs(each) < 1e-300 else each for key, each in readings.items()
    }
    return ReferenceEngine().truths(rules, small)


def obliging(rules: Ruleset, readings: Mapping[str, Side]) -> Mapping[str, bool | None]:
    """Takes words that look like numbers for numbers."""
    read = {key: _obliged(each) for key, each in readings.items()}
    return ReferenceEngine().truths(rules, read)


def never_not(rules: Ruleset, readings: Mapping[str, Side]) -> Mapping[str, bool | None]:
    """Reads over every `not`."""
    return ReferenceEngine().truths(_without_not(rules), readings)


BROKEN: Sequence[Truths] = (strict, forgetful, rounding, tiny_is_nothing, obliging, never_not)


def _is_number(side: Side) -> bool:
    return isinstance(side, float) and math.isfinite(side)


def _obliged(side: Side) -> Side:
    try:
        return float(side) if side is not None else None
    except ValueError:
        return side


def _changed(rules: Ruleset, signs: Mapping[str, str]) -> Ruleset:
    def changed(compare: Compare) -> Condition:
        return replace(compare, operator=signs.get(compare.operator, compare.operator))  # type: ignore[arg-type]

    return _mapped(rules, changed, Not)


def _without_not(rules: Ruleset) -> Ruleset:
    return _mapped(rules, lambda compare: compare, lambda inner: inner)


def _mapped(
    rules: Ruleset, compare: Callable[[Compare], Condition], negate: Callable[[Condition], Condition]
) -> Ruleset:
    def of(condition: Condition) -> Condition:
        match condition:
            case Compare():
                return compare(condition)
            case Not(of=inner):
                return negate(of(inner))
            case AllOf(of=parts):
                return AllOf(tuple(map(of, parts)))
            case AnyOf(of=parts):
                return AnyOf(tuple(map(of, parts)))
            case Named():
                return condition

    changed = [
        replace(rule, when=of(rule.when), until=None if rule.until is None else of(rule.until))
        for rule in rules.rules
    ]
    return replace(
        rules,
        rules=tuple(changed),
        conditions={name: of(condition) for name, condition in rules.conditions.items()},
    )


def main() -> None:
    """Judge many files in worker processes, and end with 1 where anything differs."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--files", type=int, default=1000)
    parser.add_argument("--snapshots", type=int, default=100)
    parser.add_argument("--first", type=int, default=0, help="the seed of the first file")
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--each", type=int, default=50, help="files that a process judges before it ends")
    chosen = parser.parse_args()
    missed = [broken.__name__ for broken in BROKEN if not _caught(broken)]
    caught = f"{len(BROKEN) - len(missed)} of {len(BROKEN)}"
    print_line(f"engines that are wrong on purpose: {caught} caught {' '.join(missed)}")
    began = time.monotonic()
    found: list[Difference] = []
    context = multiprocessing.get_context("spawn")
    with context.Pool(chosen.workers, maxtasksperchild=chosen.each) as pool:
        seeds = range(chosen.first, chosen.first + chosen.files)
        judge = partial(judged, snapshots=chosen.snapshots)
        for number, wrong in enumerate(pool.imap(judge, seeds, chunksize=1), 1):
            found += wrong
            if number % 100 == 0:
                print_line(f"{number:,} files, {len(found)} differences, {time.monotonic() - began:.0f} s")
    for each in found[:20]:
        print_line(f"seed {each.seed}: {each.condition} is {each.meant}, and the engine says {each.said}")
    print_line(f"{chosen.files:,} files x {chosen.snapshots} snapshots: {len(found)} differences")
    raise SystemExit(1 if found or missed else 0)


def _caught(broken: Truths) -> bool:
    return any(differences(seed, 20, broken) for seed in range(100))


if __name__ == "__main__":
    main()
