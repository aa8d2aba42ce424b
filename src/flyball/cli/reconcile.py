"""The command `reconcile`: today's integration on the captured answers, against the labels that stand."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from flyball.adapters.contract_file import read
from flyball.adapters.segments_s3 import open_segments
from flyball.adapters.stream import open_stream
from flyball.bootstrap import opened_store, settings_of
from flyball.cli.show import as_json, number, print_line
from flyball.cli.times import moment_of
from flyball.core.control import KnobState
from flyball.core.facts import BodyErased
from flyball.errors import BadFile, BadStream, Unreachable
from flyball.ports import Store
from flyball.settings import Settings
from flyball.work import reconcile as work
from flyball.work.reconcile import Difference, Reconciled
from flyball.work.reconcile_past import classes_of

#: Differences that are listed.
LISTED = 20


def reconcile(loop: Path, since: str, *, json: bool) -> int:
    """Reconcile, and tell every difference; 1 where there is one, or an answer is in no account."""
    settings = settings_of(loop)
    segments = open_segments(settings)
    with opened_store(settings) as store:
        begin = moment_of(since if "-" in since else f"{since} ago", store.log.head().at)
        classes, sure = _classes(settings, store)
        knobs = KnobState.start({"loop.architecture": settings.loop.architecture, **settings.knobs})
        found = work.reconcile(
            store, segments, classes, begin, lambda content, name: read(content, name)[0], knobs, sure
        )
        erased = next(iter(store.log.read(kinds=[BodyErased.kind], limit=1)), None) is not None
    if json:
        as_json(_told(found) | {"same_labels": found.fine, "definitions_compared": sure})
    else:
        print_line(_lines(found, erased))
        if not sure:
            print_line(
                "          which labels could be given is not known while the stream is away: not compared"
            )
        if found.older:
            what = "1 answer is" if found.older == 1 else f"{number(found.older)} answers are"
            print_line(f"          {what} older than {since} and left out; --since reaches further back")
    return 0 if found.fine else 1


def _classes(settings: Settings, store: Store) -> tuple[tuple[str, ...], bool]:
    """The labels that there were before any contract, and whether that is sure; mostly the log knows."""
    if settings.stream.classes:
        return settings.stream.classes, True
    classes, sure = classes_of(store.log)
    if not sure:
        with suppress(Unreachable, BadStream, BadFile):
            return open_stream(settings).classes, True
    return classes, sure


def _told(found: Reconciled) -> dict[str, Any]:
    return {
        "labels": found.labels,
        "same": found.same,
        "unknowable": found.unknowable,
        "captured": found.captured,
        "older": found.older,
        "accounts": dict(found.accounts),
        "lost": list(found.lost),
        "proof": None if found.proof is None else found.proof.numbers(),
        "differences": [
            {
                "item": each.item,
                "fact": each.fact,
                "what": each.what,
                "stands": each.stands,
                "today": each.today,
            }
            for each in found.differences
        ],
    }


def _lines(found: Reconciled, erased: bool) -> str:
    lines: list[str] = []
    for each in found.differences[:LISTED]:
        lines.append(f"item {each.item} (fact {each.fact}): {each.what}")
        lines += _difference(each)
    if len(found.differences) > LISTED:
        lines.append(f"… and {number(len(found.differences) - LISTED)} more; --json lists all")
    lines += [f"answer {seq} is in no account" for seq in found.lost[:LISTED]]
    lines.append(f"labels    {number(found.same)} of {number(found.labels)} are the same, byte for byte")
    if found.unknowable:
        lines.append(f"          {number(found.unknowable)} rest on answers that were erased")
    lines += [f"answers   {line}" for line in work.told(found)]
    return "\n".join(lines)


def _difference(each: Difference) -> list[str]:
    if each.stands is None or each.today is None:
        return []
    return [
        f"    {name}: {_short(each.stands)(name)} stands, {_short(each.today)(name)} today"
        for name in each.stands
        if each.stands[name] != each.today[name]
    ]


def _short(values: Mapping[str, Any]) -> Any:
    return lambda name: str(values[name])[:40]
