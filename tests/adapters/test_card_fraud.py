"""The built-in stream of card payments: what its description promises."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

import flyball
from flyball.adapters.stream import open_stream
from flyball.adapters.toml_file import load
from flyball.core.table import Table
from flyball.errors import BadFile
from flyball.settings import read
from flyball.streams.card_fraud import MATURE, stream
from flyball.streams.card_world import DAY, NEW
from flyball.streams.velocity import count_before, known_share, mean_before, seconds_since


@cache
def payments(seed: int = 7, **options: Any) -> pd.DataFrame:
    return pd.DataFrame(dict(stream(seed, **options).columns))


def same(one: Table, other: Table) -> bool:
    return one.names == other.names and all(
        pd.Series(one[name]).equals(pd.Series(other[name])) for name in one.names
    )


def test_one_seed_is_one_stream() -> None:
    assert same(stream(7, transactions=2000), stream(7, transactions=2000))
    assert not same(stream(7, transactions=2000), stream(8, transactions=2000))


def test_payments_come_in_order_of_time_each_with_a_name_of_its_own() -> None:
    frame = payments()
    assert len(frame) == 100_000
    assert frame["time"].is_monotonic_increasing
    assert frame["id"].is_unique
    assert frame["time"].iloc[0] >= pd.Timestamp("2024-01-01", tz="UTC").timestamp()
    assert frame["time"].iloc[-1] - frame["time"].iloc[0] < 180 * DAY


@pytest.mark.parametrize("seed", [1, 2, 7])
def test_fraud_is_rare_and_as_frequent_before_as_after(seed: int) -> None:
    frame = payments(seed)
    halves = [frame["fraud"].iloc[:50_000].mean(), frame["fraud"].iloc[50_000:].mean()]
    assert frame["fraud"].mean() == pytest.approx(0.008)
    assert all(0.005 < half < 0.011 for half in halves)


def test_a_pattern_that_nobody_has_seen_before_appears_half_way_at_night_and_is_small() -> None:
    frame = payments()
    new = frame["category"].isin(NEW)
    turn = frame["time"].iloc[0] + 90 * DAY
    assert not new[frame["time"] < turn - 11 * DAY].any()
    later = frame[(frame["time"] > turn + DAY) & (frame["fraud"] == 1)]
    of_new = later[later["category"].isin(NEW)]
    assert len(of_new) / len(later) > 0.5
    assert of_new["amount"].median() < 10
    assert (of_new["hour"] < 8).mean() > 0.9
    honest = new & (frame["fraud"] == 0)
    assert honest.sum() > 2 * len(of_new)


def test_without_a_new_pattern_there_is_none() -> None:
    frame = payments(transactions=20_000, new_pattern_at=1.0)
    assert not (frame["category"].isin(NEW) & (frame["fraud"] == 1)).any()


def test_prices_creep_up() -> None:
    frame = payments()
    groceries = frame[(frame["category"] == "grocery") & (frame["fraud"] == 0)]
    first, last = groceries.iloc[:5000]["amount"].median(), groceries.iloc[-5000:]["amount"].median()
    assert 1.05 < last / first < 1.2


def test_frauds_become_known_weeks_later_some_never_and_the_rest_counts_as_legitimate() -> None:
    frame = payments()
    delay = (frame["known_at"] - frame["time"]) / DAY
    frauds = frame["fraud"] == 1
    reported = frame["reported"] == 1
    assert not (reported & ~frauds).any()
    assert 10 < delay[reported].median() < 18
    assert 0.06 < (frauds & ~reported).sum() / frauds.sum() < 0.2
    assert (delay[~reported] == MATURE).all()
    assert (delay > 0).all()


def test_some_values_are_missing_where_they_would_be() -> None:
    frame = payments()
    assert 0.02 < frame["country"].isna().mean() < 0.06
    assert frame.loc[frame["channel"] == "online", "distance"].isna().all()
    assert frame.loc[frame["channel"] != "online", "distance"].notna().all()
    numbers = frame.drop(columns=["id", "category", "country", "channel", "distance"])
    assert numbers.isna().sum().drop(["amount_vs_mean", "hours_since_last"]).sum() == 0
    assert numbers["amount_vs_mean"].isna().sum() == numbers["hours_since_last"].isna().sum() <= 1000


@pytest.mark.parametrize(
    "options",
    [{"transactions": 10}, {"days": 0.0}, {"fraud": 0.9}, {"new_pattern_at": 2.0}],
    ids=["too few", "no time", "nothing but fraud", "after the end"],
)
def test_what_is_out_of_bounds_is_refused_by_name(options: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=f"`{next(iter(options))}` is a number from"):
        stream(7, **options)


@pytest.mark.parametrize("extreme", [{"fraud": 0.0}, {"fraud": 0.5}, {"new_pattern_at": 0.0}, {"days": 1.0}])
def test_extremes_work(extreme: dict[str, Any]) -> None:
    table = stream(3, transactions=1500, **extreme)
    assert len(table) == 1500
    assert np.all(np.diff(table["time"]) >= 0)


def test_it_opens_as_the_demo_describes_it_and_takes_options() -> None:
    demo = Path(flyball.__file__).parent / "projects" / "demo"
    opened = open_stream(load(demo, {"stream.options.transactions": 3000}))
    assert opened.classes == ("0", "1")
    assert {feature.name for feature in opened.stream.features if feature.kind == "category"} == {
        "category",
        "country",
        "channel",
    }
    assert len(opened.stream.features) == 15
    assert len(opened.stream.labels(0, opened.start, 10**6)[0]) == 3000
    described = {"source": "flyball.streams.card_fraud", "time": "time", "options": {"transaction": 1}}
    with pytest.raises(BadFile, match="did you mean `transactions`"):
        open_stream(read({"id": "a", "stream": described}))


# --- nothing is known before its time ----------------------------------------------------------------

groups = arrays.arrays(np.int64, st.shared(st.integers(1, 30), key="rows"), elements=st.integers(0, 3))
moments = arrays.arrays(
    np.float64, st.shared(st.integers(1, 30), key="rows"), elements=st.integers(0, 40)
).map(np.sort)
delays = arrays.arrays(
    np.float64, st.shared(st.integers(1, 30), key="rows"), elements=st.sampled_from([1.0, 5.0, 20.0, np.nan])
)


@settings(max_examples=60)
@given(groups, moments, delays, st.sampled_from([3.0, 10.0, 100.0]))
def test_features_of_the_past_are_what_counting_by_hand_gives(
    group: Any, time: Any, delay: Any, window: float
) -> None:
    count, mean = count_before(group, time, window), mean_before(group, time)
    since, share = seconds_since(group, time), known_share(group, time, time + delay, window)
    for row in range(len(group)):
        before = [at for at in range(row) if group[at] == group[row]]
        recent = [at for at in before if time[at] > time[row] - window]
        known = [
            at
            for at in range(len(group))
            if group[at] == group[row] and time[row] - window < time[at] + delay[at] <= time[row]
        ]
        assert count[row] == len(recent)
        assert mean[row] == pytest.approx(
            np.mean([time[at] for at in before]) if before else np.nan, nan_ok=True
        )
        assert since[row] == pytest.approx(time[row] - time[before[-1]] if before else np.nan, nan_ok=True)
        assert share[row] == pytest.approx(min(1.0, len(known) / max(1, len(recent))))


@settings(max_examples=60)
@given(groups, moments, delays, st.integers(1, 30))
def test_what_comes_later_changes_nothing(group: Any, time: Any, delay: Any, cut: int) -> None:
    known_at = time + delay
    past = known_at[:cut]
    for whole, part in (
        (count_before(group, time, 9.0), count_before(group[:cut], time[:cut], 9.0)),
        (mean_before(group, time), mean_before(group[:cut], time[:cut])),
        (seconds_since(group, time), seconds_since(group[:cut], time[:cut])),
        (known_share(group, time, known_at, 9.0), known_share(group[:cut], time[:cut], past, 9.0)),
    ):
        assert np.array_equal(whole[:cut], part, equal_nan=True)


# --- it is worth learning -----------------------------------------------------------------------------


@pytest.mark.slow
def test_an_old_model_fails_on_the_new_pattern_and_a_new_one_recovers() -> None:
    from lightgbm import LGBMClassifier
    from sklearn.metrics import average_precision_score

    frame = payments()
    x = frame.drop(columns=["id", "time", "fraud", "reported", "known_at"])
    x = x.assign(**{name: pd.Categorical(x[name]) for name in ("category", "country", "channel")})

    def precision(learn: slice, judge: slice) -> float:
        model = LGBMClassifier(
            n_estimators=150, num_leaves=15, learning_rate=0.05, verbose=-1, n_jobs=1, seed=1
        )
        model.fit(x.iloc[learn], frame["fraud"].iloc[learn])
        return float(
            average_precision_score(
                frame["fraud"].iloc[judge], np.asarray(model.predict_proba(x.iloc[judge]))[:, 1]
            )
        )

    old = slice(0, 10_000)
    early = precision(old, slice(10_000, 40_000))
    late = precision(old, slice(60_000, 100_000))
    again = precision(slice(0, 60_000), slice(60_000, 100_000))
    assert 0.3 < early < 0.75
    assert late < 0.6 * early
    assert again > 1.5 * late
    assert again > 0.5
