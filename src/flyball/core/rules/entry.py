"""One rule as an operator writes it: from its mapping to a `Rule`, with every mistake told."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Literal, cast

from flyball.core.ids import RuleId
from flyball.core.rules import parse, values
from flyball.core.rules.actions import Deeds
from flyball.core.rules.marked import Complaints, Marked, Pairs, Scalar
from flyball.core.rules.model import Bounds, Condition, Rule, Span
from flyball.core.rules.reason import read_reason
from flyball.core.rules.sections import Section
from flyball.core.rules.typed import Names
from flyball.core.rules.words import Catalogue

KEYS = (
    *("id", "because", "when", "for", "until", "then", "hold", "cooldown", "repeat", "once"),
    *("priority", "mode", "when_missing", "foreach"),
)
_ID_LENGTH = 80

Mode = Literal["live", "shadow"]
Missing = Literal["keep", "clear"]


@dataclass(frozen=True, slots=True)
class Defaults:
    """What a rule does not say itself."""

    mode: Mode = "live"
    cooldown: Span | None = None
    when_missing: Missing = "keep"


@dataclass(frozen=True, slots=True)
class Given:
    """What a rule is read against: the catalogue and the rest of its file."""

    catalogue: Catalogue
    conditions: Collection[str] = ()
    bounds: Mapping[str, Bounds] | None = None
    defaults: Defaults = Defaults()


def read_condition(scalar: Scalar, names: Names, tell: Complaints) -> Condition | None:
    """A condition from a scalar; what is wrong with it is told at its place."""

    def within(code: str, message: str, start: int, end: int) -> None:
        tell.tell_within(scalar, code, message, start, end)

    return parse.condition(scalar.text, names, within)


def read_rule(entry: Marked, given: Given, complaints: Complaints) -> Rule | None:
    """A rule, or None after telling everything that is wrong with it."""
    if not isinstance(entry, Pairs):
        complaints.tell(
            entry, "R202", "a rule is a mapping with `id`, `because`, `when` and `then` or `hold`"
        )
        return None
    name = next(
        (value.text for key, value in entry.entries if key.text == "id" and isinstance(value, Scalar)), ""
    )
    tell = complaints.of(name) if name else complaints
    return _Reader(Section(entry, tell), given, tell).rule()


class _Reader:
    def __init__(self, section: Section, given: Given, tell: Complaints) -> None:
        self._section = section
        self._given = given
        self._tell = tell
        self._foreach: Literal["annotator"] | None = (
            "annotator" if self._word("foreach", ("annotator",)) else None
        )
        self._names = Names(given.catalogue, given.conditions, each=self._foreach is not None)

    def rule(self) -> Rule | None:
        section, defaults = self._section, self._given.defaults
        section.only(KEYS, "a rule")
        section.need("id", ": every rule has a name")
        section.need("because", ": in a year it is the only line that matters")
        section.need("when", ": when does this rule fire?")
        if "then" not in section and "hold" not in section:
            self._tell.tell(section.pairs, "R209", "the rule does nothing: it has neither `then` nor `hold`")
        because, when, until = section.scalar("because"), section.scalar("when"), section.scalar("until")
        deeds = Deeds(self._given.catalogue, self._given.bounds or {}, self._names.each, self._tell)
        then, hold = section.any("then"), section.section("hold")
        condition = read_condition(when, self._names, self._tell) if when else None
        reason = read_reason(because, self._names, self._tell) if because else ()
        once = section.scalar("once")
        rule_id = self._id()
        rule = Rule(
            id=rule_id or RuleId(""),
            because=because.text if because else "",
            when=cast(Condition, condition),
            when_text=_one_line(when),
            then=deeds.then(then, section.key("then")) if then is not None else (),
            hold=deeds.hold(hold) if hold else {},
            for_=self._span("for"),
            until=read_condition(until, self._names, self._tell) if until else None,
            until_text=_one_line(until),
            cooldown=self._span("cooldown") or defaults.cooldown,
            repeat=self._repeat(),
            once=bool(once and values.flag(once, self._tell, "`once`")),
            priority=self._priority(),
            mode=cast(Mode, self._word("mode", ("live", "shadow")) or defaults.mode),
            when_missing=cast(
                Missing, self._word("when_missing", ("keep", "clear")) or defaults.when_missing
            ),
            foreach=self._foreach,
            line=section.pairs.line + 1,
            reason=reason,
        )
        return rule if condition is not None and rule_id else None

    def _id(self) -> RuleId | None:
        scalar = self._section.scalar("id")
        if scalar is None:
            return None
        plain = scalar.text.replace("-", "").replace("_", "")
        if (
            not (plain.isascii() and plain.isalnum() and scalar.text[0].isalnum())
            or len(scalar.text) > _ID_LENGTH
        ):
            message = (
                f"an id has letters, digits and hyphens, at most {_ID_LENGTH}: not `{scalar.text[:100]}`"
            )
            self._tell.tell(scalar, "R203", message)
            return None
        return RuleId(scalar.text)

    def _span(self, name: str) -> Span | None:
        scalar = self._section.scalar(name)
        return values.span(scalar, self._tell) if scalar else None

    def _repeat(self) -> Span | None:
        if "repeat" in self._section and "then" not in self._section:
            self._tell.tell(
                self._section.key("repeat"), "R211", "`repeat` does `then` again, and there is none"
            )
        return self._span("repeat")

    def _priority(self) -> int:
        scalar = self._section.scalar("priority")
        found = scalar and values.whole(scalar, -1000, 1000, self._tell, "`priority`")
        return found or 0

    def _word(self, name: str, words: tuple[str, ...]) -> str | None:
        scalar = self._section.scalar(name)
        return values.word(scalar, words, self._tell, f"`{name}`") if scalar else None


def _one_line(scalar: Scalar | None) -> str:
    return " ".join(scalar.text.split()) if scalar else ""
