"""What labels mean and what may be said with them: the contract between annotators and integration."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Literal, get_args

from flyball.core.facts import AnswerGiven
from flyball.core.ids import Digest, Instant, Seconds, canonical, digest_of
from flyball.core.labels.contract_fields import Field, Refusal, plain, refusals, same

__all__ = ["Approval", "Contract", "Field", "Label", "Never", "Policy", "Refusal", "Version", "same"]

Policy = Literal["majority", "weighted", "newest", "senior"]
POLICIES: tuple[Policy, ...] = get_args(Policy)
Compatibility = Literal["full", "backward", "forward", "none"]
COMPATIBILITIES: tuple[Compatibility, ...] = get_args(Compatibility)

#: The code of an answer that is parked because nobody knows what its labels meant.
UNKNOWN_DEFINITIONS = "unknown-definitions"
#: In a combination that may not be: anything at all was said in the field, or nothing was.
SAID, UNSAID = "said", "unsaid"
#: Everybody who has no weight of their own.
EVERYBODY = "*"
#: What stands for the definitions of answers that name none, where they must.
UNSTATED = Digest("unstated")
_NO_FILE = Digest("")


@dataclass(frozen=True, slots=True)
class Label:
    """One label. Its `id` is for ever, its name may change, and `definition` is what a person goes by.

    `abstains`: who says it has looked and does not decide; it is never what an item is settled as.
    """

    id: str
    name: str = ""
    aliases: tuple[str, ...] = ()
    definition: str = ""
    attributes: Mapping[str, Any] = field(default_factory=dict)
    abstains: bool = False

    @property
    def names(self) -> tuple[str, ...]:
        """Everything that it is called by: id, name, aliases."""
        return tuple(dict.fromkeys(plain(each) for each in (self.id, self.name or self.id, *self.aliases)))


@dataclass(frozen=True, slots=True)
class Never:
    """A combination that is rejected: for `label` and for fields, the values that may not meet.

    Instead of values, `SAID` or `UNSAID`.
    """

    values: Mapping[str, tuple[Any, ...] | str]
    because: str = ""


@dataclass(frozen=True, slots=True)
class Approval:
    """Other definitions that a person let in. `labels`: what a label of theirs is here, by id."""

    definitions: Digest
    labels: Mapping[str, str] = field(default_factory=dict)
    by: str = ""
    because: str = ""


@dataclass(frozen=True, slots=True)
class Version:
    """Who made a version of the contract, when and why."""

    version: int
    by: str
    because: str
    at: str = ""


@dataclass(frozen=True, slots=True)
class Contract:
    """Labels by stable id, fields with types, what may not meet, and how answers that differ are settled.

    `identity`: fields that say which item it is; they may differ neither from the item nor between the
    words about it. `ambiguous`: fields whose differences are logged. `other_fields`: whether fields that
    are not declared are taken, unchecked. `gate`: whether other definitions than these are parked.
    `answers_needed`: where it stands above the knob. `seniority`: the most senior first. `grace`: how far
    a client's clock may be off before it is noted.
    """

    name: str = "implied"
    version: int = 0
    labels: tuple[Label, ...] = ()
    fields: tuple[Field, ...] = ()
    other_fields: bool = True
    identity: tuple[str, ...] = ()
    ambiguous: tuple[str, ...] = ()
    never_together: tuple[Never, ...] = ()
    policy: Policy = "majority"
    weights: Mapping[str, float] = field(default_factory=dict)
    seniority: tuple[str, ...] = ()
    answers_needed: int | None = None
    approved: tuple[Approval, ...] = ()
    grace: Seconds = 300.0
    gate: bool = True
    definitions_required: bool = False
    compatibility: Compatibility = "full"
    history: tuple[Version, ...] = ()
    #: The digest of the file, and the file.
    digest: Digest = _NO_FILE
    text: str = field(default="", repr=False)
    _ids: Mapping[str, str] = field(init=False, repr=False, compare=False)
    _fields: Mapping[str, Field] = field(init=False, repr=False, compare=False)
    _approvals: Mapping[Digest, Mapping[str, str]] = field(init=False, repr=False, compare=False)
    _definitions: Digest = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Make what is looked up for every answer once."""
        ids = {name: label.id for label in self.labels for name in label.names}
        ids |= {plain(label.id): label.id for label in self.labels}
        object.__setattr__(self, "_ids", ids)
        object.__setattr__(self, "_fields", {each.name: each for each in self.fields})
        approvals: dict[Digest, dict[str, str]] = {}
        for each in self.approved:
            known = approvals.setdefault(each.definitions, {})
            known |= {plain(said): label for said, label in each.labels.items()}
        object.__setattr__(self, "_approvals", approvals)
        object.__setattr__(self, "_definitions", _digest(self))

    @classmethod
    def implied(cls, classes: Sequence[str]) -> Contract:
        """What holds without a contract file: any label of `classes` (any at all where there are none).

        No field is checked, no definitions are held against others, and the majority decides.
        """
        return cls(labels=tuple(Label(each) for each in sorted(set(classes))), gate=False)

    @property
    def definitions(self) -> Digest:
        """One name for what the labels and fields mean: the same for other names, aliases and orders."""
        return self._definitions

    def knows(self, definitions: Digest | None) -> bool:
        """Whether answers given under these definitions can be read. None: the annotator's tool is silent."""
        if not self.gate:
            return True
        if definitions is None and not self.definitions_required:
            return True
        return definitions == self._definitions or (definitions or UNSTATED) in self._approvals

    def label_of(self, said: str, definitions: Digest | None = None) -> str | None:
        """The id of a label by its id, a name or an alias, in the words of these definitions.

        None for a label that there is not. Without labels in the contract, any label is its own id.
        """
        said = plain(said)
        if definitions != self._definitions:
            said = plain(self._approvals.get(definitions or UNSTATED, {}).get(said, said))
        if not self.labels:
            return said or None
        return self._ids.get(said)

    def label(self, id: str) -> Label:
        """A label by its id. Where the contract has none, one that has only the id."""
        return next((each for each in self.labels if each.id == id), Label(id))

    def name_of(self, id: str) -> str:
        """What people call a label."""
        return self.label(id).name or id

    def abstains(self, id: str) -> bool:
        """Whether this label says that its annotator does not decide."""
        return self.label(id).abstains

    def weight(self, annotator: str) -> float:
        """How much somebody's answers count under the policy "weighted"."""
        return self.weights.get(annotator, self.weights.get(EVERYBODY, 1.0))

    def rank(self, annotator: str) -> int:
        """Somebody's place in seniority, 0 the most senior; whoever is not named comes last."""
        return self.seniority.index(annotator) if annotator in self.seniority else len(self.seniority)

    def problems(self, answer: AnswerGiven) -> tuple[Refusal, ...]:
        """Everything for which an answer cannot be taken; what is taken back says nothing wrong.

        A part of an answer is not asked for what the other parts may hold.
        """
        return () if answer.withdrawn else tuple(self._problems(answer))

    def _problems(self, answer: AnswerGiven) -> Iterator[Refusal]:
        whole, label = answer.part is None, self.label_of(answer.label, answer.definitions)
        if label is None and (whole or answer.label):
            known = ", ".join(each.id for each in self.labels)
            told = f"label {answer.label!r} is not one of {known}" if answer.label else "there is no label"
            yield Refusal("unknown-label", "label", told)
        for name, value in answer.fields.items():
            declared = self._fields.get(name)
            if declared is not None:
                yield from refusals(declared, value)
            elif not self.other_fields and name not in self.identity:
                known = ", ".join(self._fields) or "none"
                yield Refusal("unknown-field", name, f"there is no field `{name}`; the contract has {known}")
        if not whole:
            return
        for each in self.fields:
            if each.required and each.name not in answer.fields:
                yield Refusal("missing", each.name, f"`{each.name}` is missing, and every answer has it")
        for never in self.never_together:
            if all(_meets(label, answer.fields, *pair) for pair in never.values.items()):
                yield _never(never)

    def locked(self, said: Mapping[str, Any], known: Mapping[str, Any]) -> tuple[Refusal, ...]:
        """Identity fields in which an answer differs from what is known of its item."""
        return tuple(
            Refusal("identity", name, f"`{name}` says which item it is, and is another than the item's")
            for name in self.identity
            if name in said and name in known and not same(said[name], known[name])
        )

    def unlike(self, said: Sequence[Mapping[str, Any]], names: Sequence[str]) -> tuple[str, ...]:
        """Those of the named fields in which answers differ; one that leaves a field out does not differ."""
        held = {name: [each[name] for each in said if name in each] for name in names}
        return tuple(n for n, values in held.items() if not all(same(values[0], each) for each in values[1:]))

    def with_approvals(self, approvals: Sequence[Approval]) -> Contract:
        """This contract and other definitions that were let in."""
        return replace(self, approved=(*self.approved, *approvals)) if approvals else self

    def noted(self, said_at: Instant | None, received: Instant) -> Seconds | None:
        """By how much a client's clock was ahead of ours, where that is beyond the grace; else None.

        An answer that comes late is no sign of a wrong clock: it may have been given offline.
        """
        ahead = 0.0 if said_at is None else said_at - received
        return ahead if ahead > self.grace else None


def _digest(contract: Contract) -> Digest:
    """Names, aliases, orders and white space are no part of what labels mean."""
    labels = [
        {"id": each.id, "definition": meaning(each), "more": each.attributes, "abstains": each.abstains}
        for each in sorted(contract.labels, key=lambda each: each.id)
    ]
    fields = [
        {
            **asdict(each),
            "words": sorted(each.words),
            "definition": meaning(each),
            "low": None if each.low is None else float(each.low),
            "high": None if each.high is None else float(each.high),
        }
        for each in sorted(contract.fields, key=lambda each: each.name)
    ]
    return digest_of(canonical(["flyball-definitions-1", labels, fields, contract.other_fields]))


def meaning(what: Label | Field) -> str:
    """What a person goes by, however it is laid out."""
    return " ".join(plain(what.definition).split())


def _meets(label: str | None, fields: Mapping[str, Any], name: str, values: tuple[Any, ...] | str) -> bool:
    said = label if name == "label" else fields.get(name)
    if isinstance(values, str):
        return (said is not None) == (values == SAID)
    several = said if isinstance(said, list | tuple) else (said,)
    return any(same(each, value) for each in several for value in values)


def _never(never: Never) -> Refusal:
    told = " and ".join(
        f"`{name}` {values}" if isinstance(values, str) else f"`{name}` {_either(values)}"
        for name, values in never.values.items()
    )
    why = f": {never.because}" if never.because else ""
    return Refusal("never-together", next(iter(never.values)), f"{told} may not stand together{why}")


def _either(values: Sequence[Any]) -> str:
    return " or ".join(str(each).lower() if isinstance(each, bool) else str(each) for each in values)
