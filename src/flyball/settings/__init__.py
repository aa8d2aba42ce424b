"""What `loop.toml` says, as values: checked as a whole, every mistake with its place."""

from flyball.settings.model import (
    BudgetSettings,
    ClockSettings,
    DriftSettings,
    LearnerSettings,
    LoopSettings,
    PoolSettings,
    Settings,
    StartSettings,
    TakesSettings,
    TeamSettings,
)
from flyball.settings.outside import ApiSettings, SourceSettings, StoreSettings
from flyball.settings.places import Places
from flyball.settings.read import config_digest, described, read, with_overrides
from flyball.settings.stream import StreamSettings

__all__ = [
    "ApiSettings",
    "BudgetSettings",
    "ClockSettings",
    "DriftSettings",
    "LearnerSettings",
    "LoopSettings",
    "Places",
    "PoolSettings",
    "Settings",
    "SourceSettings",
    "StartSettings",
    "StoreSettings",
    "StreamSettings",
    "TakesSettings",
    "TeamSettings",
    "config_digest",
    "described",
    "read",
    "with_overrides",
]
