"""Conditions as flat parts: each an `and` or an `or` of comparisons and of parts that come before it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import assert_never

from flyball.core.rules.model import AllOf, AnyOf, Compare, Condition, Named, Not
from flyball.core.rules.words import OPPOSITE


@dataclass(frozen=True, slots=True)
class Uses:
    """The truth of a part that comes before, or its opposite."""

    part: str
    positive: bool

    @property
    def opposite(self) -> Uses:
        """What holds when this does not."""
        return Uses(self.part, not self.positive)


Atom = Compare | Uses


@dataclass(frozen=True, slots=True)
class Part:
    """All of these atoms, or any of them. `level`: it uses parts of lower levels only."""

    name: str
    every: bool
    atoms: tuple[Atom, ...]
    level: int


def opposite(atom: Atom) -> Atom:
    """What holds when an atom does not; both are unknown together."""
    if isinstance(atom, Uses):
        return atom.opposite
    return Compare(OPPOSITE[atom.operator], atom.left, atom.right)


def parts_of(
    conditions: Iterable[tuple[str, Condition]], levels: Mapping[str, int], widest: int
) -> list[Part]:
    """Conditions by name as parts of at most `widest` atoms, each after those it uses.

    Negations are pushed down to the atoms (De Morgan). What is nested otherwise than flat becomes a
    part of its own. `levels`: those of parts that are known already.
    """
    flat = _Flattener(dict(levels), widest)
    for name, condition in conditions:
        flat.add(name, condition)
    return flat.parts


class _Flattener:
    def __init__(self, levels: dict[str, int], widest: int) -> None:
        self.parts: list[Part] = []
        self._levels = levels
        self._widest = widest

    def add(self, name: str, condition: Condition, positive: bool = True) -> None:
        """One part for a condition, after others for what is nested in it."""
        inner, positive = _unwrapped(condition, positive)
        every = not isinstance(inner, AllOf | AnyOf) or _is_and(inner, positive)
        atoms = list(dict.fromkeys(self._atoms(name, inner, positive, every)))
        if not atoms:
            raise ValueError(f"`{name}` joins nothing")
        count = 0
        while len(atoms) > self._widest:
            group, atoms = atoms[: self._widest], atoms[self._widest :]
            count += 1
            self._put(f"{name}#wide{count}", every, group)
            atoms.append(Uses(f"{name}#wide{count}", True))
        self._put(name, every, atoms)

    def _put(self, name: str, every: bool, atoms: list[Atom]) -> None:
        level = max((self._levels[atom.part] + 1 for atom in atoms if isinstance(atom, Uses)), default=0)
        self._levels[name] = level
        self.parts.append(Part(name, every, tuple(atoms), level))

    def _atoms(self, name: str, condition: Condition, positive: bool, every: bool) -> Iterator[Atom]:
        inner, positive = _unwrapped(condition, positive)
        match inner:
            case Compare():
                yield inner if positive else opposite(inner)
            case Named(name=used):
                yield Uses(used, positive)
            case AllOf(of=parts) | AnyOf(of=parts):
                if _is_and(inner, positive) == every:
                    for part in parts:
                        yield from self._atoms(name, part, positive, every)
                else:
                    nested = f"{name}#{len(self.parts)}"
                    self.add(nested, inner, positive)
                    yield Uses(nested, True)
            case Not():
                raise AssertionError("unwrapped before")
            case _:
                assert_never(inner)


def _unwrapped(condition: Condition, positive: bool) -> tuple[Condition, bool]:
    while isinstance(condition, Not):
        condition, positive = condition.of, not positive
    return condition, positive


def _is_and(condition: AllOf | AnyOf, positive: bool) -> bool:
    return isinstance(condition, AllOf) == positive
