"""What rules see of the past: windows over time and over cycles."""

from __future__ import annotations

import math
import statistics
import tracemalloc
from collections.abc import Sequence
from itertools import pairwise

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from flyball.core.ids import RuleId, digest_of
from flyball.core.rules.history import History, Reach
from flyball.core.rules.model import Call, Compare, Number, Read, Rule, Ruleset, Span
from flyball.core.signal import Reading, Snapshot


def window(name: str, amount: float, unit: str, share: float | None = None) -> Call:
    return Call(name, (Read("s"),), Span(amount, "cycles" if unit == "cycles" else "seconds"), share)


def rules(*calls: Call, each: bool = False) -> Ruleset:
    made = tuple(
        Rule(
            RuleId(f"r{place}"), "", Compare(">", call, Number(0)), "", foreach="annotator" if each else None
        )
        for place, call in enumerate(calls)
    )
    return Ruleset(digest_of(repr(calls).encode()), "", "", 60.0, made)


def after(call: Call, readings: Sequence[Reading], *, cycles: Sequence[int] = ()) -> float | None:
    """What a window says after one reading a minute."""
    history = History(rules(call))
    for minute, reading in enumerate(readings):
        cycle = cycles[minute] if cycles else minute
        history.add(Snapshot(60.0 * minute, cycle, {"s": reading}))
    return history.value(call)


@pytest.mark.parametrize(
    ("name", "answer"),
    [
        ("delta", 6.0),
        ("rate", 6.0 / 180.0),
        ("rise", 3.0),
        ("drop", -3.0),
        ("slope", 1.8 * 60),
        ("avg", 4.5),
        ("min", 2.0),
        ("max", 8.0),
        ("changes", 2.0),
        ("absent", 0.0),
    ],
)
def test_a_function_looks_at_the_window_and_nothing_before_it(name: str, answer: float) -> None:
    assert after(window(name, 180, "seconds"), [99, 2, 4, 4, 8]) == pytest.approx(answer)


@pytest.mark.parametrize(
    ("name", "answer"),
    [("delta", 5.0), ("slope", 2.5), ("avg", 5.5), ("min", 3.0), ("max", 8.0), ("rise", 5.0 / 3.0)],
)
def test_over_cycles_each_counts_with_its_last_reading(name: str, answer: float) -> None:
    readings, cycles = [50, 3, 9, 5.5, 1, 8], [0, 1, 2, 2, 3, 3]
    assert after(window(name, 3, "cycles"), readings, cycles=cycles) == pytest.approx(answer)


def test_the_present_cycle_counts_with_what_it_reads_now() -> None:
    history = History(rules(call := window("max", 2, "cycles")))
    said = []
    for minute, (cycle, reading) in enumerate([(0, 1.0), (1, 5.0), (1, 2.0), (2, 0.0)]):
        history.add(Snapshot(60.0 * minute, cycle, {"s": reading}))
        said.append(history.value(call))
    assert said == [1.0, 5.0, 2.0, 2.0]


@pytest.mark.parametrize("name", ["delta", "rate", "slope", "rise", "drop"])
def test_a_trend_is_no_data_until_the_whole_window_was_seen(name: str) -> None:
    call = window(name, 180, "seconds")
    said = [after(call, [1.0, 2.0, 3.0, 4.0, 5.0][:seen]) is not None for seen in range(1, 6)]
    assert said == [False, False, False, True, True]
    over_cycles = window(name, 3, "cycles")
    said = [after(over_cycles, [1.0, 2.0, 3.0, 4.0][:seen]) is not None for seen in range(1, 5)]
    assert said == [False, False, True, True]


@pytest.mark.parametrize(
    ("readings", "answer"),
    [
        pytest.param([1.0, None, None, 4.0], 3.0, id="missing readings are skipped"),
        pytest.param([1.0, None, None, None, 4.0], None, id="one point is no trend"),
        pytest.param([None, None, None, None], None, id="no point is no data"),
        pytest.param([None, 1.0, 2.0, 3.0], None, id="not read for the whole window yet"),
        pytest.param([1.0, math.nan, math.inf, 4.0], 3.0, id="what is not finite is missing"),
    ],
)
def test_a_trend_with_gaps(readings: list[Reading], answer: float | None) -> None:
    assert after(window("delta", 180, "seconds"), readings) == answer


def test_a_change_from_nothing_has_no_share() -> None:
    assert after(window("rise", 120, "seconds"), [0.0, 1.0, 2.0]) is None


@pytest.mark.parametrize(
    ("readings", "answer"),
    [
        pytest.param([None, None], None, id="not watched for long enough to say"),
        pytest.param([None, None, None], 1.0, id="absent for the whole window"),
        pytest.param([1.0, None, None], 0.0, id="the window still holds a reading"),
        pytest.param([1.0, None, None, None], 1.0, id="the reading left the window"),
    ],
)
def test_a_signal_is_absent_when_the_whole_window_passed_without_it(
    readings: list[Reading], answer: float | None
) -> None:
    assert after(window("absent", 120, "seconds"), readings) == answer


#: Readings as a gauge gives them: few digits, some missing.
gauge = st.lists(
    st.none() | st.integers(-1000, 1000).map(lambda tenths: tenths / 10), min_size=1, max_size=40
)


@given(
    gauge, st.integers(1, 12), st.sampled_from(["avg", "min", "max", "quantile", "changes", "slope", "delta"])
)
@example([1.0, 1.0, 2.0], 1, "changes")
def test_what_is_kept_up_to_date_is_what_counting_anew_gives(
    readings: list[Reading], minutes: int, name: str
) -> None:
    call = window(name, minutes * 60, "seconds", 0.75 if name == "quantile" else None)
    seen = [(60.0 * at, value) for at, value in enumerate(readings[-minutes - 1 :]) if value is not None]
    covered = any(value is not None for value in readings[: max(0, len(readings) - minutes)])
    answer = _anew(name, seen) if seen and (covered or name not in ("slope", "delta")) else None
    said = after(call, readings)
    assert said == pytest.approx(answer, abs=1e-9) if answer is not None else said is None


def _anew(name: str, seen: list[tuple[float, float]]) -> float | None:
    values = [value for _, value in seen]
    match name:
        case "avg":
            return statistics.fmean(values)
        case "min":
            return min(values)
        case "max":
            return max(values)
        case "changes":
            return float(sum(one != other for one, other in pairwise(values)))
        case "quantile":
            return statistics.quantiles(values, n=4, method="inclusive")[2] if len(values) > 1 else values[0]
        case "delta":
            return values[-1] - values[0] if len(values) > 1 else None
        case _:
            hours = [at / 3600 for at, _ in seen]
            return statistics.linear_regression(hours, values).slope if len(values) > 1 else None


def test_an_average_does_not_remember_what_has_left_the_window() -> None:
    call = window("avg", 60, "seconds")
    assert after(call, [1e16, 1.0, 0.1, 0.2]) == after(call, [0.1, 0.2])


def test_each_annotator_has_a_past_of_their_own_and_leaves_none_behind() -> None:
    history = History(rules(call := window("delta", 60, "seconds"), each=True))
    for minute in range(2):
        each = {"ana": {"s": 1.0 * minute}, "bo": {"s": 5.0 * minute}}
        history.add(Snapshot(60.0 * minute, 0, {}, each))
    assert (history.value(call, "ana"), history.value(call, "bo"), history.value(call, "cy")) == (
        1.0,
        5.0,
        None,
    )
    for minute in range(2, 5):
        history.add(Snapshot(60.0 * minute, 0, {}, {"bo": {"s": 1.0}}))
    assert history.value(call, "ana") is None
    assert "ana" not in history._each


def test_it_says_how_much_of_the_past_a_restart_needs() -> None:
    calls = (window("avg", 600, "seconds"), window("max", 86400, "seconds"), window("slope", 5, "cycles"))
    assert History(rules(*calls)).reach == Reach(seconds=86400.0, cycles=5)
    assert History(rules()).reach == Reach(seconds=0.0, cycles=0)


def test_it_grows_no_further_than_its_longest_window() -> None:
    names = ("delta", "avg", "max", "changes", "slope")
    history = History(rules(*(window(name, 600, "seconds") for name in names), window("slope", 5, "cycles")))

    def look(number: int) -> None:
        history.add(Snapshot(30.0 * number, number // 20, {"s": math.sin(number)}))

    for number in range(300):
        look(number)
    tracemalloc.start()
    for number in range(300, 600):
        look(number)
    before, _ = tracemalloc.get_traced_memory()
    for number in range(600, 1500):
        look(number)
    after_, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert after_ - before < 20_000
