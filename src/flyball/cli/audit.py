"""The commands `audit` and `lineage ITEM`: what was said, by whom, and what came of it."""

from __future__ import annotations

import csv
import json as plain
import os
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, Literal

from flyball.bootstrap import opened_store, settings_of
from flyball.cli.show import as_json, lasting, moment, number, print_line, table
from flyball.cli.times import moment_of
from flyball.core.ids import Instant, ItemId, ModelVersion
from flyball.errors import BadUsage
from flyball.work import lineage
from flyball.work.audit import COLUMNS, Wanted, audit

#: A spreadsheet takes a cell that begins so for a formula.
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")
#: What is said of an answer that lay apart for the last that came of it later.
_LATER = {
    "settled": "; let in later, and settled",
    "superseded": "; superseded later",
    "dropped": "; dropped later",
    "let in": "; let in later",
    "requeued": "; tried again later",
}
_MOMENTS = ("received_at", "said_at", "settled_at")


def answers(
    loop: Path,
    *,
    since: str | None,
    until: str | None,
    annotator: str | None,
    item: str | None,
    document: str | None,
    cohort: str | None,
    model: int | None,
    form: Literal["csv", "json"],
    output: Path | None,
) -> int:
    """Write the answers that are asked for, one at a time; 1 where there are none."""
    with opened_store(settings_of(loop)) as store:
        now = store.log.head().at
        wanted = Wanted(
            _moment(since, now),
            _moment(until, now),
            annotator,
            item,
            document,
            cohort,
            None if model is None else ModelVersion(model),
        )
        if wanted.since is not None and wanted.until is not None and wanted.since >= wanted.until:
            raise BadUsage("--since has to be before --until; nothing lies between them")
        written = _written(audit(store.log, store.items, wanted), form, output)
    print_line(f"{number(written)} answers", sys.stderr)
    return 0 if written else 1


def safe(value: Any) -> str:
    """A value as a cell that no spreadsheet takes for a formula.

    >>> safe("=1+1"), safe("fraud"), safe(-3.5), safe(None)
    ("'=1+1", 'fraud', '-3.5', '')
    """
    if value is None:
        return ""
    if not isinstance(value, str):
        return str(value)
    return "'" + value if value.startswith(_FORMULA) else value


def of_item(loop: Path, item: str, *, json: bool) -> int:
    """Show what came of an item."""
    with opened_store(settings_of(loop)) as store:
        found = lineage.of_item(store.log, store.items, ItemId(item))
    if json:
        as_json(found)
    else:
        print_line(_lineage(found))
    return 0


def _moment(text: str | None, now: Instant) -> Instant | None:
    return None if text is None else moment_of(text, now)


def _written(rows: Iterator[dict[str, Any]], form: Literal["csv", "json"], output: Path | None) -> int:
    if output is None:
        return _put(rows, form, sys.stdout)
    # Beside it first: who reads the file finds all of it or what was there before.
    beside = output.with_name(output.name + ".part")
    try:
        with beside.open("w", encoding="utf-8", newline="") as opened:
            count = _put(rows, form, opened)
        beside.replace(output)
    finally:
        beside.unlink(missing_ok=True)
    return count


def _put(rows: Iterable[dict[str, Any]], form: Literal["csv", "json"], out: Any) -> int:
    count = 0
    try:
        if form == "csv":
            writer = csv.writer(out)
            writer.writerow(COLUMNS)
            for row in rows:
                writer.writerow([_cell(name, row[name]) for name in COLUMNS])
                count += 1
            return count
        out.write("[")
        for row in rows:
            out.write(("," if count else "") + "\n" + plain.dumps(row, ensure_ascii=False, default=str))
            count += 1
        out.write("\n]\n")
    except BrokenPipeError:  # who reads has seen enough
        sys.stdout = open(os.devnull, "w")  # noqa: SIM115, PTH123 -- for the interpreter's last flush
    return count


def _cell(name: str, value: Any) -> str:
    return safe(moment(value) if name in _MOMENTS and value is not None else value)


def _lineage(found: dict[str, Any]) -> str:
    came = found["arrived"]
    label = f"{found['label']} (from {found['label_from']})" if found["label"] is not None else "none"
    lines = [f"item {found['item']}: {found['state']}, label {label}"]
    if came is None:
        lines = [f"item {found['item']}: it never arrived; these answers are about it"]
    else:
        lines.append(f"  arrived    fact {came['fact']}, of {moment(came['time'])}")
        lines.append(f"             row {came['row']} of segment {came['segment'][:12]}")
    for batch in found["batches"]:
        by = f"by {batch['sampler']}, rules {batch['rules'][:12]}"
        lines.append(f"  went out   {moment(batch['at'])} in {batch['batch']} {by}")
    for answer in found["answers"]:
        took = f" after {lasting(answer['seconds'])}" if answer["seconds"] is not None else ""
        what = "took back what they said" if answer["withdrawn"] else f"said {answer['label'] or 'no label'}"
        draft = ", a draft" if answer["draft"] else ""
        said = f"{answer['annotator']} {what}{took}{draft} (fact {answer['fact']})"
        lines.append(f"  answer     {moment(answer['at'])} {said}")
    for each in found["parked"]:
        after = _later(found, each["answer"], each["fact"])
        lines.append(f"  {each['what']:<10} answer {each['answer']}: {each['reason']}{after}")
    for each in found["letters"]:
        told = f"answer {each['answer']} by {each['by']}: {each['because']}"
        lines.append(f"  {each['done']:<10} {moment(each['at'])} {told}")
    for each in found["labels"]:
        how = f"by {each['policy']} of answers {', '.join(map(str, each['answers']))}"
        lines.append(f"  label      {moment(each['at'])} {each['label']} {how} (fact {each['fact']})")
    lines += map(_taken_back, found["taken_back"])
    if found["models"]:
        rows = [
            (
                str(model["model"]),
                moment(model["trained_at"]),
                model["snapshot"][:12],
                str(model["label"]),
                moment(model["promoted_at"]),
                model["rules"][:12],
            )
            for model in found["models"]
        ]
        head = ("model", "trained (UTC)", "snapshot", "label", "promoted (UTC)", "rules")
        lines += ["", "models that learned from it", table(rows, head)]
    else:
        lines += ["", "no model learned from it"]
    for each in found["rule_files"]:
        by = f" by {each['by']}: {each['because']}" if each["by"] else ""
        lines.append(f"rule file {each['name']} {each['digest'][:12]} from {moment(each['from'])}{by}")
    for each in found["decisions"]:
        lines.append(f"decision {each['rule']} at {moment(each['at'])}: {each['because']}")
    return "\n".join(lines)


def _later(found: dict[str, Any], answer: int, since: int) -> str:
    """The last that came of an answer after the fact by which it lay apart."""
    came = [(one["fact"], one["done"]) for one in found["letters"] if one["answer"] == answer]
    for one in found["answers"]:
        if one["fact"] == answer:
            came += [(label, done) for done in ("settled", "superseded") for label in one[f"{done}_in"]]
    return _LATER[max(came)[1]] if max(came, default=(0, ""))[0] > since else ""


def _taken_back(each: dict[str, Any]) -> str:
    again = f"asked again in {each['batch']}" if each["batch"] else "back in the pool"
    told = f"{each['label']} of fact {each['settled']}, as nobody says it any more; {again}"
    return f"  taken back {moment(each['at'])} {told}"
