"""The words of a rule file, explained: what the reference page and the editors' schema are made from."""

from __future__ import annotations

from typing import NamedTuple


class Explained(NamedTuple):
    """A word of the language. `otherwise`: what holds without it ("required" for what must be there)."""

    name: str
    meaning: str
    example: str
    otherwise: str = ""


FILE = (
    Explained("version", "The version of the language.", "version: 1", "required"),
    Explained("every", "How often the rules are looked at.", "every: 30s", "required"),
    Explained(
        "defaults",
        "What rules say that do not say it themselves: `mode`, `cooldown`, `when_missing`.",
        "defaults: {mode: live, cooldown: 15m}",
    ),
    Explained(
        "knobs",
        "How far this file lets each knob go. It narrows the catalogue and never widens it.",
        "knobs: {batch.size: {min: 50, max: 800, step: 2x per 30m}}",
    ),
    Explained(
        "conditions",
        "Facts with names, inferred first. Rules and other conditions may use them.",
        "conditions: {overloaded: queue.depth > 200}",
    ),
    Explained("rules", "The rules, at most 1,000.", "rules: []", "required"),
)

RULE = (
    Explained(
        "id",
        "Its name, in decisions and on every page: letters, digits and hyphens.",
        "id: queue-deep",
        "required",
    ),
    Explained(
        "because",
        "The reason, in a sentence. What stands between braces is filled in with its value.",
        'because: "{queue.depth} items wait"',
        "required",
    ),
    Explained("when", "The condition that makes it fire.", "when: queue.depth > 200", "required"),
    Explained("for", "How long `when` must hold before it fires.", "for: 5m", "at once"),
    Explained(
        "until",
        "What clears it again. Further away than `when`, so that it does not flap.",
        "until: queue.depth < 100",
        "when `when` is false",
    ),
    Explained(
        "then",
        "What it does once when it fires: one deed or a list of them.",
        "then: [{scale: batch.size, by: 1.5}, {do: retrain}]",
        "`then` or `hold` is required",
    ),
    Explained(
        "hold",
        "What knobs are while it is active. It lies above their value, and is taken off when it clears.",
        "hold: {sampler.name: random}",
        "`then` or `hold` is required",
    ),
    Explained(
        "cooldown", "After it fired, it does not fire again for so long.", "cooldown: 3 cycles", "none"
    ),
    Explained("repeat", "Do `then` again so often while it is active.", "repeat: 15m", "once"),
    Explained("once", "It fires a single time.", "once: true", "`false`"),
    Explained(
        "priority",
        "The higher one wins where two rules turn one knob: from -1000 to 1000.",
        "priority: 90",
        "0",
    ),
    Explained(
        "mode",
        "`live`, or `shadow`: looked at and written down, never applied.",
        "mode: shadow",
        "`defaults`, or `live`",
    ),
    Explained(
        "when_missing",
        "Without data: `keep` an active rule active, or `clear` it.",
        "when_missing: clear",
        "`defaults`, or `keep`",
    ),
    Explained(
        "foreach",
        "`annotator`: one of this rule for each annotator.",
        "foreach: annotator",
        "one for the loop",
    ),
)

BOUNDS = (
    Explained("min", "The least that rules may make of it.", "min: 50", "as the catalogue has it"),
    Explained("max", "The most that rules may make of it.", "max: 800", "as the catalogue has it"),
    Explained("values", "The words that rules may choose.", "values: [entropy, random]", "all words"),
    Explained(
        "step", "How far it may move within a time, by a factor or by an amount.", "step: 2x per 30m", "any"
    ),
    Explained("safe", "Where it returns to when its signals fall silent.", "safe: 20%", "it stays"),
    Explained("silent_for", "How long they must be silent for that.", "silent_for: 30m", "10 looks"),
    Explained(
        "turns",
        "How often it may change direction within a time; then it is frozen.",
        "turns: 3 per 1h",
        "6 per 60 looks",
    ),
    Explained("per", "A reminder that each annotator has a value.", "per: annotator"),
)

DEEDS = (
    Explained("set", "Makes a knob a value.", "{set: sampler.name, to: random}"),
    Explained("scale", "Multiplies a knob's value.", "{scale: batch.size, by: 1.5}"),
    Explained("add", "Adds to a knob's value, or takes from it.", "{add: sampler.reserve, by: 10%}"),
    Explained("do", "Asks for an action, with its options.", "{do: alert, severity: warn}"),
)

LITERALS = (
    Explained("number", "Underscores part thousands.", "10_000, 0.5, 1e-3"),
    Explained("share", "A percentage of one.", "20%"),
    Explained("time", "Compared with what is measured in seconds.", "30s, 10m, 6h, 2d"),
    Explained("cycles", "A cycle ends when a batch is settled.", "3 cycles"),
    Explained("word", "One of a knob's words, where it is compared with the knob.", "random"),
    Explained("flag", "Yes or no; a flag may also stand alone.", "true, false"),
)

OPERATORS = (
    Explained("* /", "A division by zero is no data.", "queue.depth / batch.size"),
    Explained("+ -", "Of numbers with one unit.", "capture.count - integrate.count"),
    Explained(
        "< <= > >= == !=",
        "Two values compared; flags and words with `==` and `!=` only.",
        "queue.depth > 200",
    ),
    Explained("not", "The opposite.", "not overloaded"),
    Explained("and", "All of them hold.", "overloaded and drift.share > 30%"),
    Explained("or", "At least one of them holds.", "overloaded or drift.share > 30%"),
)

WAITS = (
    Explained("time", "By the clock.", "30s, 10m, 6h, 2d"),
    Explained(
        "looks",
        "Each look of the rules counts; the one in which a condition comes true is the first.",
        "3 looks",
    ),
    Explained("cycles", "Each batch that settles counts, trained on or not.", "3 cycles"),
)

FUNCTIONS_OF_VALUES = (
    Explained("abs", "The value without its sign.", "abs(slope(val.ap, 5))"),
    Explained("min", "The least of them.", "min(val.ap, val.auc)"),
    Explained("max", "The largest of them.", "max(annotators.load, annotators.idle)"),
    Explained("avg", "Their mean.", "avg(val.ap, val.auc)"),
    Explained("sum", "Their sum.", "sum(queue.depth, backlog.depth)"),
)

FUNCTIONS_OF_PAST = (
    Explained("delta", "The last reading less the first, in the signal's unit.", "delta(backlog.depth, 10m)"),
    Explained("rate", "The same for each second.", "rate(capture.count, 10m)"),
    Explained(
        "slope",
        "The slope of the straight line that fits best: for each cycle, or for each hour over a time.",
        "slope(val.ap, 5)",
    ),
    Explained("drop", "The fall as a share of the first reading.", "drop(val.ap, 3)"),
    Explained("rise", "The rise as a share of the first reading.", "rise(model.uncertainty, 3)"),
    Explained("avg", "The mean of the readings.", "avg(queue.depth, 1h)"),
    Explained("min", "The least of the readings.", "min(queue.depth, 1h)"),
    Explained("max", "The largest of the readings.", "max(val.ap, 5)"),
    Explained(
        "quantile", "What this share of the readings does not exceed.", "quantile(queue.depth, 90%, 1h)"
    ),
    Explained(
        "changes", "How often a reading differs from the one before it.", "changes(annotators.active, 1d)"
    ),
    Explained("absent", "Whether the whole window passed without a reading.", "absent(val.ap, 6h)"),
)

STATES = (
    Explained("idle", "`when` is not true, or nobody knows.", ". or ?"),
    Explained("pending", "`when` is true, and `for` is running.", "wait"),
    Explained("active", "It fired and has not cleared; what it holds is in force.", "FIRE on"),
    Explained("resting", "It fired a short time ago: `cooldown` is running.", "rest"),
)
