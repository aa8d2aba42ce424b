"""Rules built by hand and played over made-up truths: what tests of the controller share."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from flyball.core.control import KnobState
from flyball.core.facts import ActionAsked, DecisionMade, KnobTurned
from flyball.core.ids import Digest, RuleId
from flyball.core.knobs import Value
from flyball.core.rules.look import look
from flyball.core.rules.memory import Memory
from flyball.core.rules.model import Bounds, Compare, Number, Read, Rule, Ruleset, condition_key
from flyball.core.rules.standing import word
from flyball.core.rules.telling import Conclusion
from flyball.core.signals import Snapshot

MINUTE = 60.0
YES = Compare(">", Read("queue.depth"), Number(0.0))
TRUTHS = {"1": True, "0": False, "?": None}


def rule(name: str = "r", **more: Any) -> Rule:
    """A rule whose condition is handed in as a truth. `until=True` gives it one of its own."""
    if more.get("until") is True:
        more["until"] = YES
    return Rule(id=RuleId(name), because=f"because of {name}", when=YES, when_text="queue.depth > 0", **more)


def ruleset(*rules: Rule, bounds: Sequence[Bounds] = (), digest: str = "d1") -> Ruleset:
    """A rule file with a look each minute."""
    return Ruleset(Digest(digest), "test", "", MINUTE, rules, {}, {each.knob: each for each in bounds})


@dataclass
class Play:
    """A controller played look by look; the knobs follow what the looks turn."""

    rules: Ruleset
    settings: Mapping[str, Value] = field(default_factory=dict)
    live: bool = True
    memory: Memory = field(default_factory=Memory)
    facts: list[Conclusion] = field(default_factory=list)
    now: float = 0.0
    cycle: int = 0

    def __post_init__(self) -> None:
        self.knobs = KnobState.start(self.settings)
        self.words: dict[str, list[str]] = {each.id: [] for each in self.rules.rules}

    def look(self, truths: Mapping[str, bool | None], each: Sequence[str] = ()) -> list[Conclusion]:
        """One look a minute after the last; `truths` by rule or rule.until."""
        given = {key if "." in key else f"{key}.when": truth for key, truth in truths.items()}
        before = self.memory
        snapshot = Snapshot(self.now, self.cycle, {}, {name: {} for name in each})
        self.memory, facts = look(
            before,
            given,
            snapshot,
            self.now,
            self.rules,
            self.knobs,
            because=lambda rule, about: rule.because if about is None else f"{rule.because} ({about})",
            seen=lambda rule, about: {"queue.depth": 3.0},
            live=self.live,
        )
        for fact in facts:
            if isinstance(fact, KnobTurned):
                self.knobs = self.knobs.evolve(fact)
        for listed in self.rules.rules:
            if listed.foreach is None:
                self.words[listed.id].append(word(before, self.memory, listed, None, given))
        self.facts += facts
        self.now += MINUTE
        return list(facts)

    def run(self, cycles: str = "", **truths: str) -> Play:
        """Looks from timelines: `1` yes, `0` no, `?` unknown; `until_r` is the rule's `until`."""
        lines = {_key(name): text.split() for name, text in truths.items()}
        marks = [int(mark) for mark in cycles.split()]
        for i in range(len(next(iter(lines.values())))):
            self.cycle = marks[i] if marks else self.cycle
            self.look({key: TRUTHS[line[i]] for key, line in lines.items()})
        return self

    def turn(self, knob: str, to: Value | None, until: float | None = None, **more: Any) -> None:
        """A person's override."""
        fact = KnobTurned(knob, "person:ana", to, "a trial", "ana", until=until, **more)
        self.knobs = self.knobs.evolve(fact)

    def value(self, knob: str, about: str | None = None) -> Value:
        """A knob's value in force at the last look."""
        return self.knobs.value(knob, self.now - MINUTE, about)

    def decisions(self) -> list[str]:
        """Every decision in words: rule, verdict, what it changed."""
        return [told(fact) for fact in self.facts if isinstance(fact, DecisionMade)]

    def asked(self) -> list[str]:
        """Every action asked for."""
        return [fact.action for fact in self.facts if isinstance(fact, ActionAsked)]


def told(fact: DecisionMade) -> str:
    """A decision in one line.

    `r fired batch.size 100>150`, then `[clause]` where it was limited, `<winner` where overruled, and
    `(dry)` where nothing was applied.
    """
    parts = [fact.rule if fact.about is None else f"{fact.rule}@{fact.about}", fact.verdict]
    for change in fact.changes:
        if "do" in change:
            parts.append(f"do:{change['do']}")
            continue
        limit = f" [{change['limited_by']}]" if change.get("limited_by") else ""
        parts.append(f"{change['knob']} {_short(change['from'])}>{_short(change['to'])}{limit}")
    parts += [f"<{fact.overruled_by}"] if fact.overruled_by else []
    parts += [] if fact.live else ["(dry)"]
    return " ".join(parts)


def _short(value: Value) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)


def _key(name: str) -> str:
    part = "until" if name.startswith("until_") else "when"
    return condition_key(RuleId(name.removeprefix("until_")), part)  # type: ignore[arg-type]
