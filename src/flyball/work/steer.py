"""Steer: measure, judge the challenger, take every look that is due, and do what was decided."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from flyball.core.control import KnobState
from flyball.core.due import Due, Go, Wait
from flyball.core.facts import (
    ActionAsked,
    ActionRefused,
    AlertCleared,
    AlertRaised,
    DecisionMade,
    Fact,
    Looked,
    RulesLoaded,
    RulesRefused,
)
from flyball.core.gauges import Gauges
from flyball.core.ids import START, Instant, Position, Seconds, digest_of
from flyball.core.knobs import Value
from flyball.core.rules.conditions import Moment, Side, Sides, read_by
from flyball.core.rules.history import History
from flyball.core.rules.look import look
from flyball.core.rules.memory import Memory, carry
from flyball.core.rules.model import Rule, Ruleset
from flyball.core.rules.reason import render_because
from flyball.core.signals import Snapshot
from flyball.core.table import Feature
from flyball.errors import BadFile, BadUsage, Unreachable
from flyball.ports import Commit, Draft, RuleEngine
from flyball.work import measure as measuring
from flyball.work import promote
from flyball.work.lanes import Begun, Done
from flyball.work.measure import Watch
from flyball.work.tools import Tools

#: The name of the checkpoint that lets pending, active and resting rules survive a restart.
NOTE = "steer"
#: The most looks that one pass takes, so that a pass stays short.
MOST = 500
#: How long a verdict waits while the shelf does not answer.
JUDGE_AGAIN = 60.0


@dataclass(slots=True)
class Steering:
    """What steering keeps from look to look. All of it is rebuilt from the log and one checkpoint.

    `source` gives the rule file's bytes and name as they are now; `read` makes a ruleset of them or
    raises BadFile.
    """

    tools: Tools
    engine: RuleEngine
    features: tuple[Feature, ...]
    watch: Watch
    gauges: Gauges
    source: Callable[[], tuple[bytes, str]]
    read: Callable[[bytes, str], Ruleset]
    rules: Ruleset | None = None
    memory: Memory = field(default_factory=Memory)
    sides: Sides = field(init=False)
    history: History = field(init=False)
    next_look: Instant = float("-inf")
    _heard: Position = START
    _refused: str = ""
    _judge_again: Instant = float("-inf")

    def wake(self, now: Instant) -> None:
        """Take up where the last process left off. Looks missed in between are not made up for.

        Without a rule file that can be used, the one that was in force before serves. Raises BadFile.
        """
        kept = self.tools.store.log.note(NOTE)
        if kept is not None:
            self.memory = Memory.from_json(json.loads(kept)["memory"])
            if (before := self._before()) is not None:
                self._use(before)
        self._reload(now)
        assert self.rules is not None
        self.next_look = now + self._every()
        if kept is not None:
            self.next_look = max(now, float(json.loads(kept)["next_look"]))

    def due(self, now: Instant) -> Due:
        """A look, a measurement or a verdict is due."""
        state = self.tools.state
        if self.next_look <= now:
            return Go("a look is due")
        if measuring.due(self.tools):
            return Go("a batch has settled")
        if now >= self._judge_again and (state.challenger is not None or "rollback" in state.asks):
            return Go("a model is to be judged")
        return Wait("until the next look", self.next_look)

    def undecided(self) -> bool:
        """Whether a verdict is still to come that nothing outside holds up."""
        state = self.tools.state
        return self._judge_again == float("-inf") and (
            state.challenger is not None or "rollback" in state.asks
        )

    def begin(self, go: Go, now: Instant) -> Begun:
        """Nothing is fixed beforehand: each look fixes what it saw."""
        return Begun("steer", now, go.why)

    def perform(self, begun: Begun) -> None:
        """Nothing is slow."""

    def finish(self, begun: Begun, outcome: None, now: Instant) -> Done:
        """Measure, judge, then take each look that is due, at its own time."""
        tools = self.tools
        if measuring.due(tools):
            measuring.measure(tools, self.watch, self.features, now)
        if now >= self._judge_again:
            self._judge(now)
        looks = decided = 0
        while self.next_look <= now and looks < MOST:
            decided += self._look(self.next_look, now)
            looks += 1
        return Done(f"{looks} looks, {decided} decisions", {"looks": looks, "decisions": decided})

    def _judge(self, now: Instant) -> None:
        tools = self.tools
        try:
            promote.judge(tools, self.features, now)
            asked = tools.state.asks.get("rollback")
            if asked is not None and isinstance(asked.fact, ActionAsked):
                self._roll_back(asked.fact, now)
        except Unreachable as error:
            self._judge_again = now + JUDGE_AGAIN
            tools.alert(now, "models", f"{error} The champion goes on scoring.")
        else:
            self._judge_again = float("-inf")
            tools.clear(now, "models")

    def _roll_back(self, asked: ActionAsked, now: Instant) -> None:
        try:
            promote.rollback(self.tools, None, asked.by, asked.because, now)
        except BadUsage as error:
            self.tools.tell(now, ActionRefused("rollback", str(error)))
            self.tools.alert(now, "rollback", str(error))

    def _look(self, due: Instant, now: Instant) -> int:
        """One look at its own time. Gives the number of decisions."""
        self._reload(now)
        tools, rules = self.tools, self.rules
        assert rules is not None
        with tools.lock:
            for recorded in tools.store.log.read(self._heard):
                if recorded.at > due:
                    break
                self.gauges.observe(recorded)
                self._heard = recorded.seq
            snapshot = self.gauges.read(tools.knobs, due)
            self.history.add(snapshot)
            knobs = _values(tools.knobs, due)
            readings = self.sides.readings(snapshot, self.history, knobs)
            truths = self.engine.truths(rules, readings)

            def because(rule: Rule, about: str | None) -> str:
                return render_because(rule, Moment(snapshot, self.history, knobs, about).value, about)

            def seen(rule: Rule, about: str | None) -> Mapping[str, Side]:
                return {key: readings.get(key) for key in read_by(rule, rules, about)}

            live = tools.knobs.value("loop.architecture", due) == "adaptive"
            memory, facts = look(
                self.memory,
                truths,
                snapshot,
                due,
                rules,
                tools.knobs,
                because=because,
                seen=seen,
                live=live,
            )
            self._write(snapshot, due, facts, memory, now)
            self.memory, self.next_look = memory, due + self._every()
        return sum(isinstance(fact, DecisionMade) for fact in facts)

    def _write(
        self, snapshot: Snapshot, due: Instant, facts: Sequence[Fact], memory: Memory, now: Instant
    ) -> None:
        assert self.rules is not None
        looked = Looked(due, snapshot.cycle, self.rules.digest, dict(snapshot.values), dict(snapshot.each))
        alerts = [alert for fact in facts for alert in self._alerts(fact)]
        note = json.dumps({"memory": memory.to_json(), "next_look": due + self._every()})
        drafts = [Draft(fact) for fact in (looked, *facts, *alerts)]
        self.tools.write(Commit(facts=drafts, notes={NOTE: note}), now)

    def _alerts(self, fact: Fact) -> list[Fact]:
        """What a fact of a look means for alerts: asked for by a rule, over when the rule clears."""
        alerts = self.tools.state.alerts
        match fact:
            case ActionAsked(action="alert", by=by, because=because, options=options, about=about):
                key = f"rule-{by}" + (f"@{about}" if about else "")
                return [] if key in alerts else [AlertRaised(key, options.get("severity", "warn"), because)]
            case DecisionMade(rule=rule, verdict="cleared", about=about):
                key = f"rule-{rule}" + (f"@{about}" if about else "")
                return [AlertCleared(key)] if key in alerts else []
            case _:
                return []

    def _reload(self, now: Instant) -> None:
        """Take the rule file as it is now, if it is whole and new; keep the rules there are if it is not."""
        tools = self.tools
        try:
            content, name = self.source()
        except OSError as error:
            problem = f"the rule file {tools.settings.loop.rules} cannot be read: {error.strerror}"
            if self.rules is None:
                raise BadUsage(f"{problem}; loop.rules in loop.toml names it") from error
            tools.alert(now, "rules", f"{problem}. The rules before it stay in force.")
            return
        digest = digest_of(content)
        if self.rules is not None and digest == self.rules.digest:
            self._refused = ""
            tools.clear(now, "rules")
            self._in_force(self.rules, content.decode(), now)
            return
        if digest == self._refused:
            return
        try:
            rules = self.read(content, name)
        except BadFile as error:
            if self.rules is None:
                raise
            self._refused = digest
            told = tuple(str(problem) for problem in error.problems)
            tools.tell(now, RulesRefused(digest, name, told))
            count = f"{len(told)} mistake{'s' * (len(told) > 1)}"
            tools.alert(now, "rules", f"{name} has {count}; the rules before it stay in force. {told[0]}")
            return
        self._take(rules, now)

    def _take(self, rules: Ruleset, now: Instant) -> None:
        self.memory, facts = carry(self.memory, self.rules, rules)
        self._refused = ""
        self._use(rules)
        if facts:
            self.tools.tell(now, *facts)
        self.tools.clear(now, "rules")
        self._in_force(rules, rules.text, now)

    def _every(self) -> Seconds:
        """The time between two looks: the rule file's, unless a simulated world has a pace of its own."""
        clock = self.tools.settings.clock
        assert self.rules is not None
        paced = clock.look_every if clock.kind != "real" else None
        return paced or self.rules.every

    def _in_force(self, rules: Ruleset, text: str, now: Instant) -> None:
        self.tools.rule_file = text
        if self.tools.state.rules != rules.digest:
            self.tools.tell(now, RulesLoaded(rules.digest, rules.name, rules.text))

    def _before(self) -> Ruleset | None:
        """The rules that were in force when the last process ended."""
        last = None
        for recorded in self.tools.store.log.read(kinds=["rules-loaded"]):
            last = recorded.fact
        if not isinstance(last, RulesLoaded):
            return None
        try:
            return self.read(last.text.encode(), last.name)
        except BadFile:  # this Flyball reads it no more: the file there is must serve
            return None

    def _use(self, rules: Ruleset) -> None:
        """Let these rules be the ones that look, with as much of the past as they look back at."""
        self.rules, self.sides, self.history = rules, Sides.of(rules), History(rules)
        reach = self.history.reach
        looks = [r.fact for r in self.tools.store.log.read(kinds=["looked"]) if isinstance(r.fact, Looked)]
        if not looks:
            return
        since, cycle = looks[-1].due - reach.seconds - rules.every, looks[-1].cycle - reach.cycles - 1
        for fact in looks:
            if fact.due >= since or fact.cycle >= cycle:
                self.history.add(Snapshot(fact.due, fact.cycle, fact.values, fact.each))


def _values(knobs: KnobState, now: Instant) -> dict[str, Value]:
    """Every knob in force, those of one annotator as knob@annotator."""
    values = {name: knobs.value(name, now) for name, knob in knobs.catalogue.items() if knob.per is None}
    own = [target for target in knobs.turned if target.about is not None]
    return values | {str(target): knobs.value(target.knob, now, target.about) for target in own}
