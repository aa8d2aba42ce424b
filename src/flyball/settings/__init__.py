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
    StoreSettings,
    StreamSettings,
    TakesSettings,
    TeamSettings,
)
from flyball.settings.places import Places
from flyball.settings.read import config_digest, described, read, with_overrides

__all__ = [
    "BudgetSettings",
    "ClockSettings",
    "DriftSettings",
    "LearnerSettings",
    "LoopSettings",
    "Places",
    "PoolSettings",
    "Settings",
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
