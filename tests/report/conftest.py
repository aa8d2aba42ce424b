"""A little loop that was played, its story, and what it is compared with."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.loops import little, play
from tests.reports import Played, reading_of

from flyball.core.facts import ItemsArrived
from flyball.report.data import Story, story_of
from flyball.report.lanes import lanes_of
from flyball.report.quality import LOOP, RANDOM, STATIC, judged_of, quality_of
from flyball.twin import baselines


@pytest.fixture(scope="session")
def played(tmp_path_factory: pytest.TempPathFactory) -> Played:
    """An adaptive loop of six days, compared with a static model and with itself under another name."""
    directory = tmp_path_factory.mktemp("loop")
    app = little(directory, loop__architecture="adaptive", budget__share=0.3)
    play(app)
    read = reading_of(app)
    own = baselines.scored(read.log, app.tools.segments)
    first = read.state.models[min(read.state.models)]
    arrived = [
        app.tools.segments.get(r.fact.segment)
        for r in read.log.read(kinds=["items-arrived"])
        if isinstance(r.fact, ItemsArrived)
    ]
    learner = app.tools.learner
    static = baselines.static(
        learner, app.tools.segments.get(first.snapshot), app.stream.features, 7, arrived
    )
    assert app.truth is not None
    truth = static.having(label=app.truth.of(static["item"].tolist()))
    judged = judged_of({LOOP: own, STATIC: static, RANDOM: own}, truth)
    assert judged is not None
    quality = quality_of(judged, 7)
    assert quality is not None
    return Played(app, story_of(read), quality, lanes_of(read))


@pytest.fixture
def silent(tmp_path: Path) -> Story:
    """The story of a loop in which nothing has happened yet."""
    return story_of(reading_of(little(tmp_path)))
