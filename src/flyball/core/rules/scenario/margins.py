"""How far from its threshold each comparison of a condition was, to be shown."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from flyball.core.rules.conditions import Side, side_key
from flyball.core.rules.margin import apart, said, told_comparison, unit_of_comparison
from flyball.core.rules.model import Compare, Condition, Expression, Number, Word
from flyball.core.rules.reference import truth
from flyball.core.rules.tree import comparisons_in, named_in
from flyball.core.rules.words import Catalogue


def margins(
    condition: Condition,
    named: Mapping[str, Condition],
    readings: Mapping[str, Side],
    about: str | None,
    catalogue: Catalogue,
) -> Iterator[str]:
    """A line for each comparison, also of named conditions: what it asks, what was read, how far it was."""
    for compare in comparisons_in(condition):
        yield _line(compare, readings, about, catalogue)
    for name in dict.fromkeys(named_in(condition)):
        yield from margins(named[name], named, readings, None, catalogue)


def _line(compare: Compare, readings: Mapping[str, Side], about: str | None, catalogue: Catalogue) -> str:
    unit = unit_of_comparison(compare, catalogue.signals, catalogue.knobs)
    asks = told_comparison(compare, unit)
    holds = truth(compare, readings, {}, about)
    if holds is None:
        return f"{asks}: no data"
    sides = [(side, _value(side, readings, about)) for side in (compare.left, compare.right)]
    read = [said(value, unit) for side, value in sides if not isinstance(side, Number | Word)]
    by = apart(sides[0][1], sides[1][1], unit)
    return f"{asks}: {'yes' if holds else 'no'}, read {' and '.join(read)}{by and f', {by}'}"


def _value(side: Expression, readings: Mapping[str, Side], about: str | None) -> Side:
    value = side.value if isinstance(side, Number | Word) else readings.get(side_key(side, about))
    return value + 0.0 if isinstance(value, float) else value  # -0.0 becomes 0.0
