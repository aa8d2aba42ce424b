"""A contract file as a whole: from its marked tree to a `Contract`, or to every mistake in it at once."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, cast

from flyball.core.ids import Digest, digest_of
from flyball.core.labels.contract import (
    COMPATIBILITIES,
    EVERYBODY,
    POLICIES,
    UNSTATED,
    Approval,
    Compatibility,
    Contract,
    Policy,
    Version,
)
from flyball.core.labels.contract_read_parts import Parts, text_of, texts, words_of
from flyball.core.rules import values
from flyball.core.rules.marked import Complaints, Marked, Pairs, Scalar, Source
from flyball.core.rules.sections import Section
from flyball.errors import BadFile, Problem

_KEYS = (
    *("name", "version", "labels", "fields", "other_fields", "identity", "ambiguous", "never_together"),
    *("settle", "approved", "definitions", "compatibility", "grace", "history", "examples"),
)
_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,62}")
_DIGEST = re.compile(rf"[0-9a-f]{{64}}|{UNSTATED}")
_MOST_VERSIONS = 1_000_000


@dataclass(frozen=True, slots=True)
class ContractText:
    """A contract file as text and as a tree of text."""

    text: str
    source: Source
    root: Marked


def read_contract(written: ContractText) -> tuple[Contract, tuple[Problem, ...]]:
    """The contract of a file, and what is legal but unwise in it. Raises BadFile with every mistake."""
    tell = Complaints(written.source)
    if not isinstance(written.root, Pairs):
        tell.tell(written.root, "C202", "a contract is a mapping with `name`, `version` and `labels`")
        raise BadFile(own(tell.errors()))
    contract = _Reader(Section(written.root, tell), tell).contract()
    if found := tell.errors():
        raise BadFile(own(found))
    made = replace(contract, digest=digest_of(written.text.encode()), text=written.text)
    return made, own(tell.warnings())


def own(problems: tuple[Problem, ...]) -> tuple[Problem, ...]:
    """Mistakes that rule files have as well, under the codes of contracts: R203 is C203 here."""
    return tuple(
        replace(
            problem, code=f"C{problem.code[1:]}", message=problem.message.replace("rule file", "contract")
        )
        if problem.code.startswith("R")
        else problem
        for problem in problems
    )


class _Reader:
    def __init__(self, section: Section, tell: Complaints) -> None:
        self._section = section
        self._tell = tell

    def contract(self) -> Contract:
        section, tell = self._section, self._tell
        section.only(_KEYS, "a contract")
        section.need("name", ": what is labelled here?")
        section.need("version", "; the first one is `version: 1`")
        section.need("labels", ": what may be said?")
        section.need("history", ": who made this version, and why?")
        written = section.scalar("version")
        version = values.whole(written, 1, _MOST_VERSIONS, tell, "`version`") if written else None
        parts = Parts.of(section, tell)
        contract = Contract(
            name=self._name(),
            version=version or 0,
            labels=parts.labels,
            fields=parts.fields,
            other_fields=parts.other_fields,
            identity=texts(section, "identity", tell),
            ambiguous=parts.ambiguous(),
            never_together=parts.never_together(),
            approved=self._approved(parts),
            definitions_required=self._word("definitions", ("optional", "required")) == "required",
            compatibility=cast(Compatibility, self._word("compatibility", COMPATIBILITIES) or "full"),
            history=self._history(version),
        )
        grace = section.scalar("grace")
        lasts = values.seconds(grace, tell) if grace else None
        return self._settled(contract if lasts is None else replace(contract, grace=lasts))

    def _name(self) -> str:
        scalar = self._section.scalar("name")
        if scalar and not _NAME.fullmatch(scalar.text):
            told = f"a contract's name has a-z, 0-9 and dashes, such as `card-fraud`: not `{scalar.text}`"
            self._tell.tell(scalar, "C203", told)
        return scalar.text if scalar else ""

    def _word(self, name: str, words: tuple[str, ...]) -> str | None:
        return words_of(self._section, name, words, self._tell)

    def _settled(self, contract: Contract) -> Contract:
        settle, tell = self._section.section("settle"), self._tell
        if settle is None:
            return contract
        settle.only(("policy", "weights", "seniority", "answers_needed"), "`settle`")
        policy = cast(Policy, words_of(settle, "policy", POLICIES, tell) or "majority")
        weights, seniority = self._weights(settle), texts(settle, "seniority", tell)
        needed = settle.scalar("answers_needed")
        for name, policies in (("weights", ("weighted",)), ("seniority", ("senior",))):
            if policy in policies and name not in settle:
                tell.tell(
                    settle.key("policy"), "C305", f"the policy `{policy}` goes by `{name}`, which is missing"
                )
            elif policy not in policies and name in settle:
                tell.tell(settle.key(name), "W302", f"`{name}` says nothing: the policy is `{policy}`")
        return replace(
            contract,
            policy=policy,
            weights=weights,
            seniority=seniority,
            answers_needed=values.whole(needed, 1, 100, tell, "`answers_needed`") if needed else None,
        )

    def _weights(self, settle: Section) -> dict[str, float]:
        weights = settle.section("weights")
        found: dict[str, float] = {}
        for key, value in weights or ():
            number = values.number(value.text) if isinstance(value, Scalar) else None
            if number is None or number < 0:
                self._tell.tell(value, "C203", f"the weight of `{key.text}` is a number from 0 on")
            else:
                found[key.text] = number
        if found and not any(found.values()) and EVERYBODY in found:
            self._tell.tell(settle.key("weights"), "C305", "every weight is 0, so no answer would ever count")
        return found

    def _approved(self, parts: Parts) -> tuple[Approval, ...]:
        found: list[Approval] = []
        for entry in self._section.items("approved") or ():
            if not isinstance(entry, Pairs):
                self._tell.tell(entry, "C202", "an approval is a mapping with `definitions` and `because`")
                continue
            section = Section(entry, self._tell)
            section.only(("definitions", "labels", "by", "because"), "an approval")
            section.need("definitions", ": whose answers are let in?")
            section.need("because", ": how do we know what their labels mean?")
            digest = section.scalar("definitions")
            if digest and not _DIGEST.fullmatch(digest.text):
                self._tell.tell(
                    digest, "C307", f"`{digest.text}` is no digest; `flyball contract show` has them"
                )
            labels: dict[str, str] = {}
            for key, value in section.section("labels") or ():
                if (label := parts.label(value)) is not None:
                    labels[key.text] = label
            by, because = text_of(section, "by"), text_of(section, "because")
            found.append(Approval(Digest(digest.text if digest else ""), labels, by, because))
        return tuple(found)

    def _history(self, version: int | None) -> tuple[Version, ...]:
        found: list[Version] = []
        for entry in self._section.items("history") or ():
            if not isinstance(entry, Pairs):
                self._tell.tell(entry, "C202", "an entry of `history` has `version`, `by` and `because`")
            elif (read := self._version(Section(entry, self._tell))) is not None:
                if found and read.version <= found[-1].version:
                    told = f"version {read.version} stands after version {found[-1].version}"
                    self._tell.tell(entry, "C306", told)
                found.append(read)
        if version and "history" in self._section and (not found or found[-1].version != version):
            told = f"`history` does not end with version {version}: who made it, and why?"
            self._tell.tell(self._section.key("history"), "C306", told)
        return tuple(found)

    def _version(self, section: Section) -> Version | None:
        section.only(("version", "by", "because", "at"), "an entry of `history`")
        section.need("version", "")
        section.need("by", ": who made this version?")
        section.need("because", ": why was it made?")
        number, at = section.scalar("version"), section.scalar("at")
        version = values.whole(number, 1, _MOST_VERSIONS, self._tell, "`version`") if number else None
        if at and not _is_date(at.text):
            self._tell.tell(at, "C203", f"`at` is a date such as 2026-11-20, not `{at.text}`")
        if version is None:
            return None
        return Version(version, text_of(section, "by"), text_of(section, "because"), at.text if at else "")


def _is_date(text: str) -> bool:
    try:
        datetime.fromisoformat(text)
    except ValueError:
        return False
    return True


def told(contract: Contract) -> Mapping[str, Any]:
    """A contract as plain values, for programs that ask for it."""
    return {
        "name": contract.name,
        "version": contract.version,
        "definitions": contract.definitions,
        "labels": [
            {"id": each.id, "name": each.name or each.id, "aliases": list(each.aliases)}
            | {"definition": each.definition, "attributes": dict(each.attributes), "abstains": each.abstains}
            for each in contract.labels
        ],
        "fields": {each.name: each.type for each in contract.fields},
        "identity": list(contract.identity),
        "ambiguous": list(contract.ambiguous),
        "policy": contract.policy,
        "approved": {
            each.definitions: {"labels": dict(each.labels), "by": each.by, "because": each.because}
            for each in contract.approved
        },
    }
