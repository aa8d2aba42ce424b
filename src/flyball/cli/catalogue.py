"""The catalogues as lists: every signal and every knob, with what it means and how it stands."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from flyball.cli.show import as_json, number, print_line, table
from flyball.core.knobs import KNOBS
from flyball.core.signals import SIGNALS


def signals(loop: Path, *, json: bool) -> int:
    """Every signal; its reading at the newest look where a loop is at hand."""
    readings = _readings(loop)
    rows: list[dict[str, Any]] = [
        {
            "signal": signal.name,
            "unit": signal.unit,
            "low": signal.low,
            "high": signal.high,
            "per": signal.per,
            "reading": readings.get(signal.name),
            "measured": bool(signal.source),
            "meaning": signal.meaning,
            "how": signal.how,
        }
        for signal in SIGNALS.values()
    ]
    if json:
        as_json(rows)
        return 0
    lines = [
        (
            row["signal"],
            row["unit"],
            _range(row["low"], row["high"]),
            number(row["reading"]) if row["measured"] and row["reading"] is not None else "no data",
            row["meaning"] + ("" if row["measured"] else " (nothing measures it yet)"),
        )
        for row in rows
    ]
    print_line(table(lines, ("signal", "unit", "range", "reading", "meaning")))
    return 0


def knobs(loop: Path, *, json: bool) -> int:
    """Every knob; its value in force where a loop is at hand, and what people have set over the rules."""
    values, set_ = _values(loop)
    rows: list[dict[str, Any]] = [
        {
            "knob": knob.name,
            "value": values.get(knob.name, knob.default),
            "default": knob.default,
            "low": knob.low,
            "high": knob.high,
            "words": knob.words,
            "unit": knob.unit,
            "who": knob.who,
            "per": knob.per,
            "takes_effect": knob.takes_effect,
            "meaning": knob.meaning,
            "overrides": [each for each in set_ if each["knob"] == knob.name],
        }
        for knob in KNOBS.values()
    ]
    if json:
        as_json(rows)
        return 0
    lines = [
        (
            row["knob"] + ("*" if row["overrides"] else ""),
            number(row["value"]),
            _may_be(row),
            row["who"],
            row["meaning"] + ("" if row["takes_effect"] else " (no effect yet)"),
        )
        for row in rows
    ]
    print_line(table(lines, ("knob", "value", "may be", "turned by", "meaning")))
    if set_:
        from flyball.cli.knobs import override

        print_line("\n* set by people, over every rule; `flyball knobs clear KNOB` takes it off")
        for each in set_:
            print_line(f"  {override(each)}")
    return 0


def _may_be(row: dict[str, Any]) -> str:
    if row["words"] or isinstance(row["default"], bool):
        return ", ".join(row["words"] or ("yes", "no"))
    return f"{_range(row['low'], row['high'])} {row['unit']}"


def _range(low: float | None, high: float | None) -> str:
    if low is None and high is None:
        return "any"
    return f"{number(low) if low is not None else ''} to {number(high) if high is not None else ''}".strip()


def _readings(loop: Path) -> dict[str, float | None]:
    if loop == Path() and not (loop / "loop.toml").exists():
        return {}
    from flyball.bootstrap import reading
    from flyball.core.facts import Looked

    readings: dict[str, float | None] = {}
    with reading(loop) as read:
        for recorded in read.log.read(kinds=["looked"]):
            if isinstance(recorded.fact, Looked):
                readings = dict(recorded.fact.values)
    return readings


def _values(loop: Path) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Every value in force that the loop has one of, and every override."""
    if loop == Path() and not (loop / "loop.toml").exists():
        return {}, []
    from flyball.bootstrap import reading
    from flyball.cli.write import now_of
    from flyball.work.turn import overrides

    with reading(loop) as read:
        now = now_of(read)
        shared = [name for name, knob in KNOBS.items() if knob.per is None]
        return {name: read.knobs.value(name, now) for name in shared}, overrides(read.knobs, now)
