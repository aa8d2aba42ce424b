"""Conditions and expressions: from text to a tree that the catalogue agrees with, by recursive descent."""

from __future__ import annotations

from collections.abc import Callable

from flyball.core.rules.expression import Checker
from flyball.core.rules.model import AllOf, AnyOf, Condition, Expression, Not
from flyball.core.rules.tokens import Tell, Token, tokens
from flyball.core.rules.typed import Names, Typed

#: What is longer or deeper is refused: nobody understands it, and hostile files end here.
LONGEST = 4000
DEEPEST = 40

_COMPARISONS = ("<", "<=", ">", ">=", "==", "!=")


class _Unreadable(Exception):
    """Reading cannot go on; what is wrong has been told."""


def condition(text: str, names: Names, tell: Tell) -> Condition | None:
    """The condition that a text says, or None after telling what is wrong with it."""
    parser = _Parser(text, names, tell)
    found = parser.whole()
    tree = parser.checker.condition(found) if found else None
    return None if parser.wrong else tree


def expression(text: str, names: Names, tell: Tell) -> tuple[Expression, str] | None:
    """The value that a text says and its unit, or None after telling what is wrong with it."""
    parser = _Parser(text, names, tell)
    found = parser.whole()
    value = parser.checker.value(found) if found else None
    return None if parser.wrong or value is None else (value.expression, value.unit)


class _Parser:
    """One text being read. `wrong` says whether anything was told."""

    def __init__(self, text: str, names: Names, tell: Tell) -> None:
        self.wrong = False
        self._tell_outside = tell
        self._depth = 0
        self._next = 0
        self._text = text
        self._tokens: list[Token] = []
        self.checker = Checker(names, self._tell)

    def whole(self) -> Typed | None:
        """The text's meaning, conditions and values alike."""
        try:
            if len(self._text) > LONGEST:
                raise self._stop("R307", f"longer than {LONGEST:,} characters", 0, 1)
            self._tokens = tokens(self._text, self._tell)
            found = self._or()
            if (left := self._token).kind != "end":
                raise self._stop(
                    "R301", f"expected `and`, `or` or the end, not `{left.text}`", left.start, left.end
                )
            return found
        except _Unreadable:
            return None

    def _or(self) -> Typed:
        return self._joined("or", self._and, AnyOf)

    def _and(self) -> Typed:
        return self._joined("and", self._not, AllOf)

    def _joined(
        self, word: str, part: Callable[[], Typed], make: Callable[[tuple[Condition, ...]], Condition]
    ) -> Typed:
        parts = [part()]
        while self._take("name", word):
            parts.append(part())
        if len(parts) == 1:
            return parts[0]
        conditions = [self.checker.condition(each) for each in parts]
        whole = tuple(each for each in conditions if each is not None)
        tree = make(whole) if len(whole) == len(parts) else None
        return Typed(tree, "condition" if tree else "wrong", parts[0].start, parts[-1].end)

    def _not(self) -> Typed:
        start = self._token.start
        if not self._take("name", "not"):
            return self._comparison()
        with self:
            inner = self._not()
        tree = self.checker.condition(inner)
        return Typed(Not(tree) if tree else None, "condition" if tree else "wrong", start, inner.end)

    def _comparison(self) -> Typed:
        left = self._sum()
        operator = self._token
        if not self._take("sign", *_COMPARISONS):
            return left
        found = self.checker.compare(operator, left, self._sum())
        if self._token.kind == "sign" and self._token.text in _COMPARISONS:
            message = "compare two values at a time, and join the comparisons with `and`"
            raise self._stop("R306", message, self._token.start, self._token.end)
        return found

    def _sum(self) -> Typed:
        found = self._product()
        while (operator := self._token).kind == "sign" and self._take("sign", "+", "-"):
            found = self.checker.arithmetic(operator, found, self._product())
        return found

    def _product(self) -> Typed:
        found = self._signed()
        while (operator := self._token).kind == "sign" and self._take("sign", "*", "/"):
            found = self.checker.arithmetic(operator, found, self._signed())
        return found

    def _signed(self) -> Typed:
        sign = self._token
        if not self._take("sign", "-"):
            return self._primary()
        with self:
            return self.checker.negative(sign, self._signed())

    def _primary(self) -> Typed:
        token = self._token
        match token.kind:
            case "number":
                self._next += 1
                return self._number(token)
            case "string":
                self._next += 1
                return self.checker.quoted(token)
            case "name" if token.text not in ("and", "or", "not"):
                self._next += 1
                return self._call(token) if self._take("sign", "(") else self.checker.name(token)
            case "sign" if token.text == "(":
                self._next += 1
                with self:
                    inner = self._or()
                self._close()
                return inner
            case _:
                but = f", not `{token.text}`" if token.text else ""
                message = f"expected a signal, a knob or a value{but}"
                raise self._stop("R301", message, token.start, token.end)

    def _number(self, token: Token) -> Typed:
        behind = self._token
        unit = behind.kind == "name" and behind.text not in ("and", "or", "not") and "." not in behind.text
        if unit and not token.unit:
            self._next += 1
            return self.checker.number(token, behind)
        return self.checker.number(token)

    def _call(self, function: Token) -> Typed:
        arguments: list[Typed] = []
        with self:
            while not (self._token.kind == "sign" and self._token.text == ")"):
                arguments.append(self._or())
                if not self._take("sign", ","):
                    break
        end = self._close()
        return self.checker.call(function, arguments, end)

    def _close(self) -> int:
        token = self._token
        if not self._take("sign", ")"):
            what = f"`{token.text}`" if token.text else "the end"
            raise self._stop("R301", f"expected `)`, not {what}", token.start, token.end)
        return token.end

    @property
    def _token(self) -> Token:
        return self._tokens[self._next]

    def _take(self, kind: str, *texts: str) -> bool:
        token = self._tokens[self._next]
        if token.kind == kind and token.text in texts:
            self._next += 1
            return True
        return False

    def __enter__(self) -> None:
        self._depth += 1
        if self._depth > DEEPEST:
            raise self._stop("R307", "nested too deeply", self._token.start, self._token.end)

    def __exit__(self, *error: object) -> None:
        self._depth -= 1

    def _tell(self, code: str, message: str, start: int, end: int) -> None:
        self.wrong = self.wrong or not code.startswith("W")
        self._tell_outside(code, message, start, end)

    def _stop(self, code: str, message: str, start: int, end: int) -> _Unreadable:
        self._tell(code, message, start, end)
        return _Unreadable()
