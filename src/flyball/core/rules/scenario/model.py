"""What a scenario file says once it has been read: looks to take, and what must come of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from flyball.core.facts import KnobTurned
from flyball.core.ids import RuleId, Seconds
from flyball.core.knobs import Value
from flyball.core.rules.model import Rule, Ruleset
from flyball.core.signal import Snapshot

#: What a scenario may expect of rules at a look; the words are those of decisions.
Verdict = Literal["fired", "repeated", "cleared", "held", "overruled", "guard"]
VERDICTS: tuple[Verdict, ...] = ("fired", "repeated", "cleared", "held", "overruled", "guard")

#: What a rule can say in one look, in a row of verdicts; see `standing.word`.
WORDS = (".", "wait", "FIRE", "on", "rest", "?", "clear")


@dataclass(frozen=True, slots=True)
class Subject:
    """A rule, or a rule with `foreach` for one annotator.

    >>> str(Subject(RuleId("gold-accuracy-low"), "ana"))
    'gold-accuracy-low@ana'
    """

    rule: RuleId
    about: str | None = None

    def __str__(self) -> str:
        return self.rule if self.about is None else f"{self.rule}@{self.about}"


@dataclass(frozen=True, slots=True)
class Expected:
    """What must come of one look. `look` counts from 0.

    `verdicts`: for each verdict that is named, all the rules that get it. `knobs`: some of the values in
    force afterwards, those of one annotator as knob@annotator. `decided`: what rules would turn some
    knobs to, also in shadow. `asked`: all actions asked for, each with
    the options that matter; None where nothing is said about them.
    """

    look: int
    line: int
    verdicts: Mapping[Verdict, tuple[Subject, ...]] = field(default_factory=dict)
    knobs: Mapping[str, Value] = field(default_factory=dict)
    decided: Mapping[str, Value] = field(default_factory=dict)
    asked: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True)
class Scenario:
    """Looks on made-up signals, `every` apart, the first at 0.

    `people`: what people turn, each before the look of its number. `words`: for each subject its row of
    verdicts, one a look. `rule`: the only one that `expected` speaks of; None for all.
    """

    name: str
    line: int
    every: Seconds
    snapshots: tuple[Snapshot, ...]
    settings: Mapping[str, Value] = field(default_factory=dict)
    people: tuple[tuple[int, KnobTurned], ...] = ()
    words: Mapping[Subject, tuple[str, ...]] = field(default_factory=dict)
    expected: tuple[Expected, ...] = ()
    rule: Subject | None = None

    @property
    def concerns(self) -> frozenset[RuleId]:
        """The rules that this scenario names."""
        named = {subject.rule for subject in self.words}
        named |= {each.rule for point in self.expected for list_ in point.verdicts.values() for each in list_}
        return frozenset(named if self.rule is None else named | {self.rule.rule})

    @property
    def knobs(self) -> frozenset[str]:
        """The knobs of which this scenario says what they must be."""
        names = (name for each in self.expected for name in (*each.knobs, *each.decided))
        return frozenset(name.partition("@")[0] for name in names)


@dataclass(frozen=True, slots=True)
class Suite:
    """The scenarios of one file, and the rules they are played with."""

    name: str
    rules: Ruleset
    scenarios: tuple[Scenario, ...]

    def rule(self, subject: Subject) -> Rule:
        """The rule that a subject is about."""
        return next(rule for rule in self.rules.rules if rule.id == subject.rule)
