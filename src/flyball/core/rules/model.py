"""What a rule file says once it has been read: values only, with the places they came from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from flyball.core.ids import Digest, RuleId, Seconds
from flyball.core.knobs import Value

# --- expressions: the condition tree ---------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Span:
    """How long: seconds, looks or cycles. As a window over the past, or as something to wait for."""

    amount: float
    unit: Literal["seconds", "looks", "cycles"]


@dataclass(frozen=True, slots=True)
class Number:
    """A literal, already in its plain form: 20% is 0.2, 6h is 21600.0, `true` is 1.0."""

    value: float


@dataclass(frozen=True, slots=True)
class Word:
    """A word where the catalogue says that a knob's word is meant."""

    value: str


@dataclass(frozen=True, slots=True)
class Read:
    """A signal's reading. A flag reads 1.0 or 0.0."""

    signal: str


@dataclass(frozen=True, slots=True)
class KnobRead:
    """A knob's value in force."""

    knob: str


@dataclass(frozen=True, slots=True)
class Call:
    """A function: of values now (`abs min max avg sum` of expressions), or of one signal's past.

    `window` None: over the arguments. Else over the past of `args[0]`, which is then a Read.
    `extra` is the quantile's share.
    """

    name: str
    args: tuple[Expression, ...]
    window: Span | None = None
    extra: float | None = None


@dataclass(frozen=True, slots=True)
class Arithmetic:
    """Two values joined by + - * /. A division by zero is no data."""

    operator: Literal["+", "-", "*", "/"]
    left: Expression
    right: Expression


Expression = Number | Word | Read | KnobRead | Call | Arithmetic


@dataclass(frozen=True, slots=True)
class Compare:
    """Two values compared. With no data on either side it is unknown."""

    operator: Literal["<", "<=", ">", ">=", "==", "!="]
    left: Expression
    right: Expression


@dataclass(frozen=True, slots=True)
class Not:
    """The opposite; of unknown, unknown."""

    of: Condition


@dataclass(frozen=True, slots=True)
class AllOf:
    """Every one holds (Kleene's and)."""

    of: tuple[Condition, ...]


@dataclass(frozen=True, slots=True)
class AnyOf:
    """At least one holds (Kleene's or)."""

    of: tuple[Condition, ...]


@dataclass(frozen=True, slots=True)
class Named:
    """A named condition, inferred before those that use it."""

    name: str


Condition = Compare | Not | AllOf | AnyOf | Named

# --- what a rule does ------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Turn:
    """Write a knob's base value: set it `to`, scale it `by`, or add `by`."""

    how: Literal["set", "scale", "add"]
    knob: str
    value: Value


@dataclass(frozen=True, slots=True)
class Do:
    """Ask for an action."""

    action: str
    options: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class StepLimit:
    """How far a knob may move within a time: by a factor or by an amount."""

    kind: Literal["factor", "amount"]
    by: float
    per: Span


@dataclass(frozen=True, slots=True)
class Bounds:
    """What this file allows a knob to be; it narrows the catalogue and never widens it."""

    knob: str
    low: float | None = None
    high: float | None = None
    words: tuple[str, ...] = ()
    step: StepLimit | None = None
    safe: Value | None = None
    #: After how long without data the knob returns to `safe`.
    silent_for: Span | None = None
    #: The loop guard: more than so many changes of direction within the window freeze the knob.
    turns: int | None = None
    turns_within: Span | None = None


@dataclass(frozen=True, slots=True)
class Shown:
    """A value within a `because`, to be shown in its unit. `of` None: the annotator's name."""

    of: Expression | None
    unit: str = ""


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule. `when` and `until` are also kept as they were written, to be shown."""

    id: RuleId
    because: str
    when: Condition
    when_text: str
    then: tuple[Turn | Do, ...] = ()
    hold: Mapping[str, Value] = field(default_factory=dict)
    for_: Span | None = None
    until: Condition | None = None
    until_text: str = ""
    cooldown: Span | None = None
    repeat: Span | None = None
    once: bool = False
    priority: int = 0
    mode: Literal["live", "shadow"] = "live"
    when_missing: Literal["keep", "clear"] = "keep"
    foreach: Literal["annotator"] | None = None
    line: int = 0
    #: `because`, cut into words and the values between them.
    reason: tuple[str | Shown, ...] = field(default=(), compare=False)


@dataclass(frozen=True, slots=True)
class Ruleset:
    """A whole rule file: valid, whole and named by the digest of its bytes.

    `conditions` are in an order in which each stands after those it uses. `every`: one look.
    """

    digest: Digest
    name: str
    text: str
    every: Seconds
    rules: tuple[Rule, ...]
    conditions: Mapping[str, Condition] = field(default_factory=dict)
    bounds: Mapping[str, Bounds] = field(default_factory=dict)


def condition_key(rule: RuleId, part: Literal["when", "until"], about: str | None = None) -> str:
    """The name under which the truth of a rule's condition is handed to a look.

    `about`: the annotator, for a rule with `foreach`.

    >>> condition_key(RuleId("gold-accuracy-low"), "when", "ana")
    'gold-accuracy-low.when@ana'
    """
    return f"{rule}.{part}@{about}" if about is not None else f"{rule}.{part}"
