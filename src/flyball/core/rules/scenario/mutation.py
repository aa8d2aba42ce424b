"""Whether anybody would notice: each nudge of a rule file played through the scenarios it concerns."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from flyball.core.ids import RuleId
from flyball.core.rules.marked import Items, Marked, Pairs, Scalar, Source
from flyball.core.rules.memory import meaning
from flyball.core.rules.model import Ruleset
from flyball.core.rules.reference import ReferenceEngine
from flyball.core.rules.ruleset import Document, read_ruleset
from flyball.core.rules.scenario.judge import differences
from flyball.core.rules.scenario.model import Scenario
from flyball.core.rules.scenario.nudges import Nudge, Nudges, turned_by
from flyball.core.rules.scenario.play import play
from flyball.core.rules.words import Catalogue
from flyball.errors import BadFile


@dataclass(frozen=True, slots=True)
class Mutated:
    """One nudge and the scenario that noticed it; None: it survived."""

    nudge: Nudge
    noticed_by: str | None


@dataclass(frozen=True, slots=True)
class RuleFile:
    """A rule file that was read without mistakes, with the tree that it was read from."""

    rules: Ruleset
    root: Marked
    source: Source


def mutations(file: RuleFile, scenarios: Sequence[Scenario], catalogue: Catalogue) -> list[Mutated]:
    """Every nudge of a file, played with the reference engine until a scenario notices.

    The scenarios must all be as expected with the file itself. Nudges that make a file which would be
    refused, or one that means the same, are left out.
    """
    found: list[Mutated] = []
    for nudge in Nudges(file.root, file.source, file.rules, catalogue).all():
        rules = _mutant(file, nudge, catalogue)
        if rules is not None:
            found.append(Mutated(nudge, _noticed(rules, nudge.rules, scenarios, catalogue)))
    return found


def score(mutated: Iterable[Mutated]) -> float:
    """The share of nudges that were noticed, in percent; 100 where there are none."""
    noticed = [each.noticed_by is not None for each in mutated]
    return 100.0 * sum(noticed) / len(noticed) if noticed else 100.0


def _mutant(file: RuleFile, nudge: Nudge, catalogue: Catalogue) -> Ruleset | None:
    """The rules with one nudge; None where the file would be refused, or mean what it means now."""
    old = file.rules
    root = _pruned(file.root, nudge)
    tree = _with(root, nudge.scalar, replace(nudge.scalar, text=nudge.text))
    try:
        read, _ = read_ruleset(Document(old.digest, old.name, old.text, tree), file.source, catalogue)
    except BadFile:
        return None
    new = {rule.id: rule for rule in read.rules}
    rules = replace(read, rules=tuple(new.get(rule.id, rule) for rule in old.rules))
    same = rules.bounds == old.bounds and all(
        meaning(a, old) == meaning(b, rules) for a, b in zip(old.rules, rules.rules, strict=True)
    )
    return None if same else rules


def _pruned(root: Marked, nudge: Nudge) -> Marked:
    """A file's tree without the rules that a nudge does not concern: they need not be read again."""
    assert isinstance(root, Pairs)

    def kept(key: Scalar, value: Marked) -> Marked:
        if key.text != "rules" or not isinstance(value, Items):
            return value
        return replace(value, of=tuple(each for each in value.of if _id(each) in nudge.rules))

    return replace(root, entries=tuple((key, kept(key, value)) for key, value in root.entries))


def _id(entry: Marked) -> str:
    entries = entry.entries if isinstance(entry, Pairs) else ()
    return next((v.text for k, v in entries if k.text == "id" and isinstance(v, Scalar)), "")


def _with(part: Marked, old: Scalar, new: Scalar) -> Marked:
    """A tree with one scalar replaced."""
    match part:
        case Scalar():
            return new if part is old else part
        case Items(of=of):
            return replace(part, of=tuple(_with(each, old, new) for each in of))
        case Pairs(entries=entries):
            return replace(part, entries=tuple((key, _with(value, old, new)) for key, value in entries))


def _noticed(
    rules: Ruleset, concerned: frozenset[RuleId], scenarios: Sequence[Scenario], catalogue: Catalogue
) -> str | None:
    """The first scenario that comes out otherwise with these rules."""
    turned = {knob for rule in rules.rules if rule.id in concerned for knob in turned_by(rule)}
    near = [each for each in scenarios if each.concerns & concerned or each.knobs & turned]
    # The scenarios of few rules are likeliest to notice what becomes of one of them.
    for scenario in sorted(near, key=lambda each: len(each.concerns - concerned)):
        for shot in play(rules, scenario, ReferenceEngine().truths, catalogue.knobs):
            if next(differences(scenario, shot, rules), None) is not None:
                return scenario.name
    return None
