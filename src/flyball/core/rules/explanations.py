"""An example for each code: the mistake as somebody might write it, and the line as it should be."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Example:
    """The lines with the mistake, and the lines mended.

    `of` "rule": keys of one rule, which has the usual others beside them. "file": lines of a whole
    file. "": it cannot be shown in the text of a file.
    """

    wrong: str
    mended: str
    of: Literal["rule", "file", ""] = "rule"


def whole(example: Example, lines: str) -> str:
    """Lines of an example as the file that they belong to, filled up with what is not shown.

    >>> print(whole(Example("once: on", "once: true"), "once: true"))
    version: 1
    every: 30s
    rules:
      - id: example
        because: an example
        when: queue.depth > 200
        then: {do: retrain}
        once: true
    """
    if not example.of:
        return lines
    usual = _RULE if example.of == "rule" else _FILE
    written = lines.split("\n")
    keys = {line.partition(":")[0] for line in written}
    if "hold" in keys:
        keys.add("then")
    # What an example shows to be missing stays so.
    rest = [line for key, line in usual.items() if key not in keys and f"# no {key}" not in lines]
    written = [line for line in written if not line.startswith("# no ")]
    if example.of == "file":
        return "\n".join([*rest, *written])
    first, *others = [*rest, *written]
    rule = [f"  - {first}", *(f"    {line}" for line in others)]
    return "\n".join(["version: 1", "every: 30s", "rules:", *rule])


_RULE = {
    "id": "id: example",
    "because": "because: an example",
    "when": "when: queue.depth > 200",
    "then": "then: {do: retrain}",
}
_FILE = {"version": "version: 1", "every": "every: 30s", "rules": "rules: []"}


def _file(wrong: str, mended: str) -> Example:
    return Example(wrong, mended, "file")


def _told(wrong: str, mended: str) -> Example:
    return Example(wrong, mended, "")


_TWO = """rules:
  - {id: a, because: so, when: queue.depth > 200, then: {scale: batch.size, by: 2}, priority: 5}
  - """

EXAMPLES: Mapping[str, Example] = {
    "R000": _told("flyball rules check rules/adaptve.yaml", "flyball rules check rules/adaptive.yaml"),
    "R001": _told("one file of 1.2 MB", "two files, one for each loop, or the notes kept elsewhere"),
    "R002": _told("saved as Latin-1, where `é` is one byte", "saved as UTF-8"),
    "R003": _file('defaults: {mode: "live}', "defaults: {mode: live}"),
    "R004": _file("rules: []\n---\nrules: []", "rules: []"),
    "R005": _file(
        "defaults: &usual {cooldown: 15m}\nrules: [*usual]", "defaults: {cooldown: 15m}\nrules: []"
    ),
    "R006": _file("defaults: !!map {cooldown: 15m}", "defaults: {cooldown: 15m}"),
    "R007": _file(f"rules: {'[' * 25}{']' * 25}", "rules: []"),
    "R008": _told("a list of 1,001 rules", "two loops with a file each, or `foreach: annotator`"),
    "R009": _told("more than 100 mistakes", "correct those that are shown, and check again"),
    "R010": _file("every: 30s\nevery: 1m", "every: 1m"),
    "R011": _told("a file with `scenarios`", "play it with `flyball rules test FILE`"),
    "R101": Example("when: queue.dept > 200", "when: queue.depth > 200"),
    "R102": Example("then: {scale: batch.sise, by: 1.5}", "then: {scale: batch.size, by: 1.5}"),
    "R103": Example("then: {do: retrian}", "then: {do: retrain}"),
    "R104": Example("when: slop(val.ap, 5) <= 0", "when: slope(val.ap, 5) <= 0"),
    "R105": Example("colddown: 30m", "cooldown: 30m"),
    "R106": Example("when: sampler.name == rnadom", "when: sampler.name == random"),
    "R107": Example("then: {do: alert, severity: loud}", "then: {do: alert, severity: page}"),
    "R108": _file(
        "conditions:\n  queue.depth: annotators.load > 100%",
        "conditions:\n  overloaded: annotators.load > 100%",
    ),
    "R201": Example("# no because\nwhen: queue.depth > 500", 'because: "{queue.depth} items wait"'),
    "R202": Example("hold: [sampler.name]", "hold: {sampler.name: random}\nuntil: queue.depth < 100"),
    "R203": Example("for: 5 minutes", "for: 5m"),
    "R204": Example("then: {set: batch.size, to: 100_000}", "then: {set: batch.size, to: 1_000}"),
    "R205": _file("knobs:\n  batch.size: {max: 100_000}", "knobs:\n  batch.size: {max: 1_000}"),
    "R206": _file(
        _TWO + "{id: a, because: so, when: dlq.depth > 50, then: {do: retrain}}",
        _TWO + "{id: b, because: so, when: dlq.depth > 50, then: {do: retrain}}",
    ),
    "R207": Example("then: {set: loop.architecture, to: parallel}", "then: {do: alert, severity: warn}"),
    "R208": Example("when: gold.accuracy < 90%", "foreach: annotator\nwhen: gold.accuracy < 90%"),
    "R209": Example("# no then\nfor: 5m", "then: {do: retrain}\nfor: 5m"),
    "R210": _file(
        "knobs:\n  batch.size: {max: 400}\n"
        "rules:\n  - {id: big, because: so, when: dlq.depth > 5, then: {set: batch.size, to: 500}}",
        "knobs:\n  batch.size: {max: 400}\n"
        "rules:\n  - {id: big, because: so, when: dlq.depth > 5, then: {set: batch.size, to: 400}}",
    ),
    "R211": Example("then: {scale: sampler.name, by: 2}", "then: {set: sampler.name, to: random}"),
    "R301": Example(
        "when: queue.depth > 200 annotators.idle < 10%", "when: queue.depth > 200 and annotators.idle < 10%"
    ),
    "R302": Example(
        "when: queue.depth > 200 && dlq.depth > 50", "when: queue.depth > 200 and dlq.depth > 50"
    ),
    "R303": Example("when: queue.depth and dlq.depth > 50", "when: queue.depth > 200 and dlq.depth > 50"),
    "R304": Example("when: rate(capture.count) > 2", "when: rate(capture.count, 10m) > 2"),
    "R305": Example("when: queue.age_p95 > 50%", "when: queue.age_p95 > 30m"),
    "R306": Example("when: 50 < queue.depth < 200", "when: 50 < queue.depth and queue.depth < 200"),
    "R307": Example(f"when: {'(' * 50}queue.depth > 200{')' * 50}", "when: queue.depth > 200"),
    "R308": _file(
        "conditions:\n  busy: late and queue.depth > 200\n  late: busy or queue.age_p95 > 1h",
        "conditions:\n  busy: late and queue.depth > 200\n  late: queue.age_p95 > 1h",
    ),
    "R309": Example("because: '{queue.depth items wait'", "because: '{queue.depth} items wait'"),
    "W101": Example("when: annotators.idle > 90", "when: annotators.idle > 90%"),
    "W102": _file(
        _TWO + "{id: b, because: so, when: dlq.depth > 50, then: {set: batch.size, to: 50}, priority: 5}",
        _TWO + "{id: b, because: so, when: dlq.depth > 50, then: {set: batch.size, to: 50}, priority: 9}",
    ),
    "W103": Example("for: 10s", "for: 2 looks"),
    "W104": Example(
        "when: queue.depth > 200\nhold: {sampler.name: random}",
        "when: queue.depth > 200\nuntil: queue.depth < 100\nhold: {sampler.name: random}",
    ),
    "W105": Example(
        "when: queue.depth > 200\nuntil: queue.depth < 300",
        "when: queue.depth > 200\nuntil: queue.depth < 100",
    ),
    "W106": Example(
        "when: queue.depth > 200 and queue.depth < 100", "when: queue.depth > 200 or queue.depth < 100"
    ),
    "W107": Example("until: queue.depth < 0", "until: queue.depth == 0"),
    "W108": _file(
        _TWO + "{id: b, because: so, when: queue.depth > 200, then: {set: batch.size, to: 80}, priority: 1}",
        _TWO + "{id: b, because: so, when: dlq.depth > 50, then: {set: batch.size, to: 80}, priority: 1}",
    ),
    "W109": _file(
        _TWO + "{id: b, because: so, when: dlq.depth > 50, then: {scale: batch.size, by: 0.7}, priority: 9}",
        _TWO + "{id: b, because: so, when: queue.depth < 9, then: {scale: batch.size, by: 0.7}, priority: 9}",
    ),
    "W110": _file(
        _TWO + "{id: b, because: so, when: queue.depth > 200, then: {scale: batch.size, by: 2}}",
        _TWO + "{id: b, because: so, when: queue.depth > 400, then: {set: train.mode, to: recency}}",
    ),
    "S101": _told("rules: adaptive.yaml", "rules: ../adaptive.yaml"),
    "S102": _told("rule: queue-dep", "rule: queue-deep"),
    "S103": _told("verdict: . wait FIRE", "rule: queue-deep\nverdict: . wait FIRE"),
    "S104": _told("signals: {queue.depth: 150 many}", "signals: {queue.depth: 150 250x9}"),
    "S105": _told("signals: {queue.depth: 250x9000000}", "signals: {queue.depth: 250x90}"),
    "S106": _told(
        "signals: {queue.depth: 150 250x9, answers.total: 0 10}",
        "signals: {queue.depth: 150 250x9, answers.total: 0+10x9}",
    ),
    "S107": _told("expect:\n  - {at: 6, fired: [queue-deep]}", "expect:\n  - {at: 6m, fired: [queue-deep]}"),
    "S108": _told("signals: {gold.accuracy: 0.95 0.80}", "signals: {gold.accuracy@ana: 0.95 0.80}"),
    "S109": _told(
        "- {name: calm, signals: {queue.depth: 10}}",
        "- {name: calm, rule: queue-deep, signals: {queue.depth: 10}, verdict: .}",
    ),
    "S110": _told("- name: calm\n- name: calm", "- name: calm\n- name: calm at night"),
    "S111": _told("verdict: ? . FIRE", "verdict: '? . FIRE'"),
}
