"""Conditions as definitions for durable-rules, within its limits and clear of its traps.

- A condition becomes rules that say yes and rules that say no; where neither matches it is unknown.
- `$or` is not used: it matches once for every branch that holds, and multiplies when it is nested.
- A comparison of two attributes has a pair of its own, asserted together or not at all: the library
  takes a missing right-hand side for whatever its memory holds.
- Numbers go as fixed-point text, which it reads exactly; exponents it refuses. Words go as digests of
  one length in attributes of their own, so that it never compares a word with a number.
- No `$nex`, no arithmetic, no joins, no timers, no state.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from functools import lru_cache

from flyball.core.rules.conditions import Side
from flyball.core.rules.model import Compare, Condition, Expression, Number, Word
from flyball.core.rules.normal import Atom, Part, Uses, opposite, parts_of
from flyball.core.rules.tree import written
from flyball.core.rules.words import TURNED

#: At most so many atoms a ruleset: as each matches as it is or turned round, never more than so many
#: matches for one fact. The library stops at 64, and hangs from 512 atoms on.
WIDEST = 60

#: The rule that matches every look. Where it does not, the ruleset is stuck, or the process reads
#: numbers in a locale with decimal commas.
ALIVE = "alive"
_LOOK = '"look":0.5'
_ALIVE_RULE = f'"{ALIVE}":{{"all":[{{"m":{{"$gt":{{"look":0.25}}}}}}]}}'

_OPERATORS = {"<": "$lt", "<=": "$lte", ">": "$gt", ">=": "$gte", "==": "$eq", "!=": "$neq"}


#: A literal, or the key of a reading.
_Operand = Number | Word | str


@dataclass(frozen=True, slots=True)
class Shard:
    """One ruleset: its definition, what its rules mean, and how a look becomes its fact."""

    definition: str
    parts: tuple[str, ...]
    means: Mapping[str, tuple[str, bool]]
    numbers: tuple[tuple[str, str], ...]
    words: tuple[tuple[str, str], ...]
    pairs: tuple[tuple[str, str, _Operand, _Operand, bool], ...]
    uses: tuple[tuple[str, str], ...]

    def fact(self, reading: Callable[[str], Side], known: Mapping[str, bool | None]) -> str:
        """A look as the inside of a JSON object. What is unknown is left out."""
        return ",".join([_LOOK, *self._attributes(reading, known)])

    def _attributes(self, reading: Callable[[str], Side], known: Mapping[str, bool | None]) -> Iterator[str]:
        for name, key in self.numbers:
            if (number := _number(reading(key))) is not None:
                yield f'"{name}":{number}'
        for name, key in self.words:
            if isinstance(value := reading(key), str):
                yield f'"{name}":"{_word(value)}"'
        for left, right, first, second, order in self.pairs:
            yield from _pair(left, right, _value(first, reading), _value(second, reading), order)
        for name, part in self.uses:
            if (truth := known[part]) is not None:
                yield f'"{name}":{"1.0" if truth else "0.0"}'


def shards_of(
    conditions: Iterable[tuple[str, Condition]], levels: Mapping[str, int]
) -> tuple[list[Shard], dict[str, int]]:
    """Conditions as rulesets in the order in which they must be asked, and the level of each part.

    `levels`: those of conditions that are asked before.
    """
    parts = parts_of(conditions, levels, WIDEST)
    shards: list[Shard] = []
    for level in sorted({part.level for part in parts}):
        draft = _Draft()
        for part in (part for part in parts if part.level == level):
            if draft.atoms + len(part.atoms) > WIDEST:
                shards.append(draft.shard())
                draft = _Draft()
            draft.add(part)
        shards.append(draft.shard())
    return shards, {**levels, **{part.name: part.level for part in parts}}


@dataclass(slots=True)
class _Draft:
    """A ruleset being filled with parts."""

    atoms: int = 0
    rules: list[str] = field(default_factory=lambda: [_ALIVE_RULE])
    parts: list[str] = field(default_factory=list)
    means: dict[str, tuple[str, bool]] = field(default_factory=dict)
    numbers: dict[str, str] = field(default_factory=dict)
    words: dict[str, str] = field(default_factory=dict)
    pairs: dict[str, tuple[str, str, _Operand, _Operand, bool]] = field(default_factory=dict)
    uses: dict[str, str] = field(default_factory=dict)

    def shard(self) -> Shard:
        """The ruleset as it stands."""
        return Shard(
            f"{{{','.join(self.rules)}}}",
            tuple(self.parts),
            self.means,
            tuple((name, key) for key, name in self.numbers.items()),
            tuple((name, key) for key, name in self.words.items()),
            tuple(self.pairs.values()),
            tuple((name, part) for part, name in self.uses.items()),
        )

    def add(self, part: Part) -> None:
        """The rules of one part: all of its atoms together say one thing, any opposite alone the other."""
        self.atoms += len(part.atoms)
        self.parts.append(part.name)
        turned = [opposite(atom) for atom in part.atoms]
        together, alone = (part.atoms, turned) if part.every else (turned, list(part.atoms))
        self._rule(part.name, part.every, together)
        for atom in alone:
            self._rule(part.name, not part.every, [atom])

    def _rule(self, part: str, truth: bool, atoms: Iterable[Atom]) -> None:
        patterns = [self._pattern(atom) for atom in atoms]
        known = [pattern for pattern in patterns if pattern is not None]
        if len(known) < len(patterns):
            return  # One of them is never known, so this never matches.
        inside = known[0] if len(known) == 1 else f'{{"$and":[{",".join(known)}]}}'
        name = f"r{len(self.rules)}"
        self.rules.append(f'"{name}":{{"all":[{{"m":{inside}}}]}}')
        self.means[name] = (part, truth)

    def _pattern(self, atom: Atom) -> str | None:
        if isinstance(atom, Uses):
            name = self.uses.setdefault(atom.part, f"u{len(self.uses)}")
            return f'{{"$eq":{{"{name}":{"1.0" if atom.positive else "0.0"}}}}}'
        match atom:
            case Compare(left=Number() | Word(), right=Number() | Word()):
                return self._of_pair(atom)
            case Compare(left=Number() | Word() as literal, operator=sign, right=side):
                return self._of_literal(side, TURNED[sign], literal)
            case Compare(left=side, operator=sign, right=Number() | Word() as literal):
                return self._of_literal(side, sign, literal)
            case _:
                return self._of_pair(atom)

    def _of_literal(self, side: Expression, sign: str, literal: Number | Word) -> str | None:
        key = written(side)
        if isinstance(literal, Word):
            name = self.words.setdefault(key, f"w{len(self.words)}")
            known = sign in ("==", "!=")
            return f'{{"{_OPERATORS[sign]}":{{"{name}":"{_word(literal.value)}"}}}}' if known else None
        name = self.numbers.setdefault(key, f"n{len(self.numbers)}")
        return f'{{"{_OPERATORS[sign]}":{{"{name}":{_number(literal.value)}}}}}'

    def _of_pair(self, compare: Compare) -> str:
        order = compare.operator not in ("==", "!=")
        left, right = _operand(compare.left), _operand(compare.right)
        number = len(self.pairs)
        pair = self.pairs.setdefault(
            f"{left} {order} {right}", (f"p{number}", f"q{number}", left, right, order)
        )
        return f'{{"{_OPERATORS[compare.operator]}":{{"{pair[0]}":{{"$m":"{pair[1]}"}}}}}}'


def _pair(left: str, right: str, first: Side, second: Side, order: bool) -> Iterator[str]:
    """Two attributes to compare with each other: both numbers, or both words that only may be equal."""
    one, two = _number(first), _number(second)
    if one is not None and two is not None:
        yield f'"{left}":{one},"{right}":{two}'
    elif isinstance(first, str) and isinstance(second, str) and not order:
        yield f'"{left}":"{_word(first)}","{right}":"{_word(second)}"'


def _operand(side: Expression) -> _Operand:
    return side if isinstance(side, Number | Word) else written(side)


def _value(operand: _Operand, reading: Callable[[str], Side]) -> Side:
    return reading(operand) if isinstance(operand, str) else operand.value


def _number(value: Side) -> str | None:
    """A finite number with a point and without an exponent; reading it gives the same number again."""
    if value is None or isinstance(value, str) or not math.isfinite(value):
        return None
    text = repr(float(value))
    return format(Decimal(text), "f") + ("" if "e-" in text else ".0") if "e" in text else text


@lru_cache(maxsize=256)
def _word(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
