"""What a rule does: `then` and `hold`, as knobs turned and actions asked for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, cast

from flyball.core.knobs import Knob, Value
from flyball.core.rules import values
from flyball.core.rules.bounds import known_knob, narrowed
from flyball.core.rules.marked import Complaints, Items, Marked, Pairs, Scalar
from flyball.core.rules.model import Bounds, Do, Turn
from flyball.core.rules.sections import Section
from flyball.core.rules.words import OPTION_WORDS, Catalogue, near

How = Literal["set", "scale", "add"]
_VERBS = ("set", "scale", "add", "do")
_FORMS = "{set: KNOB, to: VALUE}, {scale: KNOB, by: 1.5}, {add: KNOB, by: 10} or {do: ACTION}"


class Deeds:
    """Reads what one rule does. `each`: it stands for each annotator."""

    def __init__(
        self, catalogue: Catalogue, bounds: Mapping[str, Bounds], each: bool, tell: Complaints
    ) -> None:
        self._catalogue = catalogue
        self._bounds = bounds
        self._each = each
        self._tell = tell

    def then(self, value: Marked, key: Marked) -> tuple[Turn | Do, ...]:
        """One deed, or a list of them."""
        deeds = value.of if isinstance(value, Items) else (value,)
        if not deeds:
            self._tell.tell(key, "R202", f"`then` is empty; it has {_FORMS}")
        found = [self._deed(each) for each in deeds if not self._tell.full]
        return tuple(each for each in found if each is not None)

    def hold(self, section: Section) -> dict[str, Value]:
        """Knobs with the values that they have while the rule is active."""
        if not section.pairs.entries:
            self._tell.tell(
                section.pairs, "R202", "`hold` is empty; it is a mapping such as {batch.size: 100}"
            )
        held: dict[str, Value] = {}
        for key, value in section:
            if not isinstance(value, Scalar):
                self._tell.tell(key, "R202", f"`{key.text}` is held at a single value")
            elif (knob := self._knob(key)) and (to := self._value(knob, value)) is not None:
                held[knob.name] = to
        return held

    def _deed(self, value: Marked) -> Turn | Do | None:
        if not isinstance(value, Pairs):
            self._tell.tell(value, "R202", f"a deed is one of {_FORMS}")
            return None
        section = Section(value, self._tell)
        verbs = [verb for verb in _VERBS if verb in section]
        if len(verbs) != 1:
            wrong = next((key.text for key, _ in section if key.text not in _VERBS), "")
            hint = near(wrong, _VERBS) if not verbs else ""
            self._tell.tell(value, "R202", f"a deed is one of {_FORMS}{hint}")
            return None
        return self._do(section) if verbs == ["do"] else self._turn(section, verbs[0])

    def _turn(self, section: Section, verb: str) -> Turn | None:
        with_ = "to" if verb == "set" else "by"
        section.only((verb, with_), f"`{verb}`")
        section.need(with_, f": `{verb}` says {'what to' if verb == 'set' else 'by how much'}")
        name, amount = section.scalar(verb), section.scalar(with_)
        knob = self._knob(name) if name else None
        if knob is None or amount is None:
            return None
        value = self._value(knob, amount) if verb == "set" else self._amount(knob, verb, amount)
        how = cast(How, verb)
        return None if value is None else Turn(how, knob.name, value)

    def _amount(self, knob: Knob, verb: str, amount: Scalar) -> float | None:
        if knob.kind not in ("number", "integer"):
            self._tell.tell(amount, "R211", f"`{knob.name}` is a {knob.kind}: it can only be `set`")
            return None
        value = values.number(amount.text, knob.unit if verb == "add" else "")
        if value is None or (verb == "scale" and value <= 0):
            what = "a factor above zero, such as 1.5" if verb == "scale" else "a number, such as 10 or -10"
            self._tell.tell(amount, "R203", f"`by` is {what}, not `{amount.text}`")
            return None
        return value

    def _do(self, section: Section) -> Do | None:
        name = section.scalar("do")
        action = self._catalogue.actions.get(name.text) if name else None
        if name is None or action is None:
            if name:
                hint = near(name.text, self._catalogue.actions)
                self._tell.tell(name, "R103", f"unknown action `{name.text}`{hint}")
            return None
        options: dict[str, str] = {}
        for key, value in section:
            if key.text == "do":
                continue
            if key.text not in action.options:
                has = near(key.text, action.options) or "; it takes no such option"
                self._tell.tell(key, "R107", f"`{action.name}` has no `{key.text}`{has}")
            elif not isinstance(value, Scalar):
                self._tell.tell(key, "R202", f"`{key.text}` is a single value")
            elif (words := OPTION_WORDS.get(key.text)) and value.text not in words:
                message = f"`{key.text}` is {', '.join(words)}; not `{value.text}`{near(value.text, words)}"
                self._tell.tell(value, "R107", message)
            else:
                options[key.text] = value.text
        return Do(action.name, options)

    def _knob(self, name: Scalar) -> Knob | None:
        knob = known_knob(name, self._catalogue, self._tell)
        if knob is not None and knob.per == "annotator" and not self._each:
            message = f"`{knob.name}` is set for each annotator: it needs `foreach: annotator`"
            self._tell.tell(name, "R208", message)
            return None
        return knob

    def _value(self, knob: Knob, scalar: Scalar) -> Value | None:
        """A value that the catalogue allows, and this file."""
        value = values.knob_value(knob, scalar, self._tell)
        here = narrowed(knob, self._bounds.get(knob.name))
        if isinstance(value, str) and value not in here.words:
            self._tell.tell(
                scalar, "R210", f"`{knob.name}` is not allowed to be `{value}` by `knobs` in this file"
            )
            return None
        if isinstance(value, bool) or not isinstance(value, int | float):
            return value
        if (here.low is not None and value < here.low) or (here.high is not None and value > here.high):
            message = (
                f"`knobs` in this file allows {values.allowed(here)} for `{knob.name}`, not `{scalar.text}`"
            )
            self._tell.tell(scalar, "R210", message)
            return None
        return value
