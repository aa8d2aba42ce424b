"""One rule moved between shadow and live, with what is known of it from the shadow."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from flyball.adapters.rule_edit import with_mode
from flyball.bootstrap import reading
from flyball.cli.rules_write import file_of, print_diff, put, read_rules
from flyball.cli.show import as_json, lasting, moment, number, print_line
from flyball.cli.write import now_of
from flyball.core.ids import digest_of
from flyball.core.rules.model import Ruleset
from flyball.errors import NotFound
from flyball.work import rule_history


def move(
    loop: Path, rule: str, mode: Literal["live", "shadow"], *, because: str, json: bool, dry_run: bool
) -> int:
    """Move a rule between shadow and live by a change of its file; to live, its record is shown first."""
    there, name = file_of(loop)
    content = there.read_bytes() if there.is_file() else b""
    edit = with_mode(content, name, rule, mode, read_rules)
    record = _record(loop, rule, read_rules(content, name)) if mode == "live" else None
    why = because or f"{rule} goes " + ("live" if mode == "live" else "into shadow")
    found: dict[str, Any] = {
        "rule": rule,
        "mode": mode,
        "line": edit.line,
        "record": record,
        "comment_dropped": edit.dropped,
    }
    if not json and record is not None:
        print_line(_shadowed(record))
    if not dry_run:
        found |= put(loop, edit.content, why, of=digest_of(content))
    if json:
        as_json({**found, "dry_run": dry_run})
        return 0
    verb = "would be" if dry_run else "is now"
    print_line(f"{rule} {verb} {'live' if mode == 'live' else 'in shadow'} ({name}:{edit.line})")
    if edit.dropped:
        print_line(f"  the comment beside it spoke of the mode before, and is gone: {edit.dropped}")
    if dry_run:
        print_diff(content, edit.content, name)
    elif mode == "live":
        print_line("  it begins idle; in the adaptive architecture it turns knobs from the next look on")
        print_line(f"  take it back:  flyball rules shadow {rule}")
    else:
        print_line("  it is looked at and written down, and changes nothing; what it held is taken off")
    return 0


def _record(loop: Path, rule: str, rules: Ruleset) -> Mapping[str, Any] | None:
    asked = next(each for each in rules.rules if each.id == rule)
    try:
        with reading(loop) as read:
            return rule_history.shadow_record(read.log, asked, rules, read_rules, now_of(read))
    except NotFound:  # it has never run
        return None


def _shadowed(record: Mapping[str, Any]) -> str:
    if record["since"] is None or not record["looks"]:
        return f"{record['rule']} has not been looked at in shadow as it stands: nothing is known of it yet"
    verdicts = record["verdicts"]
    fired = verdicts.get("fired", 0) + verdicts.get("repeated", 0)
    since = f"{moment(record['since'])} UTC ({lasting(record['seconds'])})"
    lines = [
        f"{record['rule']} in shadow since {since}, {record['looks']:,} looks",
        f"  would have fired {fired:,} times" + (f", last {moment(record['last'])}" if fired else ""),
    ]
    others = [
        f"{verdict} {count:,}" for verdict, count in verdicts.items() if verdict not in ("fired", "repeated")
    ]
    lines += [f"  also: {', '.join(others)}"] if others else []
    for each in record["changes"]:
        about = f"@{each['about']}" if each["about"] else ""
        what = f"do {each['do']}" if "do" in each else _turned(each, about)
        lines.append(f"  would have changed  {what}  ({each['times']:,} times)")
    return "\n".join(lines)


def _turned(change: Mapping[str, Any], about: str) -> str:
    limit = f", limited: {change['limited_by']}" if change["limited_by"] else ""
    return f"{change['knob']}{about} {number(change['from'])} → {number(change['to'])}{limit}"
