"""A rule file as a whole: from its marked tree to a `Ruleset`, or to every mistake in it at once."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from flyball.core.ids import Digest
from flyball.core.rules import parse, values
from flyball.core.rules.bounds import read_bounds
from flyball.core.rules.check import unwise
from flyball.core.rules.entry import Defaults, Given, read_condition, read_rule
from flyball.core.rules.marked import Complaints, Items, Marked, Pairs, Scalar, Source
from flyball.core.rules.model import Condition, Ruleset, Span
from flyball.core.rules.placed import Placed
from flyball.core.rules.sections import Section
from flyball.core.rules.tree import named_in
from flyball.core.rules.typed import Names
from flyball.core.rules.words import Catalogue
from flyball.errors import BadFile, Problem

#: How many rules a file may have.
MOST_RULES = 1000
#: How long all conditions of a file may be together: 300 characters for each of a thousand rules.
LONGEST = 300_000

_KEYS = ("version", "every", "defaults", "knobs", "conditions", "rules")


@dataclass(frozen=True, slots=True)
class Document:
    """A rule file as text and as a tree of text; `digest` is that of its bytes."""

    digest: Digest
    name: str
    text: str
    root: Marked


def read_ruleset(
    document: Document, source: Source, catalogue: Catalogue
) -> tuple[Ruleset, tuple[Problem, ...]]:
    """The rules of a file, and what is legal but unwise in it. Raises BadFile with every mistake."""
    tell = Complaints(source)
    if not isinstance(document.root, Pairs):
        tell.tell(document.root, "R202", "a rule file is a mapping with `version`, `every` and `rules`")
        raise BadFile(tell.errors())
    if scenarios := _scenarios(document.root):
        message = f"a scenario file, not a rule file: `flyball rules test {document.name}` plays it"
        tell.tell(scenarios, "R011", message)
        raise BadFile(tell.errors())
    section = Section(document.root, tell)
    section.only(_KEYS, "a rule file")
    _check_version(section, tell)
    section.need("every", ": how often are the rules looked at?")
    section.need("rules", "")
    written = section.scalar("every")
    every = values.seconds(written, tell) if written else None
    if _too_long(document.root, section, tell):
        raise BadFile(tell.errors())
    knobs = section.section("knobs")
    bounds = read_bounds(knobs, catalogue, tell) if knobs else {}
    named = section.section("conditions")
    conditions = _conditions(named, catalogue, tell) if named else {}
    names = [key.text for key, _ in named] if named else []
    placed = _rules(section, Given(catalogue, names, bounds, _defaults(section, tell)), tell)
    if found := tell.errors():
        raise BadFile(found)
    rules = tuple(each.rule for each in placed)
    ruleset = Ruleset(document.digest, document.name, document.text, every or 0.0, rules, conditions, bounds)
    unwise(ruleset, placed, catalogue, tell)
    return ruleset, tell.warnings()


def _scenarios(root: Pairs) -> Scalar | None:
    """The key by which a file is known as one of scenarios; None in a rule file with a stray key."""
    keys = {key.text: key for key, _ in root.entries}
    return None if "version" in keys else keys.get("scenarios")


def _too_long(root: Pairs, section: Section, tell: Complaints) -> bool:
    """Whether all conditions together are longer than a file may have them; it is told."""
    # What is too long by itself is told as that.
    lengths = [len(scalar.text) for scalar in _expressions(root)]
    length = sum(each for each in lengths if each <= parse.LONGEST)
    if length > LONGEST:
        message = f"all conditions together have {length:,} characters; a file has at most {LONGEST:,}"
        tell.tell(section.key("rules"), "R008", message)
    return length > LONGEST


def _expressions(root: Pairs) -> Iterator[Scalar]:
    for key, value in root.entries:
        entries = value.of if key.text == "rules" and isinstance(value, Items) else ()
        for pairs in (value, *entries) if key.text in ("conditions", "rules") else ():
            if isinstance(pairs, Pairs):
                for name, inner in pairs.entries:
                    written = key.text == "conditions" or name.text in ("when", "until", "because")
                    if written and isinstance(inner, Scalar):
                        yield inner


def _check_version(section: Section, tell: Complaints) -> None:
    section.need("version", "; the first line is `version: 1`")
    version = section.scalar("version")
    if version and version.text != "1":
        tell.tell(version, "R203", f"this Flyball reads `version: 1`, not `{version.text}`")


def _defaults(section: Section, tell: Complaints) -> Defaults:
    inner = section.section("defaults")
    if inner is None:
        return Defaults()
    inner.only(("mode", "cooldown", "when_missing"), "`defaults`")
    mode, cooldown, missing = (inner.scalar(name) for name in ("mode", "cooldown", "when_missing"))
    shadow = mode and values.word(mode, ("live", "shadow"), tell, "`mode`") == "shadow"
    clear = missing and values.word(missing, ("keep", "clear"), tell, "`when_missing`") == "clear"
    span: Span | None = values.span(cooldown, tell) if cooldown else None
    return Defaults("shadow" if shadow else "live", span, "clear" if clear else "keep")


def _conditions(section: Section, catalogue: Catalogue, tell: Complaints) -> dict[str, Condition]:
    """Named conditions, each after those it uses."""
    names = Names(catalogue, [key.text for key, _ in section], condition=True)
    found: dict[str, Condition] = {}
    keys: dict[str, Scalar] = {}
    for key, _ in section:
        if key.text in catalogue.signals or key.text in catalogue.knobs:
            tell.tell(key, "R108", f"`{key.text}` is the name of a signal or a knob")
        elif not key.text.isidentifier() or key.text in ("and", "or", "not", "true", "false"):
            tell.tell(
                key, "R203", f"`{key.text}` is no name: letters, digits and `_`, and no word of the language"
            )
        scalar = section.scalar(key.text)
        if scalar and (condition := read_condition(scalar, names, tell)) is not None:
            found[key.text], keys[key.text] = condition, key
    return _in_order(found, keys, tell)


def _in_order(
    conditions: Mapping[str, Condition], keys: Mapping[str, Scalar], tell: Complaints
) -> dict[str, Condition]:
    ordered: dict[str, Condition] = {}
    waiting = {name: set(named_in(each)) & set(conditions) for name, each in conditions.items()}
    users: dict[str, list[str]] = {name: [] for name in conditions}
    for name, uses in waiting.items():
        for used in uses:
            users[used].append(name)
    ready = deque(name for name, uses in waiting.items() if not uses)
    while ready:
        name = ready.popleft()
        ordered[name] = conditions[name]
        del waiting[name]
        for user in users[name]:
            waiting[user].discard(name)
            if not waiting[user]:
                ready.append(user)
    for name in waiting:
        if tell.full:
            break
        if circle := _circle(name, waiting):
            tell.tell(keys[name], "R308", f"`{name}` uses itself: {' → '.join(circle)}")
    return ordered


def _circle(start: str, uses: Mapping[str, set[str]]) -> list[str]:
    """The way from a condition back to itself; empty where it only leads into a circle."""
    ways = [[start]]
    seen: set[str] = set()
    while ways:
        way = ways.pop(0)
        for name in sorted(uses.get(way[-1], ())):
            if name == start:
                return [*way, start]
            if name not in seen:
                seen.add(name)
                ways.append([*way, name])
    return []


def _rules(section: Section, given: Given, tell: Complaints) -> list[Placed]:
    entries = section.items("rules") or ()
    if len(entries) > MOST_RULES:
        tell.tell(section.key("rules"), "R008", f"{len(entries):,} rules; a file has at most {MOST_RULES:,}")
        return []
    placed: list[Placed] = []
    first: dict[str, int] = {}
    for entry in entries:
        if tell.full:
            break
        rule = read_rule(entry, given, tell)
        if isinstance(entry, Pairs):
            _check_id(entry, first, tell)
        if rule is not None and isinstance(entry, Pairs):
            placed.append(Placed(rule, entry))
    return placed


def _check_id(entry: Pairs, first: dict[str, int], tell: Complaints) -> None:
    for key, value in entry.entries:
        if key.text == "id" and isinstance(value, Scalar):
            if value.text in first:
                message = f"the id `{value.text}` stands in line {first[value.text]} already"
                tell.tell(value, "R206", message)
            first.setdefault(value.text, value.line + 1)
