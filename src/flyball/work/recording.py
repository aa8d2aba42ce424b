"""The log as a recording: how the loop stood at a moment, and all that its rules saw from then on."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace

from flyball.core.control import KnobState
from flyball.core.facts import (
    CanaryBegan,
    DecisionMade,
    KnobTurned,
    Looked,
    LoopStarted,
    Recorded,
    RulesLoaded,
)
from flyball.core.ids import START, Digest, Instant, Position
from flyball.core.rules.memory import Moment, carry
from flyball.core.rules.model import Ruleset
from flyball.core.rules.reason import shown
from flyball.core.rules.replay_course import settled
from flyball.core.rules.replay_opening import Remembered, lead_of, reach_of
from flyball.core.rules.replay_playback import KINDS, Opening
from flyball.errors import BadFile, BadUsage, NotFound
from flyball.ports import Log


@dataclass(slots=True)
class Recording:
    """The log of one loop as a recording of what its rules saw.

    `settings`: the knobs as the loop's settings have them. `read` makes a ruleset of a file's bytes and
    its name, or raises BadFile. `notes` collects what was assumed, in sentences.
    """

    log: Log
    settings: KnobState
    read: Callable[[bytes, str], Ruleset]
    notes: list[str] = field(default_factory=list)
    _files: dict[Digest, Ruleset | None] = field(default_factory=dict)

    def ends(self) -> tuple[Looked, Looked]:
        """The first look and the last. Raises BadUsage where there is none."""
        first = self.look_after(START)
        if first is None:
            raise BadUsage("this loop has taken no look yet: there is nothing recorded to ask")
        last = self.look_after(Position(self.before(lambda look: False) - 1))
        assert last is not None
        return looked(first), looked(last)

    def decision_at(self, seq: int) -> Instant:
        """The time of the look to which a fact of the log belongs."""
        found = next(iter(self.log.read(Position(seq - 1), limit=1)), None)
        match found:
            case Recorded(fact=Looked(due=due)) | Recorded(fact=DecisionMade(due=due)):
                return due
            case _:
                raise NotFound(
                    f"fact {seq} of the log is no look and no decision; `flyball decisions` lists them"
                )

    def look_at(self, number: int) -> Instant:
        """The time of a look by its number, from 1."""
        for count, recorded in enumerate(self.log.read(kinds=["looked"]), start=1):
            if count == number:
                return looked(recorded).due
        raise NotFound(f"there is no look {number}; the loop has taken fewer")

    # --- how it stood

    def opening(self, files: Sequence[Ruleset], at: Instant) -> tuple[Opening, Position]:
        """How the loop stood so long before a moment that nothing then depends on what was before."""
        loaded = [(r.seq, rules) for r in self.log.read(kinds=["rules-loaded"]) if (rules := self._of(r))]
        if not loaded:
            raise BadUsage("this loop has loaded no rule file that this version can read")
        anchor = self.before(lambda look: look.due >= at)
        cycle, pace = self._pace(anchor)
        lead = lead_of([*files, *(rules for _, rules in loaded)], max(pace, *(f.every for _, f in loaded)))
        begin, from_cycle = at - lead.seconds, cycle - lead.cycles
        seq = self.before(lambda look: look.due >= begin or (lead.cycles > 0 and look.cycle > from_cycle))
        begins = Position(max(0, seq - 1))
        opening = self._stood(begins, loaded, pace)
        if not opening.whole:
            before = shown(lead.seconds, "seconds")
            told = f"their decisions before it, and from the signals of the {before} before it"
            self.notes.append(f"What the rules remembered at the start is taken from {told}.")
        reach = reach_of([*files, *(rules for _, rules in loaded)])
        to_come = tuple(rules for seq, rules in loaded if seq > begins)
        return replace(opening, files=(opening.rules, *to_come), reach=reach), begins

    def _stood(self, begins: Position, loaded: Sequence[tuple[Position, Ruleset]], pace: float) -> Opening:
        """Rules, knobs and memory after all facts up to a position."""
        knobs, rules = self.settings, loaded[0][1]
        told = Remembered()
        kinds = ["knob-turned", "rules-loaded", "loop-started", "decision-made"]
        ids = {rule.id for _, file in loaded for rule in file.rules}
        for recorded in self.log.read(kinds=kinds) if begins else ():
            if recorded.seq > begins:
                break
            match recorded.fact:
                case KnobTurned() as fact:
                    knobs = knobs.evolve(fact)
                case LoopStarted(architecture=architecture):
                    knobs = settled(knobs, architecture, recorded.at)
                case RulesLoaded() as fact:
                    new = self.file(fact)
                    if new is not None:
                        told.memory, _ = carry(told.memory, rules, new)
                        rules = new
                case DecisionMade() as fact if fact.rules == rules.digest:
                    told.add(fact, rules, knobs)
                case _:
                    pass
        memory = told.at(self._moments(begins, pace))
        return Opening(rules, memory, knobs, frozenset(ids), (), reach_of([]), whole=not begins)

    def _moments(self, begins: Position, pace: float) -> Callable[[Instant], Moment]:
        """The moment of a look before a position, in looks from there on; of an old one found in the log."""
        first = self.look_after(begins)
        zero = 0.0 if first is None else looked(first).due

        def moment(due: Instant) -> Moment:
            found = self.look_after(Position(self.before(lambda look: look.due > due) - 1))
            return Moment(due, -round((zero - due) / pace), 0 if found is None else looked(found).cycle)

        return moment

    def _pace(self, seq: Position) -> tuple[int, float]:
        """The cycle of the look at a position, and the time from it to the next."""
        looks = [looked(r) for r in self.log.read(Position(max(0, seq - 1)), kinds=["looked"], limit=2)]
        if len(looks) < 2:
            return (looks[0].cycle if looks else 0), 1.0
        return looks[0].cycle, max(1.0, looks[1].due - looks[0].due)

    # --- reading

    def facts(self, after: Position, until: Instant) -> Iterator[Recorded]:
        """What a playback reads, to the last thing that followed from the last look up to a moment."""
        for recorded in self.log.read(after, kinds=KINDS):
            if isinstance(recorded.fact, Looked) and recorded.fact.due > until:
                return
            yield recorded

    def before(self, reached: Callable[[Looked], bool]) -> Position:
        """Where the last look stands for which something is not reached yet; 0 where there is none.

        Once it is reached it stays so: the log is halved again and again.
        """
        low, high = 0, int(self.log.head().seq)
        while low < high:
            middle = (low + high) // 2
            look = self.look_after(Position(middle))
            if look is None or reached(looked(look)):
                high = middle
            else:
                low = int(look.seq)
        return Position(low)

    def look_after(self, seq: Position) -> Recorded | None:
        return next(iter(self.log.read(Position(max(0, seq)), kinds=["looked"], limit=1)), None)

    def last_decision(self, rule: str, about: str | None, before: Position) -> DecisionMade | None:
        last, tried = None, set[Digest]()
        for recorded in self.log.read(kinds=["decision-made", "canary-began", "rules-loaded"]):
            if recorded.seq > before:
                break
            match recorded.fact:
                case CanaryBegan(digest=digest):
                    tried.add(digest)
                case RulesLoaded(digest=digest):
                    tried.discard(digest)
                case DecisionMade() as fact if (fact.rule, fact.about) == (rule, about):
                    last = last if fact.rules in tried else fact
                case _:
                    pass
        return last

    def file(self, fact: RulesLoaded) -> Ruleset | None:
        if fact.digest not in self._files:
            try:
                self._files[fact.digest] = self.read(fact.text.encode(), fact.name)
            except BadFile:
                self._files[fact.digest] = None
                name = f"{fact.name} {fact.digest[:12]}"
                self.notes.append(f"This version of Flyball reads the recorded rule file {name} no more.")
        return self._files[fact.digest]

    def _of(self, recorded: Recorded) -> Ruleset | None:
        return self.file(recorded.fact) if isinstance(recorded.fact, RulesLoaded) else None


def looked(recorded: Recorded) -> Looked:
    """The look that was recorded."""
    assert isinstance(recorded.fact, Looked)
    return recorded.fact
