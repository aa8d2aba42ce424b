"""Examples of answers and what a contract makes of them: read from a file, and played."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, get_args

from flyball.core.facts import AnswerGiven, Recorded
from flyball.core.ids import AnnotatorId, Digest, ItemId, Position
from flyball.core.labels.contract import Contract
from flyball.core.labels.contract_codes import REFUSALS, rejected
from flyball.core.labels.contract_read import ContractText, own
from flyball.core.labels.contract_read_parts import text_of, words_of
from flyball.core.labels.merge import Kind, Outcome, Stood, merge
from flyball.core.labels.proof import Status
from flyball.core.rules import values
from flyball.core.rules.marked import Complaints, Items, Marked, Pairs, Scalar
from flyball.core.rules.sections import Section
from flyball.errors import BadFile

#: What an example may expect beside a label.
WORDS = (
    "pending",
    "parked",
    "rejected",
    "few",
    "tie",
    "uncounted",
    "abstained",
    "withdrawn",
    "unfinished",
    "empty",
)
_STATUSES: tuple[str, ...] = get_args(Status)
_ITEM = ItemId("the item")
_EXAMPLE = ("name", "item", "needed", "final", "answers", "expect")
_ANSWER = ("annotator", "label", "fields", "definitions", "revision", "draft", "withdrawn", "part", "stands")


@dataclass(frozen=True, slots=True)
class Expected:
    """What an example says must come of it: a label by its id, or one of `WORDS`; why; how many agree."""

    label: str | None = None
    outcome: str = ""
    code: str = ""
    agreed: float | None = None


@dataclass(frozen=True, slots=True)
class Example:
    """Answers about one item, in the order in which they come, and what is expected of them.

    `stands`: of some answers, by their place from 0, a status or the code of a refusal. `known`: the
    item's identity fields.
    """

    name: str
    answers: tuple[AnswerGiven, ...]
    expected: Expected
    stands: Mapping[int, str]
    known: Mapping[str, Any]
    needed: int = 1
    final: bool = False
    line: int = 0


@dataclass(frozen=True, slots=True)
class Played:
    """An example that was played: what came of it, and every way in which that is not what it expects."""

    example: Example
    outcome: Outcome
    wrong: tuple[str, ...]


def play(example: Example, contract: Contract) -> Played:
    """Merge an example's answers as integration does, and hold what comes of it against what is expected."""
    said = [
        Recorded(Position(number), float(number), answer) for number, answer in enumerate(example.answers, 1)
    ]
    outcome = merge(said, contract, example.needed, final=example.final, known=example.known)
    return Played(example, outcome, tuple(_wrong(example, outcome)))


def came(outcome: Outcome) -> str:
    """What came of an example, in a few words."""
    if outcome.kind == "settled":
        return f"label {outcome.label}, {outcome.agreed:.0%} agree"
    codes = sorted({each.code for each in outcome.standing.values() if each.code})
    return f"no label: {outcome.why}" + (f" ({', '.join(codes)})" if codes else "")


def _wrong(example: Example, outcome: Outcome) -> Iterator[str]:
    expected, parked = example.expected, [each for each in outcome.standing.values() if each.code]
    if expected.label is not None and expected.label != outcome.label:
        yield f"expected the label {expected.label}; {came(outcome)}"
    if expected.outcome and not _is(expected.outcome, outcome.kind, parked):
        yield f"expected {expected.outcome}; {came(outcome)}"
    if expected.code and expected.code not in {each.code for each in parked}:
        yield f"expected an answer to be parked as {expected.code}; {came(outcome)}"
    if expected.agreed is not None and abs(expected.agreed - outcome.agreed) > 0.005:
        yield f"expected {expected.agreed:.0%} to agree; {outcome.agreed:.0%} do"
    for place, meant in example.stands.items():
        stood = outcome.standing[Position(place + 1)]
        if meant not in (stood.status, stood.code):
            why = f": {stood.reason}" if stood.reason else ""
            yield f"expected answer {place + 1} to be {meant}; it is {stood.code or stood.status}{why}"


def _is(expected: str, kind: Kind, parked: list[Stood]) -> bool:
    match expected:
        case "pending":
            return kind in ("few", "tie", "uncounted", "abstained", "withdrawn", "unfinished")
        case "parked":
            return kind != "settled" and any(not rejected(each.code) for each in parked)
        case "rejected":
            return kind != "settled" and any(rejected(each.code) for each in parked)
        case _:
            return kind == expected


def examples_of(written: ContractText, contract: Contract) -> tuple[Example, ...]:
    """The examples of a file, which may be the contract itself. Raises BadFile with every mistake."""
    tell = Complaints(written.source)
    if not isinstance(written.root, Pairs):
        tell.tell(written.root, "C202", "examples are a mapping with `examples`")
        raise BadFile(own(tell.errors()))
    section = Section(written.root, tell)
    if "labels" not in section:  # a file of its own
        section.only(("examples",), "a file of examples")
        section.need("examples", "")
    found: list[Example] = []
    for entry in section.items("examples") or ():
        if not isinstance(entry, Pairs):
            tell.tell(entry, "C202", "an example is a mapping with `name`, `answers` and `expect`")
            continue
        example = _Reader(Section(entry, tell), contract, tell).example()
        if any(each.name == example.name for each in found):
            tell.tell(entry, "C010", f"two examples are named `{example.name}`")
        found.append(example)
    if problems := tell.errors():
        raise BadFile(own(problems))
    return tuple(found)


class _Reader:
    def __init__(self, section: Section, contract: Contract, tell: Complaints) -> None:
        self._section = section
        self._contract = contract
        self._tell = tell
        self._types = {each.name: each.type for each in contract.fields}

    def example(self) -> Example:
        section, tell = self._section, self._tell
        section.only(_EXAMPLE, "an example")
        section.need("name", ": what does it show?")
        section.need("answers", "")
        section.need("expect", ": what must come of it?")
        needed, final = section.scalar("needed"), section.scalar("final")
        answers: list[AnswerGiven] = []
        stands: dict[int, str] = {}
        for entry in section.items("answers") or ():
            if not isinstance(entry, Pairs):
                tell.tell(entry, "C202", "an answer is a mapping such as {ana: fraud}")
                continue
            answer, stood = self._answer(entry)
            if stood:
                stands[len(answers)] = stood
            answers.append(answer)
        return Example(
            name=text_of(section, "name"),
            answers=tuple(answers),
            expected=self._expected(),
            stands=stands,
            known=self._fields(section, "item"),
            needed=(needed and values.whole(needed, 1, 100, tell, "`needed`")) or 1,
            final=bool(final and values.flag(final, tell, "`final`")),
            line=section.pairs.line + 1,
        )

    def _answer(self, entry: Pairs) -> tuple[AnswerGiven, str]:
        keys = [key.text for key, _ in entry.entries]
        if len(keys) == 1 and keys[0] not in _ANSWER and isinstance(entry.entries[0][1], Scalar):
            return AnswerGiven(_ITEM, AnnotatorId(keys[0]), entry.entries[0][1].text), ""
        section, tell = Section(entry, self._tell), self._tell
        section.only(_ANSWER, "an answer")
        section.need("annotator", ": who says it?")
        revision, draft, withdrawn = (section.scalar(each) for each in ("revision", "draft", "withdrawn"))
        number = values.number(revision.text) if revision else None
        if revision and number is None:
            tell.tell(revision, "C203", f"`revision` is a number, not `{revision.text}`")
        definitions, stands = text_of(section, "definitions"), section.scalar("stands")
        if stands and stands.text not in (*_STATUSES, *REFUSALS):
            tell.tell(
                stands, "C308", f"`{stands.text}` is no status and no code: {', '.join(_STATUSES)}, or a code"
            )
        answer = AnswerGiven(
            _ITEM,
            AnnotatorId(text_of(section, "annotator")),
            text_of(section, "label"),
            fields=self._fields(section, "fields"),
            definitions=Digest(definitions) if definitions else None,
            revision=number,
            draft=bool(draft and values.flag(draft, tell, "`draft`")),
            withdrawn=bool(withdrawn and values.flag(withdrawn, tell, "`withdrawn`")),
            part=self._part(section),
        )
        return answer, stands.text if stands else ""

    def _part(self, answer: Section) -> tuple[str, int, int] | None:
        part = answer.section("part")
        if part is None:
            return None
        part.only(("envelope", "number", "of"), "`part`")
        for each in ("envelope", "number", "of"):
            part.need(each, "")
        written = [part.scalar(each) for each in ("number", "of")]
        numbers = [values.whole(each, 0, 1000, self._tell, "it") if each else None for each in written]
        return text_of(part, "envelope"), numbers[0] or 0, numbers[1] or 0

    def _expected(self) -> Expected:
        section, tell = self._section, self._tell
        expect = section.any("expect")
        if isinstance(expect, Items):
            tell.tell(section.key("expect"), "C202", "`expect` is a label, a word or a mapping")
        if isinstance(expect, Scalar):
            if expect.text in WORDS and self._contract.label_of(expect.text) is None:
                return Expected(outcome=expect.text)
            return Expected(label=self._label(expect))
        if not isinstance(expect, Pairs):
            return Expected()
        inner = Section(expect, tell)
        inner.only(("label", "outcome", "code", "agreed"), "`expect`")
        label, code, agreed = (inner.scalar(each) for each in ("label", "code", "agreed"))
        share = values.number(agreed.text) if agreed else None
        if agreed and share is None:
            tell.tell(agreed, "C203", f"`agreed` is a share such as 67%, not `{agreed.text}`")
        return Expected(
            label=self._label(label) if label else None,
            outcome=words_of(inner, "outcome", WORDS, tell) or "",
            code=words_of(inner, "code", tuple(REFUSALS), tell) or "" if code else "",
            agreed=share,
        )

    def _label(self, said: Scalar) -> str | None:
        label = self._contract.label_of(said.text)
        if label is None:
            told = f"`{said.text}` is no label, and none of {', '.join(WORDS)}"
            self._tell.tell(said, "C308", told)
        return label

    def _fields(self, section: Section, name: str) -> dict[str, Any]:
        inner = section.section(name)
        return {key.text: self._value(value, self._types.get(key.text)) for key, value in inner or ()}

    def _value(self, value: Marked, type_: str | None) -> Any:
        """A value as a tool would send it: typed by its look, but for text, which may look like anything."""
        if isinstance(value, Pairs):
            return {key.text: self._value(each, None) for key, each in value.entries}
        if isinstance(value, Items):
            return [self._value(each, type_) for each in value.of]
        if value.text in ("null", "~", ""):
            return None
        if type_ in ("text", "word"):
            return value.text
        if value.text in ("true", "false"):
            return value.text == "true"
        number = values.number(value.text) if not value.text.endswith("%") else None
        if number is None:
            return value.text
        return int(number) if number.is_integer() and "." not in value.text else number
