"""Commands that only read: status, decisions, model ls, lineage. They run beside a running loop."""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from flyball.bootstrap import Reading, reading
from flyball.cli.knobs import override, paused
from flyball.cli.rules_write import in_force
from flyball.cli.show import as_json, change, lasting, moment, number, print_line, table
from flyball.cli.write import now_of
from flyball.core.ids import ModelVersion
from flyball.work import views
from flyball.work.served import WITHOUT, served


def status(loop: Path, *, watch: bool, json: bool) -> int:
    """Show the loop at a glance, once or anew every two seconds until Ctrl-C."""
    while True:
        with reading(loop) as read:
            found = _status(read)
        if json:
            as_json(found)
        else:
            print_line(("\x1b[2J\x1b[H" if watch else "") + _glance(read.settings.id, found))
        if not watch:
            return 0
        time.sleep(2)


def decisions(loop: Path, *, rule: str | None, limit: int | None, json: bool) -> int:
    """List decisions, the newest last."""
    with reading(loop) as read:
        found = views.decisions(read.log, rule=rule, limit=limit)
    if json:
        as_json(found)
    elif not found:
        print_line(
            "no decisions yet" if rule is None else f"no decisions of rule {rule}; is it in the rule file?"
        )
    else:
        for told in found:
            print_line(decision(told))
    return 0


def models(loop: Path, *, json: bool) -> int:
    """List model versions."""
    with reading(loop) as read:
        found = views.models(read.state, read.log)
    if json:
        as_json(found)
    elif not found:
        print_line("no models yet")
    else:
        rows = [
            (
                str(m["version"]),
                m["alias"] or "",
                moment(m["trained_at"]),
                number(m["rows"]),
                m["snapshot"][:12],
                m["received"],
            )
            for m in found
        ]
        print_line(
            table(rows, ("version", "alias", "trained (UTC)", "labels", "snapshot", "how it was received"))
        )
    return 0


def lineage(loop: Path, version: int, *, rows: int, json: bool) -> int:
    """Show what a model version came from."""
    with reading(loop) as read:
        found = views.lineage(read.log, read.items, ModelVersion(version), None if json else rows)
    if json:
        as_json(found)
    else:
        print_line(_lineage(found))
    return 0


def decision(told: dict[str, Any]) -> str:
    """A decision as lines: when, which rule, what became of it, why, what changed."""
    shadow = "" if told.get("live", True) else "  [not applied]"
    shadow += "  [canary]" if told.get("canary") else ""
    about = f" @{told['about']}" if told.get("about") else ""
    lines = [f"{moment(told['at'])}  {told['rule']}{about}: {told['verdict']}{shadow}"]
    lines += [f"    {told['because']}"] if told["because"] else []
    lines += [f"    {change(each)}" for each in told["changes"]]
    if told.get("overruled_by"):
        lines.append(f"    overruled by {told['overruled_by']}")
    return "\n".join(lines)


def _status(read: Reading) -> dict[str, Any]:
    left = read.settings.budget.left(read.state.arrived, read.state.asked)
    running = views.running(read.log, read.alive, read.servers)
    found = views.status(read.log, read.state, read.knobs, left, running, now_of(read))
    rules = in_force(read.log)
    found |= {
        "served": served(read.log, read.servers),
        "open_in": read.holder,
        "parked": read.items.count_standing("parked"),
    }
    return {**found, "shadow": [rule.id for rule in rules.rules if rule.mode == "shadow"] if rules else []}


def _glance(loop: str, s: dict[str, Any]) -> str:
    labels, batches, models = s["labels"], s["batches"], s["models"]
    left = "no limit" if labels["budget_left"] is None else f"{number(labels['budget_left'])} left"
    lines = [
        f"{loop}  {_head(s)}  now {moment(s['now'])}  {s['architecture']}",
        f"items     {number(s['items'])} arrived",
        (
            f"batches   {batches['released']} released, {batches['open']} out, {batches['settled']} settled;"
            f" {s['queue']} items wait for annotators"
        ),
        (
            f"labels    {number(labels['answers'])} from annotators, {number(labels['natural'])} natural;"
            f" {number(labels['asked'])} asked for, {left}"
        ),
        (
            f"models    {models['trained']} trained; champion {number(models['champion'])},"
            f" challenger {number(models['challenger'])}"
        ),
    ]
    if s["quality"]:
        measures = (
            f"{n.removeprefix('val.')} {v:.3f} ({low:.3f} to {high:.3f})"
            for n, (v, low, high) in s["quality"].items()
        )
        lines.append("quality   " + ", ".join(measures))
    lines += [f"at work   {w['work']} since {moment(w['since'])}" for w in s["work"]]
    if s["knobs"]:
        lines.append(
            "knobs     " + ", ".join(f"{name} {number(value)}" for name, value in s["knobs"].items())
        )
    lines += [f"override  {override(each)}" for each in s["overrides"]]
    lines += [f"paused    {paused(each)}" for each in s["paused"]]
    if (tried := s["canary"]) is not None:
        share = f"{tried['share']:.0%} of the batches"
        lines.append(
            f"canary    {tried['name']} ({tried['digest'][:12]}) governs {share}: {tried['because']}"
        )
    if (to := s["transition"]) is not None:
        lines.append(f"changing  to {to['to']}, in shadow for {to['left']} more cycles: {to['because']}")
    if s["shadow"]:
        lines.append(f"shadow    looked at, never applied: {', '.join(s['shadow'])}")
    lines += _signals(s)
    lines += [f"ALERT     {a['severity']} since {moment(a['since'])}: {a['message']}" for a in s["alerts"]]
    if s["decisions"]:
        lines += ["", "the newest decisions", *(decision(told) for told in s["decisions"])]
    return "\n".join(lines)


def _signals(s: Mapping[str, Any]) -> list[str]:
    """What lies apart and the signals, with their age where no look comes any more."""
    lines: list[str] = []
    if s["parked"]:
        many = "1 answer is" if s["parked"] == 1 else f"{number(s['parked'])} answers are"
        lines.append(f"parked    {many} parked: flyball dlq ls")
    read = {name: value for name, value in s["signals"].items() if value is not None}
    if read and not s["running"]["running"]:
        age = lasting(max(0.0, s["now"] - s["looked_at"]))
        lines.append(f"signals   as of the last look, {moment(s['looked_at'])}, {age} ago")
    for row in range(0, len(read), 4):
        cells = [f"{name} {number(value)}" for name, value in list(read.items())[row : row + 4]]
        first = row == 0 and s["running"]["running"]
        lines.append(("signals   " if first else "          ") + ", ".join(cells))
    return lines


def _head(s: Mapping[str, Any]) -> str:
    """Who has the loop open, and what that does."""
    running, by = s["running"], s["served"]
    if by is not None:
        return f"served by process {by['pid']} since {moment(by['since'])} ({WITHOUT})"
    if running["running"]:
        return f"running since {moment(running['since'])}"
    also = "" if s["open_in"] is None else f"; process {s['open_in']} has it open for writing"
    return f"not running ({running['because']}{also})"


def _lineage(found: dict[str, Any]) -> str:
    pins, labels = found["pins"], found["labels"]
    rule_file = found["rule_file"]
    lines = [
        f"model {found['model']}, trained {moment(found['trained_at'])}: {found['because']}",
        f"  tracking   {found['tracking']}",
        f"  snapshot   {found['snapshot']['sha256']} ({number(found['snapshot']['rows'])} rows)",
        f"  pins       labels up to {pins['labels_up_to']}, mode {pins['mode']}, seed {pins['seed']}",
        f"             config {pins['config'][:12]}, rules {pins['rules'][:12]}, code {pins['code'][:12]}",
        f"  rule file  {rule_file['name'] + ' ' + rule_file['digest'][:12] if rule_file else '-'}",
        "  labels     " + ", ".join(f"{n} {k}" for k, n in labels["by_source"].items()),
        "             " + ", ".join(f"{n} of class {k}" for k, n in sorted(labels["by_class"].items())),
        f"             {labels['held_out']} kept away to compare models on",
        "  answers    "
        + (", ".join(f"{n} by {who}" for who, n in sorted(found["annotators"].items())) or "none"),
        f"  batches    {len(found['batches'])}, the newest of them: "
        + (
            ", ".join(f"{b['batch']} ({b['items']} by {b['sampler']})" for b in found["batches"][-5:])
            or "none"
        ),
    ]
    if found["decisions"]:
        lines += [
            "  decisions behind those batches",
            *("  " + decision(told) for told in found["decisions"][-5:]),
        ]
    if found["rows"]:
        rows = [
            (
                r["item"],
                r["label"],
                r["source"],
                r["batch"] or "",
                ", ".join(a["annotator"] for a in r["answers"]),
            )
            for r in found["rows"]
        ]
        lines += ["", table(rows, ("item", "label", "source", "batch", "answered by"))]
        lines.append("--json lists every label")
    return "\n".join(lines)
