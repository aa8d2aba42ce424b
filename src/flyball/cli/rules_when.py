"""From when on a recording is asked: `1h` counts back from now, or from its end where nothing adds to it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from flyball.bootstrap import Reading
from flyball.cli.show import moment
from flyball.cli.times import moment_of
from flyball.cli.write import now_of
from flyball.core.ids import Instant
from flyball.work.replay import Past
from flyball.work.views import running


@dataclass(frozen=True, slots=True)
class Clock:
    """What `ago` counts from. `running`: a process adds to the recording, so that it is the time now."""

    now: Instant
    running: bool

    def moment(self, text: str) -> Instant:
        """A moment as people type it. Raises BadUsage."""
        return moment_of(text, self.now)

    def notes(self, *asked: str | None) -> Iterator[str]:
        """What is to be said of these moments: those that are counted back from an end, and from which."""
        counted = [each for each in asked if each is not None and _moves(each, self.now)]
        if counted and not self.running:
            what = f"`{'` and `'.join(counted)}` {'are' if len(counted) > 1 else 'is'} counted from"
            yield f"No process runs this loop: {what} the end of its recording, {moment(self.now)} UTC."


def clock_of(read: Reading, past: Past) -> Clock:
    """The clock of a loop's recording: that of its world while a process runs it, else its last look."""
    runs = bool(running(read.log, read.alive, read.servers)["running"])
    return Clock(now_of(read) if runs else past.recording.ends()[1].due, runs)


def _moves(text: str, now: Instant) -> bool:
    """Whether a moment is so long before another; that `now` is the end needs no telling."""
    return text.strip() != "now" and moment_of(text, now) != moment_of(text, now + 1.0)
