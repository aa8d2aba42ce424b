"""Labels that were written, as the store gives them back with the answers that they rest on."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

from flyball.core.facts import Fact, LabelSettled, Recorded, body_of
from flyball.core.ids import Position, canonical, digest_of
from flyball.errors import Unreachable
from flyball.work.integrate_items import Item, label_of, outcome_of
from flyball.work.integrate_rules import Rules
from flyball.work.tools import Tools

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


@dataclass(frozen=True, slots=True)
class Written:
    """A label that was written down, where, and what it was merged from and by."""

    seq: Position
    fact: LabelSettled
    item: Item
    needed: int
    rules: Rules
    final: bool = False


class Stored:
    """What the store holds of some labels, read once for all of them. Raises Unreachable."""

    def __init__(self, tools: Tools, written: Sequence[Written]) -> None:
        names = [each.fact.item for each in written]
        log, items = tools.store.log, tools.store.items
        self._tools = tools
        self._states = items.find(names)
        self._said, self._unread = _each(items.answers_to, names)
        self._labels, _ = _each(
            lambda seqs: {each.seq: each.fact for each in log.at(seqs)}, [each.seq for each in written]
        )

    def wrong(self, each: Written) -> str | None:
        """Why a label is not what was captured; None where it is, and where words of it were erased."""
        item, captured = each.fact.item, {answer.seq for answer in each.item.answers}
        if item in self._unread:
            return f"the answers about item {item} cannot be read: {self._unread[item]}"
        answers = [answer for answer in self._said[item] if answer.seq in captured]
        if len(answers) < len(captured) and self._erased(captured):
            return None
        try:
            label = _anew(each, answers)
        except Exception as error:  # what it is, a person is told
            return f"the answers about item {item} cannot be merged again: {error}"
        state = self._states.get(item)
        stands = state is not None and (state.seq != each.seq or state.label == each.fact.label)
        if stands and _digest(self._labels.get(each.seq)) == _digest(label):
            return None
        return f"the label of item {item} is not what its answers come to when they are read again"

    def _erased(self, captured: set[Position]) -> bool:
        return "erased" in self._tools.store.items.standing(sorted(captured)).values()


def _anew(each: Written, answers: Sequence[Recorded]) -> LabelSettled | None:
    outcome = outcome_of(each.item, each.rules, each.needed, final=each.final, answers=answers)
    return label_of(each.item, outcome, each.rules.contract, each.fact.batch)


def _each(
    read: Callable[[Sequence[K]], Mapping[K, V]], keys: Sequence[K]
) -> tuple[dict[K, V], dict[K, Exception]]:
    """What is read under these keys, and why some cannot be: those do not hide the others."""
    try:
        return dict(read(keys)), {}
    except Unreachable:
        raise
    except Exception as error:  # what it is, a person is told
        if len(keys) == 1:
            return {}, {keys[0]: error}
    found: dict[K, V] = {}
    unread: dict[K, Exception] = {}
    for some in (keys[: len(keys) // 2], keys[len(keys) // 2 :]):
        more, fewer = _each(read, some)
        found |= more
        unread |= fewer
    return found, unread


def _digest(fact: Fact | None) -> str:
    return "" if fact is None else digest_of(canonical(body_of(fact)))
