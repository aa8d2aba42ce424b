"""A desk at which nobody sits: answers come in another way, or not at all."""

from __future__ import annotations

from flyball.core.ids import Instant
from flyball.ports import Answer, Offer, TeamState


class NobodyDesk:
    """Takes every batch and gives nothing back."""

    def offer(self, offer: Offer, now: Instant) -> None:
        """See `ports.Desk`."""

    def collect(self, now: Instant) -> tuple[Answer, ...]:
        """See `ports.Desk`."""
        return ()

    def team(self, now: Instant) -> TeamState:
        """See `ports.Desk`."""
        return TeamState(0, 0, 0)

    def next_at(self, now: Instant) -> Instant | None:
        """See `ports.Desk`."""
        return None
