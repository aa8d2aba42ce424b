"""What a running loop looks like in a terminal: lanes, queue, labels, quality, the last decisions."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

from rich.console import Group
from rich.table import Table
from rich.text import Text

from flyball.bootstrap import App
from flyball.cli.show import change, lasting, moment, number
from flyball.core.facts import ChallengerKept, DecisionMade, ModelPromoted, QualityMeasured, Recorded
from flyball.core.ids import START, Position
from flyball.live import LaneView

KINDS = ("decision-made", "model-promoted", "challenger-kept", "quality-measured")


@dataclass(slots=True)
class Progress:
    """Reads what is new in the log at each showing; `began` is the world's time at the start."""

    app: App
    began: float
    _seen: Position = START
    _quality: QualityMeasured | None = None
    _told: tuple[Position, ...] = ()
    _decisions: deque[Recorded] = field(default_factory=lambda: deque(maxlen=4))

    def refresh(self) -> None:
        """Take in what was decided and measured since the last time."""
        for recorded in self.app.tools.store.log.read(self._seen, kinds=KINDS):
            self._seen = recorded.seq
            if isinstance(recorded.fact, QualityMeasured):
                self._quality = recorded.fact
            else:
                self._decisions.append(recorded)

    def line(self) -> str:
        """One line, for a log file."""
        state = self.app.tools.state
        return (
            f"{moment(self.app.clock.now())}  {number(state.arrived)} items, batch {state.released},"
            f" {state.in_flight()} waiting, {number(state.answered_labels)} labels,"
            f" model {number(state.champion)}{self._measured()}{self._alerted()}"
        )

    def screen(self, views: dict[str, LaneView]) -> Group:
        """All of it, for a terminal."""
        app, state = self.app, self.app.tools.state
        now = app.clock.now()
        left = app.settings.budget.left(state.arrived, state.asked)
        head = Table.grid(padding=(0, 2))
        head.add_row("time", f"{moment(now)} UTC, {lasting(now - self.began)} since the start")
        head.add_row("items", f"{number(state.arrived)} arrived")
        head.add_row("queue", f"{state.in_flight()} items wait for annotators, {len(state.open)} batches out")
        natural = sum(state.classes.values()) - state.answered_labels
        budget = "" if left is None else f", {number(left)} left to ask for"
        head.add_row("labels", f"{number(state.answered_labels)} answered, {number(natural)} natural{budget}")
        head.add_row("model", f"version {number(state.champion)}{self._measured()}")
        lanes = Table(box=None, padding=(0, 2), header_style="dim")
        for name in ("lane", "passes", "now", "last"):
            lanes.add_column(name, no_wrap=True, overflow="ellipsis")
        for name, view in views.items():
            now_doing = Text(f"▶ {view.doing}", "green") if view.doing else Text(view.waits, "dim")
            lanes.add_row(name, str(view.passes), now_doing, view.last)
        alerts = [
            Text(f"! {raised.fact.severity}: {raised.fact.message.splitlines()[0]}", "red")  # type: ignore[union-attr]
            for raised in list(state.alerts.values())[-3:]
        ]
        said = [
            Text(decision_line(recorded), overflow="ellipsis", no_wrap=True) for recorded in self._decisions
        ]
        return Group(head, Text(), lanes, Text(), Text("the last decisions", "dim"), *said, *alerts)

    def _alerted(self) -> str:
        """The newest alert in words where it was not told yet; else how many stand."""
        alerts = list(self.app.tools.state.alerts.values())
        told, self._told = self._told, tuple(each.seq for each in alerts)
        if new := [each for each in alerts if each.seq not in told]:
            return f"  ALERT {new[-1].fact.message.splitlines()[0]}"  # type: ignore[union-attr]
        if not alerts:
            return ""
        return "  1 alert stands" if len(alerts) == 1 else f"  {len(alerts)} alerts stand"

    def _measured(self) -> str:
        metrics = self._quality.metrics if self._quality else {}
        shown = next((name for name in ("val.ap", "val.kappa", "val.loss") if name in metrics), None)
        if shown is None:
            return ""
        value, low, high = metrics[shown]
        return f", {shown} {value:.2f} ({low:.2f} to {high:.2f}) on the reserve"


def decision_line(recorded: Recorded) -> str:
    """A decision in one line: when, what, why."""
    at = moment(recorded.at)
    match recorded.fact:
        case DecisionMade() as fact:
            turned = ", ".join(change(each) for each in fact.changes)
            shadow = "" if fact.live else " (not applied)"
            return f"{at}  {fact.rule} {fact.verdict}{shadow}: {fact.because}" + (
                f"  [{turned}]" if turned else ""
            )
        case ModelPromoted() as fact:
            return f"{at}  model {fact.model} promoted{'' if fact.proven else ', unproven'}: {fact.because}"
        case ChallengerKept() as fact:
            return f"{at}  model {fact.champion} stays: {fact.because}"
        case _:
            return at
