"""The codes of mistakes in rule files: each means one thing for good, and can be explained."""

from __future__ import annotations

from collections.abc import Mapping

#: Nothing of the file could be read.
UNREADABLE = ("R000", "R001", "R002", "R003", "R004", "R005", "R006", "R007", "R008")

CODES: Mapping[str, str] = {
    "R000": "The file cannot be opened: it is not there, or may not be read.",
    "R001": "The file is larger than 1 MB. Rules are written by people; split the file.",
    "R002": "The file is not UTF-8 text. Save it as UTF-8.",
    "R003": "The file is not YAML. Look at the place and the line before it: indentation, a quote, a colon.",
    "R004": "The file holds several documents, parted by `---`. A rule file is one document.",
    "R005": "YAML aliases (`*name`) are not read here: a few of them can stand for gigabytes. Write it out.",
    "R006": "YAML tags (`!name`) are not read here: a rule file holds words and numbers only.",
    "R007": "The file is nested more deeply than any rule is.",
    "R008": "The file holds more than 1,000 rules, or more parts than 1,000 rules could have.",
    "R009": "There are more mistakes than are shown. Correct those shown and check again.",
    "R010": "A key stands twice in one mapping, and only one of the two can count.",
    "R101": "A name is no signal, knob or named condition. `flyball rules signals` lists the signals.",
    "R102": "There is no knob of this name. `flyball rules knobs` lists them.",
    "R103": "There is no action of this name; an action is asked for with `do`.",
    "R104": "There is no function of this name.",
    "R105": "A key is not known at this place.",
    "R106": "A word is not one of those that the catalogue lists for this.",
    "R107": "The action does not take this option, or not with this word.",
    "R108": "A named condition has the name of a signal or a knob. Name it something else.",
    "R201": "Something that every rule or file must say is missing.",
    "R202": "Something has another shape than is meant: a list, a mapping or a single value.",
    "R203": "A value cannot be read as the number, time or word that is meant here.",
    "R204": "A value lies outside what the catalogue allows for the knob.",
    "R205": "The `knobs` section narrows what the catalogue allows; it cannot widen it.",
    "R206": "Two rules have one id. Decisions, pauses and memory go by the id.",
    "R207": "Only people may turn this knob; rules may not.",
    "R208": "This is measured or set for each annotator, and the rule must say so with `foreach: annotator`.",
    "R209": "The rule does nothing: it has neither `then` nor `hold`.",
    "R210": "A value lies outside what the `knobs` section of this file allows.",
    "R211": "Two things that the file says do not go together.",
    "R301": "An expression cannot be read at this place.",
    "R302": "An operator is written as in other languages; here it is a word, or `==`.",
    "R303": "Two things do not go together: numbers, words, yes-or-no and conditions are kept apart.",
    "R304": "A function is given something that it does not take.",
    "R305": "Two values in different units are compared or added.",
    "R306": "Comparisons cannot be chained. Join two of them with `and`.",
    "R307": "A condition is too long or too deep to be understood. Name parts of it under `conditions`.",
    "R308": "Named conditions use each other in a circle, so none of them can be inferred first.",
    "R309": "The braces in `because` do not match, or nothing stands between them.",
    "W101": "A threshold lies outside what the signal can read, so the comparison never changes.",
    "W102": "Two live rules can turn one knob with equal priority; then the smaller change wins.",
    "W103": "`for` is shorter than one look, so it waits for nothing.",
    "W104": "A `hold` without `until` is taken off as soon as `when` fails, and may flap on and off.",
    "W105": "`until` can be true while `when` is, so the rule may fire and clear at once, again and again.",
}
