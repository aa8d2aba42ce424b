"""The reference pages, made from the catalogues: `python -m flyball.cli.reference docs/reference`."""

from __future__ import annotations

import sys
from pathlib import Path

from flyball.cli.reference_rules import errors_page, language_page
from flyball.cli.reference_tables import page_of, table_of
from flyball.cli.show import number
from flyball.core.knobs import ACTIONS, KNOBS
from flyball.core.signals import SIGNALS
from flyball.settings.read import Described, described


def pages() -> dict[str, str]:
    """Every page by its file name."""
    return {
        "signals.md": _signals(),
        "knobs.md": _knobs(),
        "loop-toml.md": _settings(),
        "rule-language.md": language_page(),
        "rule-errors.md": errors_page(),
    }


def _signals() -> str:
    rows = [
        (
            f"`{s.name}`",
            s.unit,
            _range(s.low, s.high),
            s.meaning + ("" if s.source else " *Not measured yet.*"),
            s.how,
        )
        for s in SIGNALS.values()
    ]
    return page_of(
        "Signals",
        "What rules may read. A signal that is missing, too old or not finite is *no data*:"
        " it neither fires nor clears a rule.",
        [("signal", "unit", "range", "meaning", "how it is measured"), *rows],
    )


def _knobs() -> str:
    knobs = [
        (
            f"`{k.name}`",
            number(k.default),
            ", ".join(k.words) or _range(k.low, k.high),
            k.unit,
            k.who,
            k.meaning + ("" if k.takes_effect else " *No effect yet.*"),
        )
        for k in KNOBS.values()
    ]
    actions = [
        (f"`{a.name}`", ", ".join(a.options), a.meaning + ("" if a.takes_effect else " *No effect yet.*"))
        for a in ACTIONS.values()
    ]
    first = page_of(
        "Knobs and actions",
        "What may be turned, by whom, and how far. Rules turn knobs in the adaptive architecture;"
        " a rule file may narrow the bounds and never widen them.",
        [("knob", "default", "may be", "unit", "turned by", "meaning"), *knobs],
    )
    return first + "\n## Actions\n\n" + table_of([("action", "options", "meaning"), *actions])


def _settings() -> str:
    rows = [(f"`{key.name}`", _default(key), key.meaning) for key in described()]
    return page_of(
        "loop.toml",
        "Everything that a loop's settings may say."
        " A flag lays a value over the file: `--set clock.speed=100`.",
        [("key", "default", "meaning"), *rows],
    )


def _default(key: Described) -> str:
    if key.required:
        return "required"
    return "" if key.default in (None, (), {}) else f"`{key.default}`"


def _range(low: float | None, high: float | None) -> str:
    if low is None and high is None:
        return ""
    if high is None:
        return f"from {number(low)}"
    return f"{number(low)} to {number(high)}" if low is not None else f"to {number(high)}"


def main() -> None:
    """Write every page into the folder that is named."""
    folder = Path(sys.argv[1])
    for name, text in pages().items():
        (folder / name).write_text(text)


if __name__ == "__main__":
    main()
