"""The parts of a contract file that others refer to: labels, fields, and what may not meet."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

from flyball.core.labels.contract import SAID, UNSAID, Label, Never
from flyball.core.labels.contract_fields import MOST, TYPES, UNITS, Field, Type, Unit, plain
from flyball.core.rules import values
from flyball.core.rules.marked import Complaints, Marked, Pairs, Scalar
from flyball.core.rules.sections import Section
from flyball.core.rules.words import near

_LABEL = ("name", "aliases", "definition", "attributes", "abstains")
_FIELD = (
    *("type", "required", "null", "many", "low", "high", "words", "least", "most", "unit", "definition"),
)
#: Which keys of a field say something, for which types.
_ONLY: Mapping[str, tuple[Type, ...]] = {
    "low": ("text", "number", "whole", "box"),
    "high": ("text", "number", "whole", "box"),
    "words": ("word",),
    "unit": ("span",),
}
_LONGEST = 200


@dataclass(frozen=True, slots=True)
class Parts:
    """The labels and fields of a file, and what is read against them."""

    section: Section
    tell: Complaints
    labels: tuple[Label, ...]
    fields: tuple[Field, ...]
    other_fields: bool
    _ids: Mapping[str, str]

    @classmethod
    def of(cls, section: Section, tell: Complaints) -> Parts:
        """Read labels and fields; what is wrong with them is told."""
        labels, ids = _labels(section, tell)
        written = section.section("fields")
        fields = tuple(_fields(written, tell)) if written else ()
        others = words_of(section, "other_fields", ("keep", "refuse"), tell)
        keep = others == "keep" if others else "fields" not in section
        return cls(section, tell, labels, fields, keep, ids)

    def label(self, where: Marked) -> str | None:
        """The id of a label that stands somewhere, by any of its names."""
        if not isinstance(where, Scalar):
            self.tell.tell(where, "C202", "a label is a single value")
            return None
        id = self._ids.get(plain(where.text))
        if id is None and self._ids:
            self.tell.tell(where, "C101", f"unknown label `{where.text}`{near(where.text, self._ids)}")
        return id

    def ambiguous(self) -> tuple[str, ...]:
        """The fields whose differences are logged."""
        for each in self.section.items("ambiguous") or ():
            if isinstance(each, Scalar) and not self.other_fields:
                self._field(each)
        return texts(self.section, "ambiguous", self.tell)

    def never_together(self) -> tuple[Never, ...]:
        """The combinations that are rejected."""
        found: list[Never] = []
        for entry in self.section.items("never_together") or ():
            if not isinstance(entry, Pairs):
                self.tell.tell(
                    entry, "C202", "a combination is a mapping such as {label: fraud, reported: false}"
                )
                continue
            section = Section(entry, self.tell)
            met = {key.text: self._values(key, value) for key, value in section if key.text != "because"}
            if len(met) < 2:
                self.tell.tell(
                    entry, "C303", "a combination has at least two parts: `label` and a field, or two fields"
                )
            found.append(Never(met, text_of(section, "because")))
        return tuple(found)

    def _values(self, key: Scalar, value: Marked) -> tuple[Any, ...] | str:
        if isinstance(value, Scalar) and value.text in (SAID, UNSAID) and key.text != "label":
            self._field(key)
            return value.text
        listed = (value,) if isinstance(value, Scalar | Pairs) else value.of
        if key.text == "label":
            return tuple(label for each in listed if (label := self.label(each)) is not None)
        field = self._field(key)
        return tuple(self._value(field, each) for each in listed) if field else ()

    def _field(self, name: Scalar) -> Field | None:
        names = {field.name: field for field in self.fields}
        if name.text not in names:
            hint = near(name.text, names) or "; it is declared under `fields`"
            self.tell.tell(name, "C102", f"unknown field `{name.text}`{hint}")
        return names.get(name.text)

    def _value(self, field: Field, value: Marked) -> Any:
        what = f"`{field.name}`"
        if not isinstance(value, Scalar):
            self.tell.tell(value, "C202", f"{what} is held against single values here")
            return None
        match field.type:
            case "flag":
                return values.flag(value, self.tell, what)
            case "word":
                return values.word(value, field.words, self.tell, what)
            case "number" | "whole":
                number = values.number(value.text)
                if number is None:
                    self.tell.tell(value, "C203", f"{what} is a number, not `{value.text}`")
                return number
            case "box" | "span":
                told = f"{what} is a {field.type}; only `{SAID}` or `{UNSAID}` can stand here"
                self.tell.tell(value, "C303", told)
                return None
            case _:
                return value.text


def _labels(section: Section, tell: Complaints) -> tuple[tuple[Label, ...], dict[str, str]]:
    written = section.section("labels")
    found: list[Label] = []
    ids: dict[str, str] = {}
    if written is not None and not written.pairs.entries:
        tell.tell(section.key("labels"), "C201", "`labels` is empty: what may be said?")
    for key, value in written or ():
        label = _label(key, value, tell)
        found.append(label)
        for name in label.names:
            if ids.setdefault(name, label.id) != label.id:
                told = f"`{name}` is a name of `{ids[name]}` and of `{label.id}`: one word, two things"
                tell.tell(key, "C301", told)
    if found and all(each.abstains for each in found):
        tell.tell(section.key("labels"), "C305", "every label abstains, so no item would ever have one")
    return tuple(found), ids


def _label(key: Scalar, value: Marked, tell: Complaints) -> Label:
    visible(key, "a label's id", tell)
    if isinstance(value, Scalar):
        label = Label(key.text, definition=value.text)
    elif isinstance(value, Pairs):
        label = _whole_label(key, Section(value, tell), tell)
    else:
        tell.tell(key, "C202", f"`{key.text}` is its definition, or a mapping that has one")
        return Label(key.text)
    if not label.definition.strip():
        tell.tell(key, "W301", f"label `{key.text}` has no definition: by what do annotators go?")
    return label


def _whole_label(key: Scalar, section: Section, tell: Complaints) -> Label:
    section.only(_LABEL, "a label")
    attributes: dict[str, str] = {}
    for name, value in section.section("attributes") or ():
        if isinstance(value, Scalar):
            attributes[name.text] = value.text
        else:
            tell.tell(name, "C202", f"the attribute `{name.text}` is a single value")
    abstains, name_ = section.scalar("abstains"), section.scalar("name")
    if name_:
        visible(name_, "a label's name", tell)
    return Label(
        id=key.text,
        name=name_.text if name_ else "",
        aliases=texts(section, "aliases", tell),
        definition=text_of(section, "definition"),
        attributes=attributes,
        abstains=bool(abstains and values.flag(abstains, tell, "`abstains`")),
    )


def _fields(section: Section, tell: Complaints) -> Iterator[Field]:
    for key, value in section:
        visible(key, "a field's name", tell)
        if key.text in ("label", "because"):
            tell.tell(key, "C302", f"`{key.text}` has a meaning of its own; name the field something else")
        if isinstance(value, Scalar):
            type_ = values.word(value, TYPES, tell, f"the type of `{key.text}`")
            yield Field(key.text, cast(Type, type_ or "text"))
            if type_ == "word":
                tell.tell(value, "C201", f"`{key.text}` is one of which words? {{words: [a, b]}}")
        elif isinstance(value, Pairs):
            yield _field(key, Section(value, tell), tell)
        else:
            tell.tell(key, "C202", f"`{key.text}` is a type, or a mapping that has one")


def _field(key: Scalar, section: Section, tell: Complaints) -> Field:
    section.only(_FIELD, "a field")
    type_ = words_of(section, "type", TYPES, tell) or ("word" if "words" in section else "text")
    words, name = texts(section, "words", tell), key.text
    if type_ == "word" and not words:
        tell.tell(section.key("type"), "C201", f"`{name}` is one of which words? words: [a, b]")
    for each, types in _ONLY.items():
        if each in section and type_ not in types:
            tell.tell(section.key(each), "C304", f"`{each}` says nothing of a {type_}")
    many = _flag(section, "many", tell) or "least" in section or "most" in section
    if "many" in section and not _flag(section, "many", tell) and ("least" in section or "most" in section):
        tell.tell(section.key("many"), "C304", f"`{name}` is one value, so `least` and `most` say nothing")
    low, high = _number(section, "low", tell), _number(section, "high", tell)
    least, most = _count(section, "least", tell), _count(section, "most", tell)
    for one, other, names in ((low, high, ("low", "high")), (least, most, ("least", "most"))):
        if one is not None and other is not None and one > other:
            tell.tell(section.key(names[0]), "C304", f"`{names[0]}` {one:g} is above `{names[1]}` {other:g}")
    return Field(
        name=name,
        type=cast(Type, type_),
        required=_flag(section, "required", tell),
        null=_flag(section, "null", tell),
        many=many,
        low=low,
        high=high,
        words=tuple(plain(each) for each in words),
        least=least or 0,
        most=MOST if most is None else most,
        unit=cast(Unit, words_of(section, "unit", UNITS, tell) or "code-points"),
        definition=text_of(section, "definition"),
    )


def _flag(section: Section, name: str, tell: Complaints) -> bool:
    scalar = section.scalar(name)
    return bool(scalar and values.flag(scalar, tell, f"`{name}`"))


def _number(section: Section, name: str, tell: Complaints) -> float | None:
    scalar = section.scalar(name)
    number = values.number(scalar.text) if scalar else None
    if scalar and number is None:
        tell.tell(scalar, "C203", f"`{name}` is a number, not `{scalar.text}`")
    return number


def _count(section: Section, name: str, tell: Complaints) -> int | None:
    scalar = section.scalar(name)
    return values.whole(scalar, 0, MOST, tell, f"`{name}`") if scalar else None


def text_of(section: Section, name: str) -> str:
    """A single value as one line; empty where it is missing."""
    scalar = section.scalar(name)
    return " ".join(scalar.text.split()) if scalar else ""


def texts(section: Section, name: str, tell: Complaints) -> tuple[str, ...]:
    """A list of single values, none of them twice."""
    found: list[str] = []
    for each in section.items(name) or ():
        if not isinstance(each, Scalar):
            tell.tell(each, "C202", f"`{name}` is a list of single values")
        elif each.text in found:
            tell.tell(each, "C010", f"`{each.text}` stands twice in `{name}`")
        else:
            visible(each, f"a word of `{name}`", tell)
            found.append(each.text)
    return tuple(found)


def words_of(section: Section, name: str, words: Sequence[str], tell: Complaints) -> str | None:
    """One of a few words, where the key is there."""
    scalar = section.scalar(name)
    return values.word(scalar, words, tell, f"`{name}`") if scalar else None


def visible(scalar: Scalar, what: str, tell: Complaints) -> None:
    """Tell of a name that has characters which nobody can see, or that is none."""
    text = scalar.text
    hidden = [
        each
        for each in text
        if each != " " and (not each.isprintable() or unicodedata.category(each) == "Cf")
    ]
    if hidden:
        tell.tell(scalar, "C302", f"{what} has a character that nobody can see: U+{ord(hidden[0]):04X}")
    elif not text or text != text.strip() or len(text) > _LONGEST:
        tell.tell(scalar, "C302", f"{what} has 1 to {_LONGEST} characters, and no blank at its ends")
