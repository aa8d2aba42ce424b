"""What a labelling tool holds and the log lacks: after the difference is captured, both say the same."""

from __future__ import annotations

import random
from dataclasses import dataclass, field, replace

from hypothesis import given, settings
from hypothesis import strategies as st

from flyball.core.facts import AnswerGiven
from flyball.core.ids import AnnotatorId, BatchId, ItemId
from flyball.core.mappings.label_config import config_of, deciding, definitions_of, unsayable
from flyball.core.mappings.lacking import Ledger
from flyball.core.mappings.told import Said

NEVER = float("inf")


def said(item: str, revision: float, label: str = "yes", by: str = "1", withdrawn: bool = False) -> Said:
    """A word as a tool tells it."""
    return Said(
        item,
        by,
        label,
        f"annotation-{item}-{by}",
        str(revision),
        batch="b",
        revision=revision,
        withdrawn=withdrawn,
    )


def fact(word: Said) -> AnswerGiven:
    """A word as the log holds it."""
    return AnswerGiven(
        ItemId(word.item),
        AnnotatorId(word.annotator),
        word.label,
        BatchId(word.batch) if word.batch else None,
        withdrawn=word.withdrawn,
        revision=word.revision,
        fields=dict(word.fields),
    )


def ledger(*words: Said, at: float = 0.0) -> Ledger:
    """What the log holds after these words."""
    made = Ledger()
    for word in words:
        made.take(fact(word), at)
    return made


def last_words(held: Ledger) -> dict[tuple[str, str], str]:
    """What stands: of whom about what, which label."""
    return {key[1:]: each.label for key, each in held.heard.items() if not each.withdrawn}


def test_what_the_log_lacks_comes_as_it_is_and_only_once() -> None:
    held = ledger(said("a", 1.0))
    assert held.difference([said("a", 1.0), said("b", 2.0)], None) == [said("b", 2.0)]
    held.take(said("b", 2.0), 5.0)
    assert held.difference([said("a", 1.0), said("b", 2.0)], None) == []


def test_what_was_deleted_in_the_tool_is_taken_back_right_after_it_was_said() -> None:
    (back,) = ledger(said("a", 1.0)).difference([], None)
    assert (back.item, back.withdrawn, back.revision) == ("a", True, 1.000001)


def test_what_was_not_looked_at_is_not_taken_back() -> None:
    held = ledger(said("a", 1.0), said("b", 1.0))
    assert [each.item for each in held.difference([], {("b", "a")})] == ["a"]
    assert held.difference([], set()) == []


def test_what_came_in_while_the_tool_was_being_asked_is_not_taken_back() -> None:
    held = ledger(said("a", 1.0), at=50.0)
    assert held.difference([], None, since=50.0) == []
    assert len(held.difference([], None, since=50.1)) == 1


def test_older_words_that_the_tool_still_holds_are_said_again_when_newer_ones_were_deleted() -> None:
    held = ledger(said("a", 1.0, "yes"), said("a", 2.0, "no"))
    (again,) = held.difference([said("a", 1.0, "yes")], None)
    assert (again.label, again.revision) == ("yes", 2.000001)
    held.take(again, 9.0)
    assert last_words(held) == {("a", "1"): "yes"}
    assert held.difference([said("a", 1.0, "yes")], None) == []


def test_a_word_that_was_wrongly_taken_back_stands_again() -> None:
    held = ledger(said("a", 1.0, "yes"), said("a", 5.0, "yes", withdrawn=True))
    for word in held.difference([said("a", 1.0, "yes")], None):
        held.take(word, 9.0)
    assert last_words(held) == {("a", "1"): "yes"}


def test_a_skipped_task_takes_back_what_was_said_and_stands_for_nothing() -> None:
    held = ledger(said("a", 1.0))
    skip = said("a", 2.0, "", withdrawn=True)
    assert held.difference([skip], None) == [skip]
    held.take(skip, 1.0)
    assert (held.standing, held.difference([skip], None)) == (0, [])


@dataclass
class Tool:
    """A labelling tool with one annotation of each person for an item, which overwrites itself."""

    held: dict[tuple[str, str], Said] = field(default_factory=dict)
    told: list[Said] = field(default_factory=list)
    clock: float = 0.0

    def do(self, item: str, by: str, what: str) -> None:
        """Something happens; webhooks tell of it, but for deletions, which name no item."""
        self.clock += 1.0
        if what == "delete":
            self.held.pop((item, by), None)
            return
        skipped = what == "skip"
        self.held[item, by] = said(item, self.clock, "" if skipped else what, by, withdrawn=skipped)
        self.told.append(self.held[item, by])


@settings(max_examples=300)
@given(
    steps=st.lists(
        st.tuples(
            st.sampled_from("abc"), st.sampled_from("12"), st.sampled_from(["yes", "no", "skip", "delete"])
        ),
        max_size=25,
    ),
    chance=st.randoms(use_true_random=False),
    pulls=st.integers(1, 3),
)
def test_whatever_was_lost_doubled_or_reordered_one_pull_makes_the_log_say_what_the_tool_holds(
    steps: list[tuple[str, str, str]], chance: random.Random, pulls: int
) -> None:
    tool, held = Tool(), Ledger()
    for part in range(pulls):
        for step in steps[part::pulls]:
            tool.do(*step)
        arriving = [word for word in tool.told for _ in range(chance.choice([0, 1, 1, 2]))]
        chance.shuffle(arriving)
        for word in arriving:
            held.take(fact(word), 0.0)
        for word in held.difference(list(tool.held.values()), None, since=NEVER):
            held.take(fact(word), 0.0)
        standing = {key: each.label for key, each in tool.held.items() if not each.withdrawn}
        assert last_words(held) == standing
        assert held.standing == len(standing)
        assert held.difference(list(tool.held.values()), None, since=NEVER) == []


def test_how_many_answered_an_item_counts_people_whose_words_stand() -> None:
    held = ledger(said("a", 1.0), said("a", 2.0, by="2"), said("a", 3.0), said("b", 4.0, withdrawn=True))
    assert dict(held.answered["b"]) == {"a": 2, "b": 0}
    held.take(replace(said("a", 9.0), withdrawn=True), 1.0)
    assert held.answered["b"]["a"] == 1


# --- what can be said in a project ---------------------------------------------------------------

CONTROLS = {
    "label": {
        "type": "Choices",
        "to_name": ["shown"],
        "labels": ["no", "y"],
        "labels_attrs": {"no": {"value": "no"}, "y": {"value": "yes", "alias": "y", "background": "red"}},
    }
}


def test_definitions_are_what_labels_mean_and_not_how_they_look() -> None:
    label = CONTROLS["label"]
    other_looks = {"label": {**label, "to_name": ["text"], "labels": ["y", "no"]}}
    assert definitions_of(other_looks) == definitions_of(CONTROLS)
    renamed = {
        "label": {**label, "labels_attrs": {"no": {"value": "no"}, "y": {"value": "Yes", "alias": "y"}}}
    }
    assert definitions_of(renamed) != definitions_of(CONTROLS)
    assert definitions_of({"label": {**label, "labels": ["no", "y", "z"]}}) != definitions_of(CONTROLS)
    assert definitions_of({}) is definitions_of(None) is None


def test_a_class_that_nobody_can_choose_is_named() -> None:
    assert unsayable(CONTROLS, ["no", "yes", "maybe"]) == ("maybe",)
    assert deciding(CONTROLS, ["no", "yes"]) == ("label", "shown")
    assert deciding(CONTROLS, ["maybe"]) is None


def test_a_class_may_be_any_text() -> None:
    assert 'value="a &lt;b&gt; &amp; c"' in config_of(["a <b> & c"])
