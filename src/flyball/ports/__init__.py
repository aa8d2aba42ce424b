"""What use cases need from the outside world, in our words: small protocols, values in and out."""

from __future__ import annotations

from flyball.ports.engines import Learner, Model, RuleEngine, Shelf, Shelved, Trained
from flyball.ports.items import ItemRows, Items, ItemState, Unless
from flyball.ports.jobs import GivenUp, Job, Jobs, Letter, NewJob, Soon, Waiting
from flyball.ports.store import (
    Arrivals,
    Clock,
    Commit,
    Contested,
    Draft,
    Evidence,
    KnownLabels,
    Log,
    Receipt,
    Segments,
    Store,
)
from flyball.ports.world import Answer, Desk, Offer, Stream, TeamState, Truth

__all__ = [
    "Answer",
    "Arrivals",
    "Clock",
    "Commit",
    "Contested",
    "Desk",
    "Draft",
    "Evidence",
    "GivenUp",
    "ItemRows",
    "ItemState",
    "Items",
    "Job",
    "Jobs",
    "KnownLabels",
    "Learner",
    "Letter",
    "Log",
    "Model",
    "NewJob",
    "Offer",
    "Receipt",
    "RuleEngine",
    "Segments",
    "Shelf",
    "Shelved",
    "Soon",
    "Store",
    "Stream",
    "TeamState",
    "Trained",
    "Truth",
    "Unless",
    "Waiting",
]
