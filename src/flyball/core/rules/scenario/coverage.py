"""Which of the things that can happen to a rule its scenarios show."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

from flyball.core.facts import DecisionMade
from flyball.core.ids import RuleId
from flyball.core.rules.model import Rule, Ruleset, Turn, condition_key
from flyball.core.rules.scenario.model import Scenario, Subject
from flyball.core.rules.scenario.play import Shot

#: What a rule's scenarios are to show.
Aspect = Literal["fires", "clears", "held back", "no data"]
ASPECTS: tuple[Aspect, ...] = ("fires", "clears", "held back", "no data")

_LIMITED = ("held", "overruled", "guard")


@dataclass(frozen=True, slots=True)
class Coverage:
    """What was shown of each rule, in the order of the file."""

    rules: Mapping[RuleId, frozenset[Aspect]]

    @property
    def shown(self) -> int:
        """How many aspects were shown."""
        return sum(map(len, self.rules.values()))

    @property
    def of(self) -> int:
        """How many there are to show."""
        return len(ASPECTS) * len(self.rules)

    @property
    def percent(self) -> float:
        """The share that was shown, in percent; 100 where there are no rules."""
        return 100.0 * self.shown / self.of if self.of else 100.0


def coverage(rules: Ruleset, played: Sequence[tuple[Scenario, Sequence[Shot]]]) -> Coverage:
    """What scenarios show of each rule that they name; a rule that nobody names is not shown by chance.

    - fires: it fires, or fires again;
    - clears: it was active and is cleared;
    - held back: its `when` held and it did not act for it. It was pending and went back; it rested; it
      was overruled, limited or frozen; a person paused it. A rule to which nothing of this can happen
      by itself is held back when it is looked at, has data, and is not met;
    - no data: what it waits for is unknown.
    """
    found: dict[RuleId, set[Aspect]] = {rule.id: set() for rule in rules.rules}
    for scenario, shots in played:
        for rule in rules.rules:
            if rule.id in scenario.concerns:
                for subject in _subjects(rule, shots):
                    found[rule.id] |= set(_shown(rule, subject, shots, rules))
    return Coverage({name: frozenset(aspects) for name, aspects in found.items()})


def _subjects(rule: Rule, shots: Sequence[Shot]) -> Collection[Subject]:
    if rule.foreach is None:
        return [Subject(rule.id)]
    annotators = {about: None for shot in shots for about in shot.taken.snapshot.each}
    return [Subject(rule.id, about) for about in annotators]


def _shown(rule: Rule, subject: Subject, shots: Sequence[Shot], rules: Ruleset) -> Iterator[Aspect]:
    words = [shot.word(subject, rules) for shot in shots]
    if "FIRE" in words:
        yield "fires"
    if "clear" in words:
        yield "clears"
    if "?" in words:
        yield "no data"
    if _held_back(rule, subject, words, shots):
        yield "held back"


def _held_back(rule: Rule, subject: Subject, words: Sequence[str], shots: Sequence[Shot]) -> bool:
    if not can_be_held_back(rule):
        return "." in words
    met = [shot.taken.truths.get(condition_key(rule.id, "when", subject.about)) is True for shot in shots]
    in_vain = any(word == "." and before == "wait" for before, word in pairwise(words))
    idle = any(holds and word in ("rest", ".") for holds, word in zip(met, words, strict=True))
    return in_vain or idle or any(map(_limited, [subject] * len(shots), shots))


def can_be_held_back(rule: Rule) -> bool:
    """Whether anything but its condition can keep a rule from acting."""
    turns = bool(rule.hold) or any(isinstance(act, Turn) for act in rule.then)
    return turns or rule.once or rule.for_ is not None or rule.cooldown is not None


def _limited(subject: Subject, shot: Shot) -> bool:
    return any(
        isinstance(fact, DecisionMade)
        and Subject(fact.rule, fact.about) == subject
        and (fact.verdict in _LIMITED or any(change.get("limited_by") for change in fact.changes))
        for fact in shot.taken.facts
    )
