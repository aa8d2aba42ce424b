"""The rule files that were in force: when, for how long, by whom and why, and what each of them did."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from flyball.bootstrap import reading
from flyball.cli.rules_write import loaded, unified
from flyball.cli.show import as_json, lasting, moment, print_line
from flyball.cli.write import now_of
from flyball.work import rule_history


def history(loop: Path, *, json: bool) -> int:
    """List them, the newest last."""
    with reading(loop) as read:
        now = now_of(read)
        found = [rule_history.told(reign, now) for reign in rule_history.reigns(read.log)]
    if json:
        as_json(found)
    elif not found:
        print_line("no rule file was in force yet; `flyball run` loads one")
    else:
        print_line("\n".join(_lines(each) for each in found))
        print_line(
            "\none of them:  flyball rules history DIGEST [--diff]   back:  flyball rules rollback [DIGEST]"
        )
    return 0


def show(loop: Path, digest: str, *, diff: bool, json: bool) -> int:
    """Show one of them whole, or what differs in it from the one before."""
    with reading(loop) as read:
        files = loaded(read.log)
    file = rule_history.named(files, digest)
    before = rule_history.before(files, file.digest)
    text = file.text
    if diff:
        old = b"" if before is None else rule_history.content_of(before)
        text = "\n".join(unified(old, rule_history.content_of(file), file.name))
    if json:
        shown = {"digest": file.digest, "name": file.name, "by": file.by, "because": file.because}
        as_json({**shown, "before": before and before.digest, "diff" if diff else "text": text})
    else:
        print_line(text.removesuffix("\n") or "nothing differs from the file before it")
    return 0


def _lines(told: dict[str, Any]) -> str:
    end = "in force" if told["in_force"] else f"until {moment(told['until'])}"
    why = f"{told['because']} (by {told['by']})" if told["by"] and told["because"] else told["because"]
    decided = ", ".join(f"{count:,} {verdict}" for verdict, count in told["decisions"].items()) or "none"
    others = f"; {told['not_applied']:,} not applied" if told["not_applied"] else ""
    models = ", ".join(map(str, told["models"])) or "none"
    span = f"since {moment(told['since'])} UTC, {end} ({lasting(told['seconds'])})"
    lines = (
        f"{told['digest'][:12]}  {told['name']}  {span}",
        f"    {why or 'by ' + told['by']}",
        f"    decisions: {decided}{others};  models: {models}",
    )
    return "\n".join(lines)
