"""Commands that change a loop: through the process that runs it, or by opening it where none does."""

from __future__ import annotations

import getpass
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from flyball.cli.show import as_json, print_line
from flyball.errors import BadUsage

if TYPE_CHECKING:
    from flyball.bootstrap import Reading
    from flyball.core.ids import Instant


def rollback(loop: Path, version: int | None, because: str, *, json: bool, dry_run: bool) -> int:
    """Let an earlier model score again."""
    if not because.strip():
        raise BadUsage('say why with --because "…"; it is kept with the decision')
    if dry_run:
        found = _would(loop, version)
    else:
        request = {"command": "rollback", "version": version, "because": because, "by": getpass.getuser()}
        found = sent(loop, request)
    if json:
        as_json({**found, "dry_run": dry_run})
    else:
        verb = "would score" if dry_run else "scores now"
        print_line(f"model {found['champion']} {verb}; before it was model {found['before']}")
        print_line("a newer model takes over again as soon as it is judged no worse")
    return 0


def _would(loop: Path, version: int | None) -> Mapping[str, Any]:
    from flyball.bootstrap import reading
    from flyball.core.ids import ModelVersion
    from flyball.work.promote import rollback_target

    with reading(loop) as read:
        to = rollback_target(read.state, None if version is None else ModelVersion(version))
        return {"champion": to, "before": read.state.champion}


def sent(loop: Path, request: Mapping[str, Any], patience: float = 30.0) -> Mapping[str, Any]:
    """Send a command to the process that runs the loop, or carry it out here where none does.

    `patience`: how long that process is waited for, in seconds.
    """
    from flyball.bootstrap import App, reach
    from flyball.work.asked import carry_out

    app = reach(loop, request, patience)
    if not isinstance(app, App):
        return app
    try:
        # A simulated world stands still while nothing runs it.
        simulated = app.tools.settings.clock.kind != "real"
        return carry_out(app.steering, request, app.tools.state.at if simulated else app.clock.now())
    finally:
        app.close()


def now_of(read: Reading) -> Instant:
    """The time in a loop's world: on the wall for a real one, else as of its newest fact."""
    from flyball.adapters.clock import RealClock

    if read.settings.clock.kind != "real":
        return read.state.at
    return max(read.state.at, RealClock().now())
