"""A part of an expression with its meaning: what kind of thing it is, in which unit, within which bounds."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Literal, cast

from flyball.core.rules.model import Condition, Expression
from flyball.core.rules.words import Catalogue

Kind = Literal["number", "flag", "word", "name", "condition", "wrong"]


@dataclass(frozen=True, slots=True)
class Names:
    """What an expression may name at its place.

    `each`: it is looked at once for each annotator. `condition`: it is itself a named condition.
    """

    catalogue: Catalogue
    conditions: Collection[str] = ()
    each: bool = False
    condition: bool = False


@dataclass(frozen=True, slots=True)
class Typed:
    """A part of an expression with its place in the text.

    `kind` "name" is a word that nothing is known of yet, and may be one of a knob's `words`; "wrong"
    was told already. `literal`: it reads nothing. `low` and `high` bound what it can be. `text` is
    what to call it.
    """

    tree: Expression | Condition | None
    kind: Kind
    start: int
    end: int
    unit: str = ""
    literal: bool = False
    low: float | None = None
    high: float | None = None
    words: tuple[str, ...] = ()
    text: str = ""

    @property
    def expression(self) -> Expression:
        """The tree of a part that is known to be a value."""
        return cast(Expression, self.tree)
