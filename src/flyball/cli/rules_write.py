"""Rule files put in force: a new one, once it is checked and tried, or an earlier one."""

from __future__ import annotations

import difflib
import getpass
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from flyball.adapters import rule_file
from flyball.bootstrap import reading, settings_of
from flyball.cli import rules_canary
from flyball.cli.rules import CATALOGUE
from flyball.cli.rules_canary import Asked
from flyball.cli.rules_trial import Trial, trial
from flyball.cli.show import as_json, lasting, print_line
from flyball.cli.write import sent
from flyball.core.facts import RulesLoaded
from flyball.core.rules.model import Ruleset
from flyball.errors import BadFile, BadUsage, Problem
from flyball.ports import Log
from flyball.work import rule_history
from flyball.work.govern import difference


def apply(
    loop: Path,
    file: Path,
    *,
    because: str,
    tests: bool,
    json: bool,
    dry_run: bool,
    canary: Asked | None = None,
) -> int:
    """Put a rule file in force, once it is checked and its scenarios hold; first as a canary where asked."""
    there, name = file_of(loop)
    asked = canary and canary.request()
    try:
        content = file.read_bytes()
    except OSError as error:
        raise BadUsage(f"{file} cannot be read: {error.strerror}") from error
    try:
        rules, warnings = rule_file.read(content, str(file), CATALOGUE)
        tried = trial(file, there) if tests else None
    except BadFile as error:
        return _refused(list(error.problems), None, json)
    if tried is not None and tried.failed:
        return _refused(list(warnings), tried, json)
    if not dry_run:
        _reason(because)
    if dry_run:
        found = {**_difference(there, name, rules), "changed": content != _bytes(there), **(asked or {})}
    elif asked:
        found = dict(rules_canary.begin(loop, content, asked, because))
    else:
        found = dict(put(loop, content, because))
    if json:
        shown = [asdict(problem) for problem in warnings]
        scenarios = None if tried is None else asdict(tried)
        as_json({**found, "dry_run": dry_run, "problems": shown, "scenarios": scenarios})
        return 0
    for problem in warnings:
        print_line(f"{problem}\n")
    print_line(f"{file}: {len(rules.rules)} rules, no mistakes; {_tried(tried)}")
    if dry_run:
        print_diff(_bytes(there), content, name)
    if asked:
        rules_canary.told(found, file, dry_run)
    else:
        _told(found, name, dry_run)
    return 0


def rollback(loop: Path, digest: str | None, *, because: str, json: bool, dry_run: bool) -> int:
    """Put the rule file before this one, or one that is named, in force again."""
    if not dry_run:
        _reason(because)
    there, name = file_of(loop)
    with reading(loop) as read:
        files = loaded(read.log)
    file = rule_history.previous(files) if digest is None else rule_history.named(files, digest)
    content = rule_history.content_of(file)
    if dry_run:
        rules = read_rules(content, name)
        found = {**_difference(there, name, rules), "changed": content != _bytes(there)}
    else:
        found = dict(put(loop, content, f"rolled back: {because}"))
    if json:
        as_json({**found, "dry_run": dry_run})
        return 0
    if dry_run:
        print_diff(_bytes(there), content, name)
    _told(found, name, dry_run, back=f" {found['before'][:12]}")
    return 0


def _reason(because: str) -> None:
    if not because.strip():
        raise BadUsage('say why with --because "…"; it is kept with the file')


def read_rules(content: bytes, name: str) -> Ruleset:
    """The rules of a file. Raises BadFile."""
    return rule_file.read(content, name, CATALOGUE)[0]


def loaded(log: Log) -> list[RulesLoaded]:
    """Every rule file that was in force, in order."""
    found = log.read(kinds=["rules-loaded"])
    return [recorded.fact for recorded in found if isinstance(recorded.fact, RulesLoaded)]


def in_force(log: Log) -> Ruleset | None:
    """The rules in force; None where none were loaded yet, or this Flyball reads them no more."""
    files = loaded(log)
    try:
        return read_rules(rule_history.content_of(files[-1]), files[-1].name) if files else None
    except BadFile:
        return None


def unified(before: bytes, after: bytes, name: str) -> Iterator[str]:
    """What differs between two files, line by line."""
    old, new = (content.decode("utf-8-sig", "replace").splitlines() for content in (before, after))
    return difflib.unified_diff(old, new, f"{name} (before)", f"{name} (after)", lineterm="")


def put(loop: Path, content: bytes, because: str, of: str | None = None) -> Mapping[str, Any]:
    """Put a rule file in force. `of`: the digest of the file that it was made from."""
    request = {"command": "rules-put", "content": content.decode(), "of": of}
    return sent(loop, {**request, "by": getpass.getuser(), "because": because})


def file_of(loop: Path) -> tuple[Path, str]:
    """The loop's rule file, and its name in the settings."""
    settings = settings_of(loop)
    return settings.path(settings.loop.rules), settings.loop.rules


def _bytes(path: Path) -> bytes:
    return path.read_bytes() if path.is_file() else b""


def _difference(there: Path, name: str, rules: Ruleset) -> dict[str, Any]:
    try:
        before = read_rules(_bytes(there), name)
    except BadFile:  # whatever it says, none of it is in force
        before = Ruleset(rules.digest, name, "", rules.every, ())
    return {"rules": rules.digest, "before": before.digest, "name": name, **difference(before, rules)}


def _refused(problems: list[Problem], tried: Trial | None, json: bool) -> int:
    if json:
        shown = [asdict(problem) for problem in problems]
        as_json({"changed": False, "problems": shown, "scenarios": tried and asdict(tried)})
        return 1
    for problem in problems:
        print_line(f"{problem}\n")
    for line in tried.failed if tried else ():
        print_line(f"{line}\n")
    why = _tried(tried) if tried else f"{len(problems)} mistake{'s' * (len(problems) != 1)}"
    print_line(f"not applied: {why}. The rules before it stay in force.")
    return 1


def _tried(tried: Trial | None) -> str:
    if tried is None:
        return "its scenarios were not played (--no-tests)"
    if not tried.count:
        return "it has no scenarios: nothing says what it should do"
    return f"{tried.count - len(tried.failed)} of {tried.count} scenarios hold"


def _told(found: Mapping[str, Any], name: str, dry_run: bool, back: str = "") -> None:
    if not found["changed"]:
        print_line(f"these rules are in force already ({found['rules'][:12]}); nothing was changed")
        return
    changes = [
        f"{what} {', '.join(found[key])}"
        for key, what in (
            ("added", "new:"),
            ("gone", "gone:"),
            ("altered", "changed:"),
            ("bounds", "bounds of"),
        )
        if found[key]
    ]
    if found["every"]:
        changes.append(f"a look every {lasting(found['every'][1])}, was {lasting(found['every'][0])}")
    print_line(
        f"{name} {'would be' if dry_run else 'is'} {found['rules'][:12]} in place of {found['before'][:12]}"
    )
    print_line(
        "  " + ("; ".join(changes) or "no rule means anything else") + "; other rules keep their state"
    )
    if found.get("set_aside"):
        print_line(
            f"  what stood there had mistakes and was never in force; it is kept as {found['set_aside']}"
        )
    if not dry_run:
        print_line(f"  take it back:  flyball rules rollback{back}")


def print_diff(before: bytes, after: bytes, name: str) -> None:
    """Print what differs between two files."""
    for line in unified(before, after, name):
        print_line(line)
