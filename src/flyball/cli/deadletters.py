"""The commands `dlq ls|show|requeue|drop`: answers that lie apart, grouped by reason."""

from __future__ import annotations

import getpass
import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

from flyball.bootstrap import opened_store, settings_of
from flyball.cli.options import HERE
from flyball.cli.show import as_json, moment, number, print_line, table
from flyball.cli.write import sent
from flyball.errors import BadUsage
from flyball.work import deadletters
from flyball.work.deadletters import Dead


def ls(loop: Path, *, each: bool, reason: str | None, json: bool) -> int:
    """List dead letters by their reason, or one by one."""
    letters = _letters(loop)
    if reason is not None:
        letters = deadletters.chosen(letters, (), reason, False)
    if each or reason is not None:
        _each(letters, json)
        return 0
    found = deadletters.groups(letters)
    if json:
        as_json(found)
    elif not found:
        print_line("no dead letters")
    else:
        rows = [
            (
                number(group["count"]),
                moment(group["since"]),
                f"fact {group['example']}",
                group["code"] or "-",
                group["reason"],
            )
            for group in found
        ]
        print_line(table(rows, ("count", "since (UTC)", "such as", "code", "reason")))
        where = "" if loop == HERE else f" --loop {shlex.quote(str(loop))}"
        print_line(f"\nto see one:    flyball dlq show {found[0]['example']}{where}")
        print_line(f'to try again:  flyball dlq requeue --all --because "mended"{where}')
    return 0


def show(loop: Path, fact: int, *, json: bool) -> int:
    """Show one dead letter in full."""
    with opened_store(settings_of(loop)) as store:
        (letter,) = deadletters.chosen(deadletters.dead(store), [fact], None, False)
        found = deadletters.told(store.log, letter)
    if json:
        as_json(found)
        return 0
    print_line(f"dead letter {fact}: {letter.reason}")
    print_line(f"  {letter.detail}")
    print_line(f"  answer     {found['label']} about {found['item']} by {found['annotator']}")
    print_line(f"  batch      {found['batch'] or '-'}")
    print_line(f"  attempts   {found['attempts']}, {moment(found['since'])} to {moment(found['last'])}")
    by = [f"{name} {found[name][:12]}" for name in ("code", "rules") if found[name]]
    if by:
        print_line(f"  failed by  {', '.join(by)}")
    return 0


def resolve(
    loop: Path,
    what: Literal["requeue", "drop"],
    facts: Sequence[int],
    *,
    reason: str | None,
    everything: bool,
    because: str,
    json: bool,
    dry_run: bool,
) -> int:
    """Try dead letters again, or drop them."""
    if not because.strip():
        raise BadUsage('say why with --because "…"; it is kept with each of them')
    letters = deadletters.chosen(_letters(loop), facts, reason, everything)
    chosen: list[int] = [each.fact for each in letters]
    if chosen and not dry_run:
        request = {"command": "dlq", "what": what, "facts": chosen, "because": because}
        chosen = sent(loop, request | {"by": getpass.getuser()})["facts"]
        # Without those that somebody else dealt with in this moment.
        letters = [each for each in letters if each.fact in set(chosen)]
    if json:
        as_json({"done": what, "facts": chosen, "because": because, "dry_run": dry_run})
        return 0
    verb = {"requeue": "tried again", "drop": "dropped"}[what]
    which = "1 dead letter" if len(chosen) == 1 else f"{number(len(chosen))} dead letters"
    be = "would be" if dry_run else "is" if len(chosen) == 1 else "are"
    print_line(f"{which} {be} {verb}")
    for group in deadletters.groups(letters):
        print_line(f"  {number(group['count'])}  {group['reason']}")
    if what == "drop":
        print_line("the answers stay in the log, with who dropped them and why")
    return 0


def _letters(loop: Path) -> list[Dead]:
    with opened_store(settings_of(loop)) as store:
        return deadletters.dead(store)


def _each(letters: Sequence[Dead], json: bool) -> None:
    found: list[dict[str, Any]] = [
        {
            "fact": each.fact,
            "since": each.since,
            "attempts": each.attempts,
            "item": each.answer.item,
            "annotator": each.answer.annotator,
            "code": each.code,
            "reason": each.reason,
            "detail": each.detail,
        }
        for each in letters
    ]
    if json:
        as_json(found)
    elif not found:
        print_line("no dead letters")
    else:
        rows = [
            (
                str(one["fact"]),
                moment(one["since"]),
                str(one["attempts"]),
                one["item"],
                one["code"] or "-",
                " ".join(one["detail"].split()),
            )
            for one in found
        ]
        print_line(table(rows, ("number", "since (UTC)", "tries", "item", "code", "why")))
