"""What all that was said about one item comes to: its label or why it waits, and how each answer stands.

A pure function of the item's answers and of what is in force, so that it can be run again at any time.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from flyball.core.facts import AnswerGiven, Recorded, body_of
from flyball.core.ids import Digest, ItemId, Position, canonical, digest_of
from flyball.core.labels.contract import EVERYBODY, UNKNOWN_DEFINITIONS, Contract, Refusal
from flyball.core.labels.envelope import Opened, Word, beside, misplaced, opened
from flyball.core.labels.proof import Status
from flyball.core.labels.settle import Settled, Undecided, Vote, Waiting, settle

#: What an item comes to; none of them is ever taken for another. "empty": nobody said anything that can
#: be taken; "unfinished": only drafts, or parts of answers.
Kind = Literal["settled", "blocked", "empty", "unfinished", "withdrawn", "abstained"] | Undecided
#: The code of an answer about an item that never came, and of one for a class that is held back.
UNKNOWN_ITEM, BLOCKED = "unknown-item", "class-blocked"
#: The code of an answer whose item has a label that is not what was captured.
UNLIKE = "not-as-captured"
#: Under this name a label has the values of a field in which its answers differ, by their annotators.
SAID = "said"


@dataclass(frozen=True, slots=True)
class Stood:
    """How one answer stands; `code` and `reason` where it is parked."""

    status: Status
    code: str = ""
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What an item comes to. `answers`: those that the label rests on, in order; `superseded`: those that
    do not count. `standing` has each answer exactly once; `voted` has every label that somebody says in
    the end, settled or not; `left` every label that somebody said and says no more; `taken_back`: whether
    somebody took back what they said."""

    kind: Kind
    why: str
    standing: Mapping[Position, Stood]
    label: str | None = None
    agreed: float = 0.0
    policy: str = ""
    fields: Mapping[str, Any] = field(default_factory=dict)
    annotators: tuple[str, ...] = ()
    voted: Set[str] = frozenset()
    left: Set[str] = frozenset()
    taken_back: bool = False

    def ends(self, label: str) -> bool:
        """Whether an item's label is one no more: nobody says it, and that is because somebody took words
        back or changed them, and not because words were erased or wait to be let in."""
        return self.label is None and label not in self.voted and (self.taken_back or label in self.left)

    @property
    def answers(self) -> tuple[Position, ...]:
        """The answers that the label rests on, in order."""
        return self._those("merged")

    @property
    def superseded(self) -> tuple[Position, ...]:
        """The answers that do not count, in order."""
        return self._those("superseded")

    def digest(self, answers: Sequence[Recorded]) -> Digest:
        """One name for the outcome, without places in the log: the same in whatever order answers came."""
        told = {each.seq: digest_of(canonical(body_of(each.fact))) for each in answers}
        stood = sorted([told[seq], each.status, each.code] for seq, each in self.standing.items())
        settled = [self.kind, self.label, self.agreed, self.policy, self.fields, self.annotators]
        return digest_of(canonical([settled, stood]))

    def _those(self, status: Status) -> tuple[Position, ...]:
        return tuple(sorted(seq for seq, each in self.standing.items() if each.status == status))


def merge(
    answers: Sequence[Recorded],
    contract: Contract,
    needed: int = 1,
    *,
    final: bool = False,
    blocked: Set[str] = frozenset(),
    known: Mapping[str, Any] | None = None,
    trust: Mapping[str, float] | None = None,
) -> Outcome:
    """Merge what was said about one item, in whatever order it is given.

    Of each annotator the last word counts: the one with the highest revision; without revisions, the
    one that came last. An answer in parts is a word once all its parts are there, and a draft is none.
    What the contract refuses is parked, and takes no part. `known`: what identity fields are for this
    item; without it the oldest word says so. `blocked`: classes that no item is settled as. `trust`: how
    much of a vote each annotator has, of everybody else's under "*".
    `needed` and `final` are those of `settle`; the contract's own number stands above `needed`.
    """
    said = sorted(
        ((each, each.fact) for each in answers if isinstance(each.fact, AnswerGiven)),
        key=lambda pair: pair[0].seq,
    )
    standing: dict[Position, Stood] = {}
    by_annotator: dict[str, list[tuple[Recorded, AnswerGiven]]] = {}
    for recorded, told in said:
        if (wrong := _refusal(told, contract)) is not None:
            standing[recorded.seq] = wrong
        else:
            by_annotator.setdefault(told.annotator, []).append((recorded, told))
    those = [opened(words, contract) for words in by_annotator.values()]
    lasting = _in_order(_last_words(those, standing))
    lasting = _of_this_item(lasting, contract, dict(known or {}), standing)
    settled = _settled(lasting, contract, contract.answers_needed or needed, final, trust or {})
    outcome = _outcome(lasting, settled, standing, contract, blocked)
    gated = {seq for seq, stood in standing.items() if stood.code == UNKNOWN_DEFINITIONS}
    waiting, left = beside(said, lasting, gated, contract)
    taken_back = any(word.withdrawn for word in lasting)
    return replace(outcome, voted=outcome.voted | waiting, left=left, taken_back=taken_back)


def never(item: ItemId) -> str:
    """Why an answer about an item is parked that has not come."""
    return f"item {item} never arrived"


def unknown_item(item: ItemId, answers: Sequence[Recorded]) -> Outcome:
    """What answers about an item that never came are: all parked, until it comes."""
    stood = Stood("parked", UNKNOWN_ITEM, never(item))
    return Outcome("empty", stood.reason, {each.seq: stood for each in answers})


def _refusal(told: AnswerGiven, contract: Contract) -> Stood | None:
    if told.withdrawn:
        return None
    if not contract.knows(told.definitions):
        which = f"definitions {told.definitions[:12]}" if told.definitions else "no definitions"
        why = f"it was given under {which}, which nobody has approved; see `flyball contract approve`"
        return Stood("parked", UNKNOWN_DEFINITIONS, why)
    if (wrong := misplaced(told)) is not None:
        return _parked((wrong,))
    # A draft may be unfinished in every way.
    problems = () if told.draft else contract.problems(told)
    return _parked(problems) if problems else None


def _parked(problems: Sequence[Refusal]) -> Stood:
    return Stood("parked", problems[0].code, "; ".join(each.sentence for each in problems))


def _last_words(those: Sequence[Opened], standing: dict[Position, Stood]) -> list[Word]:
    """The last finished word of each annotator; all that is not finished, or was replaced, is told here."""
    lasting: list[Word] = []
    for one in those:
        standing.update(dict.fromkeys(one.lacking, Stood("pending")))
        standing.update(dict.fromkeys(one.replaced, Stood("superseded")))
        standing.update({seq: _parked((wrong,)) for seq, wrong in one.refused.items()})
        finished = [word for word in one.words if not word.draft]
        last = max(finished, key=lambda word: word.place, default=None)
        for word in one.words:
            waits = last is None or word.place > last.place
            standing.update(dict.fromkeys(word.seqs, Stood("pending" if waits else "superseded")))
        if last is not None:
            lasting.append(last)
    return lasting


def _in_order(words: Sequence[Word]) -> list[Word]:
    """Words of several annotators, the oldest first: by revision where all have one, else by the log."""
    if all(word.place[0] for word in words):
        return sorted(words, key=lambda word: (word.place[1], word.annotator))
    return sorted(words, key=lambda word: max(word.seqs))


def _of_this_item(
    words: Sequence[Word], contract: Contract, known: dict[str, Any], standing: dict[Position, Stood]
) -> list[Word]:
    """Park the words that are about another item than they say."""
    if not contract.identity:
        return list(words)
    kept: list[Word] = []
    for word in words:
        if wrong := contract.locked(word.fields, known):
            standing.update(dict.fromkeys(word.seqs, _parked(wrong)))
            continue
        kept.append(word)
        for name in contract.identity:
            if name in word.fields and not word.withdrawn:
                known.setdefault(name, word.fields[name])
    return kept


def _settled(
    words: Sequence[Word], contract: Contract, needed: int, final: bool, trust: Mapping[str, float]
) -> Settled | Waiting:
    everybody = trust.get(EVERYBODY, 1.0)
    votes = [
        Vote(
            word.annotator,
            label,
            contract.weight(word.annotator),
            contract.rank(word.annotator),
            trust.get(word.annotator, everybody),
        )
        for word, label in _voters(words, contract)
    ]
    return settle(votes, needed, contract.policy, final)


def _voters(words: Sequence[Word], contract: Contract) -> list[tuple[Word, str]]:
    """The words that say a label, each with it."""
    return [
        (word, word.label)
        for word in words
        if not word.withdrawn and word.label is not None and not contract.abstains(word.label)
    ]


def _outcome(
    words: Sequence[Word],
    settled: Settled | Waiting,
    standing: dict[Position, Stood],
    contract: Contract,
    blocked: Set[str],
) -> Outcome:
    voters = _voters(words, contract)
    voted = frozenset(label for _, label in voters)
    for word in words:  # what was taken back says nothing any more
        if word.withdrawn:
            standing.update(dict.fromkeys(word.seqs, Stood("superseded")))
    if isinstance(settled, Waiting):
        kind, why = (settled.kind, settled.why) if voters else _nothing(words, standing)
        waiting = [word for word in words if not word.withdrawn]
        standing.update({seq: Stood("pending") for word in waiting for seq in word.seqs})
        return Outcome(kind, why, standing, voted=voted)
    if settled.label in blocked:
        return _blocked(settled.label, words, standing, voted)
    for word in words:
        counts = any(word is each for each, _ in voters)
        # One who did not decide is superseded by those who did.
        standing.update(dict.fromkeys(word.seqs, Stood("merged" if counts else "superseded")))
    alike = [word for word, label in voters if label == settled.label]
    return Outcome(
        "settled",
        "",
        standing,
        settled.label,
        settled.agreed,
        contract.policy,
        _fields(alike, settled, contract),
        tuple(sorted(word.annotator for word, _ in voters)),
        voted,
    )


def _nothing(words: Sequence[Word], standing: Mapping[Position, Stood]) -> tuple[Kind, str]:
    """Why nobody votes."""
    if any(not word.withdrawn for word in words):
        return "abstained", "nobody who answered decides"
    if words:
        return "withdrawn", "every answer was taken back"
    if any(each.status == "pending" for each in standing.values()):
        return "unfinished", "no answer yet"
    return "empty", "no answer yet"


def _blocked(label: str, words: Sequence[Word], standing: dict[Position, Stood], voted: Set[str]) -> Outcome:
    """A class that is held back takes with it those who say it; what the others said waits."""
    why = f"label {label} is held back until a person looks; see `flyball integrate allow {label}`"
    for word in words:
        if not word.withdrawn:
            stood = Stood("parked", BLOCKED, why) if word.label == label else Stood("pending")
            standing.update(dict.fromkeys(word.seqs, stood))
    return Outcome("blocked", why, standing, voted=voted)


def _fields(alike: Sequence[Word], settled: Settled, contract: Contract) -> dict[str, Any]:
    """What is said beside the label: by the one whose vote stands for it; where answers may differ and
    do, by all of them."""
    voice = next(word for word in alike if word.annotator == settled.voice.annotator)
    found = dict(voice.fields)
    for name in contract.unlike([word.fields for word in alike], contract.ambiguous):
        by = {word.annotator: word.fields[name] for word in alike if name in word.fields}
        found[name] = {SAID: dict(sorted(by.items()))}
    return found
