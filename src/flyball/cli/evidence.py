"""The command `verify`: hold a log against its checkpoints, offline."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from flyball.bootstrap import located, opened_store, origin_of, settings_of
from flyball.cli import evidence_pieces
from flyball.cli.show import as_json, lasting, moment, number, print_line
from flyball.core.chain import instant
from flyball.errors import BadUsage, Unreachable
from flyball.work.evidence import Findings, verified

if TYPE_CHECKING:
    from flyball.core.checkpoint import Key
    from flyball.ports import Store
    from flyball.ports.checkpoints import Kept
    from flyball.settings import Settings

#: Breaks that are listed; how often progress is told, in seconds.
LISTED, TOLD = 20, 2.0


def verify(
    loop: Path, *, source: str | None, key: str | None, bodies: bool, processes: int | None, json: bool
) -> int:
    """Verify the chain of a loop's log against its signed checkpoints; 1 where it does not hold.

    `processes`: so many read it side by side; None for one on each core where the log is large.
    """
    settings = settings_of(loop)
    kept = _kept(source or located(settings, settings.stores.checkpoints), key)
    begun = time.perf_counter()
    unread = ""
    with opened_store(settings) as store:
        found = Findings()
        try:
            found = _followed(store, kept, settings, bodies, processes, json)
        except Unreachable as error:  # a file that is damaged is a finding, and not something outside
            unread = str(error)
    told = _told(found, kept, time.perf_counter() - begun) | {"unread": unread, "bodies": bodies}
    fine = not (found.count or kept.wrong or unread)
    if json:
        as_json({"holds": fine, **told})
    else:
        print_line(_lines(found, kept, told))
    return 0 if fine else 1


def _followed(
    store: Store, kept: Kept, settings: Settings, bodies: bool, processes: int | None, quiet: bool
) -> Findings:
    found = Findings()
    then = time.monotonic()
    total = store.log.head().seq
    where = located(settings, settings.stores.database)
    pieces = evidence_pieces.chosen(where, settings.id, bodies, total, processes)
    for found in verified(store.evidence, store.log, kept.signed, origin_of(settings), bodies, pieces):
        if not quiet and time.monotonic() - then > TOLD:
            then = time.monotonic()
            print_line(f"{number(found.facts)} of {number(int(total))} facts", sys.stderr)
    return found


def _kept(place: str, key: str | None) -> Kept:
    from flyball.adapters import checkpoint_files, checkpoint_s3

    if place.startswith("s3://"):
        return checkpoint_s3.read(place, None if key is None else _keys(key))
    directory = Path(place)
    return checkpoint_files.read(directory, _keys(key or str(directory / checkpoint_files.KEYS)))


def _keys(written: str) -> list[Key]:
    from flyball.adapters.checkpoint_files import keys_of
    from flyball.core.checkpoint import key_of_text

    if "+" in written and not Path(written).exists():
        try:
            return [key_of_text(written)]
        except ValueError as error:
            raise BadUsage(f"--key: {error}") from error
    return keys_of(Path(written))


def _told(found: Findings, kept: Kept, seconds: float) -> dict[str, Any]:
    newest = found.newest
    return {
        "facts": found.facts,
        "checkpoints": len(kept.signed),
        "checkpoints_held": found.checkpoints,
        "newest": None if newest is None else {"facts": newest.size, "at": instant(newest.at)},
        "window": found.window,
        "erased": found.erased,
        "breaks": [{"fact": each.seq, "what": each.what} for each in found.breaks],
        "break_count": found.count,
        "bad_checkpoints": list(kept.wrong),
        "keys": sorted({each.key for each in kept.signed}),
        "seconds": seconds,
    }


def _lines(found: Findings, kept: Kept, told: dict[str, Any]) -> str:
    lines = [f"fact {each.seq}: {each.what}" for each in found.breaks[:LISTED]]
    if found.count > LISTED:
        lines.append(f"… and {number(found.count - LISTED)} more")
    lines += [f"checkpoints: {each}" for each in kept.wrong[:LISTED]]
    lines += [f"the log cannot be read to its end: {told['unread']}"] if told["unread"] else []
    lines.append("BROKEN" if lines else "the chain holds")
    what = "with their bytes" if told["bodies"] else "without their bytes"
    lines.append(f"  facts        {number(found.facts)} read {what} in {lasting(told['seconds'])}")
    if told["bodies"]:
        lines.append(f"  erased       {number(found.erased)}")
    lines.append(f"  checkpoints  {number(found.checkpoints)} of {number(len(kept.signed))} hold")
    lines += [f"  signed by    {key}" for key in told["keys"]]
    if found.newest is None:
        none = "no checkpoint holds" if kept.signed else "there is no checkpoint yet"
        lines.append(f"  window       {none}: a log that was written anew as a whole would not show")
        return "\n".join(lines)
    since = moment(instant(found.newest.at))
    lines.append(
        f"  window       {number(found.window)} facts are newer than the newest checkpoint ({since});"
    )
    lines.append("               if those were written anew, nothing here would show it")
    return "\n".join(lines)
