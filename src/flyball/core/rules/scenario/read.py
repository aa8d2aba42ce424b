"""A scenario file as a whole: from its marked tree to a `Suite`, or to every mistake in it at once."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TypeVar

from flyball.core.ids import Seconds
from flyball.core.knobs import Value
from flyball.core.rules import values
from flyball.core.rules.marked import Complaints, Items, Marked, Pairs, Scalar, Source
from flyball.core.rules.model import Ruleset
from flyball.core.rules.scenario import series
from flyball.core.rules.scenario.model import Scenario, Subject, Suite
from flyball.core.rules.scenario.points import Points
from flyball.core.rules.scenario.subjects import Subjects
from flyball.core.rules.sections import Section
from flyball.core.rules.words import Catalogue, near
from flyball.core.signal import Reading, Snapshot
from flyball.errors import BadFile

_KEYS = ("rules", "every", "scenarios")
KEYS = (
    *("name", "rule", "every", "architecture", "knobs", "signals", "cycle"),
    *("people", "verdict", "expect"),
)
_T = TypeVar("_T")


def read_suite(name: str, root: Marked, source: Source, rules: Ruleset, catalogue: Catalogue) -> Suite:
    """The scenarios of a file, to be played with these rules. Raises BadFile with every mistake."""
    tell = Complaints(source)
    if not isinstance(root, Pairs):
        tell.tell(root, "R202", "a scenario file is a mapping with `rules` and `scenarios`")
        raise BadFile(tell.errors())
    section = Section(root, tell)
    section.only(_KEYS, "a scenario file")
    section.need("scenarios", "")
    every = section.scalar("every")
    apart = (values.seconds(every, tell) if every else None) or rules.every
    found: list[Scenario] = []
    first: dict[str, int] = {}
    for entry in section.items("scenarios") or ():
        if tell.full:
            break
        if not isinstance(entry, Pairs):
            tell.tell(
                entry, "R202", "a scenario is a mapping with `name`, `signals` and `verdict` or `expect`"
            )
            continue
        scenario = _Reader(entry, rules, apart, catalogue, tell).scenario()
        if scenario.name in first:
            message = f"the name `{scenario.name}` stands in line {first[scenario.name]} already"
            tell.tell(entry, "S110", message)
        first.setdefault(scenario.name, scenario.line)
        found.append(scenario)
    if problems := tell.errors():
        raise BadFile(problems)
    return Suite(name, rules, tuple(found))


class _Reader:
    """One scenario being read."""

    def __init__(
        self, entry: Pairs, rules: Ruleset, every: Seconds, catalogue: Catalogue, tell: Complaints
    ) -> None:
        names = [v.text for k, v in entry.entries if k.text == "name" and isinstance(v, Scalar)]
        self._tell = tell.of(names[0]) if names and names[0] else tell
        self._section = Section(entry, self._tell)
        self._subjects = Subjects(rules, self._tell)
        self._catalogue = catalogue
        written = self._section.scalar("every")
        self._every = (values.seconds(written, self._tell) if written else None) or every
        #: Every row by its key, as long as it was written.
        self._rows: list[tuple[Scalar, int]] = []
        self._unread = False

    def scenario(self) -> Scenario:
        section, tell = self._section, self._tell
        section.only(KEYS, "a scenario")
        section.need("name", ": what does it show?")
        section.need("signals", ": what do the rules read?")
        if "verdict" not in section and "expect" not in section:
            tell.tell(section.pairs, "S109", "nothing is expected: it has neither `verdict` nor `expect`")
        name, rule = section.scalar("name"), section.scalar("rule")
        subject = self._subjects.one(rule) if rule else None
        signals = self._signals()
        words = self._words(subject, rule)
        marks = self._marks()
        looks = self._looks(words)
        # Of rows that cannot be read nobody knows how many looks they would be.
        reach = series.MOST_LOOKS if self._unread else looks
        points = Points(self._catalogue, self._every, reach, self._subjects, tell)
        return Scenario(
            name=name.text if name else "",
            line=section.pairs.line + 1,
            every=self._every,
            snapshots=self._snapshots(signals, marks, looks),
            settings=self._settings(),
            people=tuple(points.people(section.items("people") or ())),
            words={each: _stretched(row, looks) for each, row in words.items()},
            expected=tuple(points.expected(section.items("expect") or ())),
            rule=subject,
        )

    # --- rows ---

    def _signals(self) -> dict[tuple[str, str | None], tuple[Reading, ...]]:
        """Each signal's row; by name, and annotator where there is one for each."""
        section = self._section.section("signals")
        found: dict[tuple[str, str | None], tuple[Reading, ...]] = {}
        for key, _ in section or ():
            assert section is not None
            name, at, about = key.text.partition("@")
            signal = self._catalogue.signals.get(name)
            row = section.scalar(key.text)
            if signal is None:
                known = near(name, self._catalogue.signals)
                self._tell.tell(key, "R101", f"unknown signal `{name}`{known}")
            elif signal.per and not about:
                message = f"`{name}` is read for each annotator: say for whom, `{name}@ana`"
                self._tell.tell(key, "S108", message)
            elif at and not signal.per:
                self._tell.tell(key, "S108", f"`{name}` is one for the loop: write it without `@{about}`")
            elif row and (read := self._row(key, series.readings(row, signal, self._tell))):
                found[name, about or None] = read
        return found

    def _words(self, subject: Subject | None, rule: Scalar | None) -> dict[Subject, tuple[str, ...]]:
        verdict = self._section.any("verdict")
        if isinstance(verdict, Items) or (isinstance(verdict, Scalar) and not verdict.text.strip()):
            self._section.scalar("verdict")
        elif isinstance(verdict, Scalar):
            key = self._section.key("verdict")
            assert isinstance(key, Scalar)
            if rule is None:
                self._tell.tell(key, "S103", "`verdict` is a row for one rule: name it with `rule`")
            elif subject is not None:
                return self._row_of(subject, key, verdict)
        elif isinstance(verdict, Pairs):
            found: dict[Subject, tuple[str, ...]] = {}
            for key, value in Section(verdict, self._tell):
                if not isinstance(value, Scalar):
                    self._tell.tell(key, "R202", f"`{key.text}` is a row of verdicts")
                elif (each := self._subjects.one(key)) is not None:
                    found |= self._row_of(each, key, value)
            return found
        return {}

    def _row_of(self, subject: Subject, key: Scalar, row: Scalar) -> dict[Subject, tuple[str, ...]]:
        read = self._row(key, series.words(row, self._tell))
        return {subject: read} if read else {}

    def _marks(self) -> tuple[bool, ...]:
        row, key = self._section.scalar("cycle"), self._section.key("cycle")
        if row is None or not isinstance(key, Scalar):
            return (False,)
        return self._row(key, series.cycles(row, self._tell)) or (False,)

    def _row(self, key: Scalar, read: tuple[_T, ...] | None) -> tuple[_T, ...] | None:
        """A row, counted; None where it could not be read."""
        if read is None:
            self._unread = True
        else:
            self._rows.append((key, len(read)))
        return read

    def _looks(self, words: Mapping[Subject, Sequence[str]]) -> int:
        """How many looks there are: as many as the longest row has; a row of one stands for all."""
        longest, looks = max(self._rows, key=lambda row: row[1], default=(None, 1))
        for key, length in self._rows:
            if length not in (1, looks) and longest is not None:
                message = (
                    f"`{key.text}` has {length} looks and `{longest.text}` has {looks}; "
                    "a row has one for each look, or a single one for all"
                )
                self._tell.tell(key, "S106", message)
        return looks

    def _snapshots(
        self,
        signals: Mapping[tuple[str, str | None], tuple[Reading, ...]],
        marks: Sequence[bool],
        looks: int,
    ) -> tuple[Snapshot, ...]:
        rows = {name: _stretched(row, looks) for name, row in signals.items()}
        ends = _stretched(marks, looks)
        annotators = dict.fromkeys(about for _, about in rows if about is not None)
        return tuple(
            Snapshot(
                at=look * self._every,
                cycle=sum(ends[: look + 1]),
                values={name: row[look] for (name, about), row in rows.items() if about is None},
                each={
                    annotator: {name: row[look] for (name, about), row in rows.items() if about == annotator}
                    for annotator in annotators
                },
            )
            for look in range(looks)
        )

    # --- knobs ---

    def _settings(self) -> dict[str, Value]:
        """What knobs are before the first look. Rules act only in adaptive, so that is the default."""
        return {"loop.architecture": "adaptive", **dict(self._set())}

    def _set(self) -> Iterator[tuple[str, Value]]:
        architecture = self._section.scalar("architecture")
        if architecture:
            knob = self._catalogue.knobs["loop.architecture"]
            value = values.knob_value(knob, architecture, self._tell)
            yield from [(knob.name, value)] if value is not None else []
        section = self._section.section("knobs")
        for key, _ in section or ():
            assert section is not None
            scalar, at = section.scalar(key.text), self._catalogue.knobs.get(key.text)
            if at is None:
                known = near(key.text, self._catalogue.knobs)
                self._tell.tell(key, "R102", f"unknown knob `{key.text}`{known}")
            elif scalar and (value := values.knob_value(at, scalar, self._tell)) is not None:
                yield at.name, value


def _stretched(row: Sequence[_T], looks: int) -> tuple[_T, ...]:
    """A row of as many looks; one that was told to be too short or too long is filled up or cut."""
    full = list(row) + list(row[-1:]) * (looks - len(row))
    return tuple(full[:looks])
