"""What goes together in an expression: names, units, words and functions, as the catalogue has them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import cast

from flyball.core.rules.functions import called
from flyball.core.rules.model import (
    Arithmetic,
    Compare,
    Condition,
    KnobRead,
    Named,
    Number,
    Read,
    Word,
)
from flyball.core.rules.tokens import Tell, Token
from flyball.core.rules.typed import Kind, Names, Typed
from flyball.core.rules.words import OF_PAST, OF_VALUES, SECONDS, Operator, Sign, near


class Checker:
    """Joins parts of an expression to larger ones, and tells what does not go together."""

    def __init__(self, names: Names, tell: Tell) -> None:
        self._names = names
        self._tell = tell

    # --- the smallest parts ---

    def number(self, token: Token, behind: Token | None = None) -> Typed:
        """A literal: plain, a percentage, a time, or with the word `cycles` behind it."""
        value = float(token.text.replace("_", ""))
        end = behind.end if behind else token.end
        if not math.isfinite(value):
            return self._wrong("R203", f"`{token.text}` is too large", token.start, token.end)
        if token.text[0] == "0" and token.text[1:2] not in ("", ".", "e", "E"):
            # Elsewhere this is octal, or part of a date, and neither is meant by a sum of three numbers.
            message = (
                f"`{token.text}` begins with a zero; write the number without it. Dates cannot be compared"
            )
            return self._wrong("R203", message, token.start, token.end)
        unit = ""
        if token.unit == "%":
            value, unit = value / 100.0, "share"
        elif token.unit in SECONDS:
            value, unit = value * SECONDS[token.unit], "seconds"
        elif behind and behind.text in ("cycle", "cycles"):
            unit = "cycles"
        elif token.unit or behind:
            return self._unknown_unit(token, behind)
        return Typed(Number(value), "number", token.start, end, unit, literal=True)

    def _unknown_unit(self, token: Token, behind: Token | None) -> Typed:
        word = behind.text if behind else token.unit
        start, end = (behind.start, behind.end) if behind else (token.end - len(word), token.end)
        if word in ("look", "looks"):
            hint = "; count in `cycles`, or give a time"
        elif word[:1] in SECONDS:
            hint = f"; did you mean `{token.text}{word[:1]}`?"
        else:
            hint = "; times are written `30s`, `10m`, `6h`, `2d`"
        value = f"{token.text}{' ' if behind else ''}{word}"
        return self._wrong("R203", f"`{value}` is no value{hint}", start, end)

    def quoted(self, token: Token) -> Typed:
        """A word in quotes."""
        return Typed(Word(token.text), "name", token.start, token.end, literal=True, text=token.text)

    def name(self, token: Token) -> Typed:
        """A condition, a signal or a knob; or a word that stays open until it is compared."""
        name, start, end = token.text, token.start, token.end
        if name in ("true", "false"):
            return Typed(Number(float(name == "true")), "flag", start, end, literal=True)
        if name in self._names.conditions:
            return Typed(Named(name), "condition", start, end, text=name)
        catalogue = self._names.catalogue
        if signal := catalogue.signals.get(name):
            if signal.per and not self._each(name, start, end):
                return Typed(None, "wrong", start, end)
            kind: Kind = "flag" if signal.unit == "flag" else "number"
            return Typed(Read(name), kind, start, end, signal.unit, False, signal.low, signal.high, text=name)
        if knob := catalogue.knobs.get(name):
            if knob.per == "rule":
                return self._wrong("R207", f"`{name}` is for people; rules do not read it", start, end)
            if knob.per and not self._each(name, start, end):
                return Typed(None, "wrong", start, end)
            kind = "number" if knob.kind == "integer" else knob.kind
            tree = KnobRead(name)
            return Typed(tree, kind, start, end, knob.unit, False, knob.low, knob.high, knob.words, name)
        return Typed(Word(name), "name", start, end, text=name)

    def _each(self, name: str, start: int, end: int) -> bool:
        if self._names.each:
            return True
        where = (
            "cannot stand in a named condition; write it in a rule with" if self._names.condition else "needs"
        )
        self._tell(
            "R208", f"`{name}` is read for each annotator: it {where} `foreach: annotator`", start, end
        )
        return False

    # --- as what a part is used ---

    def condition(self, part: Typed) -> Condition | None:
        """A part that must hold or not; a flag alone holds when it is true."""
        match part.kind:
            case "condition":
                return cast(Condition, part.tree)
            case "flag" if not part.literal:
                return Compare("==", part.expression, Number(1.0))
            case "flag":
                self._tell("R303", "this is always so, or never; name a signal", part.start, part.end)
            case "number" | "word":
                what = f"`{part.text}`" if part.text else "this"
                self._tell(
                    "R303",
                    f"{what} is a {part.kind}, not a condition: compare it with something",
                    part.start,
                    part.end,
                )
            case "name":
                self.value(part)
            case "wrong":
                pass
        return None

    def value(self, part: Typed) -> Typed | None:
        """A part that must have a value."""
        match part.kind:
            case "number" | "flag" | "word":
                return part
            case "condition":
                self._tell("R303", "a condition has no value", part.start, part.end)
            case "name" if part.literal:
                message = f"the word `{part.text}` can only be compared with a knob that takes words"
                self._tell("R303", message, part.start, part.end)
            case "name":
                catalogue = self._names.catalogue
                known = [*catalogue.signals, *catalogue.knobs, *self._names.conditions]
                self._tell(
                    "R101", f"unknown signal `{part.text}`{near(part.text, known)}", part.start, part.end
                )
            case "wrong":
                pass
        return None

    # --- parts joined ---

    def negative(self, sign: Token, part: Typed) -> Typed:
        """A value with its sign turned."""
        inner = self._number_in(part)
        if inner is None:
            return Typed(None, "wrong", sign.start, part.end)
        if isinstance(inner.tree, Number):
            return replace(inner, tree=Number(-inner.tree.value), start=sign.start)
        return Typed(
            Arithmetic("-", Number(0.0), inner.expression), "number", sign.start, part.end, inner.unit
        )

    def arithmetic(self, operator: Token, left: Typed, right: Typed) -> Typed:
        """Two numbers joined by + - * /."""
        first, second = self._number_in(left), self._number_in(right)
        if first is None or second is None:
            return Typed(None, "wrong", left.start, right.end)
        unit = ""
        if operator.text in "+-":
            self._units(first, second)
            unit = first.unit or second.unit
        sign = cast(Operator, operator.text)
        tree = Arithmetic(sign, first.expression, second.expression)
        return Typed(tree, "number", left.start, right.end, unit)

    def compare(self, operator: Token, left: Typed, right: Typed) -> Typed:
        """Two values compared."""
        left, right = self._word_of(left, right), self._word_of(right, left)
        first, second = self.value(left), self.value(right)
        wrong = Typed(None, "wrong", left.start, right.end)
        if first is None or second is None:
            return wrong
        if first.literal and second.literal:
            return self._wrong("R303", "nothing is read here, so it never changes", left.start, right.end)
        if first.kind != second.kind:
            message = f"a {first.kind} is never compared with a {second.kind}"
            return self._wrong("R303", message, left.start, right.end)
        if first.kind != "number" and operator.text not in ("==", "!="):
            message = f"a {first.kind} is compared with `==` or `!=`"
            return self._wrong("R303", message, operator.start, operator.end)
        self._units(first, second)
        self._reachable(first, second)
        self._reachable(second, first)
        sign = cast(Sign, operator.text)
        tree = Compare(sign, first.expression, second.expression)
        return Typed(tree, "condition", left.start, right.end)

    def _word_of(self, part: Typed, other: Typed) -> Typed:
        """A name as one of the words of the knob that it is compared with."""
        if part.kind != "name" or other.kind != "word":
            return part
        if part.text not in other.words:
            message = f"`{other.text}` is never `{part.text}`{near(part.text, other.words)}"
            return self._wrong("R106", message, part.start, part.end)
        return replace(part, kind="word", tree=Word(part.text), literal=True)

    def _number_in(self, part: Typed) -> Typed | None:
        value = self.value(part)
        if value is None or value.kind == "number":
            return value
        self._tell("R303", f"a {value.kind} cannot be counted with", part.start, part.end)
        return None

    def _units(self, first: Typed, second: Typed) -> None:
        """Literals that carry a unit go with that unit only."""
        for literal, other in ((first, second), (second, first)):
            if not literal.literal or literal.unit in ("", other.unit) or not other.unit:
                continue
            if literal.unit != "share" or other.unit in ("count", "seconds", "cycles"):
                what = f"`{other.text}`" if other.text else "the other value"
                message = (
                    f"{what} is {_UNITS.get(other.unit, f'in {other.unit}')}, not {_UNITS[literal.unit]}"
                )
                self._tell("R305", message, literal.start, literal.end)

    def _reachable(self, part: Typed, threshold: Typed) -> None:
        """Warn of a threshold that the part can never reach."""
        if not isinstance(threshold.tree, Number) or part.kind != "number" or part.literal:
            return
        low, high, value = part.low, part.high, threshold.tree.value
        if (low is None or value >= low) and (high is None or value <= high):
            return
        percent = value / 100.0
        fits = low == 0.0 and high == 1.0 and 0.0 <= percent <= 1.0
        hint = f"; did you mean `{value:g}%`?" if fits else ""
        bounds = (
            f"between {low:g} and {high:g}"
            if low is not None and high is not None
            else (f"at least {low:g}" if low is not None else f"at most {high:g}")
        )
        message = f"`{part.text}` reads {bounds}, never {value:g}{hint}"
        self._tell("W101", message, threshold.start, threshold.end)

    def call(self, function: Token, arguments: Sequence[Typed], end: int) -> Typed:
        """A function with its arguments."""
        name = function.text
        values = [value for each in arguments if (value := self.value(each)) is not None]
        if name not in OF_VALUES and name not in OF_PAST:
            message = f"unknown function `{name}`{near(name, (*OF_PAST, *OF_VALUES))}"
            return self._wrong("R104", message, function.start, function.end)
        if len(values) < len(arguments):
            return Typed(None, "wrong", function.start, end)
        found = called(name, values, function.start, end)
        return self._wrong("R304", found, function.start, end) if isinstance(found, str) else found

    def _wrong(self, code: str, message: str, start: int, end: int) -> Typed:
        self._tell(code, message, start, end)
        return Typed(None, "wrong", start, end)


_UNITS = {"share": "a share", "seconds": "a time", "cycles": "a number of cycles", "count": "a count"}
