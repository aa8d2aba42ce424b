"""One annotator's words about one item, in their order; answers that come in parts are put together first."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import dataclass, replace
from typing import Any

from flyball.core.facts import AnswerGiven, Recorded, body_of
from flyball.core.ids import Instant, Position, Seconds, canonical
from flyball.core.labels.contract import Contract, Refusal, same

#: A place in an order: words with a revision stand above those without, and only these go by the log.
Place = tuple[int, float, bytes, int]


@dataclass(frozen=True, slots=True)
class Word:
    """What somebody said about the item at one time. `seqs`: the facts that it was said in.

    `label` is its id in the contract; None for a draft that has none yet.
    """

    annotator: str
    label: str | None
    fields: Mapping[str, Any]
    place: Place
    seqs: tuple[Position, ...]
    draft: bool = False
    withdrawn: bool = False


@dataclass(frozen=True, slots=True)
class Opened:
    """What one annotator's facts come to: words; and the facts that are no word, each with what it is.

    `lacking`: parts whose other parts have not come. `replaced`: parts that came again, changed.
    """

    words: tuple[Word, ...]
    lacking: tuple[Position, ...]
    replaced: tuple[Position, ...]
    refused: Mapping[Position, Refusal]


@dataclass(frozen=True, slots=True)
class Late:
    """An answer of which parts are missing for too long. It is kept, and completed when they come."""

    envelope: str
    item: str
    annotator: str
    have: tuple[int, ...]
    of: int
    since: Instant
    answers: tuple[Position, ...]


def place_of(recorded: Recorded, told: AnswerGiven) -> Place:
    """Where a fact stands among its annotator's words: by its revision, else by its place in the log.

    Of two with one revision the content decides, so that the order in which they came does not matter.
    """
    if told.revision is None:
        return (0, 0.0, b"", recorded.seq)
    return (1, told.revision, canonical(body_of(told)), recorded.seq)


def opened(said: Sequence[tuple[Recorded, AnswerGiven]], contract: Contract) -> Opened:
    """Put what one annotator said together. Each fact is in exactly one of the four places."""
    words: list[Word] = []
    envelopes: dict[str, list[tuple[Place, Recorded, AnswerGiven]]] = {}
    for recorded, told in said:
        place = place_of(recorded, told)
        if told.part is None or told.withdrawn:
            words.append(_single(recorded, told, place, contract))
        else:
            envelopes.setdefault(told.part[0], []).append((place, recorded, told))
    lacking: list[Position] = []
    replaced: list[Position] = []
    refused: dict[Position, Refusal] = {}
    for name in sorted(envelopes):
        newest, older = _newest(envelopes[name])
        seqs = tuple(recorded.seq for _, recorded, _ in newest)
        if (wrong := _disagree([told for *_, told in newest], contract)) is not None:
            refused |= dict.fromkeys(seqs, wrong)
        elif len(newest) < _of(newest[0][2]):
            lacking += seqs
        else:
            word, wrong = _united(newest, contract)
            refused |= {} if wrong is None else dict.fromkeys(seqs, wrong)
            words += [word] if wrong is None else []
        replaced += older
    return Opened(tuple(words), tuple(lacking), tuple(replaced), refused)


def beside(
    said: Iterable[tuple[Recorded, AnswerGiven]],
    words: Iterable[Word],
    gated: Set[Position],
    contract: Contract,
) -> tuple[Set[str], Set[str]]:
    """Labels that no last word says: those of answers that are `gated` until their definitions are let in,
    and those that somebody has left for another word. `words`: the last one of each annotator."""
    last = {word.annotator: word for word in words}
    waiting: set[str] = set()
    left: set[str] = set()
    for recorded, told in said:
        label = contract.label_of(told.label, told.definitions)
        if label is None or told.draft or told.withdrawn:
            continue
        word = last.get(told.annotator)
        if word is not None and place_of(recorded, told) < word.place:
            left |= {label} - {word.label}
        elif recorded.seq in gated:
            waiting.add(label)
    return waiting, left


def misplaced(told: AnswerGiven) -> Refusal | None:
    """What is wrong with the number of a part."""
    if told.part is None:
        return None
    _, number, of = told.part
    if 1 <= number <= of:
        return None
    return Refusal("bad-part", "part", f"part {number} of {of} cannot be; parts count from 1 to how many")


def late(answers: Iterable[Recorded], now: Instant, patience: Seconds) -> tuple[Late, ...]:
    """Of answers that wait, the envelopes that lack parts for longer than `patience`, the oldest first."""
    found: dict[tuple[str, str, str], list[Recorded]] = {}
    for recorded in answers:
        told = recorded.fact
        if isinstance(told, AnswerGiven) and told.part is not None:
            found.setdefault((told.part[0], told.item, told.annotator), []).append(recorded)
    listed = [_late(names, those) for names, those in found.items()]
    waits = [each for each in listed if len(each.have) < each.of and each.since + patience <= now]
    return tuple(sorted(waits, key=lambda each: (each.since, each.envelope)))


def _late(names: tuple[str, str, str], those: Sequence[Recorded]) -> Late:
    parts = [each.fact.part for each in those if isinstance(each.fact, AnswerGiven) and each.fact.part]
    have = tuple(sorted({number for _, number, _ in parts}))
    return Late(*names, have, parts[0][2], max(each.at for each in those), tuple(each.seq for each in those))


def _single(recorded: Recorded, told: AnswerGiven, place: Place, contract: Contract) -> Word:
    return Word(
        told.annotator,
        contract.label_of(told.label, told.definitions),
        told.fields,
        place,
        (recorded.seq,),
        told.draft,
        told.withdrawn,
    )


def _newest(
    parts: Sequence[tuple[Place, Recorded, AnswerGiven]],
) -> tuple[list[tuple[Place, Recorded, AnswerGiven]], list[Position]]:
    """Of each part the one that counts, in order of their numbers; and those that came before it."""
    held: dict[int, tuple[Place, Recorded, AnswerGiven]] = {}
    older: list[Position] = []
    for each in sorted(parts, key=lambda part: part[0]):
        number = each[2].part[1] if each[2].part else 0
        if number in held:
            older.append(held[number][1].seq)
        held[number] = each
    return [held[number] for number in sorted(held)], older


def _of(told: AnswerGiven) -> int:
    return told.part[2] if told.part else 1


def _disagree(parts: Sequence[AnswerGiven], contract: Contract) -> Refusal | None:
    """What parts of one answer contradict each other in."""
    if len({_of(part) for part in parts}) > 1:
        told = "the parts of this answer do not agree on how many they are"
        return Refusal("parts-disagree", "part", told)
    labels = {contract.label_of(part.label, part.definitions) for part in parts if part.label}
    if len(labels) > 1:
        return Refusal("parts-disagree", "label", "the parts of this answer have different labels")
    fields: dict[str, Any] = {}
    for part in parts:
        for name, value in part.fields.items():
            if name in fields and not same(fields[name], value):
                return Refusal("parts-disagree", name, f"the parts of this answer differ in `{name}`")
            fields.setdefault(name, value)
    return None


def _united(
    parts: Sequence[tuple[Place, Recorded, AnswerGiven]], contract: Contract
) -> tuple[Word, Refusal | None]:
    """All parts as one word, and why the whole cannot be taken, where it cannot."""
    told = [part for *_, part in parts]
    labelled = next((part for part in told if part.label), told[0])
    fields = {name: value for part in told for name, value in part.fields.items()}
    whole = replace(labelled, part=None, fields=fields, draft=any(part.draft for part in told))
    word = _single(parts[0][1], whole, max(place for place, *_ in parts), contract)
    problems = contract.problems(whole) if not whole.draft else ()
    seqs = tuple(sorted(recorded.seq for _, recorded, _ in parts))
    return replace(word, seqs=seqs), problems[0] if problems else None
