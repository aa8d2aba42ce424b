"""Contracts and answers to try them with."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from hypothesis import strategies as st

from flyball.core.facts import AnswerGiven
from flyball.core.ids import AnnotatorId, Digest, ItemId
from flyball.core.labels.contract import SAID, UNSAID, Contract, Field, Label, Never

IDS = ("fraud", "legitimate", "unclear")
NAMES = ("note", "loss", "sure")

#: A contract as an operator writes it.
TEXT = """
name: card-fraud
version: 1
labels:
  fraud: {name: Fraud, aliases: [scam], definition: Not authorised by the cardholder.}
  legitimate: Authorised by the cardholder.
fields:
  loss: {type: number, low: 0, null: true}
history:
  - {version: 1, by: ben, because: The first one.}
"""

#: The same where the stream has classes of its own: they are the ids.
NAMED = TEXT.replace("  fraud: {name: Fraud,", '  "1": {name: fraud,').replace(
    "  legitimate: Authorised by the cardholder.",
    '  "0": {name: legitimate, definition: Authorised by the cardholder.}',
)


def said(label: str = "fraud", annotator: str = "ana", **more: Any) -> AnswerGiven:
    """What somebody says."""
    return AnswerGiven(ItemId("i-1"), AnnotatorId(annotator), label, **more)


def digest(letter: str) -> Digest:
    """A digest that nobody has."""
    return Digest(letter * 64)


def _field(name: str, type_: str, **more: Any) -> Field:
    return Field(name, type_, **more)  # type: ignore[arg-type]


_bounds = st.sampled_from([(None, None), (0.0, None), (0.0, 10.0), (2.0, 5.0), (None, 5.0)])
_words = st.sets(st.sampled_from(["a", "b", "c"]), min_size=1).map(lambda words: tuple(sorted(words)))
_counts = st.sampled_from([(0, 10_000), (1, 2), (0, 3)])


@st.composite
def fields(draw: st.DrawFn, name: str) -> Field:
    """A field of any shape."""
    type_ = draw(st.sampled_from(["number", "whole", "word", "flag", "text"]))
    low, high = draw(_bounds) if type_ in ("number", "whole", "text") else (None, None)
    many = draw(st.booleans())
    least, most = draw(_counts) if many else (0, 10_000)
    return _field(
        name,
        type_,
        required=draw(st.booleans()),
        null=draw(st.booleans()),
        many=many,
        low=low,
        high=high,
        words=draw(_words) if type_ == "word" else (),
        least=least,
        most=most,
        definition=draw(st.sampled_from(["", "told"])),
    )


@st.composite
def contracts(draw: st.DrawFn) -> Contract:
    """A contract of a few labels and fields; two of them often differ in little."""
    ids = sorted(draw(st.sets(st.sampled_from(IDS))))
    names = sorted(draw(st.sets(st.sampled_from(NAMES))))
    free = draw(st.permutations(["x", "y", "z"]))
    labels = tuple(
        Label(
            id,
            name=draw(st.sampled_from(["", free[place]])),
            definition=draw(st.sampled_from(["one", "other"])),
            abstains=draw(st.sampled_from([False, False, True])),
        )
        for place, id in enumerate(ids)
    )
    sure: list[tuple[Any, ...] | str] = [(True,), SAID, UNSAID]
    never = Never({"label": (IDS[0],), "sure": draw(st.sampled_from(sure))})
    return Contract(
        name="tried",
        version=1,
        labels=labels,
        fields=tuple(draw(fields(name)) for name in names),
        other_fields=draw(st.booleans()),
        never_together=draw(st.sampled_from([(), (never,)])),
    )


@st.composite
def edited(draw: st.DrawFn) -> tuple[Contract, Contract]:
    """A contract and one that may follow it: a thing or two are edited."""
    old = new = draw(contracts())
    for _ in range(draw(st.integers(1, 2))):
        new = draw(st.sampled_from([_label, _one_field, _field_more_or_less, _other]))(draw, new)
    return old, new


def _label(draw: st.DrawFn, old: Contract) -> Contract:
    free = [id for id in IDS if old.labels and old.label_of(id) is None]
    if draw(st.booleans()) and free:
        return replace(old, labels=(*old.labels, Label(free[0], definition="one")))
    if not old.labels:
        return old
    first, *others = old.labels
    edits = [
        replace(first, name="renamed"),
        replace(first, definition="edited"),
        replace(first, abstains=not first.abstains),
    ]
    return replace(old, labels=draw(st.sampled_from([tuple(others), *((each, *others) for each in edits)])))


def _one_field(draw: st.DrawFn, old: Contract) -> Contract:
    if not old.fields:
        return old
    first, *others = old.fields
    edits: list[dict[str, Any]] = [
        {"null": not first.null},
        {"required": not first.required},
        {"many": not first.many, "least": 0, "most": 10_000},
        {"definition": "edited"},
    ]
    if first.type in ("number", "whole", "text"):
        edits += [{"low": None}, {"high": None}, {"low": 1.0, "high": 4.0}]
    if first.type in ("number", "whole"):
        edits.append({"type": "number" if first.type == "whole" else "whole"})
    if first.type == "word":
        edits += [{"words": ("a", "b", "c")}, {"words": ("a",)}]
    if first.many:
        edits += [{"least": 0, "most": 10_000}, {"least": 1}]
    return replace(old, fields=(replace(first, **draw(st.sampled_from(edits))), *others))


def _field_more_or_less(draw: st.DrawFn, old: Contract) -> Contract:
    free = [name for name in NAMES if name not in {each.name for each in old.fields}]
    if draw(st.booleans()) and free:
        return replace(old, fields=(*old.fields, draw(fields(free[0]))))
    return replace(old, fields=old.fields[1:])


def _other(draw: st.DrawFn, old: Contract) -> Contract:
    if draw(st.booleans()):
        return replace(old, other_fields=not old.other_fields)
    return replace(old, never_together=() if old.never_together else (Never({"sure": (True, 0.0)}),))


@st.composite
def keeping(draw: st.DrawFn, contract: Contract) -> AnswerGiven:
    """An answer that mostly keeps a contract."""
    told = {each.name: draw(_value(each)) for each in contract.fields if each.required or draw(st.booleans())}
    if contract.other_fields:
        declared = {each.name for each in contract.fields}
        told |= {name: draw(_ones) for name in NAMES if name not in declared and draw(st.booleans())}
    return said(draw(st.sampled_from([each.id for each in contract.labels] or ["anything"])), fields=told)


def _value(field: Field) -> st.SearchStrategy[Any]:
    low, high = field.low or 0.0, 12.0 if field.high is None else field.high
    one: st.SearchStrategy[Any]
    match field.type:
        case "number":
            one = st.sampled_from([low, high, (low + high) / 2])
        case "whole":
            one = st.integers(int(low), int(high))
        case "text":
            one = st.sampled_from(["x" * int(low), "x" * int(high)])
        case "word":
            one = st.sampled_from(field.words)
        case _:
            one = st.booleans()
    if field.many:
        one = st.lists(one, min_size=field.least, max_size=min(field.most, 3))
    return st.none() | one if field.null else one


_ones = st.one_of(
    st.none(), st.booleans(), st.integers(-1, 12), st.sampled_from([0.5, 3.0, "a", "b", "c", "", "long text"])
)
