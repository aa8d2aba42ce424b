"""How many answers may still be asked for."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction


@dataclass(frozen=True, slots=True)
class Budget:
    """A limit on answers: a share of the items that arrived, a number for good, or the lesser of both.

    Without either there is no limit. Labels that become known by themselves cost nothing.
    """

    share: float | None = None
    labels: int | None = None

    def __post_init__(self) -> None:
        if self.share is not None and not 0 <= self.share < float("inf"):
            raise ValueError(f"a budget's share is a number from 0 on, not {self.share}")
        if self.labels is not None and self.labels < 0:
            raise ValueError(f"a budget of labels is a number from 0 on, not {self.labels}")

    def left(self, arrived: int, asked: int) -> int | None:
        """How many more answers may be asked for; None is without limit, never below 0.

        `asked` counts from the day an item is offered, answered or not: items offered times the answers
        needed of each. So a promise that is still in flight is never spent twice. Divide what is left by
        the answers needed per item (rounding down) for the largest batch that can be paid for.

        >>> Budget(share=0.1).left(arrived=1000, asked=60)
        40
        """
        limits = [
            *([_part(self.share, arrived)] if self.share is not None else []),
            *([self.labels] if self.labels is not None else []),
        ]
        return max(0, min(limits) - asked) if limits else None


def _part(share: float, arrived: int) -> int:
    # As written: 0.29 of 100 is 29, where binary floating point gives 28.999999999999996.
    return int(Fraction(repr(float(share))) * arrived)
