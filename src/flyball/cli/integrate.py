"""The command `integrate`: passes of integration without the rest of the loop, and the proof of each."""

from __future__ import annotations

import getpass
import os
import signal
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

from flyball.adapters.sql import holder
from flyball.bootstrap import App, located, open_loop, opened_store, performed, settings_of
from flyball.cli.show import as_json, number, print_line
from flyball.core.due import Go
from flyball.core.facts import ClassAllowed, ClassBlocked
from flyball.core.ids import Instant
from flyball.core.labels.envelope import late
from flyball.core.labels.proof import Proof
from flyball.core.loop_parts import Merging
from flyball.errors import BadUsage, StoreLocked
from flyball.ports import Store
from flyball.settings import Settings
from flyball.work.integrate_blocks import allowed
from flyball.work.integrate_proof import prove
from flyball.work.lanes import Done
from flyball.work.served import served
from flyball.work.views import running

#: How often it is looked whether something waits, in seconds.
LOOK = 0.2
#: With how many processes it merges where nobody says it.
WORKERS = "integrate.workers"
#: In the environment of a process that works beside another one: which one that is.
PARENT = "FLYBALL_INTEGRATE_BESIDE"
_COUNTED = ("answers", "labels", "withdrawn", "parked", "different", "skewed")


def integrate(loop: Path, *, watch: bool, workers: int | None, json: bool, dry_run: bool) -> int:
    """Merge what waits, once or until SIGTERM or Ctrl-C, and tell the proof; 1 where it does not hold.

    `workers` None: as many as the knob `integrate.workers` says, at each moment.
    """
    if dry_run:
        settings = settings_of(loop)
        with opened_store(settings) as store:
            found = _told(store, store.log.head().at, settings)
            found["waiting"] = store.jobs.waiting("merge").ready
        return _show(found, json, dry_run=True)
    try:
        app = open_loop(loop)
    except StoreLocked as locked:
        return _beside(loop, locked, json)
    with _told_to_end() as ends, closing(app), ExitStack() as stack:
        _refuse_many(app, workers)
        others = stack.enter_context(_others(loop, watch, ends))
        counts: Counter[str] = Counter()
        for done in _passes(app, watch, ends, lambda: others(_wanted(app, workers) - 1)):
            counts["passes"] += 1
            counts.update({name: int(done.numbers.get(name, 0)) for name in _COUNTED})
            if not json:
                print_line(done.about)
        stack.close()
        found = _told(app.tools.store, _now(app), app.settings) | dict(counts)
        found["held_back"] = sorted(app.tools.state.merging.blocked)
    return _show(found, json, dry_run=False)


def _beside(loop: Path, locked: StoreLocked, json: bool) -> int:
    """The proof as it stands where a process has the loop open that merges by itself."""
    settings = settings_of(loop)
    by = holder(located(settings, settings.stores.database))
    with opened_store(settings) as store:
        servers = () if by is None else (by,)
        serves, runs = served(store.log, servers), bool(running(store.log, True, servers)["running"])
        if serves is None and not runs:  # a command that is over in a moment, or one that does not merge
            raise locked
        found = _told(store, store.log.head().at, settings)
    which = "serve" if serves is not None else "run"
    found["merged_by"] = {"command": which, "process": by}
    if not json:
        process = "a process" if by is None else f"process {by}"
        print_line(f"{process} has this loop open (flyball {which}) and merges by itself; the proof so far:")
    return _show(found, json, dry_run=False)


def allow(loop: Path, label: str, because: str, *, json: bool, dry_run: bool) -> int:
    """Let a class in again."""
    if dry_run:
        merging = Merging()
        with opened_store(settings_of(loop)) as store:
            for recorded in store.log.read(kinds=[ClassBlocked.kind, ClassAllowed.kind]):
                merging.evolve(recorded)
            answers = [seq for seq, _ in allowed(store, merging.blocked, label, because)]
        found: dict[str, Any] = {"label": label, "answers": answers, "because": because}
    else:
        from flyball.cli.write import sent

        request = {"command": "integrate-allow", "label": label, "by": getpass.getuser(), "because": because}
        found = dict(sent(loop, request))
    if json:
        as_json({**found, "dry_run": dry_run})
    else:
        verb = "would be" if dry_run else "is"
        count = len(found["answers"])
        print_line(f"label {label} {verb} settled again; {number(count)} answers wait to be merged")
    return 0


@contextmanager
def _told_to_end() -> Iterator[threading.Event]:
    """Set by SIGTERM and Ctrl-C, so that a pass comes to its end; the same signal again ends us at once."""
    ends = threading.Event()

    def told(number: int, frame: object) -> None:
        signal.signal(number, signal.SIG_DFL)
        ends.set()

    before = {number: signal.signal(number, told) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield ends
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _left_alone() -> bool:
    """Whether the process beside which this one works is gone."""
    return os.environ.get(PARENT, str(os.getppid())) != str(os.getppid())


def _passes(app: App, watch: bool, ends: threading.Event, others: Callable[[], None]) -> Iterator[Done]:
    """Pass after pass. Whoever asks for what waits now is not made to wait for the cadence of the knob."""
    lane, begins = app.lanes["integrate"], True
    while not (ends.is_set() or _left_alone()):
        if watch or begins:
            others()
        begins = False
        if not watch:
            app.tools.merged_at = float("-inf")
        due = lane.due(_now(app))
        begun = lane.begin(due, _now(app)) if isinstance(due, Go) else None
        if begun is not None:
            done = performed(lane, begun, lambda: _now(app))
            yield done
            if not done.failed and done.numbers.get("answers"):
                continue
        if not watch:
            return
        ends.wait(LOOK)


def _refuse_many(app: App, workers: int | None) -> None:
    if workers is not None and workers > 1 and not app.tools.store.shared:
        raise BadUsage(
            "a loop on SQLite has one writer, so --workers is 1; see docs/how-to/postgresql.md for more"
        )


def _wanted(app: App, workers: int | None) -> int:
    if workers is not None:
        return workers
    return int(float(app.tools.knobs.value(WORKERS, _now(app)))) if app.tools.store.shared else 1


@contextmanager
def _others(loop: Path, watch: bool, ends: threading.Event) -> Iterator[Callable[[int], None]]:
    """Lets as many processes more merge as are asked for; they end with this one, however it ends."""
    words = ["integrate", "--loop", str(loop), "--json", "--workers", "1", *(["--watch"] if watch else [])]
    command = [sys.executable, "-m", "flyball", *words]
    beside = {**os.environ, PARENT: str(os.getpid())}
    running: list[subprocess.Popen[bytes]] = []

    def others(count: int) -> None:
        while len(running) < count:
            running.append(subprocess.Popen(command, stdout=subprocess.DEVNULL, env=beside))
        _end(running[count:])
        del running[count:]

    try:
        yield others
        while not watch and any(process.poll() is None for process in running) and not ends.wait(LOOK):
            pass
    finally:
        _end(running)


def _end(processes: list[subprocess.Popen[bytes]]) -> None:
    for process in processes:
        process.terminate()
    for process in processes:
        process.wait()


def _now(app: App) -> Instant:
    """The time in the loop's world, which stands still where it is simulated and nothing runs it."""
    return app.clock.now() if app.settings.clock.kind == "real" else app.tools.state.at


def _told(store: Store, now: Instant, settings: Settings) -> dict[str, Any]:
    found: Proof = prove(store)
    waiting = late(store.items.standing_as("pending"), now, settings.loop.parts_patience)
    return {"proof": found.numbers(), "says": str(found), "late": [asdict(each) for each in waiting]}


def _show(found: dict[str, Any], json: bool, dry_run: bool) -> int:
    holds = bool(found["proof"]["holds"])
    if json:
        as_json({**found, "dry_run": dry_run})
        return 0 if holds else 1
    if dry_run:
        print_line(f"{number(found['waiting'])} answers wait to be merged; nothing was done")
    for each in found["late"]:
        have = f"part {', '.join(map(str, each['have']))} of {each['of']}"
        print_line(f"late: {each['envelope']} of {each['annotator']} about {each['item']} has {have}")
    for label in found.get("held_back", ()):
        print_line(f"held back: {label}; see `flyball integrate allow {label}`")
    print_line(f"{'proved' if holds else 'NOT PROVED'}: {found['says']}")
    if not holds:
        print_line("`flyball reconcile` lists the answers that are in no account")
    return 0 if holds else 1
