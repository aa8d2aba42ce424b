"""The command `erase`: the bytes of a person's answers, or of all about an item, go for good."""

from __future__ import annotations

import getpass
from pathlib import Path
from typing import Any

from flyball.bootstrap import opened_store, settings_of
from flyball.cli.show import as_json, number, print_line
from flyball.cli.write import sent
from flyball.errors import BadUsage, NotFound
from flyball.work.erase import About, about_of, sweep_owed, traces

#: A large store takes its time to be written anew, in seconds.
PATIENCE = 3600.0


def erase(loop: Path, subject: str, about: About | None, because: str, *, json: bool, dry_run: bool) -> int:
    """Erase a subject, or list what would go."""
    if not because.strip():
        raise BadUsage('say why with --because "…" (a case number, not the name); it is kept for good')
    with opened_store(settings_of(loop)) as store:
        try:
            kind = about_of(store.log, store.evidence, subject, about)
        except NotFound:
            if not sweep_owed(store.log):
                raise
            kind = about or "annotator"
        found = traces(store.log, store.evidence, subject, kind).told()
    told: dict[str, Any] = {"about": kind, **found}
    if not dry_run:
        request = {"command": "erase", "subject": subject, "about": kind, "because": because}
        told = dict(sent(loop, request | {"by": getpass.getuser()}, PATIENCE))
    if json:
        as_json(told | {"dry_run": dry_run})
    else:
        print_line(_lines(subject, told, dry_run))
    return 0


def _lines(subject: str, told: dict[str, Any], dry_run: bool) -> str:
    lines = [f"{kind}  {number(count)}" for kind, count in sorted(told["kinds"].items())]
    head = f"{number(told['facts'])} facts {'would lose' if dry_run else 'lost'} their bytes"
    shown = [f"{told['about']} {subject}: {head}", *(f"  {line}" for line in lines)]
    if told["named_in"]:
        shown.append("the name stays in facts about the loop itself (see docs/how-to/erase-a-person.md):")
        shown += [f"  {kind}  {number(count)}" for kind, count in sorted(told["named_in"].items())]
    if told["refused"]:
        shown.append(f"  refused, as their event ids were taken {number(told['refused'])}")
    elif not told["facts"]:
        shown.append("what was erased before is swept again: copies of it were left in the store's files")
    if not dry_run:
        if told["fact"] is not None:
            shown.append(
                f"written down as fact {told['fact']}; `flyball verify` proves that nothing else changed"
            )
        if not told["swept"]:
            shown.append(f"NOT SWEPT, copies are left in the store's files: {told['why']}")
            shown.append("mend that and run this command again: it sweeps once more")
    shown.append("backups made before hold the bytes still: delete those, or their keys")
    return "\n".join(shown)
