"""When lanes were at work, and how far beside each other."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.loops import little
from tests.reports import Played, reading_of

from flyball.adapters.prefect.environment import database_of
from flyball.core.facts import RunBegan
from flyball.core.ids import Digest, Pins, Position, RunId
from flyball.report.lanes import Span, common, lanes_of, merged, overlap, rows, spans_of
from flyball.report.plots_work import lanes_title

moments = st.integers(0, 50)
stretches = st.lists(st.tuples(moments, moments).map(lambda two: (min(two), max(two))), max_size=12)


@given(stretches)
def test_merging_keeps_every_moment_and_no_two_stretches_touch(given_ones: list[tuple[int, int]]) -> None:
    found = merged(given_ones)
    assert all(before[1] < after[0] for before, after in pairwise(found))
    assert all(any(begin <= one and other <= end for begin, end in found) for one, other in given_ones)


@given(stretches, stretches)
def test_what_two_have_in_common_is_what_a_count_of_moments_finds(
    one: list[tuple[int, int]], other: list[tuple[int, int]]
) -> None:
    def within(stretched: list[tuple[int, int]]) -> set[int]:
        return {moment for begin, end in stretched for moment in range(begin, end)}

    assert common(merged(one), merged(other)) == len(within(one) & within(other))


@given(stretches)
def test_bars_on_one_row_never_overlap(given_ones: list[tuple[int, int]]) -> None:
    spans = [Span("annotate", begin, end, "") for begin, end in sorted(given_ones)]
    places = rows(spans)
    for row in set(places):
        own = [span for span, place in zip(spans, places, strict=True) if place == row]
        assert all(before.end <= after.begin for before, after in pairwise(own))


def test_training_that_overlaps_two_batches_is_not_counted_twice() -> None:
    spans = [Span("train", 0, 10, ""), Span("annotate", 0, 6, ""), Span("annotate", 4, 8, "")]
    assert overlap(spans, "train") == {"annotate": 0.8, "any": 0.8}
    assert overlap(spans[1:], "train") == {}


def test_every_training_and_every_batch_of_the_log_is_drawn(played: Played) -> None:
    state = played.app.tools.state
    drawn = [span.lane for span in played.lanes.spans]
    assert drawn.count("train") == len(state.models)
    assert drawn.count("annotate") == state.released
    assert not played.lanes.wall
    assert lanes_title(played.lanes).startswith("Other lanes were at work during")


def test_what_is_under_way_lasts_until_now(tmp_path: Path) -> None:
    app = little(tmp_path)
    pins = Pins(Position(0), Digest("c"), Digest("r"), Digest("k"), 7, {})
    app.tools.tell(100.0, RunBegan(RunId("train-1"), "train", pins, "there is no model yet"))
    app.tools.tell(160.0, RunBegan(RunId("train-2"), "train", pins, "another"))
    first = spans_of(reading_of(app))[0]
    assert first.end == app.tools.state.at
    assert first.about == "there is no model yet; under way"


@pytest.mark.parametrize("content", [b"", b"no database"], ids=["empty", "damaged"])
def test_a_prefect_database_that_cannot_be_read_leaves_the_log(
    played: Played, tmp_path: Path, content: bytes
) -> None:
    read = replace(played.story.read, settings=replace(played.story.read.settings, directory=tmp_path))
    path = database_of(tmp_path)
    path.parent.mkdir(parents=True)
    path.write_bytes(content)
    assert lanes_of(read) == played.lanes
