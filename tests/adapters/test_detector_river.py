"""River's detectors behind our port."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from river.drift import ADWIN, PageHinkley

from flyball.adapters.detector_river import RiverDetector, adwin, page_hinkley
from flyball.core.drift.detector import Cusum, Detector

MAKERS: dict[str, Callable[[], Detector]] = {"adwin": adwin, "page-hinkley": page_hinkley, "cusum": Cusum}


def values(seed: int = 5) -> list[float]:
    """What a model that errs one time in ten sees when it comes to err four times in ten, from 1000 on."""
    rng = np.random.default_rng(seed)
    error = np.concatenate([rng.random(1000) < 0.1, rng.random(1000) < 0.4])
    return [float(value) for value in error - 0.1]


def fired(detector: Detector, fed: list[float]) -> list[int]:
    found = []
    for place, value in enumerate(fed):
        detector = detector.seen(value)
        if detector.changed:
            found.append(place)
    return found


@pytest.mark.parametrize(("name", "places"), [("adwin", [1055]), ("page-hinkley", [1045]), ("cusum", [1014])])
def test_a_rise_is_found_at_exactly_these_places(name: str, places: list[int]) -> None:
    assert fired(MAKERS[name](), values())[:1] == places


@pytest.mark.parametrize(
    ("ours", "rivers"),
    [
        (adwin(), ADWIN()),  # type: ignore[no-untyped-call]
        (page_hinkley(), PageHinkley(delta=0.05, threshold=15.0, mode="up")),
    ],
    ids=["adwin", "page-hinkley"],
)
def test_copying_changes_nothing_in_what_river_finds(
    ours: RiverDetector, rivers: ADWIN | PageHinkley
) -> None:
    found = []
    for place, value in enumerate(values()):
        rivers.update(value)  # type: ignore[no-untyped-call]
        if rivers.drift_detected:
            found.append(place)
    assert fired(ours, values()) == found


@pytest.mark.parametrize("make", MAKERS.values(), ids=MAKERS)
def test_a_detector_fed_the_same_values_again_goes_on_as_the_first(make: Callable[[], Detector]) -> None:
    detector = make()
    for value in values()[:1030]:
        detector = detector.seen(value)
    rest = values()[1030:]
    once, twice = fired(detector, rest), fired(detector, rest)
    assert once == twice == [place - 1030 for place in fired(make(), values()) if place >= 1030]


@pytest.mark.parametrize("make", MAKERS.values(), ids=MAKERS)
def test_a_value_that_is_no_number_is_passed_over(make: Callable[[], Detector]) -> None:
    with_gaps = [each for value in values() for each in (value, float("nan"))]
    assert [place // 2 for place in fired(make(), with_gaps)] == fired(make(), values())
