"""A rule is moved between shadow and live by a change of one word; all else stays as it was written."""

from __future__ import annotations

import difflib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flyball.adapters.rule_edit import with_mode
from flyball.adapters.rule_file import read
from flyball.cli.rules import CATALOGUE
from flyball.core.rules.model import Ruleset
from flyball.errors import BadFile, BadUsage, NotFound

HEAD = "version: 1\nevery: 1m\nrules:\n"
REST = "\n    because: b\n    when: queue.depth > 1\n    then: [{do: retrain}]\n"
FLOW = "because: b, when: queue.depth > 1, then: [{do: retrain}]"


def rules_of(content: bytes, name: str) -> Ruleset:
    return read(content, name, CATALOGUE)[0]


def edited(text: str, rule: str = "x", mode: str = "live") -> str:
    return with_mode(text.encode(), "r.yaml", rule, mode, rules_of).content.decode()  # type: ignore[arg-type]


def changes(before: str, after: str) -> list[str]:
    """The lines that went and came."""
    told = list(difflib.ndiff(before.splitlines(keepends=True), after.splitlines(keepends=True)))
    return [line for line in told if line[0] in "+-"]


STYLES = {
    "a word": ("  - id: x\n    mode: shadow" + REST, "    mode: live\n"),
    "a comment keeps its column": (
        "  - id: x\n    mode: shadow        # tried since May" + REST,
        "    mode: live          # tried since May\n",
    ),
    "a comment close by": ("  - id: x\n    mode: shadow # tried" + REST, "    mode: live   # tried\n"),
    "quotes": ('  - id: x\n    mode: "shadow"' + REST, "    mode: live\n"),
    "the mode before the id": ("  - mode: shadow\n    id: x" + REST, "  - mode: live\n"),
    "the value on its own line": ("  - id: x\n    mode:\n      shadow" + REST, "      live\n"),
    "braces": (f"  - {{id: x, mode: shadow, {FLOW}}}\n", f"  - {{id: x, mode: live, {FLOW}}}\n"),
}


@pytest.mark.parametrize("name", STYLES)
def test_only_the_word_changes_however_it_is_written(name: str) -> None:
    entry, line = STYLES[name]
    before = HEAD + entry
    after = edited(before)
    assert [each[2:] for each in changes(before, after) if each[0] == "+"] == [line]
    assert len(changes(before, after)) == 2


STALE = {
    "in shadow for now": ("shadow", "  # in shadow until Friday", "live"),
    "not yet": ("shadow", "      # not yet live", "live"),
    "live": ("live", "  # live since May", "shadow"),
}


@pytest.mark.parametrize("name", STALE)
def test_a_comment_that_speaks_of_the_mode_before_goes_with_it_and_is_told(name: str) -> None:
    was, comment, mode = STALE[name]
    before = f"{HEAD}  - id: x\n    mode: {was}{comment}{REST}"
    edit = with_mode(before.encode(), "r.yaml", "x", mode, rules_of)  # type: ignore[arg-type]
    assert edit.dropped == comment.strip()
    assert f"    mode: {mode}\n" in edit.content.decode()
    assert comment.strip() not in edit.content.decode()


UNSAID = {
    "below the id": ("  - id: x" + REST, "    mode: shadow\n"),
    "below a commented id": ("  - id: x   # the deep one" + REST, "    mode: shadow\n"),
    "deeper": (
        ("  - id: x" + REST).replace("    ", "      ").replace("- id", "-   id"),
        "      mode: shadow\n",
    ),
    "the id is last": (f"  - {REST.strip()}\n    id: x", "    mode: shadow\n"),
}


@pytest.mark.parametrize("name", UNSAID)
def test_a_rule_that_says_no_mode_is_given_a_line_below_its_id(name: str) -> None:
    entry, line = UNSAID[name]
    before = HEAD + entry
    after = edited(before, mode="shadow")
    assert [each[2:] for each in changes(before, after) if each[0] == "+"][-1] == line
    assert rules_of(after.encode(), "").rules[0].mode == "shadow"


def test_within_braces_the_mode_stands_behind_the_id() -> None:
    assert (
        edited(f"{HEAD}  - {{id: x, {FLOW}}}\n", mode="shadow")
        == f"{HEAD}  - {{id: x, mode: shadow, {FLOW}}}\n"
    )


def test_a_rule_in_shadow_by_default_is_told_to_be_live() -> None:
    before = "version: 1\nevery: 1m\ndefaults: {mode: shadow}\nrules:\n  - id: x" + REST
    assert "  - id: x\n    mode: live\n" in edited(before)


def test_windows_lines_and_a_byte_order_mark_stay() -> None:
    before = "\ufeff" + (HEAD + "  - id: x" + REST).replace("\n", "\r\n")
    after = edited(before, mode="shadow")
    assert after == before.replace("id: x\r\n", "id: x\r\n    mode: shadow\r\n")


def test_the_line_that_changed_is_told() -> None:
    told = [with_mode((HEAD + STYLES[name][0]).encode(), "", "x", "live", rules_of).line for name in STYLES]
    assert told == [5, 5, 5, 5, 4, 6, 4]


REFUSED = {
    "no such rule": ("  - id: x" + REST, "y", "r.yaml has no rule `y`; it has x"),
    "nearly a rule": ("  - id: queue-deep" + REST, "queue-dep", "did you mean `queue-deep`"),
    "live already": ("  - id: x" + REST, "x", r"x is live already \(r.yaml\)"),
    "a file with a mistake": ("  - id: x\n    mode: shado" + REST, "x", "R106"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_done_is_said_in_a_sentence(name: str) -> None:
    entry, rule, said = REFUSED[name]
    with pytest.raises((BadFile, BadUsage, NotFound), match=said):
        edited(HEAD + entry, rule)


names = st.lists(st.sampled_from(["a", "bee", "c-3", "mode", "shadow", "live"]), min_size=1, unique=True)
STYLED = (
    "  - id: ID\n    mode: MODE" + REST,
    f"  - {{id: ID, mode: MODE, {FLOW}}}\n",
    "  # mode: live\n\n  - mode: MODE         # é ✓\n    id: ID" + REST,
)


@given(st.data(), names)
def test_there_and_back_is_the_file_as_it_was(data: st.DataObject, ids: list[str]) -> None:
    modes = {name: data.draw(st.sampled_from(["live", "shadow"])) for name in ids}
    entries = [data.draw(st.sampled_from(STYLED)).replace("MODE", modes[n]).replace("ID", n) for n in ids]
    before = HEAD + "".join(entries)
    rule = data.draw(st.sampled_from(ids))
    there = edited(before, rule, "live" if modes[rule] == "shadow" else "shadow")
    assert len(changes(before, there)) == 2
    assert edited(there, rule, modes[rule]) == before
