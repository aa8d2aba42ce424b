"""A canary at work: a new rule file looks beside the one in force, and governs its share of the batches."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from flyball.core.canary import LEAST_BATCHES, Verdict, judge, outcomes, up_to
from flyball.core.chance import rng
from flyball.core.control import PERSON, KnobState, Layer, Target
from flyball.core.facts import CanaryBegan, CanaryEnded, DecisionMade, Fact, KnobTurned
from flyball.core.ids import Instant, Position
from flyball.core.rules.evaluator import Evaluator, Taken
from flyball.core.rules.memory import Memory, carry
from flyball.core.rules.model import Ruleset
from flyball.core.signal import Snapshot
from flyball.core.signals import SIGNALS
from flyball.errors import BadFile, BadUsage
from flyball.work import govern
from flyball.work.rule_history import content_of
from flyball.work.rulebook import Rulebook
from flyball.work.tools import Tools

#: The name of the checkpoint that lets a canary survive a restart.
NOTE = "canary"
#: The alert of a canary that did not come into force.
ALERT = "canary"
#: Who ends a canary that nobody ended.
CONTROLLER = "flyball"


@dataclass(slots=True)
class Canary:
    """The canary of one loop, while there is one. Its knobs are its own; only those of batches are used."""

    tools: Tools
    rulebook: Rulebook
    _evaluator: Evaluator | None = None
    #: Its knobs after the look that is being written down.
    _ahead: KnobState | None = None
    _cycles: int = -1

    @property
    def began(self) -> CanaryBegan | None:
        """The canary that is under way."""
        recorded = self.tools.state.canary
        return recorded.fact if recorded and isinstance(recorded.fact, CanaryBegan) else None

    def wake(self, now: Instant) -> None:
        """Take up the canary as its last look left it; one that this Flyball reads no more is stopped."""
        self._evaluator = self.tools.canary = self._ahead = None
        if (began := self.began) is None:
            return
        try:
            self._awake(began)
        except BadFile as error:
            because = f"this version of Flyball does not read its file: {error.problems[0]}"
            self._end(CanaryEnded(began.digest, "stopped", because, CONTROLLER), now)

    def look(self, snapshot: Snapshot, *, live: bool) -> Taken | None:
        """Look with the canary's rules; None while there is no canary. It counts once it is kept."""
        began = self.began
        if began is None:
            self._evaluator = self.tools.canary = self._ahead = None
            return None
        evaluator = self._awake(began)
        assert self.tools.canary is not None
        knobs = with_people(self.tools.canary, self.tools.knobs)
        taken = evaluator.look(snapshot, knobs, live=live)
        self._ahead = after(knobs, taken.facts)
        return taken

    def keep(self, taken: Taken) -> None:
        """Remember a look, once what followed from it is written down."""
        assert self._evaluator is not None
        self._evaluator.keep(taken)
        self.tools.canary = self._ahead

    def facts(self, taken: Taken) -> list[Fact]:
        """What of a look is written down: its decisions. What they would turn beyond batches waits."""
        catalogue = self.tools.knobs.catalogue

        def acts(decision: DecisionMade) -> bool:
            turned = [str(change["knob"]) for change in decision.changes if "knob" in change]
            return decision.live and any(catalogue[name].scope == "batch" for name in turned)

        made = [fact for fact in taken.facts if isinstance(fact, DecisionMade)]
        return [replace(decision, live=acts(decision)) for decision in made]

    def note(self, taken: Taken) -> str:
        """The checkpoint to write with a look."""
        assert self._ahead is not None
        body = {
            "rules": self.began.digest if self.began else "",
            "memory": taken.memory.to_json(),
            "knobs": [
                [str(target), [[layer.name, layer.value, layer.because, layer.by, layer.priority]]]
                for target, layers in self._ahead.turned.items()
                for layer in layers
                if not layer.name.startswith(PERSON)
            ],
        }
        return json.dumps(body)

    def verdict(self, now: Instant, *, live: bool) -> None:
        """End the canary: clearly worse, at its end, or because rules turn nothing any more.

        Raises BadUsage where the rule file cannot be written; it is tried again when a batch has settled.
        """
        began, recorded = self.began, self.tools.state.canary
        if began is None or recorded is None:
            return
        if self.rulebook.evaluator.rules.digest == began.digest:
            self._end(CanaryEnded(began.digest, "promoted", "its file is in force", CONTROLLER), now)
        elif began.against and self.rulebook.evaluator.rules.digest != began.against:
            because = "the rule file that it was compared with is not in force any more"
            self._end(CanaryEnded(began.digest, "stopped", because, CONTROLLER), now)
            self.tools.alert(now, ALERT, f"the canary {began.name} is stopped: {because}")
        elif not live:
            because = "the loop is not adaptive any more, and rules turn nothing"
            self._end(CanaryEnded(began.digest, "stopped", because, CONTROLLER), now)
        elif self.tools.state.cycles != self._cycles:
            self._judge(began, recorded.seq, now)
            self._cycles = self.tools.state.cycles

    def _judge(self, began: CanaryBegan, since: Position, now: Instant) -> None:
        kinds = ["looked", "batch-released", "batch-settled"]
        means, rules = outcomes(self.tools.store.log.read(since, kinds=kinds), began.signal)
        half = max(LEAST_BATCHES, -(-began.batches // 2))
        unit = SIGNALS[began.signal].unit if began.signal in SIGNALS else ""
        for point in sorted({half, began.batches}):
            sides = up_to(point, means, rules, began.digest)
            if sides is None:
                return
            chance = rng(self.tools.settings.seed, "canary-verdict", began.digest, point)
            verdict = judge(*sides, began.better, chance, unit)
            if verdict.worse or point == began.batches:
                self._act(began, verdict, now)
                return

    def _act(self, began: CanaryBegan, verdict: Verdict, now: Instant) -> None:
        said = f"`{began.signal}` over batches: {verdict.because}"
        outcome: Literal["rolled-back", "undecided", "promoted"] = "promoted"
        if verdict.worse is None:
            outcome = "undecided"
        elif verdict.worse:
            outcome = "rolled-back"
        else:
            # The file first: where the process dies in between, its being in force ends the canary.
            because = f"{began.because}; promoted as a canary: {said}"
            govern.put(self.rulebook, govern.Put(content_of(began), began.by, because), now)
        self._end(CanaryEnded(began.digest, outcome, said, CONTROLLER, verdict.figures), now)
        if outcome != "promoted":
            self.tools.alert(now, ALERT, f"the canary {began.name} is not in force ({outcome}): {said}")

    def _end(self, ended: CanaryEnded, now: Instant) -> None:
        self.tools.tell(now, ended)
        self._evaluator = self.tools.canary = self._ahead = None

    def _awake(self, began: CanaryBegan) -> Evaluator:
        """The evaluator of the canary's rules: as it stands, as the checkpoint has it, or begun anew."""
        if self._evaluator is not None and self._evaluator.rules.digest == began.digest:
            return self._evaluator
        rules = self.rulebook.read(content_of(began), began.name)
        kept = self.tools.store.log.note(NOTE)
        body = json.loads(kept) if kept else {}
        if body.get("rules") == began.digest:
            memory, knobs = Memory.from_json(body["memory"]), restored(self.tools.knobs, body["knobs"])
        else:
            memory, knobs = self._begun(rules)
        self.tools.canary = knobs
        self._evaluator = self.rulebook.made(rules, memory)
        return self._evaluator

    def _begun(self, rules: Ruleset) -> tuple[Memory, KnobState]:
        """From where the rules in force stand: what means the same goes on, the rest begins idle."""
        standing = self.rulebook.evaluator
        memory, off = carry(standing.memory, standing.rules, rules)
        return memory, after(self.tools.knobs, off)


def begin(tools: Tools, rules: Ruleset, request: Mapping[str, Any], by: str, now: Instant) -> CanaryBegan:
    """Let a checked rule file govern a share of the batches. Raises BadUsage, with all that is wrong."""
    share, signal, batches = float(request["share"]), str(request["signal"]), int(request["batches"])
    wrong = []
    if not 0 < share <= 0.5:
        wrong.append(f"a canary governs more than 0% and at most 50% of the batches; {share:.0%} is not")
    if batches < LEAST_BATCHES:
        wrong.append(f"a canary is judged by at least {LEAST_BATCHES} batches of its own; {batches} are not")
    if tools.knobs.value("loop.architecture", now) != "adaptive":
        wrong.append("only in the adaptive architecture do rules turn anything that a canary could try")
    if tools.state.canary is not None:
        wrong.append("a canary is under way; end it first with `flyball rules canary --stop`")
    if rules.digest == tools.state.rules:
        wrong.append("this file is in force already")
    if wrong:
        raise BadUsage("\n".join(wrong))
    fact = CanaryBegan(
        digest=rules.digest,
        name=rules.name,
        text=rules.text,
        share=share,
        signal=signal,
        better=request["better"],
        batches=batches,
        by=by,
        because=str(request["because"]),
        first=tools.state.released + 1,
        against=tools.state.rules or "",
    )
    tools.tell(now, fact)
    tools.clear(now, ALERT)
    return fact


def stop(tools: Tools, by: str, because: str, now: Instant) -> CanaryEnded:
    """End a canary; its batches that are out stay as they were released. Raises BadUsage for none."""
    recorded = tools.state.canary
    if recorded is None or not isinstance(recorded.fact, CanaryBegan):
        raise BadUsage("there is no canary to stop")
    ended = CanaryEnded(recorded.fact.digest, "stopped", because, by)
    tools.tell(now, ended)
    return ended


def with_people(own: KnobState, main: KnobState) -> KnobState:
    """The canary's knobs with people's overrides as they stand in the loop."""
    turned: dict[Target, tuple[Layer, ...]] = {
        target: tuple(layer for layer in layers if not layer.name.startswith(PERSON))
        for target, layers in own.turned.items()
    }
    for target, layers in main.turned.items():
        people = tuple(layer for layer in layers if layer.name.startswith(PERSON))
        if people:
            turned[target] = (*turned.get(target, ()), *people)
    return replace(own, turned={target: layers for target, layers in turned.items() if layers})


def after(knobs: KnobState, facts: Sequence[object]) -> KnobState:
    """The knobs after what a look, or a change of rules, turned."""
    for fact in facts:
        if isinstance(fact, KnobTurned):
            knobs = knobs.evolve(fact)
    return knobs


def restored(main: KnobState, plain: Sequence[Any]) -> KnobState:
    """The canary's knobs from its checkpoint."""
    knobs = replace(main, turned={})
    for target, layers in plain:
        where = Target.of(target)
        for name, value, because, by, priority in layers:
            knobs = knobs.evolve(
                KnobTurned(where.knob, name, value, because, by, priority, about=where.about)
            )
    return knobs
