"""Moments of a scenario: what must have come of a look, and what people turn before one."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from flyball.core.control import PERSON
from flyball.core.facts import KnobTurned
from flyball.core.ids import Instant, Seconds
from flyball.core.knobs import Knob, Value
from flyball.core.rules import values
from flyball.core.rules.limits import span_text
from flyball.core.rules.marked import Complaints, Items, Marked, Pairs, Scalar
from flyball.core.rules.model import Span
from flyball.core.rules.scenario.model import VERDICTS, Expected
from flyball.core.rules.scenario.subjects import Subjects
from flyball.core.rules.sections import Section
from flyball.core.rules.words import OPTION_WORDS, Catalogue, near

EXPECT_KEYS = ("at", *VERDICTS, "knobs", "decided", "asked")
PEOPLE_KEYS = ("at", "set", "clear", "pause", "resume", "for")

_WHO = "operator"
#: Times this close are the same.
_SAME: Seconds = 1e-6


class Points:
    """Reads the entries of `expect` and `people`, each at a look."""

    def __init__(
        self,
        catalogue: Catalogue,
        every: Seconds,
        looks: int,
        subjects: Subjects,
        tell: Complaints,
    ) -> None:
        self._catalogue = catalogue
        self._every = every
        self._looks = looks
        self._subjects = subjects
        self._tell = tell

    def expected(self, entries: Sequence[Marked]) -> Iterator[Expected]:
        """What must have come of looks."""
        for section in self._sections(entries, EXPECT_KEYS, "an expectation"):
            look = self._at(section)
            verdicts = {
                verdict: tuple(
                    each for name in self._listed(section, verdict) if (each := self._subjects.one(name))
                )
                for verdict in VERDICTS
                if verdict in section
            }
            knobs, decided = (dict(self._values(section, name)) for name in ("knobs", "decided"))
            asked = self._asked(section) if "asked" in section else None
            if not verdicts and asked is None and "knobs" not in section and "decided" not in section:
                self._tell.tell(section.pairs, "S109", "this expects nothing")
            yield Expected(look, section.pairs.line + 1, verdicts, knobs, decided, asked)

    def people(self, entries: Sequence[Marked]) -> Iterator[tuple[int, KnobTurned]]:
        """What people turn, as the facts that follow from it."""
        for section in self._sections(entries, PEOPLE_KEYS, "what people do"):
            look, lasts = self._at(section), section.scalar("for")
            lasting = values.seconds(lasts, self._tell) if lasts else None
            until = None if lasting is None else look * self._every + lasting
            for name, value in self._values(section, "set"):
                yield look, _turned(name, value, until)
            for scalar in self._listed(section, "clear"):
                if self._knob(scalar) is not None:
                    yield look, _turned(scalar.text, None, None)
            for key, paused in (("pause", True), ("resume", None)):
                for scalar in self._listed(section, key):
                    if (rule := self._subjects.rule(scalar)) is not None:
                        yield look, _turned(f"rule.paused@{rule.id}", paused, until if paused else None)

    def _sections(self, entries: Sequence[Marked], keys: Sequence[str], what: str) -> Iterator[Section]:
        for entry in entries:
            if not isinstance(entry, Pairs):
                self._tell.tell(entry, "R202", f"{what} is a mapping with `at` and what happens then")
                continue
            section = Section(entry, self._tell)
            section.only(keys, what)
            section.need("at", ": at which look, such as `6m` or `look 7`?")
            yield section

    def _at(self, section: Section) -> int:
        """The look that is meant, from 0: by its time, or by its number from 1."""
        scalar = section.scalar("at")
        if scalar is None:
            return 0
        text = scalar.text.strip()
        last = (self._looks - 1) * self._every
        word, _, number = text.partition(" ")
        if word == "look" and number.isdecimal() and number.isascii():
            look = int(number) - 1
        elif text.isdecimal() and text != "0":
            self._tell.tell(
                scalar, "S107", f"`{text}` is no moment; did you mean `look {text}` or `{text}m`?"
            )
            return 0
        else:
            at = 0.0 if text == "0" else values.seconds(scalar, self._tell)
            if at is None:
                return 0
            look = round(at / self._every)
            if abs(look * self._every - at) > _SAME:
                apart = span_text(Span(self._every, "seconds"))
                message = f"no look is taken at {text}: they are {apart} apart, the first at 0"
                self._tell.tell(scalar, "S107", message)
                return 0
        if not 0 <= look < self._looks:
            ends = span_text(Span(last, "seconds")) if last else "0"
            count = "one look" if self._looks == 1 else f"{self._looks} looks"
            message = f"`{text}` is not in this scenario: it has {count}, the last at {ends}"
            self._tell.tell(scalar, "S107", message)
            return 0
        return look

    def _listed(self, section: Section, name: str) -> Iterator[Scalar]:
        """The words of a list; one alone may stand without brackets."""
        value = section.any(name)
        if value is None:
            return
        for each in value.of if isinstance(value, Items) else (value,):
            if isinstance(each, Scalar) and each.text.strip():
                yield each
            else:
                self._tell.tell(section.key(name), "R202", f"`{name}` is a list of names")

    def _values(self, section: Section, name: str) -> Iterator[tuple[str, Value]]:
        inner = section.section(name)
        for key, _ in inner or ():
            assert inner is not None
            knob, scalar = self._knob(key), inner.scalar(key.text)
            if knob and scalar and (value := values.knob_value(knob, scalar, self._tell)) is not None:
                yield key.text, value

    def _knob(self, key: Scalar) -> Knob | None:
        name, at, about = key.text.partition("@")
        knob = self._catalogue.knobs.get(name)
        if knob is None:
            self._tell.tell(key, "R102", f"unknown knob `{name}`{near(name, self._catalogue.knobs)}")
        elif at and (knob.per is None or not about):
            self._tell.tell(key, "S108", f"`{name}` is one for the loop: write it without `@{about}`")
            return None
        return knob

    def _asked(self, section: Section) -> tuple[str, ...]:
        """Actions, each with the words of its options that matter: `retrain`, `alert page`."""
        found: list[str] = []
        for scalar in self._listed(section, "asked"):
            action, *options = scalar.text.split()
            known = self._catalogue.actions.get(action)
            allowed = [word for option in known.options for word in OPTION_WORDS[option]] if known else []
            wrong = next((word for word in options if word not in allowed), None)
            if known is None:
                message = f"unknown action `{action}`{near(action, self._catalogue.actions)}"
                self._tell.tell(scalar, "R103", message)
            elif wrong is not None:
                self._tell.tell(scalar, "R107", f"`{action}` is never `{wrong}`{near(wrong, allowed)}")
            else:
                found.append(" ".join((action, *options)))
        return tuple(found)


def _turned(name: str, to: Value | None, until: Instant | None) -> KnobTurned:
    knob, at, about = name.partition("@")
    because = "the scenario has it so"
    return KnobTurned(knob, f"{PERSON}{_WHO}", to, because, _WHO, until=until, about=about if at else None)
