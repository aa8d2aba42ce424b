"""Small changes of one text: of a condition, token by token, and of the other values of a rule."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from flyball.core.rules.scenario.amounts import lasting, threshold
from flyball.core.rules.tokens import Token, tokens
from flyball.core.rules.words import OF_PAST, OF_VALUES
from flyball.core.signal import Signal

_COMPARISONS = {"<": "<=", "<=": "<", ">": ">=", ">=": ">", "==": "!=", "!=": "=="}
_ARITHMETIC = {"+": "-", "-": "+", "*": "/", "/": "*"}
_JOINS = {"and": "or", "or": "and"}
#: Functions whose answer is no whole number though the signal's readings are.
_NOT_WHOLE = ("avg", "rate", "slope", "rise", "drop", "quantile")


@dataclass(frozen=True, slots=True)
class Edit:
    """The text from `start` to `end` replaced. `before` and `after`: from where to where it is shown."""

    start: int
    end: int
    by: str
    before: tuple[int, int]
    after: tuple[int, int]

    def of(self, text: str) -> str:
        """The text with the edit made."""
        return text[: self.start] + self.by + text[self.end :]

    def told(self, text: str) -> str:
        """What was changed to what.

        >>> Edit(14, 17, "210", (0, 17), (12, 17)).told("queue.depth > 200")
        'queue.depth > 200 → > 210'
        """
        longer = len(self.by) - (self.end - self.start)
        before = text[slice(*self.before)]
        after = self.of(text)[self.after[0] : self.after[1] + longer]
        return f"{' '.join(before.split())} → {' '.join(after.split())}"


def of_condition(text: str, signals: Mapping[str, Signal]) -> Iterator[Edit]:
    """Each threshold and window moved both ways, each operator exchanged, each `not` left out."""
    found = [token for token in tokens(text, lambda *_: None) if token.kind != "end"]
    for start, end in _clauses(found):
        clause = found[start:end]
        first, last = clause[0].start, clause[-1].end
        compared = next((each.start for each in clause if each.text in _COMPARISONS), last)
        whole = _counts(clause, signals)
        for at in range(start, end):
            for begins, ends, by in _changed(found, at, whole):
                again = first if begins < compared else compared
                yield Edit(begins, ends, by, (first, last), (again, last))
    for token in found:
        if token.kind == "name" and token.text in _JOINS:
            span = (token.start, token.end)
            yield Edit(*span, _JOINS[token.text], (0, len(text)), span)
        elif token.kind == "name" and token.text == "not":
            yield Edit(token.start, token.end, "", (0, len(text)), (0, len(text)))


def of_number(text: str, whole: bool = False) -> Iterator[Edit]:
    """A value a little higher and a little lower."""
    body = text.lstrip("+-")
    sign = text[: len(text) - len(body)]
    for by in threshold(body, whole):
        yield _whole(text, 0, len(text), f"{sign}{by}")


def of_span(text: str) -> Iterator[Edit]:
    """A length of time longer and shorter."""
    for by in lasting(text):
        yield _whole(text, 0, len(text), by)


def of_limit(text: str) -> Iterator[Edit]:
    """`2x per 30m`, `3 per 1h`: the amount and the time, each both ways."""
    found = re.fullmatch(r"\s*(\S+?)(x?)\s+per\s+(.+?)\s*", text)
    if found is None:
        return
    whole = not found[2] and found[1].isdecimal()
    for by in threshold(found[1], whole):
        yield _whole(text, found.start(1), found.end(1), by)
    for by in lasting(found[3]):
        yield _whole(text, found.start(3), found.end(3), by)


def of_word(text: str, by: str | None) -> Iterator[Edit]:
    """One word in place of another; none where there is no other."""
    if by is not None:
        yield _whole(text, 0, len(text), by)


def _whole(text: str, start: int, end: int, by: str) -> Edit:
    return Edit(start, end, by, (0, len(text)), (0, len(text)))


def _changed(found: Sequence[Token], at: int, whole: bool) -> Iterator[tuple[int, int, str]]:
    token = found[at]
    if token.kind == "number":
        behind = found[at + 1] if at + 1 < len(found) else None
        cycles = behind is not None and behind.kind == "name" and behind.text in ("cycle", "cycles")
        ends = behind.end if behind is not None and cycles else token.end
        written = f"{token.text}{token.unit}{' cycles' if cycles else ''}"
        factor = any(each.kind == "sign" and each.text in "*/" for each in _beside(found, at))
        whole = (
            not factor and not token.unit and (cycles or (whole and token.text.replace("_", "").isdecimal()))
        )
        for by in lasting(written) if _is_window(found, at, cycles) else threshold(written, whole):
            yield token.start, ends, by
    elif token.kind == "sign" and token.text in _COMPARISONS:
        yield token.start, token.end, _COMPARISONS[token.text]
    elif token.kind == "sign" and token.text in _ARITHMETIC and _joins(found, at):
        yield token.start, token.end, _ARITHMETIC[token.text]


def _beside(found: Sequence[Token], at: int) -> Sequence[Token]:
    return (*found[max(0, at - 1) : at], *found[at + 1 : at + 2])


def _joins(found: Sequence[Token], at: int) -> bool:
    """Whether a sign stands between two values, rather than before one."""
    before = found[at - 1] if at else None
    if before is None or (before.kind == "name" and before.text in ("and", "or", "not")):
        return False
    return before.kind in ("number", "name", "string") or before.text == ")"


def _is_window(found: Sequence[Token], at: int, cycles: bool) -> bool:
    """Whether a number is the last argument of a function of the past, as in `slope(val.ap, 5)`."""
    after = at + (2 if cycles else 1)
    closes = after < len(found) and found[after].text == ")"
    if not closes or at < 2 or found[at - 1].text != ",":
        return False
    depth = 0
    for back in range(at - 1, 0, -1):
        depth += {")": 1, "(": -1}.get(found[back].text, 0) if found[back].kind == "sign" else 0
        if depth < 0:
            name = found[back - 1].text
            # `min(queue.depth, 5)` has a window, `min(5, queue.depth)` and `min(2 * a, 5)` have none.
            return name in OF_PAST and (name not in OF_VALUES or at - back == 3)
    return False


def _clauses(found: Sequence[Token]) -> Iterator[tuple[int, int]]:
    """The comparisons between `and`, `or` and `not`, each without the parentheses around it."""
    start = 0
    for at in range(len(found) + 1):
        if at < len(found) and not (found[at].kind == "name" and found[at].text in ("and", "or", "not")):
            continue
        first, last = start, at
        while first < last and found[first].text == "(":
            first += 1
        opened = sum({"(": 1, ")": -1}.get(each.text, 0) for each in found[first:last] if each.kind == "sign")
        while opened < 0:
            last, opened = last - 1, opened + 1
        if first < last:
            yield first, last
        start = at + 1


def _counts(clause: Sequence[Token], signals: Mapping[str, Signal]) -> bool:
    """Whether what a clause compares is counted, so that half of one is never read."""
    names = [token.text for token in clause if token.kind == "name"]
    units = [signals[name].unit for name in names if name in signals]
    return bool(units) and set(units) <= {"count", "cycles"} and not set(names) & set(_NOT_WHOLE)
