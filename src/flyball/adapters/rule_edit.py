"""One word of a rule file changed in its place; every comment and line stays as it was written, but for a
comment on that word which would be wrong now.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from difflib import get_close_matches
from typing import Literal

from flyball.adapters.rule_file import BREAK, parsed
from flyball.core.rules.marked import Items, Marked, Pairs, Scalar
from flyball.core.rules.memory import meaning
from flyball.core.rules.model import Ruleset
from flyball.errors import BadUsage, NotFound

Read = Callable[[bytes, str], Ruleset]
Mode = Literal["live", "shadow"]
_BOM = b"\xef\xbb\xbf"
#: A comment behind a value, up to the end of its line.
_COMMENT = re.compile("(?P<gap> +)(?P<text>#[^\r\n\x85\u2028\u2029]*)")
#: What a comment says that is wrong once a rule is in this mode.
_STALE = {
    "live": re.compile(r"\bshadow\b|\bnot (?:yet )?live\b", re.IGNORECASE),
    "shadow": re.compile(r"^#\s*live\b|\b(?:is|goes|went) live\b|\blive since\b", re.IGNORECASE),
}


@dataclass(frozen=True, slots=True)
class Edit:
    """A rule file after an edit, and the line (from 1) that was changed or added.

    `dropped`: the comment on that line that spoke of the mode before, and is gone; else empty.
    """

    content: bytes
    line: int
    dropped: str = ""


def with_mode(content: bytes, name: str, rule: str, mode: Mode, read: Read) -> Edit:
    """The file with one rule moved between shadow and live. It is read again before it is given.

    Raises BadFile for a file with mistakes, NotFound for a rule that it does not have, BadUsage where
    the rule is in that mode already or is written in a way in which only a person can change it.
    """
    before = read(content, name)
    standing = next((each for each in before.rules if each.id == rule), None)
    if standing is None:
        raise NotFound(no_such_rule(rule, before, name))
    if standing.mode == mode:
        raise BadUsage(f"{rule} is {'live' if mode == 'live' else 'in shadow'} already ({name})")
    text, source, root = parsed(content, name)
    entry = _entry(root, rule)
    starts = [0, *(found.end() for found in BREAK.finditer(text))]
    given = _value(entry, "mode")
    dropped = ""
    if given is not None:
        (changed, dropped), line = _replaced(text, starts, given, mode), given.line
    else:
        key, value = _id(entry)
        flow = source.line(entry.line)[entry.column : entry.column + 1] == "{"
        changed = _within(text, starts, value, mode) if flow else _below(text, starts, key, value, mode)
        line = value.end_line if flow else value.end_line + 1
    edited = (_BOM if content.startswith(_BOM) else b"") + changed.encode()
    if not _only(before, read(edited, name), rule, mode):
        raise BadUsage(f"write `mode: {mode}` into the rule {rule} by hand ({name}:{entry.line + 1})")
    return Edit(edited, line + 1, dropped)


def no_such_rule(rule: str, rules: Ruleset, name: str) -> str:
    """What to say of a rule that a file does not have."""
    known = [str(each.id) for each in rules.rules]
    near = get_close_matches(rule, known, n=1)
    hint = f"did you mean `{near[0]}`?" if near else f"it has {', '.join(known) or 'none'}"
    return f"{name} has no rule `{rule}`; {hint}"


def _replaced(text: str, starts: list[int], scalar: Scalar, mode: Mode) -> tuple[str, str]:
    """The text with the other mode, and the comment beside it that was dropped."""
    begin, end = starts[scalar.line] + scalar.column, starts[scalar.end_line] + scalar.end_column
    after = text[end:]
    comment = _COMMENT.match(after)
    if comment and _STALE[mode].search(comment["text"]):
        return text[:begin] + mode + after[comment.end() :], comment["text"].strip()
    if comment:  # it stays in its column
        gap, wider = len(comment["gap"]), len(mode) - (end - begin)
        after = " " * max(1, gap - wider) + after[gap:]
    return text[:begin] + mode + after, ""


def _within(text: str, starts: list[int], value: Scalar, mode: str) -> str:
    end = starts[value.end_line] + value.end_column
    return f"{text[:end]}, mode: {mode}{text[end:]}"


def _below(text: str, starts: list[int], key: Scalar, value: Scalar, mode: str) -> str:
    line = " " * key.column + f"mode: {mode}"
    found = BREAK.search(text, starts[value.end_line] + value.end_column)
    if found is None:
        return f"{text}\n{line}\n"
    return text[: found.end()] + line + found[0] + text[found.end() :]


def _only(before: Ruleset, after: Ruleset, rule: str, mode: Mode) -> bool:
    """Whether two files differ in the mode of this rule and in nothing else."""
    wanted = [replace(each, mode=mode) if each.id == rule else each for each in before.rules]
    return (
        len(wanted) == len(after.rules)
        and all(meaning(a, before) == meaning(b, after) for a, b in zip(wanted, after.rules, strict=True))
        and (before.every, before.bounds) == (after.every, after.bounds)
    )


def _entry(root: Marked, rule: str) -> Pairs:
    assert isinstance(root, Pairs)  # a file that was read is a mapping with a list of rules
    rules = next(value for key, value in root.entries if key.text == "rules")
    assert isinstance(rules, Items)
    for entry in rules.of:
        assert isinstance(entry, Pairs)
        if _id(entry)[1].text == rule:
            return entry
    raise AssertionError(rule)


def _id(entry: Pairs) -> tuple[Scalar, Scalar]:
    return next((k, v) for k, v in entry.entries if k.text == "id" and isinstance(v, Scalar))


def _value(entry: Pairs, name: str) -> Scalar | None:
    return next((v for k, v in entry.entries if k.text == name and isinstance(v, Scalar)), None)
