"""The reference pages of the rule language: its words, and the codes of its mistakes."""

from __future__ import annotations

from collections.abc import Iterable

from flyball.cli.reference_tables import page_of, table_of
from flyball.core.rules import language
from flyball.core.rules.codes import CODES
from flyball.core.rules.explanations import EXAMPLES, Example
from flyball.core.rules.language import Explained
from flyball.core.rules.ruleset import MOST_RULES
from flyball.core.rules.words import LONGEST_WINDOW, MOST_CYCLES

_SECTIONS = (
    ("R0", "The file"),
    ("R1", "Names"),
    ("R2", "Values and shapes"),
    ("R3", "Expressions"),
    ("W1", "Warnings: legal, and unwise"),
    ("S1", "Scenarios"),
)


def language_page() -> str:
    """Every word of a rule file."""
    parts = [
        page_of(
            "The rule language",
            "What a rule file may say. `flyball rules check FILE` holds a file against it, and"
            " `flyball rules schema` gives it to an editor. What rules may read is in [signals](signals.md),"
            " what they may turn and ask for in [knobs](knobs.md), and every code of a mistake in"
            f" [rule-errors](rule-errors.md). A file has at most 1 MB and {MOST_RULES:,} rules.",
            _rows("key", language.FILE, otherwise=True),
        ),
        _part("A rule", "Every rule has these keys.", "key", language.RULE, otherwise=True),
        _part("What a rule does", "Each entry of `then` is one of these.", "deed", language.DEEDS),
        _part("Knobs", "Each entry of `knobs` narrows one knob.", "key", language.BOUNDS, otherwise=True),
        _part(
            "Times to wait",
            "`for`, `cooldown`, `repeat`, `step`, `turns` and `silent_for`"
            " count in one of three ways. `every` is a time.",
            "unit",
            language.WAITS,
        ),
        _part(
            "Values in a condition", "What signals and knobs are compared with.", "value", language.LITERALS
        ),
        _part(
            "Operators",
            "Those that bind more strongly stand first. Parentheses help.",
            "operator",
            language.OPERATORS,
        ),
        _part("Functions of values", "Of what is read now.", "function", language.FUNCTIONS_OF_VALUES),
        _part("Functions of the past", _PAST, "function", language.FUNCTIONS_OF_PAST),
        _part("States", _STATES, "state", language.STATES, example="verdict"),
        _NO_DATA,
    ]
    return "\n".join(parts)


_PAST = (
    "Each takes one signal and a window: a time, or a number of cycles such as `5` or `5 cycles`. Over a time"
    " every look counts; over cycles each cycle counts once, with its last reading. A window is at most"
    f" {LONGEST_WINDOW / 86400:g} days or {MOST_CYCLES:,} cycles. `delta`, `rate`, `slope`, `drop` and `rise`"
    " are no data until the signal has been read for the whole window; the others answer from the first"
    " reading on."
)

_STATES = (
    "idle, pending, active, resting, and idle again. States survive a restart, and a new file for every rule"
    " that means the same in it. The words are those of a scenario's `verdict`; in the look in which a rule"
    " clears it says `clear`."
)

_NO_DATA = """## No data

A signal that is missing, stale or not finite is *no data*, and a comparison with it is *unknown*. Unknown
neither fires a rule nor clears it, unless the rule says `when_missing: clear`.

| a | not a | a and true | a and false | a or true | a or false |
|---|---|---|---|---|---|
| true | false | true | false | true | true |
| false | true | false | false | true | false |
| unknown | unknown | unknown | false | true | unknown |
"""


def errors_page() -> str:
    """Every code with its meaning and an example."""
    listed = page_of(
        "Mistakes and warnings in rule files",
        "Every mistake that `flyball rules check` tells has a code, which means one thing for good."
        " `flyball rules explain CODE` says the same as this page. A file with mistakes changes nothing:"
        " the rules before it stay in force. A warning keeps nobody from anything.",
        [("code", "meaning"), *((f"[{code}](#{code.lower()})", meaning) for code, meaning in CODES.items())],
    )
    parts = [listed]
    for start, title in _SECTIONS:
        codes = [code for code in CODES if code.startswith(start)]
        if codes:
            parts += [f"## {title}\n", *(_explained(code) for code in codes)]
    return "\n".join(parts)


def _explained(code: str) -> str:
    example = EXAMPLES[code]
    return f"### {code}\n\n{CODES[code]}\n\n{_shown(example)}"


def _shown(example: Example) -> str:
    kind = "yaml" if example.of else "text"
    return f"```{kind}\n{example.wrong}\n```\n\nmended:\n\n```{kind}\n{example.mended}\n```\n"


def _part(
    title: str,
    about: str,
    name: str,
    words: Iterable[Explained],
    *,
    otherwise: bool = False,
    example: str = "example",
) -> str:
    return f"## {title}\n\n{about}\n\n{table_of(_rows(name, words, otherwise=otherwise, example=example))}"


def _rows(
    name: str, words: Iterable[Explained], *, otherwise: bool = False, example: str = "example"
) -> list[tuple[str, ...]]:
    rows: list[tuple[str, ...]] = [(name, "meaning", *(("without it",) if otherwise else ()), example)]
    for each in words:
        shown = f"`{each.example}`"
        rows.append((f"`{each.name}`", each.meaning, *((each.otherwise,) if otherwise else ()), shown))
    return rows
