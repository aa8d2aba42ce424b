"""Everything in a rule file that can be nudged: thresholds, durations, operators, values, priorities."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from flyball.core.ids import RuleId
from flyball.core.knobs import Knob
from flyball.core.rules.limits import wanted
from flyball.core.rules.marked import Items, Marked, Pairs, Scalar, Source
from flyball.core.rules.model import Rule, Ruleset, Turn
from flyball.core.rules.scenario import edits
from flyball.core.rules.scenario.edits import Edit
from flyball.core.rules.tree import named_in
from flyball.core.rules.values import number
from flyball.core.rules.words import OPTION_WORDS, Catalogue

_OTHER = {
    "true": "false",
    "false": "true",
    "keep": "clear",
    "clear": "keep",
    "live": "shadow",
    "shadow": "live",
}


@dataclass(frozen=True, slots=True)
class Nudge:
    """One small change of a rule file: what a scalar of its tree says instead, and whom it concerns.

    `line` and `column` count from 1. `where`: the rule, condition or knob, and the key.
    """

    scalar: Scalar
    text: str
    line: int
    column: int
    where: str
    told: str
    rules: frozenset[RuleId]

    def __str__(self) -> str:
        return f"line {self.line}: [{self.where}] {self.told}"


class Nudges:
    """The nudges of a file that was read without mistakes.

    Left out, as nobody could notice: bounds of knobs that no rule moves past them from anywhere;
    priorities, but where they decide between two live rules that turn one knob; the cooldown of a rule
    that fires once.
    """

    def __init__(self, root: Marked, source: Source, rules: Ruleset, catalogue: Catalogue) -> None:
        self._root = root
        self._source = source
        self._rules = {rule.id: rule for rule in rules.rules}
        self._bounds = rules.bounds
        self._uses = {rule.id: _conditions_of(rule, rules) for rule in rules.rules}
        self._catalogue = catalogue

    def all(self) -> Iterator[Nudge]:
        """Every nudge, in the order of the file."""
        for key, value in _entries(self._root):
            match key.text:
                case "defaults":
                    yield from self._defaults(value)
                case "knobs":
                    for knob, bounds in _entries(value):
                        yield from self._limits(knob.text, bounds)
                case "conditions":
                    for name, condition in _entries(value):
                        using = [rule for rule, used in self._uses.items() if name.text in used]
                        yield from self._condition(condition, name.text, using)
                case "rules":
                    for entry in _items(value):
                        yield from self._rule(entry)
                case _:
                    pass

    def _defaults(self, section: Marked) -> Iterator[Nudge]:
        for key, value in _entries(section):
            text, where, using = _text(value), f"defaults {key.text}", list(self._rules)
            if key.text == "cooldown":
                using = [name for name in using if not self._rules[name].once]
                yield from self._nudged(value, edits.of_span(text), where, using)
            else:
                yield from self._nudged(value, edits.of_word(text, _OTHER.get(text)), where, using)

    def _limits(self, name: str, section: Marked) -> Iterator[Nudge]:
        """How far a knob may go, how fast, and where it returns to."""
        knob = self._catalogue.knobs[name]
        using = [rule.id for rule in self._rules.values() if name in turned_by(rule)]
        for key, value in _entries(section):
            text, where = _text(value), f"{name} {key.text}"
            made: Iterable[Edit] = ()
            match key.text:
                case "min" | "max":
                    of = edits.of_number(text, knob.kind == "integer")
                    made = [edit for edit in of if self._limits_ever(knob, key.text, text, edit.by)]
                case "safe" if knob.kind in ("number", "integer"):
                    made = edits.of_number(text, knob.kind == "integer")
                case "step" | "turns":
                    made = edits.of_limit(text)
                case "silent_for":
                    made = edits.of_span(text)
                case _:
                    pass
            yield from self._nudged(value, made, where, using)

    def _rule(self, entry: Marked) -> Iterator[Nudge]:
        named = next(value for key, value in _entries(entry) if key.text == "id")
        rule = self._rules[RuleId(_text(named))]
        for key, value in _entries(entry):
            text, where = _text(value), f"{rule.id} {key.text}"
            made: Iterable[Edit] = ()
            match key.text:
                case "when" | "until":
                    yield from self._condition(value, where, [rule.id])
                case "for" | "repeat":
                    made = edits.of_span(text)
                case "cooldown" if not rule.once:
                    made = edits.of_span(text)
                case "once" | "when_missing" | "mode":
                    made = edits.of_word(text, _OTHER.get(text))
                case "priority":
                    made = edits.of_word(text, self._above(rule))
                case "hold":
                    for knob, to in _entries(value):
                        yield from self._value(knob.text, to, where, rule)
                case "then":
                    for deed in _items(value):
                        yield from self._deed(deed, where, rule)
                case _:
                    pass
            yield from self._nudged(value, made, where, [rule.id])

    def _deed(self, deed: Marked, where: str, rule: Rule) -> Iterator[Nudge]:
        parts = {key.text: value for key, value in _entries(deed)}
        for how, by in (("set", "to"), ("scale", "by"), ("add", "by")):
            if how in parts:
                yield from self._value(_text(parts[how]), parts[by], where, rule, scales=how == "scale")
        for option, words in OPTION_WORDS.items():
            if option in parts:
                other = _another(_text(parts[option]), words)
                yield from self._nudged(
                    parts[option], edits.of_word(_text(parts[option]), other), where, [rule.id]
                )

    def _value(
        self, name: str, value: Marked, where: str, rule: Rule, *, scales: bool = False
    ) -> Iterator[Nudge]:
        """What a rule gives a knob."""
        knob, bounds, text = self._catalogue.knobs[name], self._bounds.get(name), _text(value)
        made: Iterator[Edit]
        match knob.kind:
            case "flag":
                made = edits.of_word(text, _OTHER.get(text))
            case "word":
                allowed = bounds.words if bounds is not None and bounds.words else knob.words
                made = edits.of_word(text, _another(text, allowed))
            case "number" | "integer":
                made = edits.of_number(text, knob.kind == "integer" and not scales)
        yield from self._nudged(value, made, where, [rule.id])

    def _limits_ever(self, knob: Knob, end: str, old: str, new: str) -> bool:
        """Whether a rule can move a knob, from where the catalogue lets it be, past one of two bounds."""
        bounds = [bound for text in (old, new) if (bound := number(text, knob.unit)) is not None]
        start = knob.low if end == "min" else knob.high
        for rule in self._rules.values():
            for act in rule.then:
                if not isinstance(act, Turn) or act.knob != knob.name or act.how == "set":
                    continue
                if start is None:
                    return True
                to = float(wanted(act, start))
                if to < max(bounds) if end == "min" else to > min(bounds):
                    return True
        return False

    def _above(self, rule: Rule) -> str | None:
        """The priority just above that of the next live rule that turns one of the same knobs."""
        others = [
            other.priority
            for other in self._rules.values()
            if other.mode == rule.mode == "live"
            and other.priority > rule.priority
            and turned_by(rule) & turned_by(other)
        ]
        return str(min(others) + 1) if others else None

    def _condition(self, value: Marked, where: str, rules: Sequence[RuleId]) -> Iterator[Nudge]:
        yield from self._nudged(
            value, edits.of_condition(_text(value), self._catalogue.signals), where, rules
        )

    def _nudged(
        self, value: Marked, made: Iterable[Edit], where: str, rules: Sequence[RuleId]
    ) -> Iterator[Nudge]:
        for edit in made:
            assert isinstance(value, Scalar)
            line, column = self._source.place(value, edit.start)
            told = edit.told(value.text)
            yield Nudge(value, edit.of(value.text), line + 1, column + 1, where, told, frozenset(rules))


def _entries(part: Marked) -> Sequence[tuple[Scalar, Marked]]:
    return part.entries if isinstance(part, Pairs) else ()


def _items(part: Marked) -> Sequence[Marked]:
    return part.of if isinstance(part, Items) else (part,)


def _text(part: Marked) -> str:
    return part.text if isinstance(part, Scalar) else ""


def _another(word: str, words: Iterable[str]) -> str | None:
    return next((each for each in words if each != word), None)


def turned_by(rule: Rule) -> set[str]:
    """The knobs that a rule turns."""
    return {*rule.hold, *(act.knob for act in rule.then if isinstance(act, Turn))}


def _conditions_of(rule: Rule, rules: Ruleset) -> set[str]:
    """The named conditions that a rule uses, also through others."""
    found: set[str] = set()
    waiting = [part for part in (rule.when, rule.until) if part is not None]
    while waiting:
        for name in named_in(waiting.pop()):
            if name not in found:
                found.add(name)
                waiting.append(rules.conditions[name])
    return found
