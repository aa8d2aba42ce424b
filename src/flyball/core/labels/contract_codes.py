"""The codes of mistakes in contracts, and of answers that a contract refuses: each means one thing."""

from __future__ import annotations

from collections.abc import Mapping

#: Nothing of the file could be read.
UNREADABLE = ("C000", "C001", "C002", "C003", "C004", "C005", "C006", "C007", "C008")

CODES: Mapping[str, str] = {
    "C000": "The file cannot be opened: it is not there, or may not be read.",
    "C001": "The file is larger than 1 MB, and no contract is.",
    "C002": "The file is not UTF-8 text.",
    "C003": "The file is not YAML. Look at the place and the line before it.",
    "C004": "The file holds several documents, parted by `---`.",
    "C005": "YAML aliases (`*name`) are not read here. Write it out.",
    "C006": "YAML tags (`!name`) are not read here.",
    "C007": "The file is nested more deeply than any contract is.",
    "C008": "The file has more parts than any contract has.",
    "C009": "There are more mistakes than are shown.",
    "C010": "A key stands twice in one mapping, and only one of the two can count.",
    "C101": "There is no label of this id or name.",
    "C102": "There is no field of this name; fields are declared under `fields`.",
    "C105": "A key is not known at this place.",
    "C106": "A word is not one of those that may stand here.",
    "C201": "Something that every contract must say is missing.",
    "C202": "Something has another shape than is meant: a list, a mapping or a single value.",
    "C203": "A value cannot be read as the number, time or word that is meant here.",
    "C301": "Two labels have one name or alias, so an answer that says it could mean either.",
    "C302": "An id or a name has characters that nobody can see, or is no name.",
    "C303": "A combination names fewer than two things, or says what no answer can say.",
    "C304": "Bounds contradict each other, or say nothing for the field's type.",
    "C305": "The policy needs something that is not there.",
    "C306": "The history does not end with this version, or is out of order.",
    "C307": "This is no digest of definitions: 64 hexadecimal digits.",
    "C308": "An example expects what no outcome can be, or gives answers that no annotator could give.",
    "C401": "A version of this name stood for other definitions in this loop before.",
    "C402": "The contract is less compatible with an earlier one than it says it is.",
    "C403": "A class of the stream is no label's id, so what becomes known by itself would be another class.",
    "W301": "A label without a definition: every annotator goes by what they think it means.",
    "W302": "Something is said that has no effect with this policy.",
}

#: Why an answer is not merged, by the code that is kept with it.
REFUSALS: Mapping[str, str] = {
    "unknown-definitions": "Its definitions are not the contract's. `flyball contract approve` lets them in.",
    "unknown-label": "The label is none of the contract's.",
    "unknown-field": "The contract has no field of this name.",
    "missing": "A required field is missing.",
    "null": "A field that must have a value is null. It is never taken for a zero.",
    "cardinality": "One value where a list is meant, the other way about, or too few or too many values.",
    "wrong-type": "A value is of another type than its field.",
    "bad-number": "NaN, infinite, or a whole number that programs would round.",
    "out-of-range": "A value lies outside its field's bounds.",
    "not-a-word": "A value is none of its field's words.",
    "bad-box": "A box lacks a coordinate, has no area, or reaches out of the picture.",
    "bad-span": "A span has no start or end, or ends before it starts.",
    "span-unit": "A span counts in another unit than its field, or its text is of another length.",
    "never-together": "It says things that may never stand together.",
    "identity": "It names another item than the one that it is about.",
    "bad-part": "The number of a part is not between 1 and how many parts there are.",
    "parts-disagree": "The parts of one answer contradict each other.",
    "unknown-item": "The item never arrived. The answer waits until it does.",
    "class-blocked": "Labels of its class are held back until a person looks.",
    "not-as-captured": "The label that was settled is not what was captured.",
}

#: What waits for something to become known; every other refusal is of a bad answer.
WAITS = ("unknown-definitions", "unknown-label", "unknown-item", "class-blocked")


def rejected(code: str) -> bool:
    """Whether an answer with this code is a bad one, which no approval will mend.

    >>> rejected("never-together"), rejected("unknown-definitions")
    (True, False)
    """
    return code not in WAITS
