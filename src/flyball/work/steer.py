"""Steer: measure, judge the challenger, take every look that is due, and do what was decided."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass

from flyball.core.due import Due, Go, Wait
from flyball.core.facts import (
    ActionAsked,
    ActionRefused,
    AlertCleared,
    AlertRaised,
    DecisionMade,
    Fact,
    Looked,
)
from flyball.core.gauges import Gauges
from flyball.core.ids import START, Instant, Position, Seconds
from flyball.core.rules.evaluator import Taken
from flyball.core.rules.memory import Memory
from flyball.core.table import Feature
from flyball.errors import BadUsage, Unreachable
from flyball.ports import Commit, Draft
from flyball.work import contract, promote
from flyball.work import measure as measuring
from flyball.work.canary import NOTE as CANARY_NOTE
from flyball.work.canary import Canary
from flyball.work.lanes import Begun, Done
from flyball.work.measure import Watch
from flyball.work.rulebook import NOTE, Rulebook
from flyball.work.tools import Tools
from flyball.work.transition import Transition

#: The most looks that one pass takes, so that a pass stays short.
MOST = 500
#: How much time there is between a look and one that a bad answer brings ahead of its time.
BREATH = 2.0
#: How long a verdict waits while the shelf does not answer.
JUDGE_AGAIN = 60.0


@dataclass(slots=True)
class Steering:
    """What steering keeps from look to look. All of it is rebuilt from the log and one checkpoint."""

    tools: Tools
    features: Callable[[], tuple[Feature, ...]]
    watch: Watch
    gauges: Gauges
    rulebook: Rulebook
    canary: Canary
    transition: Transition
    next_look: Instant = float("-inf")
    _heard: Position = START
    #: When the last look was for; and where the newest bad answer was when this process began.
    _looked: Instant = float("-inf")
    _bad_at: Position = START
    _judge_again: Instant = float("-inf")
    #: A look began and did not come to its end: the log knows whether it is written down.
    _unsure: bool = False

    def wake(self, now: Instant) -> None:
        """Take up where the last process left off. Looks missed in between are not made up for.

        Without a rule file that can be used, the one that was in force before serves. Raises BadFile.
        """
        kept = self.tools.store.log.note(NOTE)
        self.rulebook.wake(Memory.from_json(json.loads(kept)["memory"]) if kept else None, now)
        self.next_look = now + self._every()
        if kept is not None:
            self.next_look = max(now, float(json.loads(kept)["next_look"]))
        self.canary.wake(now)
        self._bad_at = self.tools.state.merging.bad_at

    def settled(self, now: Instant) -> None:
        """Find out whether a look that broke off is written down, before anything is built on it."""
        if self._unsure:
            self.wake(now)

    def due(self, now: Instant) -> Due:
        """A look, a measurement or a verdict is due."""
        state = self.tools.state
        if self.next_look <= now:
            return Go("a look is due")
        soon = self._soon()
        if soon is not None and soon <= now:
            return Go("a bad answer came")
        if measuring.due(self.tools):
            return Go("a batch has settled")
        if now >= self._judge_again and (state.challenger is not None or "rollback" in state.asks):
            return Go("a model is to be judged")
        return Wait("until the next look", min(self.next_look, self.next_look if soon is None else soon))

    def _soon(self) -> Instant | None:
        """When a look is taken ahead of its time: at once where a bad answer came, but not all the time."""
        news = self.tools.state.merging.bad_at > max(self._bad_at, self._heard)
        return self._looked + BREATH if news else None

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
            measuring.measure(tools, self.watch, self.features(), now)
        if now >= self._judge_again:
            self._judge(now)
        self.settled(now)
        looks = decided = 0
        while self.next_look <= now and looks < MOST:
            decided += self._look(self.next_look, now)
            looks += 1
        soon = self._soon()
        if soon is not None and soon <= now:
            decided += self._look(now, now)
            looks += 1
        return Done(f"{looks} looks, {decided} decisions", {"looks": looks, "decisions": decided})

    def _judge(self, now: Instant) -> None:
        tools = self.tools
        try:
            promote.judge(tools, self.features(), now)
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
        tools = self.tools
        with tools.lock:  # a command may put another file in force, before a look or after it
            self._unsure = True
            self._looked = due
            self.rulebook.reload(now)
            contract.reload(tools, now)
            self.transition.look(due)
            rules = self.rulebook.evaluator
            for recorded in tools.store.log.read(self._heard):
                if recorded.at > due:
                    break
                self.gauges.observe(recorded)
                self._heard = recorded.seq
            snapshot = self.gauges.read(tools.knobs, due)
            live = tools.knobs.value("loop.architecture", due) == "adaptive"
            taken = rules.look(snapshot, tools.knobs, live=live)
            tried = self.canary.look(snapshot, live=live)
            self._write(taken, tried, due, now)
            rules.keep(taken)
            if tried is not None:
                self.canary.keep(tried)
            self.canary.verdict(due, live=live)
            self.next_look = due + self._every()
            self._unsure = False
        return sum(isinstance(fact, DecisionMade) for fact in taken.facts)

    def _write(self, taken: Taken, tried: Taken | None, due: Instant, now: Instant) -> None:
        snapshot, rules = taken.snapshot, self.rulebook.evaluator.rules
        looked = Looked(due, snapshot.cycle, rules.digest, dict(snapshot.values), dict(snapshot.each))
        alerts = [alert for fact in taken.facts for alert in self._alerts(fact)]
        notes = {NOTE: json.dumps({"memory": taken.memory.to_json(), "next_look": due + self._every()})}
        also: list[Fact] = []
        if tried is not None:
            also, notes[CANARY_NOTE] = self.canary.facts(tried), self.canary.note(tried)
        drafts = [Draft(fact) for fact in (looked, *taken.facts, *also, *alerts)]
        self.tools.write(Commit(facts=drafts, notes=notes), now)

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

    def _every(self) -> Seconds:
        """The time between two looks: the rule file's, unless a simulated world has a pace of its own."""
        clock = self.tools.settings.clock
        paced = clock.look_every if clock.kind != "real" else None
        return paced or self.rulebook.evaluator.rules.every
