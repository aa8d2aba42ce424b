"""The settings of one loop: every key of `loop.toml` with its reader, its default and its meaning."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from flyball.core.ids import Instant, Seconds
from flyball.core.knobs import Value
from flyball.core.sampling.budget import Budget
from flyball.settings import values
from flyball.settings.outside import ApiSettings, SourceSettings, StoreSettings
from flyball.settings.places import Places
from flyball.settings.stream import StreamSettings as StreamSettings
from flyball.settings.values import Shift


@dataclass(frozen=True, slots=True)
class StartSettings:
    """What the loop has on its first day."""

    labelled: int = field(
        default=0,
        metadata=values.key(values.whole(0), "The first so many items come with their labels, for free."),
    )


@dataclass(frozen=True, slots=True)
class PoolSettings:
    """What batches are chosen from."""

    newest: int = field(
        default=20_000, metadata=values.key(values.whole(1), "The newest so many unlabelled items.")
    )


@dataclass(frozen=True, slots=True)
class LoopSettings:
    """How the lanes overlap."""

    architecture: str = field(
        default="sequential",
        metadata=values.key(
            values.word("sequential", "parallel", "adaptive"),
            "One batch at a time, overlapping lanes, or overlapping lanes steered by rules.",
        ),
    )
    rules: str = field(default="rules/adaptive.yaml", metadata=values.key(values.text, "The rule file."))
    contract: str = field(
        default="contract.yaml",
        metadata=values.key(
            values.text, "What labels mean and may be; without the file, the classes of the stream."
        ),
    )
    patience: Seconds = field(
        default=86400.0,
        metadata=values.key(
            values.lasting, "A batch that is out longer is settled without the missing ones."
        ),
    )
    parts_patience: Seconds = field(
        default=60.0,
        metadata=values.key(
            values.lasting, "An answer in parts that lacks some of them for longer is told as late."
        ),
    )


@dataclass(frozen=True, slots=True)
class DriftSettings:
    """How a change of the world is noticed."""

    detector: str = field(
        default="cusum",
        metadata=values.key(
            values.word("cusum", "adwin", "page_hinkley"), "What watches the error of labelled items."
        ),
    )


@dataclass(frozen=True, slots=True)
class LearnerSettings:
    """What learns."""

    name: str = field(
        default="lightgbm",
        metadata=values.key(values.text, "`lightgbm`, or a class of yours as `package.module:Class`."),
    )
    parameters: Mapping[str, Any] = field(
        default_factory=dict, metadata=values.key(values.table, "What the learner is made with.")
    )


@dataclass(frozen=True, slots=True)
class BudgetSettings(Budget):
    """How many answers may be asked for; the lesser of both where both are given, no limit without either."""

    share: float | None = field(
        default=None, metadata=values.key(values.share(100.0), "A share of the items that arrived.")
    )
    labels: int | None = field(
        default=None, metadata=values.key(values.whole(0), "So many answers and no more.")
    )


@dataclass(frozen=True, slots=True)
class TeamSettings:
    """Who answers."""

    source: str = field(
        default="none",
        metadata=values.key(
            values.matching(r"simulated|none|source:[a-z0-9][a-z0-9-]*", "source:NAME"),
            "A simulated team that knows the true labels, nobody, or the labelling tool of [sources.NAME].",
        ),
    )
    size: int = field(default=5, metadata=values.key(values.whole(1, 1000), "How many annotators."))
    seconds_per_item: float = field(
        default=180.0, metadata=values.key(values.number(0.0, above=True), "The mean time for one item.")
    )
    accuracy: float | tuple[float, ...] = field(
        default=0.97,
        metadata=values.key(
            values.accuracy, "The share of right answers; a list gives one for each annotator."
        ),
    )
    shift: Shift = field(
        default=Shift(),
        metadata=values.key(values.shift, 'When they work, in UTC: "09:00-17:00" or "always".'),
    )
    weekend: bool = field(
        default=True, metadata=values.key(values.flag, "Whether they work on Saturday and Sunday.")
    )


@dataclass(frozen=True, slots=True)
class TakesSettings:
    """How long the loop's own work takes in a world whose clock is not real."""

    train: Seconds = field(default=7200.0, metadata=values.key(values.duration, "One training."))
    score: Seconds = field(default=1200.0, metadata=values.key(values.duration, "One scoring pass."))
    integrate: Seconds = field(
        default=600.0, metadata=values.key(values.duration, "One pass that settles answers into labels.")
    )
    ingest: Seconds = field(default=3600.0, metadata=values.key(values.duration, "Taking in what has come."))
    steer: Seconds = field(
        default=3600.0, metadata=values.key(values.duration, "Taking the looks that are due.")
    )


@dataclass(frozen=True, slots=True)
class ClockSettings:
    """What time it is."""

    kind: str = field(
        default="real",
        metadata=values.key(
            values.word("real", "sped", "virtual"),
            "The wall clock; a world that runs faster; or a simulation that jumps from event to event.",
        ),
    )
    speed: float = field(
        default=3600.0,
        metadata=values.key(
            values.number(0.0, 10_000_000.0, above=True), "How much faster a sped world runs."
        ),
    )
    until: str | None = field(
        default=None,
        metadata=values.key(values.end, "When to stop: a date, or a length of time from the start."),
    )
    look_every: Seconds | None = field(
        default=None,
        metadata=values.key(
            values.lasting, "In a world that is not real, one look, whatever the rule file says."
        ),
    )
    takes: TakesSettings = field(default_factory=TakesSettings, metadata={"section": TakesSettings})

    def end(self, start: Instant) -> Instant | None:
        """When to stop, in a world that starts at `start`; None: at the stream's end."""
        if self.until is None:
            return None
        if re.fullmatch(r"[\d.\s]+(ms|[smhdw])\s*", self.until):
            return start + values.duration(self.until)
        return values.moment(self.until)


@dataclass(frozen=True, slots=True)
class Settings:
    """All of `loop.toml`, with defaults where it is silent.

    `knobs` holds the defaults that the file changes, `loop.architecture` among them. `directory` is
    what relative paths start at. `written` is the file as it was read, with `overrides`, the flags, over
    it; these and `places` are no part of what the settings are.
    """

    id: str = field(
        metadata=values.key(
            values.matching(r"[a-z0-9][a-z0-9-]{0,62}", "card-fraud"), "The loop's name: a-z, 0-9 and dashes."
        )
    )
    stream: StreamSettings = field(metadata={"section": StreamSettings})
    version: int = field(
        default=1, metadata=values.key(values.whole(1, 1), "The version of this file's form.")
    )
    seed: int = field(
        default=7, metadata=values.key(values.whole(0), "The seed of everything that is left to chance.")
    )
    start: StartSettings = field(default_factory=StartSettings, metadata={"section": StartSettings})
    pool: PoolSettings = field(default_factory=PoolSettings, metadata={"section": PoolSettings})
    loop: LoopSettings = field(default_factory=LoopSettings, metadata={"section": LoopSettings})
    drift: DriftSettings = field(default_factory=DriftSettings, metadata={"section": DriftSettings})
    learner: LearnerSettings = field(default_factory=LearnerSettings, metadata={"section": LearnerSettings})
    knobs: Mapping[str, Value] = field(
        default_factory=dict,
        metadata=values.key(values.table, "Defaults of knobs, by their names in quotes."),
    )
    budget: BudgetSettings = field(default_factory=BudgetSettings, metadata={"section": BudgetSettings})
    team: TeamSettings = field(default_factory=TeamSettings, metadata={"section": TeamSettings})
    clock: ClockSettings = field(default_factory=ClockSettings, metadata={"section": ClockSettings})
    stores: StoreSettings = field(default_factory=StoreSettings, metadata={"section": StoreSettings})
    api: ApiSettings = field(default_factory=ApiSettings, metadata={"section": ApiSettings})
    sources: Mapping[str, SourceSettings] = field(default_factory=dict, metadata={"sections": SourceSettings})
    directory: Path = field(default=Path(), compare=False)
    written: Mapping[str, Any] = field(default_factory=dict, compare=False, repr=False)
    overrides: Mapping[str, Any] = field(default_factory=dict, compare=False, repr=False)
    places: Places = field(default_factory=Places, compare=False, repr=False)

    def path(self, written: str) -> Path:
        """A path of the file, from the loop's directory on."""
        return self.directory / written
