"""Another rule file in the place of the one in force: checked, written whole, loaded, and by whom and why."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from flyball.core.ids import Digest, Instant, digest_of
from flyball.core.rules.memory import meaning
from flyball.core.rules.model import Ruleset
from flyball.errors import BadUsage
from flyball.work.rulebook import Rulebook


@dataclass(frozen=True, slots=True)
class Put:
    """A rule file to put in force. `of`: what it was made from; None: whatever stands there."""

    content: bytes
    by: str
    because: str
    of: Digest | None = None


def put(rulebook: Rulebook, new: Put, now: Instant) -> dict[str, Any]:
    """Write a rule file in the place of the loop's own and load it. Raises BadFile, BadUsage.

    Who and why are written down first, then the file, then that it is in force. Killed in between, the
    next process finds the file with its owner, or the old file and nothing changed.
    """
    with rulebook.tools.lock:
        before, name = _there(rulebook)
        if new.of is not None and (before is None or digest_of(before) != new.of):
            raise BadUsage(f"{name} was saved by somebody else just now; look at it, and try again")
        rules = rulebook.read(new.content, name)
        aside = None
        if new.content != before:
            rulebook.reload(now)  # what was saved by hand is loaded first, so that it can be had again
            if before is not None and digest_of(before) != rulebook.evaluator.rules.digest:
                aside = rulebook.file.set_aside(before)  # it has mistakes, and is nowhere else
        standing = rulebook.evaluator.rules
        changed = rules.digest != standing.digest or new.content != before
        if changed:
            _write(rulebook, rules.digest, new, before, now)
        found = {"rules": rules.digest, "before": standing.digest, "name": name}
        return {**found, **difference(standing, rules), "changed": changed, "set_aside": aside}


def difference(before: Ruleset, after: Ruleset) -> dict[str, Any]:
    """Which rules are new, gone or mean something else, and what else the file says differently."""
    old, new = ({rule.id: rule for rule in each.rules} for each in (before, after))
    return {
        "added": [name for name in new if name not in old],
        "gone": [name for name in old if name not in new],
        "altered": [
            name for name in new if name in old and meaning(old[name], before) != meaning(new[name], after)
        ],
        "bounds": [
            name
            for name in dict.fromkeys([*before.bounds, *after.bounds])
            if before.bounds.get(name) != after.bounds.get(name)
        ],
        "every": [before.every, after.every] if before.every != after.every else None,
    }


def _write(rulebook: Rulebook, digest: Digest, new: Put, before: bytes | None, now: Instant) -> None:
    rulebook.intend(digest, new.by, new.because, now)
    if new.content != before:
        try:
            rulebook.file.replace(new.content)
        except BadUsage:
            rulebook.intend(Digest(""), "", "", now)
            raise
    rulebook.reload(now)
    if rulebook.evaluator.rules.digest != digest:
        raise BadUsage("somebody else saved the rule file in the same moment; see `flyball rules history`")


def _there(rulebook: Rulebook) -> tuple[bytes | None, str]:
    try:
        return rulebook.file.read()
    except OSError:
        return None, rulebook.tools.settings.loop.rules
