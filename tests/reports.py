"""What tests of the report share: a loop that was played, and how to read one in memory."""

from __future__ import annotations

from dataclasses import dataclass

from flyball.bootstrap import App, Reading
from flyball.report.data import Story
from flyball.report.lanes import Lanes
from flyball.report.quality import Quality


@dataclass(frozen=True)
class Played:
    """A loop that was played, and all that its report is made of."""

    app: App
    story: Story
    quality: Quality
    lanes: Lanes


def reading_of(app: App) -> Reading:
    """A loop in memory, to read it."""
    tools = app.tools
    return Reading(app.settings, tools.store.log, tools.store.items, tools.state, tools.knobs, False)
