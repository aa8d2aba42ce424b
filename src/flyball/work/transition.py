"""Change the architecture while the loop runs: the new one first runs in shadow, then takes over."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from flyball.core.due import Due
from flyball.core.facts import Fact, TransitionBegan, TransitionEnded
from flyball.core.ids import Instant
from flyball.core.transition import Ahead, ahead, shadowed
from flyball.errors import BadUsage
from flyball.work import turn
from flyball.work.tools import Tools

ARCHITECTURE = "loop.architecture"
#: How many cycles the new architecture runs in shadow, unless a person says otherwise.
CYCLES = 3
#: For each kind of work that architectures differ in: may it start now under that architecture?
Dues = Mapping[str, Callable[[str, Instant], Due]]


@dataclass(frozen=True, slots=True)
class Transition:
    """The change from one architecture to another, as far as it is steered."""

    tools: Tools
    dues: Dues

    def look(self, now: Instant) -> None:
        """Note what the new architecture would have started; let it take over when its time has come."""
        tools, under_way = self.tools, self.tools.state.transition
        if under_way is None:
            return
        began = under_way.began
        if tools.state.cycles - under_way.cycle >= began.cycles:
            tools.tell(now, *self._switched(began, under_way.at))
            return
        old, new = (
            {work: due(architecture, now) for work, due in self.dues.items()}
            for architecture in (began.before, began.to)
        )
        if told := shadowed(began, under_way.ahead, old, new):
            tools.tell(now, *told)

    def _switched(self, began: TransitionBegan, since: Instant) -> list[Fact]:
        kinds = ["shadow-due", "batch-released", "run-began", "transition-began"]
        facts = [each for each in self.tools.store.log.read(kinds=kinds) if each.at >= since]
        because = f"{began.to} took over from {began.before} after {_cycles(began.cycles)} in shadow"
        sums = ahead(facts)
        said = "; ".join(f"{work} {_ahead(sums[work])}" for work in self.dues if work in sums)
        because = f"{because}: {said or 'it would have started nothing sooner'}"
        ended = TransitionEnded(began.to, "switched", because, began.by)
        return [*_turned(self.tools, began.to, began.by, began.because, self.tools.state.at), ended]


def begin(tools: Tools, to: str, cycles: int, by: str, because: str, now: Instant) -> TransitionBegan | None:
    """Let an architecture run in shadow for so many cycles before it takes over; with 0 it does so at once.

    One that is under way is called off by a new one. None where it takes over at once. Raises BadUsage for
    the architecture that governs already.
    """
    before = str(tools.knobs.value(ARCHITECTURE, now))
    facts: list[Fact] = called_off(tools, ARCHITECTURE, by, because)
    if to == before:
        if not facts:
            raise BadUsage(f"the loop is {to} already")
        tools.tell(now, *facts)
        return None
    if cycles == 0:
        tools.tell(now, *facts, *_turned(tools, to, by, because, now))
        return None
    began = TransitionBegan(before, to, cycles, by, because)
    tools.tell(now, *facts, began)
    return began


def called_off(tools: Tools, knob: str, by: str, because: str) -> list[Fact]:
    """The end of a transition under way, where a person turns the architecture in its midst."""
    under_way = tools.state.transition
    if knob != ARCHITECTURE or under_way is None:
        return []
    said = f"{by} called it off: {because}"
    return [TransitionEnded(under_way.began.to, "called-off", said, by)]


def _turned(tools: Tools, to: str, by: str, because: str, now: Instant) -> tuple[Fact, ...]:
    """The person's override, in the place of whatever people set there."""
    return turn.setting(tools.knobs, (), turn.Ask(ARCHITECTURE, to, by, because), now)[0]


def _ahead(sum_: Ahead) -> str:
    return f"{sum_.times} times sooner, by {sum_.seconds / 60:.0f} min in all"


def _cycles(count: int) -> str:
    return f"{count} cycle" if count == 1 else f"{count} cycles"
