"""The clocks: a world that runs faster, and waits for work that takes longer than it should."""

from __future__ import annotations

import threading
from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flyball.adapters.clock import RealClock, SpedClock, VirtualClock


@dataclass
class Wall:
    """A wall clock that a test moves."""

    at: float = 100.0

    def __call__(self) -> float:
        return self.at


def test_a_sped_world_runs_as_many_times_faster() -> None:
    wall = Wall()
    clock = SpedClock(1_700_000_000.0, 3600.0, wall)
    wall.at += 2.0
    assert clock.now() == 1_700_000_000.0 + 7200.0
    assert clock.wall_seconds_until(1_700_000_000.0 + 10_800.0) == 1.0
    assert clock.wall_seconds_until(0.0) == 0.0


def test_the_world_waits_for_work_that_is_slower_than_it_should_be_and_catches_nothing_up() -> None:
    wall = Wall()
    clock = SpedClock(0.0, 100.0, wall)
    with clock.working(until=50.0):
        wall.at += 10.0
        assert clock.now() == 50.0
    assert clock.now() == 50.0
    wall.at += 1.0
    assert clock.now() == 150.0


def test_work_that_is_done_in_time_holds_nothing() -> None:
    wall = Wall()
    clock = SpedClock(0.0, 100.0, wall)
    with clock.working(until=50.0):
        wall.at += 0.2
    wall.at += 1.0
    assert clock.now() == pytest.approx(120.0)


def test_the_world_waited_even_if_nobody_looked_meanwhile() -> None:
    wall = Wall()
    clock = SpedClock(0.0, 100.0, wall)
    hold = clock.working(until=50.0)
    wall.at += 10.0
    hold.release()
    hold.release()
    assert clock.now() == 50.0


def test_the_earliest_end_of_overlapping_work_holds() -> None:
    wall = Wall()
    clock = SpedClock(0.0, 100.0, wall)
    train, score = clock.working(until=200.0), clock.working(until=30.0)
    wall.at += 10.0
    assert clock.now() == 30.0
    score.release()
    wall.at += 10.0
    assert clock.now() == 200.0
    train.release()


def test_work_whose_end_is_past_stops_the_world_where_it_is() -> None:
    wall = Wall()
    clock = SpedClock(0.0, 100.0, wall)
    wall.at += 1.0
    with clock.working(until=20.0):
        wall.at += 1.0
        assert clock.now() == 100.0


@given(
    st.lists(
        st.one_of(
            st.tuples(st.just("wall"), st.floats(0.0, 5.0)),
            st.tuples(st.just("hold"), st.floats(-10.0, 500.0)),
            st.tuples(st.just("free"), st.floats(0.0, 1.0)),
        ),
        max_size=30,
    )
)
def test_a_sped_world_never_goes_back_nor_past_what_holds_it(steps: list[tuple[str, float]]) -> None:
    wall = Wall()
    clock = SpedClock(0.0, 50.0, wall)
    holds = []
    before = clock.now()
    for step, amount in steps:
        if step == "wall":
            wall.at += amount
        elif step == "hold":
            holds.append((max(before, before + amount), clock.working(before + amount)))
        elif holds:
            holds.pop(int(amount * (len(holds) - 1)))[1].release()
        now = clock.now()
        assert before <= now <= min([end for end, _ in holds], default=float("inf")) + 1e-9
        before = now


def test_many_threads_never_see_the_world_go_back() -> None:
    clock = SpedClock(0.0, 1e6)
    back: list[float] = []

    def look() -> None:
        before = clock.now()
        for _ in range(500):
            with clock.working(before + 1.0):
                now = clock.now()
            if now < before:
                back.append(now)
            before = now

    threads = [threading.Thread(target=look) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert back == []


def test_a_speed_of_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="above zero"):
        SpedClock(0.0, 0.0)


def test_the_real_clock_stands_still_where_the_wall_is_set_back() -> None:
    wall = Wall()
    clock = RealClock(wall, lambda: 0.0)
    wall.at -= 50.0
    assert clock.now() == 100.0
    assert clock.wall() == 50.0
    assert clock.wall_seconds_until(103.0) == 3.0
    with clock.working(until=0.0):
        wall.at += 60.0
        assert clock.now() == 110.0


def test_the_real_clock_goes_on_slowly_after_the_wall_was_set_back_until_both_agree() -> None:
    wall, ticks = Wall(), Wall(0.0)
    clock = RealClock(wall, ticks)
    wall.at -= 50.0
    told = []
    for _ in range(12):
        wall.at, ticks.at = wall.at + 10.0, ticks.at + 10.0
        told.append(clock.now())
    assert told[:3] == [105.0, 110.0, 115.0], "what waits for a minute does not wait for the jump"
    assert told == sorted(told)
    assert told[-1] == wall.at


def test_a_virtual_clock_goes_where_it_is_set_and_never_back() -> None:
    clock = VirtualClock(10.0)
    clock.set(20.0)
    assert clock.now() == 20.0
    with pytest.raises(ValueError, match="cannot go back"):
        clock.set(19.0)
