"""A write fails while a canary is under way: nothing of either file is lost, and nothing is there twice."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from tests.rulings import RULES, Killed, Station

from flyball.core.facts import CanaryEnded, DecisionMade
from flyball.errors import Unreachable

TRIED = RULES.replace("queue.depth > 20", "queue.depth > 10").replace("by: 1.5", "by: 2.5")
DEPTHS = (30.0, 30.0, 15.0, 45.0, 3.0, 30.0, 30.0, 45.0, 3.0, 30.0, 15.0, 45.0, 30.0, 3.0)
#: The look after which five batches of the canary have settled: it is judged there.
ENDS = 10
TROUBLE = {"the database is away": Unreachable, "the process is killed": Killed}


class Ordeal:
    """A station with a canary; at one write of one look something goes wrong, and it goes on."""

    def __init__(self, directory: Path, error: type[BaseException] = Unreachable) -> None:
        self.station = Station(directory)
        self.station.doom.error = error
        #: Off: a loop that takes for granted that a write which failed wrote nothing.
        self.asks_the_log = True
        asked = {"share": 0.5, "signal": "queue.depth", "better": "lower", "batches": 5}
        self.station.look(0, queue_depth=30.0)
        self.station.ask("canary-begin", content=TRIED, **{**asked, "because": "to see"})

    def play(self, look: int | None = None, write: int = 0, after: bool = False) -> bool:
        """All of it. Gives whether anything went wrong."""
        station, hurt = self.station, False
        for number, depth in enumerate(DEPTHS):
            batch = station.release()
            if number == look:
                station.doom.at, station.doom.after = station.doom.steps + write, after
            try:
                station.look(number, queue_depth=depth, answers_since_train=50.0)
            except (Unreachable, Killed):
                hurt = True
                self._go_on()
            station.doom.at = None
            station.settle(batch)
        return hurt

    def _go_on(self) -> None:
        self.station.doom.at = None
        if self.station.doom.error is Killed:
            self.station.restart()
        elif not self.asks_the_log:
            self.station.steering._unsure = False
        self.station.steer()

    def made(self) -> Counter[tuple[float, str, str, str]]:
        """How often each decision stands there."""
        facts = [each.fact for each in self.station.log("decision-made")]
        return Counter((f.due, f.rule, f.verdict, f.rules) for f in facts if isinstance(f, DecisionMade))

    def ends(self) -> list[str]:
        """How the canary ended, each time that it did."""
        facts = [each.fact for each in self.station.log("canary-ended")]
        return [fact.verdict for fact in facts if isinstance(fact, CanaryEnded)]


def told(ordeal: Ordeal) -> list[tuple[float, str, dict[str, Any]]]:
    """Everything that was written down."""
    return list(ordeal.station.told())


@pytest.mark.parametrize("after", [False, True], ids=["unwritten", "written"])
@pytest.mark.parametrize("error", TROUBLE)
def test_in_a_look_of_both_files_it_all_goes_on_as_if_nothing_had_been(
    error: str, after: bool, tmp_path: Path
) -> None:
    whole = Ordeal(tmp_path / "whole")
    whole.play()
    assert any(rules != whole.station.loaded()[0].digest for _, _, _, rules in whole.made())
    for look in range(ENDS):
        hurt = Ordeal(tmp_path / str(look), TROUBLE[error])
        assert hurt.play(look, int(look > 0), after)
        assert told(hurt) == told(whole)


@pytest.mark.parametrize("after", [False, True], ids=["unwritten", "written"])
@pytest.mark.parametrize("error", TROUBLE)
def test_in_the_look_in_which_it_is_judged_it_ends_once(error: str, after: bool, tmp_path: Path) -> None:
    whole = Ordeal(tmp_path / "whole")
    whole.play()
    writes = 0
    while True:
        hurt = Ordeal(tmp_path / str(writes), TROUBLE[error])
        if not hurt.play(ENDS, writes, after):
            break
        writes += 1
        assert hurt.ends() == whole.ends()
        assert [each.digest for each in hurt.station.loaded()] == [e.digest for e in whole.station.loaded()]
        assert hurt.station.looked() == whole.station.looked()
        assert max(hurt.made().values()) == 1
        assert hurt.station.path.read_text() == whole.station.path.read_text()
    assert writes > 1


def test_a_loop_that_does_not_ask_the_log_would_look_twice(tmp_path: Path) -> None:
    careless = Ordeal(tmp_path)
    careless.asks_the_log = False
    assert careless.play(3, 1, after=True)
    assert max(Counter(careless.station.looked()).values()) == 2
